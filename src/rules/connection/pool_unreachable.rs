//! A pool that nothing dials.

use crate::deployment::{Deployment, Machine, Protocol, Target};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(connection / "pool-unreachable", Advice, "no hand-over dials this pool");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in deployment.machines.iter().filter(|machine| every_dial_is_known(machine)) {
        for (id, pool) in machine.pools() {
            if machine.callers(id).next().is_none() && !machine.masters[id.master].is_absent() {
                let span = pool.listener.as_ref().map_or(pool.header, |listener| listener.span);
                let finding = RULE
                    .finding(format!("nothing in nginx dials pool {}", pool.name), span, "listens for nobody")
                    .help("remove the pool if nothing else uses it: its workers take memory");
                findings.push(finding);
            }
        }
    }
}

fn every_dial_is_known(machine: &Machine) -> bool {
    let mut hand_overs = machine.nginx.iter().flat_map(|nginx| &nginx.hand_overs);
    !machine.nginx.is_empty()
        && hand_overs
            .all(|hand_over| hand_over.protocol != Protocol::Fastcgi || !matches!(hand_over.target, Target::Unknown))
}
