//! Two locations of the same path in one server.

use super::{refusals, refused};
use crate::deployment::Deployment;
use crate::nginx::examine::{Flaw, Taken};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(syntax / "location-duplicate", Error, "two locations of a server have the same path");

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for (_, refusal) in refusals(deployment) {
        let Flaw::Taken(Taken::Location(first)) = refusal.flaw else { continue };
        let finding = RULE
            .finding("two locations have the same path", refusal.span, "nginx refuses the second one")
            .label(first, "the first one")
            .help("join the two blocks, or give one of them another path");
        findings.push(refused(finding, refusal, sources));
    }
}
