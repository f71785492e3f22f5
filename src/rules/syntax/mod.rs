//! What `nginx -t` and `php-fpm -t` refuse.

use super::Rule;
use crate::deployment::{Deployment, Machine, View};
use crate::finding::{Edit, Finding, Fix, Program};
use crate::host::glob;
use crate::nginx::examine::Refusal;
use crate::nginx::load::IncludeProblem;
use crate::source::{Sources, Span};

mod argument_count;
mod certificate_missing;
mod character_suspect;
mod default_server_duplicate;
mod directive_duplicate;
mod directive_misplaced;
mod directive_unknown;
mod file_missing;
mod fpm_listen_missing;
mod fpm_section_missing;
mod fpm_setting_missing;
mod fpm_setting_unknown;
mod fpm_value_invalid;
mod include_cycle;
mod include_missing;
mod include_unreadable;
mod ini_expression;
mod ini_value_suspect;
mod location_duplicate;
mod opcache_invalid;
mod placeholder_left;
mod semicolon_swallowed;
mod server_name_conflict;
mod server_name_never_matches;
mod slowlog_invalid;
mod syntax_error;
mod value_invalid;
mod variable_undefined;

/// The rules of this category.
pub const RULES: &[&Rule] = &[
    &argument_count::RULE,
    &certificate_missing::RULE,
    &character_suspect::RULE,
    &default_server_duplicate::RULE,
    &directive_duplicate::RULE,
    &directive_misplaced::RULE,
    &directive_unknown::RULE,
    &file_missing::RULE,
    &fpm_listen_missing::RULE,
    &fpm_section_missing::RULE,
    &fpm_setting_missing::RULE,
    &fpm_setting_unknown::RULE,
    &fpm_value_invalid::RULE,
    &include_cycle::RULE,
    &include_missing::RULE,
    &include_unreadable::RULE,
    &ini_expression::RULE,
    &ini_value_suspect::RULE,
    &location_duplicate::RULE,
    &opcache_invalid::RULE,
    &placeholder_left::RULE,
    &semicolon_swallowed::RULE,
    &server_name_conflict::RULE,
    &server_name_never_matches::RULE,
    &slowlog_invalid::RULE,
    &syntax_error::RULE,
    &value_invalid::RULE,
    &variable_undefined::RULE,
];

/// What was not read, as people name it: where files lie in a repository, a path from its top tells nothing.
fn lost(view: View, problem: &IncludeProblem, sources: &Sources) -> String {
    let written = sources.text(problem.span);
    match view == View::Files
        && !written.trim_start_matches(['"', '\'']).starts_with('/')
        && !glob::is_pattern(&written)
    {
        true => format!("the included {written}"),
        false => format!("the included {}", problem.path.display()),
    }
}

/// What the machines' nginxes refuse.
fn refusals(deployment: &Deployment) -> impl Iterator<Item = (&Machine, &Refusal)> {
    let of = |machine| move |refusal| (machine, refusal);
    deployment
        .machines
        .iter()
        .flat_map(move |machine| machine.nginx.iter().flat_map(|nginx| &nginx.refusals).map(of(machine)))
}

/// Says that nginx refuses, in its words, and on which line it does where that is another one.
fn refused(finding: Finding, refusal: &Refusal, sources: &Sources) -> Finding {
    refused_at(finding, refusal.noticed, &refusal.refusal, sources)
}

fn refused_at(finding: Finding, noticed: Option<Span>, refusal: &str, sources: &Sources) -> Finding {
    let elsewhere = |at: &Span| finding.labels().iter().all(|label| !on_one_line(label.span, *at, sources));
    let is_end = |at: Span| at.start as usize >= sources.get(at.file).bytes().len();
    let finding = match noticed.filter(elsewhere) {
        Some(at) if is_end(at) => finding.label(at, "nginx names the end of the file"),
        Some(at) => finding.label(at, "nginx names this line"),
        None => finding,
    };
    match refusal {
        "" => finding,
        words => finding.refused_by(Program::Nginx, words),
    }
}

/// A sign that looks like a `;` between words that nginx takes for one statement, up to where `words` end.
fn lookalike(words: Span, sources: &Sources) -> Option<Span> {
    let bytes = sources.get(words.file).bytes();
    let before = bytes.get(..words.start as usize)?.iter().rposition(|byte| b"\n;{}".contains(byte));
    let statement = Span::new(words.file, before.map_or(0, |at| at + 1), words.end as usize);
    let text = sources.text(statement);
    let at = text.find(['\u{ff1b}', '\u{37e}']).filter(|_| !text.contains(['"', '\'']))?;
    let start = statement.start as usize + at;
    let length = text[at..].chars().next().map_or(0, char::len_utf8);
    Some(Span::new(statement.file, start, start + length))
}

/// What is refused because a sign only looks like a `;`.
fn no_semicolon(rule: &'static Rule, message: String, sign: Span) -> Finding {
    let edits = vec![Edit { span: sign, text: ";".to_owned() }];
    rule.finding(message, sign, "nginx takes this for a part of the word, and reads on")
        .help("write `;` instead of the sign that only looks like it")
        .fix(Fix { title: "write `;`".to_owned(), safe: false, edits })
}

/// Whether a place lies on one of the lines of another.
fn on_one_line(span: Span, at: Span, sources: &Sources) -> bool {
    let line = |offset| sources.get(span.file).position(offset).line;
    span.file == at.file && (line(span.start)..=line(span.end)).contains(&line(at.start))
}
