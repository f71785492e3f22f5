//! A directive in a block where nginx does not take it.

use super::{refusals, refused};
use crate::deployment::Deployment;
use crate::nginx::examine::Flaw;
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};

pub(super) static RULE: Rule =
    rule!(syntax / "directive-misplaced", Error, "a directive stands in a block where nginx does not take it");

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for (_, refusal) in refusals(deployment) {
        let name = &refusal.name;
        if let Flaw::Late { first } = refusal.flaw {
            let finding = RULE
                .finding(format!("`{name}` stands behind a block"), refusal.span, "nginx loads no module from here on")
                .label(first, "nginx counts its modules here")
                .help(format!("move `{name}` to the top of nginx.conf, before `events`"));
            findings.push(refused(finding, refusal, sources));
        }
        let Flaw::Misplaced { allowed } = refusal.flaw else { continue };
        let finding = RULE
            .finding(format!("`{name}` may not stand here"), refusal.span, format!("its place is {}", allowed.shown()))
            .help(match group(name, refusal.span, sources) {
                Some(group) => format!("`http` takes no name: a group of servers is `upstream {group} {{ … }}`"),
                None => format!("move it into {}", allowed.shown()),
            });
        findings.push(refused(finding, refusal, sources));
    }
}

/// The name behind `http`, which has none: that of a group of servers by a wrong word.
fn group(directive: &str, span: Span, sources: &Sources) -> Option<String> {
    let behind = sources.get(span.file).bytes().get(span.end as usize..).filter(|_| directive == "http")?;
    let line = String::from_utf8_lossy(behind.split(|byte| matches!(byte, b'{' | b'\n')).next()?).trim().to_owned();
    let is_name = !line.is_empty() && line.chars().all(|char| char.is_ascii_alphanumeric() || "-_.".contains(char));
    is_name.then_some(line)
}
