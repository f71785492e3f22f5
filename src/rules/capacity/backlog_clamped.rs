//! The kernel cuts `listen.backlog` to `net.core.somaxconn`.

use crate::deployment::Deployment;
use crate::deployment::capacity::number;
use crate::finding::Severity;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(capacity / "backlog-clamped", Warning, "the kernel cuts listen.backlog to net.core.somaxconn");

/// What the kernel has since Linux 5.4 when nothing is set.
const SOMAXCONN: u64 = 4096;

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        let limit = machine.facts.kernel.get("somaxconn").and_then(toml::Value::as_integer);
        let limit = limit.and_then(|limit| u64::try_from(limit).ok());
        for (id, pool) in machine.pools() {
            let Some((backlog, assigned)) = number(&pool.settings, "listen.backlog") else { continue };
            let Ok(backlog) = u64::try_from(backlog) else { continue };
            let Some(limit) = limit else {
                if backlog > SOMAXCONN {
                    findings.unchecked(&RULE, "the kernel setting net.core.somaxconn", "--facts");
                }
                continue;
            };
            if backlog <= limit || machine.masters[id.master].is_stopped() {
                continue;
            }
            let is_short = limit < deployment.thresholds.least_clamped_backlog;
            let finding = RULE
                .finding(
                    format!("{} requests can wait for a worker of pool {}, not {backlog}", limit + 1, pool.name),
                    assigned.value_span,
                    format!("the kernel cuts this to {limit}"),
                )
                .note(format!("net.core.somaxconn = {limit}"))
                .help(format!(
                    "write `net.core.somaxconn = {backlog}` to /etc/sysctl.d/90-php-fpm.conf, run `sysctl --system`, restart PHP-FPM"
                ));
            findings.push(finding.severity(if is_short { Severity::Warning } else { Severity::Advice }));
        }
    }
}
