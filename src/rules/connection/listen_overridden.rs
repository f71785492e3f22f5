//! A later line replaces the `listen` of a pool.

use std::collections::BTreeSet;

use crate::deployment::{Deployment, PoolId, Reach};
use crate::finding::Severity;
use crate::php::load::Assigned;
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, is_brought};

pub(super) static RULE: Rule =
    rule!(connection / "listen-overridden", Warning, "a later line replaces the listen that this line sets");

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        // Where nginx dials the lost address, `listener-missing` tells the whole story.
        let missed = machine.dials.iter().filter(|dial| dial.reach == Reach::Nobody);
        let dialled: BTreeSet<PoolId> = missed.filter_map(|dial| Some(machine.overridden(dial)?.0)).collect();
        for (id, pool) in machine.pools() {
            let Some(in_force) = pool.settings.get("listen") else { continue };
            // Who replaces a line that an image brings means to.
            let is_lost = |assigned: &&Assigned| {
                assigned.text != in_force.text && !is_brought(&sources.get(assigned.span.file).path)
            };
            let Some(lost) = pool.settings.all("listen").find(is_lost) else { continue };
            if dialled.contains(&id) {
                continue;
            }
            let wanted = machine.callers(id).next().is_some();
            let by_image = sources.get(in_force.span.file).path.ends_with("zz-docker.conf");
            let value = in_force.text.clone().unwrap_or_else(|| "a value from the environment".into());
            let finding = RULE
                .finding(
                    format!("pool {} listens on {value}: a later line wins", pool.name),
                    lost.value_span,
                    "has no effect",
                )
                .label(in_force.value_span, "this is the last `listen` of the pool, so it is in force")
                .help("remove the line that is not meant");
            findings.push(finding.severity(if wanted || by_image { Severity::Advice } else { Severity::Warning }));
        }
    }
}
