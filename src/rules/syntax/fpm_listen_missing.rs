//! A pool without `listen`.

use crate::deployment::{Deployment, Pool};
use crate::finding::{Finding, Program};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(syntax / "fpm-listen-missing", Error, "a pool has no listen address");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (id, pool) in machine.pools() {
            // Files on their own may be completed by others, as those of the official images are.
            let master = &machine.masters[id.master];
            // The official images bring the pool that a file of one's own completes.
            if let Some(status) = empty_status(pool).filter(|_| !master.is_absent()) {
                findings.push(status);
            }
            let in_image = master.layout.main.starts_with("/usr/local/etc") && !master.configuration.has_main;
            if in_image
                || pool.listener.is_some()
                || pool.settings.is_global()
                || machine.view.is_partial()
                || machine.masters[id.master].is_absent()
            {
                continue;
            }
            let empty = pool.settings.get("listen");
            let span = empty.map_or(pool.header, |listen| listen.span);
            let label = if empty.is_some() { "this value is empty" } else { "this pool sets no `listen`" };
            let finding = RULE
                .finding(format!("pool {} has no listen address", pool.name), span, label)
                .help(format!("add `listen = /run/php/{}.sock`, or an address such as 127.0.0.1:9000", pool.name))
                .refused_by(Program::PhpFpm, format!("[pool {}] no listen address have been defined!", pool.name));
            findings.push(finding);
        }
    }
}

/// A `pm.status_listen` without an address; PHP-FPM makes a pool of it.
fn empty_status(pool: &Pool) -> Option<Finding> {
    let at = pool.settings.get("pm.status_listen").filter(|at| at.text.as_deref() == Some(""))?;
    let refusal = format!("[pool {}_status] no listen address have been defined!", pool.name);
    let finding = RULE
        .finding(format!("the status page of pool {} has no listen address", pool.name), at.span, "this value is empty")
        .help("write an address, or remove the line: `pm.status_path` works without it");
    Some(finding.refused_by(Program::PhpFpm, refusal))
}
