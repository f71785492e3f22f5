//! A slow log is named, and no time says what is slow.

use crate::deployment::Deployment;
use crate::deployment::limits::fpm_seconds;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(timeout / "slowlog-never-fires", Advice, "a slow log is named, and nothing says what is slow");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for (_, pool) in deployment.machines.iter().flat_map(|machine| machine.pools()) {
        let Some(log) = pool.settings.get("slowlog").filter(|log| log.text.as_deref() != Some("")) else { continue };
        let timeout = pool.settings.get("request_slowlog_timeout");
        // What depends on the environment may be a time.
        if timeout.is_some_and(|timeout| fpm_seconds(timeout) != Some(0)) {
            continue;
        }
        let finding = RULE
            .finding(
                format!("the slow log of pool {} stays empty", pool.name),
                log.span,
                "nothing is written without `request_slowlog_timeout`",
            )
            .help("set `request_slowlog_timeout = 5s`: a request that takes longer leaves a trace of where it is");
        let off = timeout.map(|timeout| timeout.span);
        findings.push(finding.label_at(off, "0 turns it off"));
    }
}
