//! What workers print goes nowhere.

use crate::deployment::Deployment;
use crate::php::readers;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(service / "worker-output-lost", Advice, "what workers print to their standard error goes nowhere");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (id, pool) in machine.running_pools() {
            let catching = pool.settings.get("catch_workers_output");
            let is_on = catching.and_then(|found| readers::boolean(found.text.as_deref()?).value()) == Some(true);
            let log = machine.masters[id.master].ini.of_pool(&pool.settings, "error_log");
            if is_on || log.is_some_and(|log| log.text.as_deref() != Some("")) {
                continue;
            }
            let span = catching.map_or(pool.header, |found| found.span);
            let finding = RULE
                .finding(
                    format!("what the workers of pool {} print is lost", pool.name),
                    span,
                    "neither `catch_workers_output` nor a PHP `error_log` is set",
                )
                .note("PHP's errors reach nginx's log while a request runs; crashes and refused clients leave nothing")
                .help("set `catch_workers_output = yes`, or `php_admin_value[error_log]` to a file of the pool's user");
            findings.push(finding);
        }
    }
}
