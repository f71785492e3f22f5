//! The workers of all pools need more memory than there is.

use crate::deployment::capacity::{Budget, budgets};
use crate::deployment::{Deployment, Machine, PoolId};
use crate::finding::{Finding, Severity};
use crate::php::workers::{Manager, Workers};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(capacity / "memory-overcommitted", Error, "PHP-FPM's workers need more memory than there is");

/// What nginx logs when a worker is killed in the middle of a request.
const KILLED: &str = "recv() failed (104: Connection reset by peer) while reading response header from upstream";

/// How many pools a finding names.
const NAMED: usize = 6;

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        let has_pools = machine.pools().any(|(_, pool)| Workers::of(&pool.settings).is_some());
        if has_pools && machine.facts.memory.is_none() {
            findings.unchecked(&RULE, "the memory of the host", "--memory");
        }
        let measured = machine.facts.worker_memory;
        if has_pools && measured.is_none() {
            findings.unchecked(&RULE, "the memory that a worker occupies", "--worker-memory");
        }
        let each = measured.unwrap_or(deployment.thresholds.least_worker_memory << 20).max(1);
        let found =
            budgets(machine).into_iter().filter_map(|budget| finding(machine, &budget, each, measured.is_some()));
        // Of the host's memory and a unit's the one that is shorter.
        if let Some((_, finding)) = found.max_by_key(|(severity, _)| *severity) {
            findings.push(finding);
        }
    }
}

fn finding(machine: &Machine, budget: &Budget, each: u64, measured: bool) -> Option<(Severity, Finding)> {
    let severity = severity(budget, each, measured)?;
    let mut pools = budget.pools.clone();
    pools.sort_by_key(|(id, workers)| (std::cmp::Reverse(workers.most()), *id));
    let (first, largest) = *pools.first()?;
    let (left, megabytes) = (budget.left(), |workers: u64| (workers * each) >> 20);
    let name = |id: PoolId| &machine.pool(id).name;
    let says = |workers: &Workers| {
        format!("at most {} × {} MiB = {} MiB", workers.most(), each >> 20, megabytes(workers.most().into()))
    };
    let message = match measured {
        true => format!(
            "{} PHP workers need {} MiB; {} MiB is left for them",
            budget.workers,
            megabytes(budget.workers),
            left >> 20
        ),
        false => format!(
            "{} PHP workers have {} MiB between them; an application needs {} MiB for each at the least",
            budget.workers,
            left >> 20,
            each >> 20
        ),
    };
    let mut finding = RULE.finding(message, largest.most_span(), format!("pool {}: {}", name(first), says(&largest)));
    for (id, workers) in pools.iter().skip(1).take(NAMED) {
        finding = finding.label(workers.most_span(), format!("pool {}: {}", name(*id), says(workers)));
    }
    let list = |of: &dyn Fn(&Workers) -> String| {
        let all: Vec<String> =
            pools.iter().take(NAMED).map(|(id, workers)| format!("{} {}", name(*id), of(workers))).collect();
        let more = pools.len().saturating_sub(NAMED);
        if more > 0 { format!("{} and {more} more", all.join(", ")) } else { all.join(", ") }
    };
    let workers = list(&|workers| {
        format!("{} {} × {} = {}", workers.manager.name(), workers.most(), each >> 20, megabytes(workers.most().into()))
    });
    let source = if measured { "measured" } else { "assumed; --worker-memory says what is measured" };
    let fitting = left / each;
    let certain: u64 = budget.pools.iter().map(|(_, workers)| u64::from(workers.at_start())).sum();
    let help = match fitting {
        0 => "give the host more memory, or the workers less to do".to_owned(),
        _ => {
            let sum = pools.iter().map(|(_, workers)| u64::from(workers.most())).sum::<u64>().max(1);
            let share = list(&|workers| (fitting * u64::from(workers.most()) / sum).max(1).to_string());
            format!("set `pm.max_children` to at most {fitting} in all, such as {share}")
        }
    };
    let at_start = if certain > 0 { format!("; {certain} of them run from the start") } else { String::new() };
    finding = finding
        .note(budget.sum())
        .note(format!("{workers} MiB ({} MiB each, {source}){at_start}", each >> 20))
        .note("beyond that the kernel kills workers in the middle of requests, or the host swaps")
        .help(help)
        .severity(severity);
    Some((severity, if severity == Severity::Error { finding.predict(502, KILLED.to_owned()) } else { finding }))
}

/// How bad it is, if it is.
///
/// Workers that run from the start and do not fit are certain to fail. A pool that alone does not fit, or a sum over
/// pools that keep their workers, is a mistake. Many pools that make workers on demand are often meant to overlap.
fn severity(budget: &Budget, each: u64, measured: bool) -> Option<Severity> {
    let need = |workers: u64| workers.saturating_mul(each);
    let sum =
        |of: &dyn Fn(&Workers) -> u32| budget.pools.iter().map(|(_, workers)| u64::from(of(workers))).sum::<u64>();
    let certain = sum(&|workers| workers.at_start());
    let kept = sum(&|workers| if workers.manager == Manager::OnDemand { 0 } else { workers.most() });
    let alone = budget.pools.iter().map(|(_, workers)| u64::from(workers.most())).max().unwrap_or(0);
    let least = budget.total.saturating_sub(budget.reserve);
    let shipped = budget.pools.iter().all(|(_, workers)| workers.is_shipped());
    match () {
        () if need(budget.workers) <= if measured { budget.left() } else { least } => None,
        () if shipped => Some(Severity::Advice),
        () if measured && need(certain) > least => Some(Severity::Error),
        () if need(alone.min(budget.workers)) > if measured { budget.left() } else { least } => Some(Severity::Warning),
        () if measured && need(kept.min(budget.workers)) > budget.left() => Some(Severity::Warning),
        () => Some(Severity::Advice),
    }
}
