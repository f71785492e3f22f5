//! A `;` is missing, and nginx takes the next line for arguments.

use super::{refusals, refused};
use crate::deployment::Deployment;
use crate::finding::Severity;
use crate::nginx::examine::Flaw;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(syntax / "semicolon-swallowed", Error, "a `;` is missing, and nginx takes the next line for arguments");

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for (_, refusal) in refusals(deployment) {
        let Flaw::Swallowed { next } = refusal.flaw else { continue };
        let (name, lost) = (&refusal.name, sources.text(next));
        let certain = refusal.is_refused();
        let message = match certain {
            true => format!("no `;` ends `{name}`"),
            false => format!("no `;` ends `{name}`, so that `{lost}` is not set"),
        };
        let finding = RULE
            .finding(message, refusal.span, "the `;` is missing at the end of this line")
            .severity(if certain { Severity::Error } else { Severity::Warning })
            .label(next, format!("nginx takes this line for arguments of `{name}`"))
            .help(format!("write a `;` at the end of the line before `{lost}`"));
        findings.push(refused(finding, refusal, sources));
    }
}
