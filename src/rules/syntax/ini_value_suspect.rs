//! Lines of php.ini that PHP passes over: behind a broken line, or with a name that it does not know.

use crate::deployment::{Deployment, Master};
use crate::finding::{Edit, Finding, Fix};
use crate::php::ini_settings;
use crate::php::layers::Ini;
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};

pub(super) static RULE: Rule =
    rule!(syntax / "ini-value-suspect", Warning, "PHP does not take a setting of its own as it is written");

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for master in deployment.machines.iter().flat_map(|machine| &machine.masters).filter(|master| !master.is_absent()) {
        broken(master, sources, findings);
        for one in &master.ini.settings {
            findings.findings.extend(unknown(&one.name, one.name_span, true));
            findings.findings.extend(not_evaluated(&one.name, one.value.text.as_deref(), one.value.span));
        }
        for (name, assigned) in master.pools.iter().flat_map(|pool| Ini::entries(&pool.settings)) {
            findings.findings.extend(unknown(name, assigned.span, false));
            findings.findings.extend(not_evaluated(name, assigned.text.as_deref(), assigned.value_span));
        }
    }
}

/// PHP reads a file up to its first mistake, says a line on the standard error, and goes on without the rest.
fn broken(master: &Master, sources: &Sources, findings: &mut Findings) {
    for problem in &master.ini.problems {
        let path = &sources.get(problem.span.file).path;
        let mut finding = RULE
            .finding(
                format!("PHP stops reading {path} here: {}", problem.kind),
                problem.span,
                "nothing below this line is in force",
            )
            .help("put the value into double quotes, close what is open, or write `;` in front of a comment");
        finding = match problem.kind.message() {
            Some(message) => finding.note(format!("`php-fpm -t` passes; on the terminal it says `PHP:  {message}`")),
            None => finding.note("`php-fpm -t` passes, and nothing says so"),
        };
        findings.push(finding);
    }
}

fn unknown(name: &str, span: Span, in_file: bool) -> Option<Finding> {
    let meant = ini_settings::meant(name)?;
    let why = if name.eq_ignore_ascii_case(meant) { "names are case-sensitive" } else { "PHP knows no such setting" };
    let finding = RULE
        .finding(format!("PHP ignores `{name}`: the setting is called `{meant}`"), span, why)
        .help(format!("write `{meant}`"));
    let edits = vec![Edit { span, text: meant.to_owned() }];
    Some(if in_file { finding.fix(Fix { title: format!("Write {meant}"), safe: false, edits }) } else { finding })
}

/// In quotes, constants are text, which counts as 0.
fn not_evaluated(name: &str, text: Option<&str>, span: Span) -> Option<Finding> {
    let text = text.filter(|text| name == "error_reporting" && text.starts_with(|char: char| char.is_alphabetic()))?;
    let finding = RULE
        .finding(
            format!("PHP reads `error_reporting = {text}` as 0, which reports nothing"),
            span,
            "in quotes this is text, not the value of constants",
        )
        .help("remove the quotes");
    Some(finding)
}
