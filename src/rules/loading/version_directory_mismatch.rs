//! Pools of a PHP version that nothing uses: left behind, or not moved, by an upgrade.

use crate::deployment::{Deployment, Machine, Protocol, Reach, Target};
use crate::finding::Severity;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;
use crate::values::address::Address;

pub(super) static RULE: Rule = rule!(
    loading / "version-directory-mismatch",
    Warning,
    "a pool lies in the directory of a PHP version that nothing uses"
);

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in deployment.machines.iter().filter(|machine| every_dial_is_known(machine)) {
        let is_dialled = |master: usize| machine.callers.keys().any(|pool| pool.master == master);
        let used: Vec<_> = (0..machine.masters.len()).filter(|master| is_dialled(*master)).collect();
        let is_used = |master: usize| is_dialled(master) || is_missed(machine, master);
        for (id, pool) in machine.pools() {
            let master = &machine.masters[id.master];
            let siblings: Vec<_> = used.iter().map(|used| &machine.masters[*used]).collect();
            let sibling = siblings.iter().find(|sibling| sibling.layout.version != master.layout.version);
            let (Some(sibling), false) = (sibling, is_used(id.master) || master.layout.version.is_empty()) else {
                continue;
            };
            // A pool that the version in use has too is a leftover; one that it lacks was not moved.
            let moved = sibling.pools.iter().any(|other| other.name.eq_ignore_ascii_case(&pool.name));
            let severity = if moved { Severity::Advice } else { Severity::Warning };
            let finding = RULE
                .finding(
                    format!(
                        "pool {} belongs to PHP {}, and nginx uses PHP {} only",
                        pool.name, master.layout.version, sibling.layout.version
                    ),
                    pool.header,
                    "nothing dials a pool of this version",
                )
                .help(format!("move the pool to PHP {}, or remove it", sibling.layout.version));
            findings.push(finding.severity(severity));
        }
    }
}

/// Whether a dial that reaches nobody is meant for a master: the rules of the connection tell of it.
fn is_missed(machine: &Machine, master: usize) -> bool {
    let version = format!("php{}", machine.masters[master].layout.version);
    machine.dials.iter().filter(|dial| dial.reach == Reach::Nobody).any(|dial| {
        let is_named = matches!(&dial.address, Address::Unix(path) if path.contains(&version));
        is_named || dial.nearest.is_some_and(|nearest| nearest.pool.master == master)
    })
}

fn every_dial_is_known(machine: &Machine) -> bool {
    let mut hand_overs = machine.nginx.iter().flat_map(|nginx| &nginx.hand_overs);
    hand_overs.all(|hand_over| {
        let is_known = !hand_over.is_idle && !matches!(hand_over.target, Target::Unknown | Target::Branches(_));
        hand_over.protocol != Protocol::Fastcgi || is_known
    })
}
