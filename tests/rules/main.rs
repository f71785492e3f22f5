//! The rule documents, run.
//!
//! Each example of `rules/<category>/<rule>.md` is a host in memory. In *Bad* the rule must fire with exactly the
//! labels that the comments mark, in *Good* it must rest. No rule is without both, no document without a rule, and the
//! documents quote what the findings predict.
#![allow(clippy::disallowed_methods, reason = "tests read and lay out real files")]

mod coverage;
mod document;
mod example;
mod readme;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use document::{Document, SECTIONS};
use gatelint::finding::{Category, Prediction};
use gatelint::rules::{self, Rule};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let mut trials = vec![
        Trial::test("every file in rules belongs to a rule", files_belong_to_rules),
        Trial::ignorable_test("README.md lists the rules", readme::agrees),
        Trial::test("rules/README.md covers what both tests accept", coverage::is_true),
    ];
    for rule in rules::all() {
        trials.extend(of_rule(rule));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// `connection/listener-missing`
fn name(rule: &Rule) -> String {
    format!("{}/{}", rule.category, rule.id)
}

fn verdict(rule: &Rule, wrong: Vec<String>) -> Result<(), Failed> {
    let told: Vec<String> = wrong.iter().map(|wrong| format!("rules/{}.md:{wrong}", name(rule))).collect();
    if told.is_empty() { Ok(()) } else { Err(told.join("\n").into()) }
}

fn of_rule(rule: &'static Rule) -> Vec<Trial> {
    let document = match document::read(rule.document) {
        Ok(document) => Arc::new(document),
        Err(wrong) => return vec![Trial::test(name(rule), move || verdict(rule, vec![wrong]))],
    };
    let of = Arc::clone(&document);
    let mut trials = vec![Trial::test(name(rule), move || verdict(rule, shape(rule, &of)))];
    for (at, example) in document.bad.iter().enumerate() {
        let of = Arc::clone(&document);
        trials.push(Trial::test(format!("{}::bad::{}", name(rule), example.title), move || {
            let checked = example::run(&of.bad[at]);
            verdict(rule, checked.map_or_else(|wrong| vec![wrong], |found| example::bad(rule, &of.bad[at], &found)))
        }));
    }
    for (at, example) in document.good.iter().enumerate() {
        let of = Arc::clone(&document);
        trials.push(Trial::test(format!("{}::good::{}", name(rule), example.title), move || {
            let checked = example::run(&of.good[at]);
            verdict(rule, checked.map_or_else(|wrong| vec![wrong], |found| example::good(rule, &of.good[at], &found)))
        }));
    }
    trials
}

/// What is wrong with a document as a whole.
fn shape(rule: &Rule, document: &Document) -> Vec<String> {
    let mut wrong = Vec::new();
    if document.title != rule.id {
        wrong.push(format!("1: the title is `{}`, the rule is {}", document.title, rule.id));
    }
    if document.opening.trim().is_empty() {
        wrong.push("2: no sentence says what is wrong".to_owned());
    }
    if document.sections.iter().map(|(section, _)| section.as_str()).ne(SECTIONS) {
        wrong.push(format!("1: the sections must be {}", SECTIONS.join(", ")));
    }
    for (section, examples) in [("Bad", &document.bad), ("Good", &document.good)] {
        if examples.is_empty() {
            wrong.push(format!("1: no example in {section}"));
        }
    }
    for (quoted, line) in &document.quoted {
        let Some((category, id)) = quoted.split_once('/') else { continue };
        let is_rule = Category::ALL.iter().any(|known| known.as_str() == category);
        if is_rule && rules::find(id).is_none_or(|rule| rule.category.as_str() != category) {
            wrong.push(format!("{line}: there is no rule {quoted}"));
        }
    }
    wrong.extend(unquoted(rule, document));
    wrong
}

/// The statuses that the findings of the examples predict and *What happens* does not name, and their log lines and
/// refusals if it quotes none of them.
fn unquoted(rule: &Rule, document: &Document) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut texts = Vec::new();
    for example in &document.bad {
        let Ok(checked) = example::run(example) else { continue };
        let own = checked.findings.into_iter().filter(|finding| finding.rule == rule.id);
        for prediction in own.filter_map(|finding| finding.predicts) {
            match prediction {
                Prediction::Response { status, log } => {
                    let status = status.map(|status| status.to_string()).unwrap_or_default();
                    if !document.happens.contains(&status) {
                        wrong.push(format!("{}: predicts {status}, which What happens does not name", example.line));
                    }
                    texts.extend(log);
                }
                Prediction::Refused { message, .. } => texts.push(message),
            }
        }
    }
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let happens = words(&document.happens);
    if !texts.is_empty() && !texts.iter().any(|text| happens.contains(&words(text))) {
        wrong.push(format!("1: What happens quotes none of these: {}", texts.join(" | ")));
    }
    wrong
}

fn files_belong_to_rules() -> Result<(), Failed> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("rules");
    let known: Vec<PathBuf> = rules::all().map(|rule| root.join(format!("{}.md", name(rule)))).collect();
    let mut strangers = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            if path.is_dir() {
                folders.push(path);
            } else if !known.contains(&path) && path != coverage::file() {
                strangers.push(format!("{}: no rule has this document", path.display()));
            }
        }
    }
    strangers.sort();
    if strangers.is_empty() { Ok(()) } else { Err(strangers.join("\n").into()) }
}
