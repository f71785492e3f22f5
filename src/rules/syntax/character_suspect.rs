//! Characters that look like nginx's own and are not.

use crate::deployment::Deployment;
use crate::finding::{Edit, Fix};
use crate::nginx::ast::{Directive, ProblemKind, Tree};
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};

pub(super) static RULE: Rule =
    rule!(syntax / "character-suspect", Warning, "a character looks like one that nginx reads, and is another");

/// What people paste, what it is called, and what they mean.
static LOOKALIKES: [(char, &str, &str); 12] = [
    ('\u{ff1b}', "a full-width semicolon", ";"),
    ('\u{37e}', "a Greek question mark", ";"),
    ('\u{ff5b}', "a full-width brace", "{"),
    ('\u{ff5d}', "a full-width brace", "}"),
    ('\u{201c}', "a typographic quote", "\""),
    ('\u{201d}', "a typographic quote", "\""),
    ('\u{2018}', "a typographic quote", "'"),
    ('\u{2019}', "a typographic quote", "'"),
    ('\u{a0}', "a no-break space", " "),
    ('\u{3000}', "an ideographic space", " "),
    ('\u{200b}', "a zero-width space", ""),
    ('\u{feff}', "a byte order mark", ""),
];

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    let nginx = deployment.machines.iter().flat_map(|machine| &machine.nginx);
    for (file, tree) in nginx.flat_map(|nginx| nginx.files.trees()) {
        if sources.get(file).bytes().is_ascii() {
            continue;
        }
        for directive in &tree.directives {
            look(directive, tree, sources, findings);
        }
    }
}

fn look(directive: &Directive, tree: &Tree, sources: &Sources, findings: &mut Findings) {
    for word in directive.words().filter(|word| !word.quoted && !word.text.is_ascii()) {
        let found = lookalike(&sources.get(word.span.file).bytes()[word.span.range()]);
        // A byte order mark at the very start is told by `syntax-error`.
        let Some((at, length, (_, what, meant))) = found.filter(|_| word.span.start >= 3) else { continue };
        let start = word.span.start as usize + at;
        let span = Span::new(word.span.file, start, start + length);
        // The `;` that it stands for is told to be missing.
        let is_told = tree.problems.iter().any(|problem| {
            let lacks = matches!(problem.kind, ProblemKind::LostSemicolon | ProblemKind::MissingSemicolon);
            lacks && *meant == ";" && problem.span.start <= span.start && span.end <= problem.span.end
        });
        if is_told {
            continue;
        }
        let instead = match *meant {
            "" => "remove it".to_owned(),
            " " => "write a blank".to_owned(),
            meant => format!("write `{meant}`"),
        };
        let edits = vec![Edit { span, text: (*meant).to_owned() }];
        findings.push(
            RULE.finding(
                format!("{what} stands in `{}`", directive.name()),
                span,
                "nginx takes it for a part of the word",
            )
            .help(instead.clone())
            .fix(Fix { title: instead, safe: false, edits }),
        );
    }
    for inner in directive.block() {
        look(inner, tree, sources, findings);
    }
}

/// The first character of a word that looks like another one: the bytes before it, its length, and its row. The
/// bytes around it need not be UTF-8.
fn lookalike(word: &[u8]) -> Option<(usize, usize, &'static (char, &'static str, &'static str))> {
    let mut before = 0;
    for chunk in word.utf8_chunks() {
        for (at, char) in chunk.valid().char_indices() {
            if let Some(known) = LOOKALIKES.iter().find(|(lookalike, _, _)| *lookalike == char) {
                return Some((before + at, char.len_utf8(), known));
            }
        }
        before += chunk.valid().len() + chunk.invalid().len();
    }
    None
}
