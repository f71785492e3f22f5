//! Two `*_pass` stand in one location, and the later counts.

use crate::deployment::Deployment;
use crate::nginx::flow::PASSES;
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(script / "handler-replaced", Warning, "of two `*_pass` in one location the later counts");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for nginx in deployment.machines.iter().flat_map(|machine| &machine.nginx) {
        for hand_over in &nginx.hand_overs {
            let mut passes = nginx.config.each_of(hand_over.level, &PASSES);
            let Some(other) = passes.find(|pass| pass.name() != hand_over.directive.name()) else {
                continue;
            };
            let finding = RULE
                .finding(
                    format!("`{}` counts for nothing here", other.name()),
                    other.head,
                    "a later line of the same location replaces it",
                )
                .label(hand_over.directive.head, "requests are handed over here")
                .help("remove the one that is not meant, or give it a location of its own");
            findings.push_for(server_name(nginx, hand_over), finding);
        }
    }
}
