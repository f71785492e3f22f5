//! A pool that nothing dials.

use crate::deployment::{Deployment, Dial, Machine, Protocol, Target};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(connection / "pool-unreachable", Advice, "no hand-over dials this pool");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in deployment.machines.iter().filter(|machine| every_dial_is_known(machine)) {
        for (id, pool) in machine.pools() {
            let Some(listener) = &pool.listener else { continue };
            let listens = !listener.bound.endpoints().is_empty() && !machine.masters[id.master].is_absent();
            if listens && machine.callers(id).next().is_none() {
                let span = listener.span;
                let finding = RULE
                    .finding(format!("nothing in nginx dials pool {}", pool.name), span, "listens for nobody")
                    .help("remove the pool if nothing else uses it: its workers take memory");
                findings.push(finding);
            }
        }
    }
}

/// Whether every hand-over to PHP arrives somewhere: one that does not may be meant for the pool.
fn every_dial_is_known(machine: &Machine) -> bool {
    let arrives = |dial: &Dial| !dial.reach.is_nowhere();
    let mut hand_overs =
        machine.nginx.iter().flat_map(|nginx| nginx.hand_overs.iter().map(move |found| (nginx, found)));
    !machine.nginx.is_empty()
        && machine.nginx.iter().all(|nginx| nginx.is_whole)
        && machine.left_out == 0
        && machine.dials.iter().all(arrives)
        && hand_overs.all(|(nginx, hand_over)| {
            let known = !matches!(hand_over.target, Target::Unknown | Target::Branches(_));
            let valid = hand_over.peers(nginx).iter().all(|peer| peer.address.is_ok() && !peer.down);
            hand_over.protocol != Protocol::Fastcgi || known && valid
        })
}
