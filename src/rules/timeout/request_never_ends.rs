//! Nothing ends a request that hangs.

use std::collections::BTreeMap;

use super::{chain, label_cpu};
use crate::deployment::chains::Chain;
use crate::deployment::{Deployment, PoolId};
use crate::finding::Severity;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(timeout / "request-never-ends", Warning, "nothing ends a request that hangs, and it keeps its worker");

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        let mut endless: BTreeMap<PoolId, Chain> = BTreeMap::new();
        for link in machine.chains().filter(|link| link.run.terminate.value == 0) {
            endless.entry(link.id).or_insert(link);
        }
        for link in endless.values() {
            let (pool, run) = (link.pool(), &link.run);
            // Somebody took away the last limit; that nobody set one is how PHP is shipped.
            let unlimited = run.cpu_is_chosen() && run.cpu.value == 0;
            let place = run.terminate.origin.span().unwrap_or(pool.header);
            let label = match (run.stopped_by, run.terminate.is_written()) {
                (Some(_), _) => "FPM's timers do not run",
                (None, true) => "FPM never ends a request",
                (None, false) => "no `request_terminate_timeout`: FPM never ends a request",
            };
            let finding =
                RULE.finding(format!("nothing ends a request of pool {} that hangs", pool.name), place, label);
            let finding = match run.stopped_by {
                Some(span) => finding.label(span, "this value overflows and stops the timers of all pools"),
                None => finding,
            };
            let why = match unlimited {
                true => "a script that loops or waits keeps its worker for ever, nginx's 504 does not end it",
                false => {
                    "`max_execution_time` counts processor time only: a script that waits for a database or a remote \
                     host keeps its worker, nginx's 504 does not end it"
                }
            };
            findings.push(
                label_cpu(finding, link)
                    .severity(if unlimited { Severity::Warning } else { Severity::Advice })
                    .note(format!("chain: {}", chain(link, sources)))
                    .note(why)
                    .help("set `request_terminate_timeout` to the longest a request of this pool may take"),
            );
        }
    }
}
