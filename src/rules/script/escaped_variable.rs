//! A backslash before a variable is left over from a shell, and nginx sends it along.

use crate::deployment::Deployment;
use crate::finding::{Edit, Finding, Fix, Severity};
use crate::nginx::ast::{Directive, Word};
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};

use super::UNKNOWN;

pub(super) static RULE: Rule = rule!(script / "escaped-variable", Error, "a backslash stands before a variable");

/// Directives whose values are paths, addresses and headers, in which a backslash means nothing.
const NAMES: [&str; 12] = [
    "fastcgi_param",
    "fastcgi_pass",
    "fastcgi_index",
    "root",
    "alias",
    "try_files",
    "index",
    "proxy_pass",
    "proxy_set_header",
    "uwsgi_param",
    "set",
    "error_page",
];

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for nginx in deployment.machines.iter().flat_map(|machine| &machine.nginx) {
        for (file, tree) in nginx.files.trees() {
            // Most files have no backslash before a variable at all.
            if !sources.get(file).bytes().windows(2).any(|pair| pair == b"\\$") {
                continue;
            }
            let mut pending: Vec<_> = tree.directives.iter().rev().collect();
            while let Some(directive) = pending.pop() {
                pending.extend(directive.block().iter().rev());
                let word = directive.args.iter().find(|word| is_escaped(word));
                if let Some(word) = word.filter(|_| NAMES.contains(&directive.name())) {
                    findings.push(finding(directive, word, &sources.text(word.span)));
                }
            }
        }
    }
}

fn is_escaped(word: &Word) -> bool {
    let mut behind = word.text.split('\\').skip(1).filter_map(|behind| behind.strip_prefix('$'));
    behind.any(|text| text.starts_with(|char: char| char.is_ascii_lowercase() || char == '{'))
}

fn finding(directive: &Directive, word: &Word, written: &str) -> Finding {
    let clean = written.replace("\\$", "$");
    let span: Span = word.span;
    let finding = RULE
        .finding(
            format!("a backslash stands before a variable of `{}`", directive.name()),
            span,
            "nginx keeps the backslash and sends it along with the value",
        )
        .help(format!("write {clean}: the backslash was meant for a shell"))
        .fix(Fix { title: format!("write {clean}"), safe: false, edits: vec![Edit { span, text: clean }] });
    match directive.arg(0) {
        Some("SCRIPT_FILENAME") => {
            finding.note("PHP-FPM answers 404 with \"File not found.\"").predict(404, UNKNOWN.to_owned())
        }
        _ => finding.severity(Severity::Warning),
    }
}
