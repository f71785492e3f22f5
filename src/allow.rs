//! Suppression: `# gatelint: allow(rule-id) reason`, with `;` in files of PHP-FPM.
//!
//! Behind a statement the comment holds for its line, on a line of its own for the next statement
//! with its block, or in INI for the next line, and before a header for the section. It silences a
//! finding of the rule one of whose labels lies there.

use std::ops::RangeInclusive;
use std::sync::Arc;

use crate::deployment::{Deployment, Machine};
use crate::nginx::ast::Directive;
use crate::rules::{self, Findings, Rule, service::allow_comment};
use crate::source::{FileId, Source, Sources, Span};

/// What begins the comment's text.
const MARK: &str = "gatelint: allow(";

/// One comment.
#[derive(Debug)]
struct Allow {
    /// The comment, from its sign.
    span: Span,
    /// The rules it names, as written.
    rules: Vec<String>,
    /// Whether a reason follows.
    has_reason: bool,
    /// The lines it holds for.
    lines: RangeInclusive<usize>,
    /// Whether it has silenced something.
    used: bool,
}

/// Takes out the findings that comments allow, and reports comments that are wrong or for nothing.
/// Rules that did not run leave their comments unused, which is no mistake.
pub fn apply(deployment: &Deployment, sources: &Sources, ran: &dyn Fn(&Rule) -> bool, findings: &mut Findings) {
    let files = deployment.machines.iter().flat_map(Machine::files);
    let mut allows: Vec<Allow> = files.flat_map(|file| comments(deployment, file, sources.get(file))).collect();
    if allows.is_empty() {
        return;
    }
    findings.findings.retain(|finding| {
        let mut allowed = false;
        for allow in allows.iter_mut().filter(|allow| allow.rules.iter().any(|rule| rule == finding.rule)) {
            let inside = finding
                .labels()
                .iter()
                .any(|label| label.span.file == allow.span.file && allow.lines.contains(&line(sources, label.span)));
            allow.used |= inside;
            allowed |= inside;
        }
        !allowed
    });
    if ran(&allow_comment::RULE) {
        let problems = allows.iter().filter_map(|allow| problem(allow, ran));
        findings.findings.extend(problems);
    }
}

fn line(sources: &Sources, span: Span) -> usize {
    sources.get(span.file).position(span.start).line
}

fn problem(allow: &Allow, ran: &dyn Fn(&Rule) -> bool) -> Option<crate::finding::Finding> {
    let unknown = allow.rules.iter().find(|rule| rules::find(rule).is_none());
    let all_ran = allow.rules.iter().filter_map(|rule| rules::find(rule)).all(ran);
    match unknown {
        Some(rule) => Some(allow_comment::unknown(allow.span, rule)),
        None if !allow.has_reason => Some(allow_comment::no_reason(allow.span)),
        None if !allow.used && all_ran => Some(allow_comment::unused(allow.span)),
        None => None,
    }
}

/// The comments of a file.
fn comments(deployment: &Deployment, file: FileId, source: &Source) -> Vec<Allow> {
    // Most files have none: one search over the bytes, and nothing else.
    let has_mark = match std::str::from_utf8(source.bytes()) {
        Ok(text) => text.contains(MARK),
        Err(_) => source.bytes().windows(MARK.len()).any(|window| window == MARK.as_bytes()),
    };
    if !has_mark {
        return Vec::new();
    }
    let lines = 1..=source.line_count();
    lines.filter_map(|number| comment(deployment, file, source, number)).collect()
}

fn comment(deployment: &Deployment, file: FileId, source: &Source, number: usize) -> Option<Allow> {
    // By bytes: what stands before the comment may be no UTF-8, and places count bytes.
    let line = source.line(number);
    let mark = line.windows(MARK.len()).position(|window| window == MARK.as_bytes())?;
    let (sign, ahead) = line[..mark].trim_ascii_end().split_last()?;
    if !matches!(sign, b'#' | b';') {
        return None;
    }
    let behind = String::from_utf8_lossy(&line[mark + MARK.len()..]);
    let (rules, reason) = behind.split_once(')')?;
    let start = source.line_span(file, number).start as usize;
    let span = Span::new(file, start + ahead.len(), start + line.trim_ascii_end().len());
    let trailing = !ahead.trim_ascii().is_empty();
    let lines = if trailing { number..=number } else { next_statement(deployment, file, source, number) };
    Some(Allow {
        span,
        rules: rules.split(',').map(|rule| rule.trim().to_owned()).collect(),
        has_reason: !reason.trim().is_empty(),
        lines,
        used: false,
    })
}

/// The lines of the statement behind a line, with its block.
fn next_statement(deployment: &Deployment, file: FileId, source: &Source, number: usize) -> RangeInclusive<usize> {
    let behind = source.line_span(file, number).end;
    let trees = deployment.machines.iter().flat_map(|machine| &machine.nginx).map(|nginx| &nginx.files);
    let tree = trees.into_iter().find_map(|files| files.get(file));
    if let Some(tree) = tree {
        let Some(next) = first_behind(&tree.directives, behind) else { return number..=number };
        let last = source.position(next.span().end.saturating_sub(1)).line;
        return source.position(next.span().start).line..=last;
    }
    let is_statement = |number: &usize| {
        let line = source.line(*number).trim_ascii();
        !line.is_empty() && !line.starts_with(b";")
    };
    let is_header = |number: &usize| source.line(*number).trim_ascii().starts_with(b"[");
    let mut ahead = number + 1..=source.line_count();
    let Some(next) = ahead.by_ref().find(is_statement) else { return number..=number };
    if !is_header(&next) {
        return next..=next;
    }
    next..=ahead.find(is_header).map_or(source.line_count(), |header| header - 1)
}

/// The first statement that begins behind an offset, at whatever depth.
fn first_behind(directives: &[Arc<Directive>], offset: u32) -> Option<&Directive> {
    for directive in directives {
        if directive.span().start >= offset {
            return Some(directive);
        }
        if directive.span().end > offset {
            if let Some(inside) = first_behind(directive.block(), offset) {
                return Some(inside);
            }
        }
    }
    None
}
