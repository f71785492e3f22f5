//! A pattern that matches nothing where something is needed.

use crate::deployment::unloaded::Holds;
use crate::deployment::{Deployment, Machine};
use crate::finding::{Program, Severity};
use crate::nginx::load::IncludeProblemKind;
use crate::php::load::IncludeProblemKind as FpmProblem;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(loading / "include-empty", Error, "an include brings nothing where something is needed");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in deployment.machines.iter().filter(|machine| !machine.view.is_partial()) {
        of_nginx(machine, findings);
        of_fpm(machine, findings);
    }
}

/// Patterns that match nothing are normal in nginx, unless there is no server at all.
fn of_nginx(machine: &Machine, findings: &mut Findings) {
    // Where there are files with servers that nothing loads, `file-not-loaded` names them.
    let told = machine.unloaded.iter().any(|file| matches!(file.holds, Holds::Servers(_)));
    for nginx in machine.nginx.iter().filter(|nginx| nginx.servers.is_empty() && !told) {
        let mut empty = nginx.files.problems.iter().filter(|problem| problem.kind == IncludeProblemKind::NoMatch);
        let Some(last) = empty.next_back() else { continue };
        let message = format!("{} matches nothing, and nginx has no server", last.path.display());
        let finding = RULE.finding(message, last.span, "matches no file");
        let help = "put a file with a `server` block there, or correct the pattern";
        findings.push(finding.help(help).severity(Severity::Warning));
    }
}

fn of_fpm(machine: &Machine, findings: &mut Findings) {
    for master in machine.masters.iter().filter(|master| !master.is_absent()) {
        for problem in &master.configuration.include_problems {
            let pattern = &problem.pattern;
            let no_pool = master.pools.is_empty();
            let finding = match problem.kind {
                FpmProblem::NoDirectory => RULE
                    .finding(
                        format!("the directory of {pattern} is not there"),
                        problem.span,
                        "this directory is not there",
                    )
                    .help("make the directory, or correct the path")
                    .refused_by(Program::PhpFpm, format!("Unable to globalize '{pattern}' (ret=2)")),
                FpmProblem::OnlyDirectories => RULE
                    .finding(
                        format!("{pattern} is a directory, and PHP-FPM includes nothing from it"),
                        problem.span,
                        "a directory, not a pattern",
                    )
                    .help(format!("write `include = {}/*.conf`", pattern.trim_end_matches('/'))),
                FpmProblem::NoMatch => RULE
                    .finding(format!("{pattern} matches nothing"), problem.span, "matches no file")
                    .help("put a pool file there, or correct the pattern"),
                FpmProblem::NotKnown | FpmProblem::OutsideTree | FpmProblem::Unreadable(..) | FpmProblem::TooDeep => {
                    continue;
                }
            };
            let finding = match no_pool && problem.kind != FpmProblem::NoDirectory {
                true => finding.refused_by(
                    Program::PhpFpm,
                    "No pool defined. at least one pool section must be specified in config file",
                ),
                false => finding,
            };
            let severity = match no_pool || problem.kind == FpmProblem::NoDirectory {
                true => Severity::Error,
                false => Severity::Warning,
            };
            findings.push(finding.severity(severity));
        }
    }
}
