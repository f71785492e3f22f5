//! The slow log would be written after FPM has killed the request.

use crate::deployment::Deployment;
use crate::deployment::limits::fpm_seconds;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(timeout / "slowlog-never-fires", Advice, "PHP-FPM kills a slow request before it would log it");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (_, pool) in machine.pools() {
            let get = |key| pool.settings.get(key).and_then(|found| Some((found.span, fpm_seconds(found)?)));
            let Some((slow_at, slow)) = get("request_slowlog_timeout") else { continue };
            let Some((kill_at, kill)) = get("request_terminate_timeout") else { continue };
            if slow == 0 || kill == 0 || slow < kill {
                continue;
            }
            let finding = RULE
                .finding(
                    format!("pool {} logs slow requests after {slow}s and kills them after {kill}s", pool.name),
                    slow_at,
                    "a request that takes so long is dead by then",
                )
                .label(kill_at, format!("FPM kills it after {kill}s"))
                .help(format!("`request_slowlog_timeout = {}s`", (kill / 2).max(1)));
            findings.push(finding);
        }
    }
}
