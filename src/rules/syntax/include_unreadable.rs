//! An included file that could not be read here: what is in it was not checked.

use std::path::Path;

use super::lost;
use crate::deployment::Deployment;
use crate::finding::{Finding, Program};
use crate::host::ReadError;
use crate::host::glob::MAX_MATCHES;
use crate::nginx::levels::{MAX_DEPTH, MAX_REPEATED, MAX_STATEMENTS};
use crate::nginx::load::{IncludeProblem, IncludeProblemKind, MAX_INCLUDE_DEPTH, is_packaged};
use crate::nginx::parse::MAX_LENGTH;
use crate::php::load::{IncludeProblemKind as FpmProblem, MAX_STATEMENTS as MAX_SETTINGS};
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};

pub(super) static RULE: Rule =
    rule!(syntax / "include-unreadable", Error, "an included file cannot be read, so what is in it was not checked");

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for problem in machine.nginx.iter().flat_map(|nginx| &nginx.files.problems) {
            let why = match &problem.kind {
                IncludeProblemKind::Unreadable { error: ReadError::Directory, .. } => {
                    findings.push(directory(&problem.path, problem.span));
                    continue;
                }
                IncludeProblemKind::Unreadable { error, .. } => match unread(error) {
                    Some(why) => why,
                    None => continue,
                },
                IncludeProblemKind::TooDeep => {
                    (format!("more than {MAX_INCLUDE_DEPTH} files include each other"), "include fewer files in a row")
                }
                IncludeProblemKind::TooManyMatches => too_many(),
                IncludeProblemKind::OutsideTree => {
                    // Modules bring directives, and nothing that the rules look for.
                    let is_module = problem.path.components().any(|part| part.as_os_str() == "modules");
                    if !is_module && !is_packaged(&problem.path) {
                        findings.unchecked(&RULE, lost(machine.view, problem, sources), "--root");
                    }
                    continue;
                }
                IncludeProblemKind::NotInDump => {
                    let lost = format!("the included {}, which the dump lacks", problem.path.display());
                    findings.unchecked(&RULE, lost, "nginx -T");
                    continue;
                }
                IncludeProblemKind::TooManyWords => {
                    let most = format!("{MAX_LENGTH} words and marks");
                    findings.push(cut(&problem.path.display().to_string(), problem.span, &most));
                    continue;
                }
                IncludeProblemKind::Cycle | IncludeProblemKind::NoMatch => continue,
            };
            report(findings, &problem.path.display().to_string(), problem.span, why);
        }
        let is_cut = |problem: &IncludeProblem| problem.kind == IncludeProblemKind::TooManyWords;
        let truncated = machine.nginx.iter().filter(|nginx| nginx.config.truncated);
        for nginx in truncated.filter(|nginx| !nginx.files.problems.iter().any(is_cut)) {
            let first = nginx.files.mains.iter().flat_map(|main| &nginx.files.tree(*main).directives).next();
            if let Some(first) = first {
                let why = format!(
                    "with all that includes bring, there are more than {MAX_STATEMENTS} statements, files come into \
                     blocks that have them already more than {MAX_REPEATED} times, or {MAX_DEPTH} levels do not suffice"
                );
                report(findings, "configuration", first.head, (why, "include each file once"));
            }
        }
        for problem in machine.masters.iter().flat_map(|master| &master.configuration.include_problems) {
            match &problem.kind {
                FpmProblem::Unreadable(path, error) => {
                    if let Some(why) = unread(error) {
                        report(findings, &path.display().to_string(), problem.span, why);
                    }
                }
                FpmProblem::TooManyStatements => {
                    findings.push(cut(&problem.pattern, problem.span, &format!("{MAX_SETTINGS} lines")));
                }
                FpmProblem::TooManyMatches => report(findings, &problem.pattern, problem.span, too_many()),
                FpmProblem::OutsideTree => {
                    findings.unchecked(&RULE, format!("what PHP-FPM includes by {}", problem.pattern), "--root");
                }
                _ => {}
            }
        }
    }
}

/// The program itself may read all.
fn cut(path: &str, span: Span, most: &str) -> Finding {
    RULE.finding(
        format!("{path} was not read to its end: more than {most} are not read"),
        span,
        "not read from here on",
    )
    .help("check parts of the configuration on their own, or exclude what is no configuration")
}

/// nginx reads a directory as if it were a file, and fails.
fn directory(path: &Path, span: Span) -> Finding {
    let path = path.display();
    RULE.finding(format!("the included {path} is a directory"), span, "what is in it was not checked")
        .help(format!("name the files in it with a pattern, such as `include {path}/*.conf;`"))
        .refused_by(Program::Nginx, format!("pread() \"{path}\" failed (21: Is a directory)"))
}

/// Why something was not read, and what to do about it.
type Why = (String, &'static str);

fn too_many() -> Why {
    (format!("the pattern matches more than {MAX_MATCHES} files, and only so many are read"), "narrow the pattern")
}

fn unread(error: &ReadError) -> Option<Why> {
    let help = match error {
        ReadError::NotFound | ReadError::Dangling { .. } => return None,
        ReadError::LeavesRoot { .. } => "check a tree that holds what the link names",
        ReadError::TooManyLinks => "let one of the links name a file",
        ReadError::Directory | ReadError::NotAFile => "include a file",
        ReadError::TooLarge { .. } => "split the file",
        // The run ends without findings.
        ReadError::TooMuch => return None,
        ReadError::PermissionDenied | ReadError::Io(_) => "run the check as a user who may read it",
    };
    Some((error.to_string(), help))
}

fn report(findings: &mut Findings, path: &str, span: Span, (why, help): Why) {
    let finding = RULE
        .finding(format!("the included {path} was not read: {why}"), span, "what is in it was not checked")
        .help(help);
    findings.push(finding);
}
