//! A value in which PHP finds an operator, a comment or a variable where text was meant.

use crate::deployment::{Deployment, Master};
use crate::finding::Finding;
use crate::php::written::{cut_off, operator_on_text};
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};

pub(super) static RULE: Rule =
    rule!(syntax / "ini-expression", Warning, "PHP works a value out or cuts it, where text was meant");

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for master in deployment.machines.iter().flat_map(|machine| &machine.masters).filter(|master| !master.is_absent()) {
        for (name, text, span) in values(master) {
            findings.findings.extend(finding(&name, text, span, sources));
        }
    }
}

/// Every value that the master and its pools read: the name, the text if it is known, and the place.
fn values(master: &Master) -> impl Iterator<Item = (String, Option<&str>, Span)> {
    let pools = master.pools.iter().flat_map(|pool| &pool.settings.assigned);
    let assigned = master.configuration.global.iter().chain(pools).filter(|one| one.value_span != one.key_span);
    let assigned = assigned.map(|one| {
        let name = match &one.index {
            Some(index) => format!("{}[{index}]", one.key),
            None => one.key.clone(),
        };
        (name, one.text.as_deref(), one.value_span)
    });
    let ini = master.ini.settings.iter().map(|one| (one.name.clone(), one.value.text.as_deref(), one.value.span));
    assigned.chain(ini)
}

fn finding(name: &str, text: Option<&str>, span: Span, sources: &Sources) -> Option<Finding> {
    let written = sources.text(span);
    if let Some(operator) = operator_on_text(&written) {
        let becomes = text.map(|text| format!(" and gets {text}")).unwrap_or_default();
        let finding = RULE
            .finding(
                format!("PHP works out the value of `{name}`{becomes}: `{operator}` stands outside quotes"),
                span,
                "an operator on numbers; text counts as 0",
            )
            .help("put the value into double quotes");
        return Some(finding);
    }
    let bytes = sources.get(span.file).bytes();
    let lost = cut_off(bytes.get(span.range().end..).unwrap_or_default());
    // A comment may stand directly behind a value; one word without a blank is hardly one behind a
    // variable, nor is a path behind anything.
    let is_part = |lost: &String| !lost.contains(' ') && (name.starts_with("env[") || lost.contains('/'));
    if let Some(lost) = lost.filter(is_part) {
        let finding = RULE
            .finding(
                format!("the value of `{name}` ends at the `;`, which begins a comment"),
                span,
                format!("the {} characters behind it are lost", lost.chars().count()),
            )
            .help("put the value into double quotes; write a blank before the `;` of a comment");
        return Some(finding);
    }
    looked_up(name, text?, span)
}

/// An `env[…]` that begins with `$` is the name of a variable of PHP-FPM's own environment.
fn looked_up(name: &str, text: &str, span: Span) -> Option<Finding> {
    let variable = text.strip_prefix('$').filter(|_| name.starts_with("env["))?;
    let is_name = variable.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    if is_name {
        return None;
    }
    let finding = RULE
        .finding(
            format!("`{name}` begins with `$`, so PHP-FPM takes it for the name of a variable"),
            span,
            "empty unless PHP-FPM's own environment has a variable of this name",
        )
        .help("no quotes help; give the application a value that does not begin with `$`");
    Some(finding)
}
