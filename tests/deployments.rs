//! What gatelint says of the deployments of `testdata/deployments`: exactly what stands in `expected.txt`, and nothing
//! on the corrected twin. That the same things happen to the real servers is shown by the test `oracle`.
//!
//! A block of `expected.txt` is a finding: severity, rule and prediction, then the labels, the primary one first, each
//! with its file and line and, if given, a text that its own must contain. Lines that begin with `#` are comments.
//! Advice is compared in the files that expect some. With `GATELINT_UPDATE=1` the files are written anew.
// The list is about the library, which must not leave the root.
#![allow(clippy::disallowed_methods)]

#[path = "oracle/tree.rs"]
#[allow(dead_code)]
mod tree;

use libtest_mimic::{Arguments, Failed, Trial};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

type Result<T> = std::result::Result<T, String>;

/// Rules of severity error that no deployment shows, each with the reason.
const NOT_SHOWN: [(&str, &str); 1] = [(
    "memory-overcommitted",
    "only a memory limit of a control group, which not every host lets a test set, kills workers",
)];

/// What counts here of `live.toml`.
#[derive(Default, Deserialize)]
struct Live {
    #[serde(default)]
    fpm: Vec<String>,
}

/// What counts here of gatelint's JSON.
#[derive(Deserialize)]
struct Output {
    findings: Vec<Finding>,
    errors: Vec<String>,
}

#[derive(Deserialize)]
struct Finding {
    rule: String,
    severity: String,
    message: String,
    predicts: Option<Prediction>,
    labels: Vec<Label>,
}

#[derive(Deserialize)]
struct Prediction {
    status: Option<u16>,
    refused_by: Option<String>,
}

#[derive(Deserialize)]
struct Label {
    path: String,
    start: Start,
    text: String,
}

#[derive(Deserialize)]
struct Start {
    line: usize,
}

/// A block of `expected.txt`.
#[derive(Debug, PartialEq)]
struct Block {
    head: String,
    /// Each with the text that its own must contain.
    labels: Vec<(String, String)>,
}

fn main() -> ExitCode {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/deployments");
    let mut cases: Vec<PathBuf> =
        fs::read_dir(&folder).map(|entries| entries.flatten().map(|entry| entry.path()).collect()).unwrap_or_default();
    cases.sort();
    let mut trials = vec![trial("every_error_is_shown".into(), {
        let cases = cases.clone();
        move || every_error_is_shown(&cases)
    })];
    for case in cases {
        let name = case.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if case.join("fixed").is_dir() {
            let case = case.clone();
            trials.push(trial(format!("{name}::twin"), move || twin(&case)));
        }
        trials.push(trial(format!("{name}::findings"), move || findings(&case)));
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn trial(name: String, run: impl FnOnce() -> Result<()> + Send + 'static) -> Trial {
    Trial::test(name, move || run().map_err(Failed::from))
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))
}

/// Runs gatelint on `root`, a tree of the deployment in `case`.
fn check(case: &Path, root: &Path, facts: &[&str], advice: bool) -> Result<Vec<Finding>> {
    let live: Live = match read(&case.join("live.toml")) {
        Ok(text) => toml::from_str(&text).map_err(|e| e.to_string())?,
        Err(_) => Live::default(),
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatelint"));
    command.args(["check", "--format", "json", "--fail-on", "never"]);
    if let Some(facts) = facts.iter().map(|name| case.join(name)).find(|path| path.exists()) {
        command.arg("--facts").arg(facts);
    }
    for master in &live.fpm {
        command.arg("--fpm-conf").arg(master);
    }
    if advice {
        command.arg("--advice");
    }
    if !tree::base(case).ends_with("repository") {
        command.arg("--root");
    }
    let output = command.arg(root).output().map_err(|e| e.to_string())?;
    let (json, complaints) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let report: Output = serde_json::from_str(&json).map_err(|e| format!("{e}\n{json}{complaints}"))?;
    if output.status.success() && report.errors.is_empty() {
        Ok(report.findings)
    } else {
        Err(format!("{}: {:?}\n{complaints}", output.status, report.errors))
    }
}

fn findings(case: &Path) -> Result<()> {
    let path = case.join("expected.txt");
    let text = read(&path);
    let expected = text.as_deref().map(parse).unwrap_or_default();
    let advice = expected.iter().any(|block| block.head.starts_with("advice "));
    let findings = check(case, &tree::base(case), &["facts.toml"], advice)?;
    let got: Vec<Block> = findings.iter().map(block).collect();
    if env::var_os("GATELINT_UPDATE").is_some() {
        let comments = text.unwrap_or_default();
        let comments: String =
            comments.lines().filter(|line| line.starts_with('#')).map(|line| format!("{line}\n")).collect();
        return fs::write(&path, comments + &show(&got, false)).map_err(|e| format!("{}: {e}", path.display()));
    }
    text?;
    if got.len() == expected.len() && got.iter().zip(&expected).all(|(got, expected)| got.fits(expected)) {
        return Ok(());
    }
    Err(format!("expected:\n{}\ngot:\n{}", show(&expected, true), show(&got, true)))
}

fn twin(case: &Path) -> Result<()> {
    let root = tempfile::tempdir().map_err(|e| e.to_string())?;
    tree::materialise(case, true, root.path())?;
    let findings = check(case, root.path(), &["facts.fixed.toml", "facts.toml"], false)?;
    if findings.is_empty() {
        return Ok(());
    }
    let got: Vec<Block> = findings.iter().map(block).collect();
    let messages: Vec<&str> = findings.iter().map(|finding| finding.message.as_str()).collect();
    Err(format!("nothing expected, got:\n{}{}", show(&got, true), messages.join("\n")))
}

fn every_error_is_shown(cases: &[PathBuf]) -> Result<()> {
    if env::var_os("GATELINT_UPDATE").is_some() {
        return Ok(());
    }
    let mut shown = BTreeSet::new();
    for case in cases {
        for block in parse(&read(&case.join("expected.txt"))?) {
            let mut words = block.head.split(' ').map(str::to_owned);
            if words.next().as_deref() == Some("error") {
                shown.extend(words.next());
            }
        }
    }
    let is_excepted = |rule: &str| NOT_SHOWN.iter().any(|(excepted, _)| *excepted == rule);
    let errors = gatelint::rules::all().filter(|rule| rule.severity == gatelint::finding::Severity::Error);
    let wrong: Vec<String> = errors
        .filter(|rule| is_excepted(rule.id) == shown.contains(rule.id))
        .map(|rule| match is_excepted(rule.id) {
            true => format!("{}: excepted in NOT_SHOWN, and a deployment shows it", rule.id),
            false => format!("{}: no deployment expects an error of this rule", rule.id),
        })
        .collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n")) }
}

/// Reads an `expected.txt`.
fn parse(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        match (line.strip_prefix("  "), blocks.last_mut()) {
            (Some(label), Some(block)) => {
                let (place, text) = label.split_once(' ').unwrap_or((label, ""));
                block.labels.push((place.to_owned(), text.to_owned()));
            }
            _ => blocks.push(Block { head: line.to_owned(), labels: Vec::new() }),
        }
    }
    blocks
}

/// A finding as a block.
fn block(finding: &Finding) -> Block {
    let predicts = match &finding.predicts {
        None => "-".to_owned(),
        Some(Prediction { refused_by: Some(server), .. }) => format!("refused {server}"),
        Some(Prediction { status: Some(status), .. }) => status.to_string(),
        Some(_) => "none".to_owned(),
    };
    let label = |label: &Label| (format!("{}:{}", label.path, label.start.line), label.text.clone());
    Block {
        head: format!("{} {} {predicts}", finding.severity, finding.rule),
        labels: finding.labels.iter().map(label).collect(),
    }
}

impl Block {
    fn fits(&self, expected: &Block) -> bool {
        self.head == expected.head
            && self.labels.len() == expected.labels.len()
            && self
                .labels
                .iter()
                .zip(&expected.labels)
                .all(|(got, wanted)| got.0 == wanted.0 && got.1.contains(&wanted.1))
    }
}

fn show(blocks: &[Block], with_texts: bool) -> String {
    let mut text = String::new();
    for block in blocks {
        let _ = writeln!(text, "{}", block.head);
        for (place, label) in &block.labels {
            let label = if with_texts { label } else { "" };
            let _ = writeln!(text, "  {}", format!("{place} {label}").trim_end());
        }
    }
    text
}
