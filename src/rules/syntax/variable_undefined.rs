//! A variable that nothing defines.

use super::{refusals, refused};
use crate::deployment::Deployment;
use crate::nginx::examine::Flaw;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(syntax / "variable-undefined", Error, "nothing defines this variable");

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for (_, refusal) in refusals(deployment) {
        if !matches!(refusal.flaw, Flaw::Variable) {
            continue;
        }
        let name = &refusal.name;
        let finding = RULE
            .finding(format!("nothing defines the variable ${name}"), refusal.span, "used here")
            .help(format!("correct the name, or define it with `set ${name} …;` or a `map`"));
        findings.push(refused(finding, refusal, sources));
    }
}
