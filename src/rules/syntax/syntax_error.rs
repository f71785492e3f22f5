//! Text that breaks the grammar of its language.

use crate::deployment::Deployment;
use crate::finding::{Finding, Program};
use crate::nginx::ast::{Problem, ProblemKind, Tree};
use crate::nginx::examine::{Flaw, Refusal};
use crate::php::ast::{Expecting, Problem as FpmProblem, ProblemKind as FpmKind};
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};

pub(super) static RULE: Rule = rule!(syntax / "syntax-error", Error, "the text breaks the grammar of nginx or PHP-FPM");

/// Where a file breaks the grammar more often than this, it is meant for another program.
const SHOWN_PER_FILE: usize = 10;

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for nginx in &machine.nginx {
            for (_, tree) in nginx.files.trees() {
                let problems = untold(tree, &nginx.refusals, sources);
                findings.findings.extend(of_file(problems, sources));
            }
        }
        for master in &machine.masters {
            findings.findings.extend(few(&master.configuration.problems, of_fpm));
        }
    }
}

/// The problems that no other finding tells: one mistake is one finding.
fn untold<'t>(tree: &'t Tree, refusals: &[Refusal], sources: &Sources) -> Vec<&'t Problem> {
    let line = |span: Span| (span.file, sources.get(span.file).position(span.start).line);
    // A statement that is refused where it stands, and the brace that came there with it.
    let is_told = |problem: &Problem| {
        matches!(problem.kind, ProblemKind::UnclosedBlock | ProblemKind::Unexpected('}'))
            && refusals.iter().any(|refusal| {
                let misplaced = matches!(refusal.flaw, Flaw::Misplaced { .. } | Flaw::Count { .. });
                let is_unclosed =
                    problem.kind == ProblemKind::UnclosedBlock && line(refusal.span) == line(problem.span);
                let is_same = refusal.refusal == problem.refusal && line(refusal.span) == line(problem.noticed);
                misplaced && (is_unclosed || is_same && problem.span.start > refusal.span.start)
            })
    };
    let nameless = tree.problems.iter().filter(|problem| problem.kind == ProblemKind::Unexpected('{')).count();
    let unended = refusals.iter().filter(|refusal| refusal.refusal.ends_with("is not terminated by \";\"")).count();
    // What opens without a name leaves a block open further on.
    let mut opened = nameless + unended;
    let mut left = Vec::new();
    for problem in tree.problems.iter().filter(|problem| !is_told(problem)) {
        match problem.kind {
            ProblemKind::UnclosedBlock if opened > 0 => opened -= 1,
            _ => left.push(problem),
        }
    }
    left
}

/// The findings of a file's problems. Where an editor or a web page has replaced the `;`, it has done so on many
/// lines: that is one mistake.
fn of_file(mut problems: Vec<&Problem>, sources: &Sources) -> Vec<Finding> {
    let mut replaced = 0;
    problems.retain(|problem| {
        replaced += usize::from(is_replaced(problem, sources));
        replaced <= 1 || !is_replaced(problem, sources)
    });
    few(problems, |problem| {
        let finding = of_nginx(problem, sources);
        match replaced.saturating_sub(1) {
            more if more > 0 && is_replaced(problem, sources) => {
                finding.note(format!("the same sign stands for `;` at {more} more places of this file"))
            }
            _ => finding,
        }
    })
}

/// Whether a sign that only looks like it stands in place of a `;`.
fn is_replaced(problem: &Problem, sources: &Sources) -> bool {
    problem.kind == ProblemKind::LostSemicolon && sources.text(problem.span).ends_with(['\u{ff1b}', '\u{37e}'])
}

/// The findings of the first problems, the last one with a note of how many more there are.
fn few<'p, P: 'p>(problems: impl IntoIterator<Item = &'p P>, finding: impl Fn(&P) -> Finding) -> Vec<Finding> {
    let mut problems = problems.into_iter();
    let mut shown: Vec<Finding> = problems.by_ref().take(SHOWN_PER_FILE).map(finding).collect();
    let more = problems.count();
    if let Some(last) = shown.pop() {
        shown.push(if more > 0 { last.note(format!("{more} more like this are not shown")) } else { last });
    }
    shown
}

fn of_nginx(problem: &Problem, sources: &Sources) -> Finding {
    let (message, label, help) = match &problem.kind {
        ProblemKind::Unexpected('}') if problem.noticed != problem.span => (
            "this `}` closes its block too early".to_owned(),
            "what follows belongs into the block",
            "remove it, or open the block that it was meant to close",
        ),
        ProblemKind::Unexpected('}') => (
            "this `}` closes nothing".to_owned(),
            "no block is open here",
            "remove it, or look for a `}` too many above",
        ),
        ProblemKind::Unexpected('{') => (
            "this `{` has no directive before it".to_owned(),
            "a block without a name",
            "write the directive before it, or remove the block",
        ),
        ProblemKind::Unexpected(found) => {
            (format!("this `{found}` ends nothing"), "no directive before it", "remove it")
        }
        ProblemKind::MissingSemicolon => (
            format!("no `;` behind `{}`", line(problem.span, sources)),
            "the `}` comes before its `;`",
            "write a `;` behind it",
        ),
        ProblemKind::LostSemicolon => (
            format!("no `;` behind `{}`", line(problem.span, sources)),
            "the next directive begins before its `;`",
            match is_replaced(problem, sources) {
                true => "write `;` instead of the sign that only looks like it",
                false => "write a `;` at the end of this line",
            },
        ),
        ProblemKind::NoBlock => (
            format!("no `{{` opens the block of `{}`", line(problem.span, sources)),
            "nginx takes everything up to the next `;` for arguments",
            "write ` {` behind it; a `{` glued to a word that ends in `$` belongs to the word",
        ),
        ProblemKind::AfterQuote(found) => (
            format!("`{found}` stands directly behind a closing quote"),
            "a blank, `;`, `{` or `)` must follow the quote",
            "write a blank between, or close the quote later",
        ),
        ProblemKind::UnclosedQuote(quote) => {
            (format!("nothing closes this {quote}"), "the quote begins here", "close the quote where the value ends")
        }
        ProblemKind::UnfinishedStatement => (
            format!("no `;` behind `{}`", line(problem.span, sources)),
            "the file ends before the `;`",
            "write a `;` at the end",
        ),
        ProblemKind::UnclosedBlock => (
            format!("no `}}` closes `{}`", line(problem.span, sources)),
            "the block that opens here is never closed",
            "write the missing `}`; a regex that ends in `$` eats a `{` glued to it",
        ),
        ProblemKind::Repetition(_) => (
            format!("the braces of `{}` are not in quotes", line(problem.span, sources)),
            "nginx takes the first `{` for the start of a block",
            "put the whole expression into double quotes",
        ),
        ProblemKind::TooLong => (
            "this is longer than nginx's buffer of 4096 bytes".to_owned(),
            "too long",
            "shorten it, or split it over several lines",
        ),
        ProblemKind::Binary => {
            ("this is binary data, not a configuration".to_owned(), "a zero byte", "exclude the file from the include")
        }
        ProblemKind::TooDeep => {
            ("blocks are nested deeper than 100".to_owned(), "not followed from here on", "check the braces above")
        }
        ProblemKind::ByteOrderMark => (
            "a byte order mark stands before the first word".to_owned(),
            "nginx takes it for a part of the word",
            "save the file as UTF-8 without a byte order mark",
        ),
    };
    let finding = RULE.finding(message, problem.span, label).help(help);
    super::refused_at(finding, Some(problem.noticed), &problem.refusal, sources)
}

/// The first line of a place, cut to what a message can hold.
fn line(span: Span, sources: &Sources) -> String {
    let text = sources.text(span);
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.to_owned(),
    }
}

fn of_fpm(problem: &FpmProblem) -> Finding {
    let label = match problem.kind {
        FpmKind::LostText => "the rest of the line is dropped from here",
        _ => "PHP-FPM stops reading here",
    };
    let finding = RULE.finding(problem.kind.to_string(), problem.span, label);
    let finding = match problem.kind {
        FpmKind::HashComment(_) => finding.help("begin comments with `;`"),
        FpmKind::NoValue => finding.help("write `key = value`, or `;` in front of a comment"),
        FpmKind::EmptyQuotes => finding.help("write `\"\"`, or nothing"),
        FpmKind::LostText => finding.help("close the quote, or put the value into double quotes"),
        FpmKind::Syntax(unexpected) => finding.help(match unexpected.expecting {
            Expecting::ClosingBracket => "close the bracket with `]`",
            Expecting::ClosingQuote | Expecting::ClosingSingleQuote => "close the quote on the same line",
            Expecting::ClosingParenthesis => "close the parenthesis, or put the value into double quotes",
            Expecting::VariableName | Expecting::ClosingBrace => "write `${NAME}`, or put the value into single quotes",
            Expecting::Equals => "write `key[name] = value`",
            Expecting::Much => "put the value into double quotes",
        }),
        FpmKind::TooDeep => finding.help("put the value into double quotes"),
    };
    match problem.kind.message() {
        Some(refusal) => finding.refused_by(Program::PhpFpm, refusal),
        None => finding,
    }
}
