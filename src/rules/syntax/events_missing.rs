//! A main file without a block `events`.

use super::{refusals, refused};
use crate::deployment::Deployment;
use crate::nginx::examine::Flaw;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(syntax / "events-missing", Error, "nginx's configuration has no block `events`");

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for (_, refusal) in refusals(deployment) {
        if matches!(refusal.flaw, Flaw::NoEvents) {
            let finding = RULE
                .finding("the configuration has no block `events`", refusal.span, "nginx does not start without one")
                .help("write `events { }` at the top level");
            findings.push(refused(finding, refusal, sources));
        }
    }
}
