//! nginx includes a file that is not there.

use super::lost;
use crate::deployment::{Deployment, View};
use crate::finding::{Program, Severity};
use crate::host::ReadError;
use crate::nginx::load::{IncludeProblemKind, is_packaged};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(syntax / "include-missing", Error, "nginx includes a file that is not there");

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for problem in machine.nginx.iter().flat_map(|nginx| &nginx.files.problems) {
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
            if machine.view.is_partial() || !certain && problem.path.starts_with("/etc/nginx/modules-enabled") {
                findings.unchecked(&RULE, lost(machine.view, problem, sources), "--root");
                continue;
            }
            let finding = RULE
                .finding(format!("the included {path} is not there"), problem.span, label)
                .help(match error {
                    ReadError::Dangling { .. } => "remove the link, or restore what it names",
                    _ => "correct the path, or write a pattern such as `*.conf`: a pattern may match nothing",
                })
                .refused_by(Program::Nginx, format!("open() \"{path}\" failed (2: No such file or directory)"));
            findings.push(finding.severity(if certain { Severity::Error } else { Severity::Warning }));
        }
    }
}
