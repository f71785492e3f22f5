//! A file that includes itself, perhaps through others.

use crate::deployment::Deployment;
use crate::finding::{Program, Severity};
use crate::nginx::load::IncludeProblemKind;
use crate::php::load::IncludeProblemKind as FpmProblem;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(syntax / "include-cycle", Error, "a file includes itself, perhaps through others");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for files in machine.nginx.iter().map(|nginx| &nginx.files) {
            for problem in files.problems.iter().filter(|problem| problem.kind == IncludeProblemKind::Cycle) {
                let path = problem.path.display();
                let finding = RULE
                    .finding(format!("{path} includes itself"), problem.span, "nginx is reading this file already")
                    .help("remove this include, or exclude the file from the pattern");
                let by_pattern = files.patterns().iter().any(|(span, _)| *span == problem.span);
                findings.push(match by_pattern {
                    // Without descriptors `glob` finds nothing, and a pattern may match nothing.
                    true => finding
                        .note("nginx reads the file once for each descriptor it may have; then the pattern matches nothing, and it goes on")
                        .severity(Severity::Warning),
                    false => finding
                        .note("nginx reads on until it has no descriptors left, or crashes")
                        .refused_by(Program::Nginx, "failed (24: Too many open files)"),
                });
            }
        }
        for problem in machine.masters.iter().flat_map(|master| &master.configuration.include_problems) {
            if problem.kind == FpmProblem::TooDeep {
                let finding = RULE
                    .finding("includes go more than 5 files deep", problem.span, "PHP-FPM gives up here")
                    .help("remove this include, or exclude the file from the pattern")
                    .refused_by(Program::PhpFpm, "failed to include more than 5 files recursively");
                findings.push(finding);
            }
        }
    }
}
