//! Workers live for ever, and keep what their largest request took.

use crate::deployment::Deployment;
use crate::deployment::capacity::number;
use crate::php::workers::{Manager, Workers};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(capacity / "workers-never-recycled", Advice, "workers never end, so memory that leaks stays with them");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (_, pool) in machine.running_pools() {
            let Some(workers) = Workers::of(&pool.settings) else { continue };
            // Workers on demand end when they have nothing to do.
            if workers.manager == Manager::OnDemand || workers.is_shipped() {
                continue;
            }
            let (span, label) = match number(&pool.settings, "pm.max_requests") {
                Some((1.., _)) => continue,
                Some((_, assigned)) => (assigned.value_span, "no number of requests ends a worker"),
                None => {
                    (workers.most_span(), "these workers serve any number of requests: `pm.max_requests` is not set")
                }
            };
            let finding = RULE
                .finding(format!("the workers of pool {} never end", pool.name), span, label)
                .help("set `pm.max_requests`, such as 1000: a worker then ends after so many requests and gives its memory back");
            findings.push(finding);
        }
    }
}
