//! What the installed nginx says of a configuration, and what gatelint says.
#![allow(dead_code, clippy::disallowed_methods, clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use gatelint::check::{Checked, Terms, check_host};
use gatelint::deployment::{Plan, Selection, View};
use gatelint::finding::{Prediction, Program, Severity};
use gatelint::host::facts::{self, FactsFile};
use gatelint::host::memory::Memory;
use gatelint::thresholds::Thresholds;

use super::real;

/// The files of a configuration, by their path below its directory.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A finding: rule, message, and the files and lines that it shows.
pub type Said = (String, String, BTreeSet<(String, usize)>);

/// Whether the surroundings decide: files, users, names, sockets.
pub fn is_environment(message: &str) -> bool {
    [
        "open() ",
        "mkdir()",
        "chown(",
        "getpwnam",
        "getgrnam",
        "host not found",
        "bind()",
        "cannot load certificate",
        "dlopen()",
        "still could not",
        "socket()",
        "read() ",
        "pread()",
        "opendir",
        "BIO_new_file",
        "setrlimit",
        "glob()",
        "test failed",
    ]
    .iter()
    .any(|word| message.starts_with(word) || message.contains(" failed (") && message.contains(word))
}

/// Tests a configuration with nginx: its first complaint.
pub fn nginx(files: &Files, folder: &Path) -> Option<(String, Option<(String, usize)>)> {
    let _ = fs::remove_dir_all(folder);
    for directory in ["logs", "temp", "cache"] {
        fs::create_dir_all(folder.join(directory)).unwrap();
    }
    for (path, text) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let output = Command::new("nginx")
        .args(["-t", "-e", "/dev/null", "-p"])
        .arg(folder)
        .arg("-c")
        .arg(folder.join("nginx.conf"))
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let start = errors.find("[emerg] ").map(|at| at + 8);
    let message = match start {
        Some(start) => errors[start..].split("\nnginx: ").next().unwrap_or_default().trim_end(),
        None if output.status.success() => return None,
        None => return Some((errors.lines().last().unwrap_or_default().to_owned(), None)),
    };
    let prefix = format!(" in {}/", folder.display());
    let Some((message, place)) = message.rsplit_once(&prefix) else { return Some((message.to_owned(), None)) };
    let place = place.rsplit_once(':').and_then(|(file, line)| Some((file.to_owned(), line.parse().ok()?)));
    Some((message.to_owned(), place))
}

pub fn gatelint(files: &Files, build: &FactsFile) -> Vec<Said> {
    let mut host = Memory::default();
    for (path, text) in files {
        host.add(format!("/{path}"), text.as_slice());
    }
    let selection = Selection { nginx_mains: vec!["/nginx.conf".into()], ..Selection::default() };
    let plan = Plan::new("/".into(), View::Root, selection);
    let terms = Terms {
        facts: vec![build.clone()],
        thresholds: Thresholds::default(),
        declared_directives: BTreeSet::new(),
        selected: &|_| true,
    };
    let mut checked = Checked::default();
    if check_host(&host, &plan, &terms, &mut checked).is_err() {
        return Vec::new();
    }
    let refusals = checked.findings.iter().filter(|finding| {
        let by_nginx = matches!(finding.predicts, Some(Prediction::Refused { by: Program::Nginx, .. }));
        // A file that is not there is the surroundings' affair.
        by_nginx
            && finding.severity == Severity::Error
            && !matches!(finding.rule, "include-missing" | "user-unknown" | "group-unknown")
    });
    let lines = |label: &gatelint::finding::Label| {
        let source = checked.sources.get(label.span.file);
        let line = |offset| source.position(offset).line;
        (line(label.span.start)..=line(label.span.end)).map(|line| (source.path.clone(), line)).collect::<Vec<_>>()
    };
    refusals
        .map(|finding| {
            let lines = finding.labels().iter().flat_map(lines).collect();
            let words = match &finding.predicts {
                Some(Prediction::Refused { message, .. }) => message.as_str(),
                _ => "",
            };
            (finding.rule.to_owned(), format!("{}: {words}", finding.message), lines)
        })
        .collect()
}

/// The facts about the installed nginx; none where there is none.
pub fn build() -> Option<FactsFile> {
    let installed = real::installed()?;
    let modules: Vec<String> = installed.modules.iter().map(|module| format!("\"{module}\"")).collect();
    let (version, modules) = (installed.version, modules.join(", "));
    let text = format!("version = 1\n[versions]\nnginx = \"{version}\"\n[nginx]\nmodules = [{modules}]\n");
    facts::parse("facts", &text).ok().map(|(facts, _)| facts)
}
