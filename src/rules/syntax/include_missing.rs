//! nginx includes a file that is not there.

use std::collections::BTreeMap;
use std::path::Path;

use crate::deployment::{Deployment, Nginx, View};
use crate::finding::{Finding, Program, Severity};
use crate::host::ReadError;
use crate::nginx::load::{IncludeProblemKind, is_packaged};
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
            let is_debian = is_of_debian(nginx, sources);
            let mut found: BTreeMap<&Path, (Finding, usize)> = BTreeMap::new();
            for problem in &nginx.files.problems {
                let IncludeProblemKind::Unreadable { error, by_pattern } = &problem.kind else { continue };
                let (label, certain) = match error {
                    ReadError::NotFound => ("this file is not there".to_owned(), true),
                    // A tree need not hold what its links name: packages' modules lie under /usr.
                    ReadError::Dangling { .. } => (error.to_string(), machine.view == View::Live || !by_pattern),
                    _ => continue,
                };
                let path = problem.path.display();
                // What the package brings is known: types of files, and parameters.
                if machine.view != View::Live && is_packaged(&problem.path) {
                    continue;
                }
                let is_snippet = is_debian && SNIPPETS.iter().any(|snippet| problem.path.ends_with(snippet));
                let is_brought = is_snippet && machine.view != View::Live;
                let is_module = !certain && problem.path.starts_with("/etc/nginx/modules-enabled");
                if machine.view.is_partial() || is_module || is_brought {
                    // Where the main file lies is not known, nor what a relative path becomes.
                    let written = sources.text(problem.span);
                    let is_open = machine.view == View::Files
                        && !by_pattern
                        && !written.trim_start_matches(['"', '\'']).starts_with('/');
                    let shown = if is_open { written } else { path.to_string().into() };
                    findings.unchecked(&RULE, format!("the included {shown}"), "--root");
                    continue;
                }
                if let Some((first, count)) = found.get_mut(problem.path.as_path()) {
                    *count += 1;
                    if *count <= SHOWN {
                        *first = first.clone().label(problem.span, "included here, too");
                    }
                    continue;
                }
                let finding = RULE
                    .finding(format!("the included {path} is not there"), problem.span, label)
                    .help(match error {
                        ReadError::Dangling { .. } => "remove the link, or restore what it names",
                        _ => "correct the path, or write a pattern such as `*.conf`: a pattern may match nothing",
                    })
                    .refused_by(Program::Nginx, format!("open() \"{path}\" failed (2: No such file or directory)"))
                    .severity(if certain { Severity::Error } else { Severity::Warning });
                found.insert(&problem.path, (finding, 1));
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

/// Whether a configuration is laid out as Debian's package lays it out.
fn is_of_debian(nginx: &Nginx, sources: &Sources) -> bool {
    let names = |text: &str| OF_DEBIAN.iter().any(|directory| text.split('/').any(|part| part == *directory));
    nginx.files.patterns().iter().any(|(_, pattern)| names(pattern))
        || nginx.files.trees().any(|(file, _)| names(&sources.get(file).path))
}
