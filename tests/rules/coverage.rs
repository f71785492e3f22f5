//! `rules/README.md`, the table of what both configuration tests accept and what breaks: each row once, and its rules
//! shown by the cases that it names.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use gatelint::rules;
use libtest_mimic::Failed;

use crate::{document, name};

/// The columns: the id, what is written, the rules or the reason, the cases.
const COLUMNS: usize = 4;

/// What parts the rules, or the cases, of one row.
const BETWEEN: &str = "<br>";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The file of the table.
pub fn file() -> PathBuf {
    root().join("rules/README.md")
}

/// The ids that must occur.
fn ids() -> BTreeSet<String> {
    let of_nginx = (1..=35).map(|number| format!("A{number}"));
    let of_requests = (1..=40).filter(|number| *number != 34).map(|number| format!("B{number}"));
    let of_fpm = (1..=61).map(|number| format!("F{number}"));
    of_nginx.chain(of_requests).chain(of_fpm).collect()
}

/// Compares the table with the rules, their documents and the deployments.
pub fn is_true() -> Result<(), Failed> {
    let text = fs::read_to_string(file()).map_err(|error| format!("rules/README.md: {error}"))?;
    let (mut wrong, mut missing) = (Vec::new(), ids());
    for (at, line) in text.lines().enumerate() {
        let Some(row) = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")) else { continue };
        let cells: Vec<&str> = row.split(" | ").collect();
        if matches!(cells[0], "id" | "---") {
            continue;
        }
        let mut told = Vec::new();
        if !missing.remove(cells[0]) {
            told.push(format!("{} is no row that is still missing", cells[0]));
        }
        match cells[..] {
            [_, _, verdict, cases] if verdict.starts_with('[') => told.extend(covered(verdict, cases)),
            [_, _, reason, cases] => {
                let is_sentence = reason.starts_with(char::is_uppercase) || reason.starts_with('`');
                if !is_sentence || !reason.ends_with('.') || reason.split_whitespace().count() < 8 || cases != "–" {
                    told.push("neither a rule nor a reason of a sentence".to_owned());
                }
                told.extend(quoted(reason));
            }
            _ => told.push(format!("{} columns, not {COLUMNS}", cells.len())),
        }
        wrong.extend(told.into_iter().map(|told| format!("rules/README.md:{}: {}: {told}", at + 1, cells[0])));
    }
    wrong.extend(missing.into_iter().map(|id| format!("rules/README.md: there is no row {id}")));
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
}

/// What is wrong with a row's rules and cases: each rule must be shown by a case, each case show one of the rules.
fn covered(named: &str, cases: &str) -> Vec<String> {
    let (mut wrong, mut unshown) = (Vec::new(), Vec::new());
    for written in named.split(BETWEEN) {
        match link(written).filter(|(shown, _, rest)| shown.starts_with('`') && rest.is_empty()) {
            Some((shown, target, _)) => match of_document(shown.trim_matches('`'), target) {
                Ok(rule) => unshown.push(rule),
                Err(told) => wrong.push(told),
            },
            None => wrong.push(format!("{written} is no link to a rule")),
        }
    }
    let all = unshown.clone();
    for written in cases.split(BETWEEN) {
        match shown_by(written) {
            Ok(shown) if all.iter().any(|rule| shown.contains(rule.id)) => {
                unshown.retain(|rule| !shown.contains(rule.id));
            }
            Ok(_) => wrong.push(format!("{written} shows none of the row's rules")),
            Err(told) => wrong.push(told),
        }
    }
    wrong.extend(unshown.iter().map(|rule| format!("no case shows {}", rule.id)));
    wrong
}

/// The rules that a case yields.
fn shown_by(case: &str) -> Result<BTreeSet<String>, String> {
    let (shown, target, rest) = link(case).ok_or(format!("{case} is no link to a case"))?;
    let Some(heading) = rest.strip_prefix(": ") else {
        let deployment = shown.trim_matches('`');
        if target != format!("../testdata/deployments/{deployment}") {
            return Err(format!("the link of {shown} leads to {target}"));
        }
        let expected = root().join("testdata/deployments").join(deployment).join("expected.txt");
        let text = fs::read_to_string(expected).map_err(|error| format!("{deployment}: {error}"))?;
        let heads = text.lines().filter(|line| line.starts_with(|start: char| start.is_ascii_lowercase()));
        return Ok(heads.filter_map(|head| Some(head.split_whitespace().nth(1)?.to_owned())).collect());
    };
    let rule = of_document(shown, target)?;
    let examples = document::read(rule.document)?.bad;
    match examples.iter().any(|example| example.title == heading) {
        true => Ok([rule.id.to_owned()].into()),
        false => Err(format!("{} has no example `{heading}` under Bad", rule.id)),
    }
}

/// The rule of an id, whose link must lead to its document.
fn of_document(id: &str, target: &str) -> Result<&'static rules::Rule, String> {
    let rule = rules::find(id).ok_or(format!("there is no rule {id}"))?;
    let wanted = format!("{}.md", name(rule));
    if target == wanted { Ok(rule) } else { Err(format!("the link of {id} leads to {target}, not to {wanted}")) }
}

/// `[shown](target)rest`
fn link(text: &str) -> Option<(&str, &str, &str)> {
    let (shown, rest) = text.strip_prefix('[')?.split_once("](")?;
    let (target, rest) = rest.split_once(')')?;
    Some((shown, target, rest))
}

/// What in a reason looks like the name of a rule and is none.
fn quoted(reason: &str) -> Vec<String> {
    let names = reason.split('`').skip(1).step_by(2);
    let is_like = |text: &&str| text.contains('-') && text.chars().all(|it| it.is_ascii_lowercase() || it == '-');
    let strangers = names.filter(is_like).filter(|id| rules::find(id).is_none());
    strangers.map(|id| format!("there is no rule {id}")).collect()
}
