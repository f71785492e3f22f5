//! An example, run: what the rules say about its host against what its marks say.

use std::collections::BTreeSet;

use gatelint::check::{Checked, Request, Terms, check, check_host};
use gatelint::config::Config;
use gatelint::deployment::{Plan, Selection, View};
use gatelint::discover::Given;
use gatelint::finding::{Finding, Severity, sort_and_merge};
use gatelint::host::facts::{self, FactsFile};
use gatelint::host::memory::Memory;
use gatelint::rules::Rule;
use gatelint::thresholds::Thresholds;

use crate::document::{Example, Mark};

/// The block with this name is the facts file.
const FACTS: &str = "facts.toml";

/// Runs every rule over the host of an example, as the program does for a root. Files without a `/` before their
/// paths are a repository.
pub fn run(example: &Example) -> Result<Checked, String> {
    let is_in_repository = |path: &str| !path.starts_with('/') && path != FACTS;
    if example.files.iter().all(|file| is_in_repository(&file.path)) {
        return run_repository(example).map_err(|error| format!("{}: {error}", example.line));
    }
    let mut host = Memory::default();
    let mut given = FactsFile::default();
    for file in &example.files {
        if file.path == FACTS {
            let (read, unknown) = facts::parse(FACTS, &file.text).map_err(|error| error.to_string())?;
            if !unknown.is_empty() {
                return Err(format!("{}: facts that mean nothing: {}", file.line, unknown.join(", ")));
            }
            given = read;
        } else if file.path.starts_with('/') {
            host.add(&file.path, file.text.as_str());
        } else {
            return Err(format!("{}: {} is neither an absolute path nor {FACTS}", file.line, file.path));
        }
    }
    let plan = Plan::new("/".into(), View::Root, Selection::default());
    let terms = Terms {
        facts: vec![given],
        thresholds: Thresholds::default(),
        declared_directives: Default::default(),
        selected: &|_| true,
    };
    let mut checked = Checked::default();
    check_host(&host, &plan, &terms, &mut checked).map_err(|error| format!("{}: {error}", example.line))?;
    sort_and_merge(&mut checked.findings, &checked.sources);
    Ok(checked)
}

/// Runs every rule over the files of an example, as the program does for a repository.
fn run_repository(example: &Example) -> Result<Checked, String> {
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    for file in &example.files {
        let path = directory.path().join(&file.path);
        let parent = path.parent().unwrap_or(directory.path());
        std::fs::create_dir_all(parent).and_then(|()| std::fs::write(&path, &file.text)).map_err(|e| e.to_string())?;
    }
    let request = Request {
        paths: vec![directory.path().to_owned()],
        given: Given::default(),
        facts: None,
        stated: FactsFile::default(),
        config: Config::default(),
        require: Vec::new(),
        selected: &|_| true,
    };
    let checked = check(&request);
    if checked.errors.is_empty() { Ok(checked) } else { Err(checked.errors.join(", ")) }
}

/// What is wrong with an example in which the rule must fire, each with the document's line.
pub fn bad(rule: &Rule, example: &Example, checked: &Checked) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut wanted: Vec<&Mark> = example.files.iter().flat_map(|file| &file.marks).collect();
    if wanted.iter().all(|mark| mark.kind == "label") {
        wrong.push(format!("{}: no mark says what must fire", example.line));
    }
    for label in labels(rule, example, checked) {
        let matches =
            |mark: &&Mark| mark.line == label.line && mark.kind == label.kind && label.text.contains(&mark.text);
        match wanted.iter().position(matches) {
            Some(at) => drop(wanted.remove(at)),
            None => wrong.push(format!("{}: came, not marked: {}: {}", label.line, label.kind, label.text)),
        }
    }
    wrong.extend(wanted.iter().map(|mark| format!("{}: marked, never came: {}: {}", mark.line, mark.kind, mark.text)));
    let others: BTreeSet<String> = others(rule, checked, Severity::Warning).map(|other| other.rule.into()).collect();
    for other in others.difference(&example.also) {
        wrong.push(format!("{}: {other} fires too; say `also: {other}` or mend the example", example.line));
    }
    for other in example.also.difference(&others) {
        wrong.push(format!("{}: {other} does not fire", example.line));
    }
    wrong
}

/// What is wrong with an example in which the rule must rest.
pub fn good(rule: &Rule, example: &Example, checked: &Checked) -> Vec<String> {
    let mut wrong: Vec<String> = labels(rule, example, checked)
        .iter()
        .map(|label| format!("{}: nothing must fire, but came: {}: {}", label.line, label.kind, label.text))
        .collect();
    for other in others(rule, checked, Severity::Error) {
        wrong.push(format!("{}: nothing may be wrong here, but {} says: {}", example.line, other.rule, other.message));
    }
    let marks = example.files.iter().flat_map(|file| &file.marks);
    wrong.extend(marks.map(|mark| format!("{}: a mark where the rule must rest", mark.line)));
    wrong
}

/// The findings of other rules from a severity on.
fn others<'a>(rule: &'a Rule, checked: &'a Checked, from: Severity) -> impl Iterator<Item = &'a Finding> {
    checked.findings.iter().filter(move |other| other.rule != rule.id && other.severity >= from)
}

/// A label that came, in the terms of marks.
#[derive(PartialEq)]
struct Came {
    line: usize,
    kind: &'static str,
    text: String,
}

fn labels(rule: &Rule, example: &Example, checked: &Checked) -> Vec<Came> {
    let mut came: Vec<Came> = Vec::new();
    for finding in checked.findings.iter().filter(|finding| finding.rule == rule.id) {
        for (number, label) in finding.labels().iter().enumerate() {
            let source = checked.sources.get(label.span.file);
            let file = example.files.iter().find(|file| file.path.trim_start_matches('/') == source.path);
            // The end of a file is behind the line break of the last line, where no mark can stand.
            let at_end = label.span.start as usize == source.bytes().len() && source.bytes().ends_with(b"\n");
            let line = source.position(label.span.start - u32::from(at_end)).line;
            let line = file.map_or(example.line, |file| file.line + line - 1);
            let kind = if number == 0 { finding.severity.as_str() } else { "label" };
            let label = Came { line, kind, text: label.text.clone() };
            // Two findings may share a line that they both point at.
            if !came.contains(&label) {
                came.push(label);
            }
        }
    }
    came
}
