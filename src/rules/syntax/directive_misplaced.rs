//! A directive in a block where nginx does not take it.

use super::{refusals, refused};
use crate::deployment::Deployment;
use crate::nginx::examine::Flaw;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(syntax / "directive-misplaced", Error, "a directive stands in a block where nginx does not take it");

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for (_, refusal) in refusals(deployment) {
        let Flaw::Misplaced { allowed } = refusal.flaw else { continue };
        let name = &refusal.name;
        let finding = RULE
            .finding(format!("`{name}` may not stand here"), refusal.span, format!("its place is {}", allowed.shown()))
            .help(format!("move it into {}", allowed.shown()));
        findings.push(refused(finding, refusal, sources));
    }
}
