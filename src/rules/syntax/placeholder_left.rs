//! A value that a template should have filled in.

use super::{refusals, refused};
use crate::deployment::Deployment;
use crate::nginx::examine::Flaw;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(syntax / "placeholder-left", Error, "a placeholder stands where nginx reads a value");

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for (machine, refusal) in refusals(deployment) {
        if !matches!(refusal.flaw, Flaw::Placeholder) {
            continue;
        }
        let (name, text) = (&refusal.name, sources.text(refusal.span));
        // A file of a repository may be a template by another name.
        if machine.view.is_partial() {
            findings.unchecked(&RULE, format!("the value of `{text}`"), "the rendered file");
            continue;
        }
        let finding = RULE
            .finding(format!("`{name}` holds the placeholder `{text}`"), refusal.span, "nginx reads this as it stands")
            .help("render the template, and check the result");
        findings.push(refused(finding, refusal, sources));
    }
}
