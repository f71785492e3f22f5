//! nginx includes a file that is not there.

use std::collections::BTreeMap;
use std::path::Path;

use super::lost;
use crate::deployment::{Deployment, Machine, Nginx, View};
use crate::finding::{Finding, Program, Severity};
use crate::host::ReadError;
use crate::nginx::load::{IncludeProblem, IncludeProblemKind, is_packaged};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(syntax / "include-missing", Error, "nginx includes a file that is not there");

/// Snippets that nginx's package of Debian brings, and the directories that are its own.
const SNIPPETS: [&str; 2] = ["snippets/fastcgi-php.conf", "snippets/snakeoil.conf"];
const OF_DEBIAN: [&str; 3] = ["sites-enabled", "sites-available", "modules-enabled"];

/// So many includes of one missing file are shown.
const SHOWN: usize = 3;

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for nginx in &machine.nginx {
            let mut found: BTreeMap<&Path, (Finding, usize)> = BTreeMap::new();
            for problem in &nginx.files.problems {
                let IncludeProblemKind::Unreadable { error, by_pattern } = &problem.kind else { continue };
                let certain = match error {
                    ReadError::NotFound => true,
                    // A tree need not hold what its links name: packages' modules lie under /usr.
                    ReadError::Dangling { .. } => machine.view == View::Live || !by_pattern,
                    _ => continue,
                };
                // What the package brings is known: types of files, and parameters.
                if machine.view != View::Live && is_packaged(&problem.path) {
                    continue;
                }
                let is_module = !certain && problem.path.starts_with("/etc/nginx/modules-enabled");
                if machine.view.is_partial() || is_module || is_of_debian(machine, nginx, &problem.path, sources) {
                    findings.unchecked(&RULE, lost(machine.view, problem, sources), "--root");
                    continue;
                }
                let (first, count) =
                    found.entry(&problem.path).or_insert_with(|| (missing(problem, error, certain), 0));
                *count += 1;
                if (2..=SHOWN).contains(count) {
                    *first = first.clone().label(problem.span, "included here, too");
                }
            }
            for (finding, count) in found.into_values() {
                findings.push(match count.saturating_sub(SHOWN) {
                    0 => finding,
                    1 => finding.note("it is included in one more place"),
                    more => finding.note(format!("it is included in {more} more places")),
                });
            }
        }
    }
}

fn missing(problem: &IncludeProblem, error: &ReadError, certain: bool) -> Finding {
    let path = problem.path.display();
    let (label, help) = match error {
        ReadError::Dangling { .. } => (error.to_string(), "remove the link, or restore what it names"),
        _ => (
            "this file is not there".to_owned(),
            "correct the path, or write a pattern such as `*.conf`: a pattern may match nothing",
        ),
    };
    RULE.finding(format!("the included {path} is not there"), problem.span, label)
        .help(help)
        .refused_by(Program::Nginx, format!("open() \"{path}\" failed (2: No such file or directory)"))
        .severity(if certain { Severity::Error } else { Severity::Warning })
}

/// Whether Debian's package of nginx brings a file that a tree lacks. A copy of a whole host has its accounts, and all
/// that the package brings.
fn is_of_debian(machine: &Machine, nginx: &Nginx, path: &Path, sources: &Sources) -> bool {
    let names = |text: &str| text.split('/').any(|part| OF_DEBIAN.contains(&part));
    machine.view != View::Live
        && !machine.facts.accounts.complete
        && SNIPPETS.iter().any(|snippet| path.ends_with(snippet))
        && (nginx.files.patterns().iter().any(|(_, pattern)| names(pattern))
            || nginx.files.trees().any(|(file, _)| names(&sources.get(file).path)))
}
