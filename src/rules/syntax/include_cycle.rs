//! A file that includes itself, perhaps through others.

use crate::deployment::Deployment;
use crate::finding::{Program, Severity};
use crate::host::glob;
use crate::nginx::load::IncludeProblemKind;
use crate::php::load::IncludeProblemKind as FpmProblem;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(syntax / "include-cycle", Error, "a file includes itself, perhaps through others");

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for problem in machine.nginx.iter().flat_map(|nginx| &nginx.files.problems) {
            if problem.kind == IncludeProblemKind::Cycle {
                let path = problem.path.display();
                let finding = RULE
                    .finding(format!("{path} includes itself"), problem.span, "nginx is reading this file already")
                    .help("remove this include, or exclude the file from the pattern");
                // Without descriptors a pattern matches nothing, which nginx accepts.
                findings.push(match glob::is_pattern(&sources.text(problem.span)) {
                    true => finding
                        .note("nginx reads on until it has no descriptors left and goes on with hundreds of copies, or crashes before")
                        .severity(Severity::Warning),
                    false => finding
                        .note("nginx reads on until it has no descriptors left, or crashes before")
                        .refused_by(Program::Nginx, "failed (24: Too many open files)"),
                });
            }
        }
        for problem in machine.masters.iter().flat_map(|master| &master.configuration.include_problems) {
            if problem.kind == FpmProblem::TooDeep {
                let finding = RULE
                    .finding("files include each other more than 5 deep", problem.span, "PHP-FPM gives up here")
                    .help("remove this include, or exclude the file from the pattern")
                    .refused_by(Program::PhpFpm, "failed to include more than 5 files recursively");
                findings.push(finding);
            }
        }
    }
}
