//! A `;` is missing, and nginx takes the next line for arguments.

use super::refusals;
use crate::deployment::Deployment;
use crate::nginx::examine::Flaw;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(syntax / "semicolon-swallowed", Warning, "a `;` is missing, and nginx takes the next line for arguments");

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for (_, refusal) in refusals(deployment) {
        let Flaw::Swallowed { next } = refusal.flaw else { continue };
        let (name, lost) = (&refusal.name, sources.text(next));
        findings.push(
            RULE.finding(
                format!("no `;` ends `{name}`, so that `{lost}` is not set"),
                refusal.span,
                "the `;` is missing at the end of this line",
            )
            .label(next, format!("nginx takes this line for arguments of `{name}`"))
            .help(format!("write a `;` at the end of the line before `{lost}`")),
        );
    }
}
