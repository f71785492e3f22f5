//! A directive with more or fewer arguments than it takes.

use super::{lookalike, no_semicolon, refusals, refused};
use crate::deployment::Deployment;
use crate::nginx::examine::Flaw;
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};

pub(super) static RULE: Rule = rule!(
    syntax / "argument-count",
    Error,
    "a directive of nginx has more or fewer arguments than it takes",
    supersedes["character-suspect"]
);

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for (_, refusal) in refusals(deployment) {
        let Flaw::Count { allowed, given } = refusal.flaw else { continue };
        let name = &refusal.name;
        let (message, label, help) = match () {
            () if refusal.refusal.contains("is not terminated") => (
                format!("`{name}` opens no block"),
                "a `{` follows it".to_owned(),
                "write a `;` behind its value, or remove the `{` and its `}`".to_owned(),
            ),
            () if refusal.refusal.contains("has no opening") => (
                format!("`{name}` needs a block"),
                "a `;` ends it".to_owned(),
                "write `{ … }` in place of the `;`".to_owned(),
            ),
            () => (
                format!("`{name}` takes {}, and has {given}", allowed.shown()),
                format!("{given} given"),
                match allowed.most.is_some_and(|most| given > most) {
                    true => "remove what is too much, put a value with blanks into quotes, or write the missing `;`",
                    false => "write the missing value",
                }
                .to_owned(),
            ),
        };
        let sign = refusal
            .noticed
            .and_then(|end| lookalike(Span { end: end.start.max(refusal.span.end), ..refusal.span }, sources));
        let finding = match sign {
            Some(sign) => no_semicolon(&RULE, message, sign),
            None => RULE.finding(message, refusal.span, label).help(help),
        };
        findings.push(refused(finding, refusal, sources));
    }
}
