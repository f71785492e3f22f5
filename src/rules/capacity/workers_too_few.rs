//! A pool serves one request at a time, or far fewer than the memory would allow.

use crate::deployment::capacity::{Budget, budgets};
use crate::deployment::{Deployment, Machine, PoolId};
use crate::finding::Severity;
use crate::php::workers::Workers;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(capacity / "workers-too-few", Warning, "a pool has a single worker, or far fewer than its memory allows");

/// How many times as many workers must fit before it is worth a word.
const ROOM: u64 = 4;

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        let mut single = false;
        for (id, pool) in machine.running_pools() {
            let Some(workers) = Workers::of(&pool.settings).filter(|workers| workers.most() == 1) else { continue };
            single = true;
            let Some((_, hand_over, _)) = super::php_caller(machine, id) else { continue };
            let finding = RULE
                .finding(
                    format!("pool {} serves one request at a time", pool.name),
                    workers.most_span(),
                    "a second request waits until the first has ended",
                )
                .label(hand_over.span, "PHP requests are handed over here")
                .note("a page that calls its own site (an API, a cron job, a preview) waits for itself until nginx gives up")
                .help("set `pm.max_children` to 2 at the very least; `pm = ondemand` ends workers that have nothing to do");
            findings.push(finding);
        }
        if let (false, Some(each)) = (single, machine.facts.worker_memory) {
            for budget in budgets(machine) {
                room(machine, &budget, each.max(1), findings);
            }
        }
    }
}

/// Says that many more workers would fit.
fn room(machine: &Machine, budget: &Budget, each: u64, findings: &mut Findings) {
    let fitting = budget.left() / each;
    let Some((id, workers)) = largest(machine, budget) else { return };
    if budget.workers * ROOM <= fitting {
        let finding = RULE
            .finding(
                format!("{} PHP workers at most, while memory allows {fitting}", budget.workers),
                workers.most_span(),
                format!("pool {} has at most {}", machine.pool(id).name, workers.most()),
            )
            .note(budget.sum())
            .note(format!("{} MiB ÷ {} MiB for each worker = {fitting}", budget.left() >> 20, each >> 20))
            .help("when the log says `server reached pm.max_children`, there is room: raise it");
        findings.push(finding.severity(Severity::Advice));
    }
}

fn largest<'a>(machine: &Machine, budget: &Budget<'a>) -> Option<(PoolId, Workers<'a>)> {
    let called = budget.pools.iter().filter(|(id, _)| super::php_caller(machine, *id).is_some());
    called.copied().max_by_key(|(_, workers)| workers.most())
}
