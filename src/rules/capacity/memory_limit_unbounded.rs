//! No limit holds a script back from taking all of the memory.

use crate::deployment::Deployment;
use crate::finding::Severity;
use crate::php::readers;
use crate::php::workers::Workers;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(capacity / "memory-limit-unbounded", Warning, "a script may take all of the memory");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        let memory = machine.facts.memory.and_then(|memory| i64::try_from(memory).ok());
        for (id, pool) in machine.pools() {
            let master = &machine.masters[id.master];
            let Some(limit) = master.ini.of_pool(&pool.settings, "memory_limit") else { continue };
            let Some(bytes) = limit.text.as_deref().and_then(|text| readers::size(text).value()) else { continue };
            if master.is_stopped() {
                continue;
            }
            let (message, label) = match memory {
                _ if bytes == -1 => {
                    (format!("a script in pool {} may take all of the memory", pool.name), "no limit".to_owned())
                }
                Some(memory) if bytes > memory => (
                    format!(
                        "a script in pool {} may take {} MiB; the host has {} MiB",
                        pool.name,
                        bytes >> 20,
                        memory >> 20
                    ),
                    "more than there is, so it limits nothing".to_owned(),
                ),
                _ => continue,
            };
            // What a host has for it, and who else lives there, is what makes it a danger.
            let severity = if memory.is_some() { Severity::Warning } else { Severity::Advice };
            let mut finding = RULE.finding(message, limit.span, label).severity(severity);
            if let Some(workers) = Workers::of(&pool.settings) {
                finding = finding.label(workers.most_span(), format!("{} workers may do so at once", workers.most()));
            }
            let finding = finding
                .note("the kernel then kills a worker or another program of the host: 502 instead of PHP's own error")
                .help("set `memory_limit` to what the application needs, such as 256M; raise it in a pool of its own for what needs more");
            findings.push(finding);
        }
    }
}
