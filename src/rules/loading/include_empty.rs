//! A pattern that matches nothing, or a main file that holds nothing, where something is needed.

use crate::deployment::frontend::Nginx;
use crate::deployment::unloaded::Holds;
use crate::deployment::{Deployment, Machine};
use crate::finding::{Program, Severity};
use crate::nginx::examine::Flaw;
use crate::nginx::levels::Context;
use crate::nginx::load::IncludeProblemKind;
use crate::php::load::{IncludeProblemKind as FpmProblem, is_pool_setting};
use crate::rules::{Findings, Rule, rule};
use crate::source::{FileId, Sources, Span};

pub(super) static RULE: Rule =
    rule!(loading / "include-empty", Error, "an include or a main file brings nothing where something is needed");

/// What PHP-FPM prints when it finds no pool.
const NO_POOL: &str = "No pool defined. at least one pool section must be specified in config file";

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    deployment.machines.iter().for_each(|machine| of_mains(machine, findings));
    for machine in deployment.machines.iter().filter(|machine| !machine.view.is_partial()) {
        of_nginx(machine, findings);
        of_fpm(machine, findings);
    }
}

/// Whether a statement is not known or stands where it may not: it may be what was to open the block.
fn is_misread(nginx: &Nginx) -> bool {
    let flaws = nginx.refusals.iter().filter(|refusal| refusal.is_refused()).map(|refusal| &refusal.flaw);
    flaws.into_iter().any(|flaw| matches!(flaw, Flaw::Unknown(_) | Flaw::Misplaced { .. }))
}

/// Main files that were read whole and lack what their program needs.
fn of_mains(machine: &Machine, findings: &mut Findings) {
    let partial = machine.view.is_partial();
    let place = |file: FileId, first: Option<Span>| first.unwrap_or(Span::new(file, 0, 0));
    for nginx in machine.nginx.iter().filter(|nginx| nginx.is_whole) {
        let is_broken = nginx.files.trees().any(|(_, tree)| !tree.problems.is_empty());
        let has_events = nginx.config.levels(Context::Events).next().is_some();
        for main in &nginx.files.mains {
            let first = nginx.files.tree(*main).directives.first();
            // Away from its host, a file with other statements may be a part of something.
            if is_broken || is_misread(nginx) || has_events || partial && first.is_some() {
                continue;
            }
            let finding = RULE
                .finding(
                    "nginx has no `events` block",
                    place(*main, first.map(|first| first.head)),
                    "nowhere in this file",
                )
                .help("write `events { }`; nginx wants the block, even an empty one")
                .refused_by(Program::Nginx, "no \"events\" section in configuration");
            findings.push(finding);
        }
    }
    for master in machine.masters.iter().filter(|master| master.configuration.has_main && master.pools.is_empty()) {
        let configuration = &master.configuration;
        let first = configuration.global.first().map(|first| first.span);
        // A pool whose header is missing is told by `fpm-section-missing`.
        let headless = configuration.global.iter().any(is_pool_setting);
        let told = headless
            || partial && first.is_some()
            || !configuration.problems.is_empty()
            || !configuration.include_problems.is_empty();
        let Some(main) = configuration.files.first().filter(|_| !told && !master.is_absent()) else { continue };
        let finding = RULE
            .finding("PHP-FPM has no pool", place(*main, first), "no pool in this file")
            .help("write a pool, or include the files that hold them")
            .refused_by(Program::PhpFpm, NO_POOL);
        findings.push(finding);
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
                FpmProblem::NotKnown
                | FpmProblem::OutsideTree
                | FpmProblem::Unreadable(..)
                | FpmProblem::TooDeep
                | FpmProblem::TooManyStatements
                | FpmProblem::TooManyMatches => {
                    continue;
                }
            };
            let finding = match no_pool && problem.kind != FpmProblem::NoDirectory {
                true => finding.refused_by(Program::PhpFpm, NO_POOL),
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
