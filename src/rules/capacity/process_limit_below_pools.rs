//! `process.max` or a unit's `TasksMax` allows fewer workers than the pools are to have.

use crate::deployment::capacity::{process_max, runs};
use crate::deployment::{Deployment, Machine, PoolId};
use crate::finding::Severity;
use crate::php::workers::{Manager, Workers};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(capacity / "process-limit-below-pools", Error, "a limit of processes is below the sum of the pools' workers");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for master in (0..machine.masters.len()).filter(|master| runs(machine, *master)) {
            let pools: Vec<_> = machine
                .pools()
                .filter(|(id, _)| id.master == master)
                .filter_map(|(id, pool)| Some((id, Workers::of(&pool.settings)?)))
                .collect();
            if let Some((most, span)) = process_max(machine, master) {
                of_setting(machine, &pools, u64::from(most), span, findings);
            }
            of_unit(machine, master, &pools, findings);
        }
    }
}

fn sum(pools: &[(PoolId, Workers)]) -> u64 {
    pools.iter().map(|(_, workers)| u64::from(workers.most())).sum()
}

fn of_setting(
    machine: &Machine,
    pools: &[(PoolId, Workers)],
    most: u64,
    span: crate::source::Span,
    findings: &mut Findings,
) {
    let sum = sum(pools);
    if most >= sum {
        return;
    }
    let mut finding = RULE
        .finding(
            format!("`process.max` allows {most} workers in all, the pools may have {sum}"),
            span,
            format!("PHP-FPM makes no more than {most} workers"),
        )
        .severity(Severity::Warning);
    for (id, workers) in pools.iter().take(4) {
        finding =
            finding.label(workers.most_span(), format!("pool {} may have {}", machine.pool(*id).name, workers.most()));
    }
    finding = finding.help(format!("set `process.max` to {sum} or more, or `pm.max_children` of the pools to less"));
    // Pools are filled in the order of the files; those without workers at the start come when all are.
    let by_turn = |id: PoolId| {
        let before = pools.iter().filter(|(other, workers)| workers.manager != Manager::OnDemand && *other != id);
        let before = before.filter(|(other, _)| *other < id || is_ondemand(pools, id));
        before.map(|(_, workers)| u64::from(workers.at_start())).sum::<u64>()
    };
    let starved = pools.iter().find(|(id, _)| by_turn(*id) >= most && super::php_caller(machine, *id).is_some());
    if let Some((id, _)) = starved {
        let pool = machine.pool(*id);
        let log = "upstream timed out (110: Connection timed out) while reading response header from upstream";
        finding = finding
            .note(format!("the workers of the other pools use them up: pool {} never gets one", pool.name))
            .predict(504, log.to_owned())
            .severity(Severity::Error);
    }
    findings.push(finding);
}

fn is_ondemand(pools: &[(PoolId, Workers)], id: PoolId) -> bool {
    pools.iter().any(|(other, workers)| *other == id && workers.manager == Manager::OnDemand)
}

/// `TasksMax` of the unit counts the master as well, and threads.
fn of_unit(machine: &Machine, master: usize, pools: &[(PoolId, Workers)], findings: &mut Findings) {
    let name = &machine.masters[master].layout.unit;
    let tasks = machine.facts.units.get(name).and_then(|unit| unit.get("Service.TasksMax")?.trim().parse::<u64>().ok());
    let (Some(tasks), Some((_, largest))) = (tasks, pools.iter().max_by_key(|(_, workers)| workers.most())) else {
        return;
    };
    let needed = sum(pools) + 1;
    if tasks < needed {
        let finding = RULE
            .finding(
                format!("TasksMax={tasks} of {name} is below the {needed} processes of PHP-FPM"),
                largest.most_span(),
                format!("the pools may have {} workers in all", needed - 1),
            )
            .note("beyond it PHP-FPM logs `fork() failed: Resource temporarily unavailable`, and requests wait")
            .help(format!("set `TasksMax={}` or more in a drop-in of {name}", needed + needed / 4));
        findings.push(finding.severity(Severity::Warning));
    }
}
