//! A directive that stands twice in a block that may hold it once.

use super::{refusals, refused};
use crate::deployment::Deployment;
use crate::nginx::examine::{Flaw, Taken};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(syntax / "directive-duplicate", Error, "a directive stands twice in a block that may hold it once");

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for (_, refusal) in refusals(deployment) {
        let name = &refusal.name;
        let (message, first) = match &refusal.flaw {
            Flaw::Duplicate { first } => (format!("`{name}` is set twice in one block"), *first),
            Flaw::Taken(Taken::Listen(first)) => ("one server listens twice on the same address".to_owned(), *first),
            _ => continue,
        };
        let finding = RULE
            .finding(message, refusal.span, "nginx refuses the second one")
            .label(first, "the first one")
            .help("remove one of them");
        findings.push(refused(finding, refusal, sources));
    }
}
