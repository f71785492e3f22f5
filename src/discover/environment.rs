//! Templates that the environment fills in, as the image of nginx does with `envsubst`: `listen ${PORT};`.
//!
//! They are configuration already, but for words in capitals, which no variable of nginx has. What is written besides
//! those is checked; what the words stand for nobody knows.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::recognise::{Recognised, is_evidently_nginx, recognise};
use super::template::has_marks;
use crate::finding::{Category, Finding};
use crate::source::{FileId, Sources, Span};
use crate::values::environment::{Environment, Said, Variable, names};

/// The ending of such templates.
const ENDING: &str = ".template";

/// Whether a file is such a template of nginx's configuration.
pub(super) fn is_template_of_nginx(path: &Path, bytes: &[u8]) -> bool {
    let Some(rendered) = path.to_str().and_then(|path| path.strip_suffix(ENDING)) else { return false };
    let text = String::from_utf8_lossy(bytes);
    // What a word of its own brings may be any statement.
    let is_open = text.lines().any(|line| placeholder(line.trim_start()) == Some(0));
    let is_nginx = || matches!(recognise(&PathBuf::from(rendered), bytes), Recognised::Nginx(_));
    !is_open && !has_marks(&text) && is_nginx() && is_evidently_nginx(bytes)
}

/// Whether anything is filled in.
pub(super) fn is_filled_in(bytes: &[u8]) -> bool {
    placeholder(&String::from_utf8_lossy(bytes)).is_some()
}

/// Whether a finding hangs on what the environment fills in. Of limits and timeouts it always may: a value that is not
/// known leaves a default behind.
pub fn hangs_on_environment(finding: &Finding, sources: &Sources, open: &mut OpenFiles) -> bool {
    let is_local = matches!(finding.category, Category::Syntax | Category::Connection | Category::Script);
    finding.labels().iter().any(|label| {
        let source = sources.get(label.span.file);
        if !source.path.ends_with(ENDING) {
            return false;
        }
        let (written, environment) = (sources.text(label.span), source.environment.as_deref());
        let hangs = match finding.rule {
            // Whatever stands behind a name that is wrong.
            "directive-unknown" | "directive-misplaced" => is_open(&written, environment),
            // A `;` may come with the last word.
            "syntax-error" => {
                let last = written.split_whitespace().next_back().unwrap_or_default();
                let is_last = last.ends_with(|char: char| char == '}' || char.is_ascii_uppercase());
                placeholder(last) == Some(0) && is_last && is_open(last, environment)
            }
            _ => is_open(&beside(source.bytes(), label.span.start as usize), environment),
        };
        hangs || !is_local && open.is_open(label.span.file, sources)
    })
}

/// The files that something is filled into of which it is not known what: each is looked through once.
#[derive(Debug, Default)]
pub struct OpenFiles(HashMap<FileId, bool>);

impl OpenFiles {
    fn is_open(&mut self, file: FileId, sources: &Sources) -> bool {
        let source = sources.get(file);
        let look = || is_open(&String::from_utf8_lossy(source.bytes()), source.environment.as_deref());
        *self.0.entry(file).or_insert_with(look)
    }
}

/// So much of a long line counts as beside a place in it.
const MAX_BESIDE: usize = 1000;

/// The line where a place begins, or what is near of a long one.
fn beside(bytes: &[u8], start: usize) -> Cow<'_, str> {
    let (before, after) = bytes.split_at(start);
    let is_inside = |byte: &&u8| **byte != b'\n';
    let before = before.iter().rev().take(MAX_BESIDE).take_while(is_inside).count();
    let after = after.iter().take(MAX_BESIDE).take_while(is_inside).count();
    String::from_utf8_lossy(&bytes[start - before..start + after])
}

/// Whether something is filled into a text of which it is not known what.
pub(super) fn is_open(text: &str, environment: Option<&Environment>) -> bool {
    placeholder(text).is_some() && environment.is_none_or(|environment| environment.fill(text).is_none())
}

/// Adds to a finding what the environment fills into its lines, and where that is said. Nothing mends such a line
/// without a look at that place.
pub fn explain(finding: &mut Finding, sources: &mut Sources) {
    let mut said = Vec::new();
    for label in finding.labels() {
        let (source, text) = (sources.get(label.span.file), sources.text(label.span));
        let Some(environment) = &source.environment else { continue };
        for (_, name, _) in names(&text) {
            let known = (name.to_owned(), environment.variable(name).cloned(), environment.get(name) == Said::Unset);
            // `$uri` is nginx's own.
            if (known.1.is_some() || placeholder(&format!("${name}")).is_some()) && !said.contains(&known) {
                said.push(known);
            }
        }
    }
    let mut places: Vec<(Span, Vec<String>)> = Vec::new();
    for (name, variable, is_unset) in said {
        match variable {
            Some(Variable { value: Some(value), file: (path, text), line }) => {
                let known = sources.find(&path, text.as_bytes());
                let file = known.unwrap_or_else(|| sources.add(path, None, text.as_bytes().to_vec()));
                let span = sources.get(file).statement_span(file, line);
                let value = if value.is_empty() { "empty".into() } else { value };
                let said = format!("{name} is {value}");
                match places.iter_mut().find(|(known, _)| *known == span) {
                    Some((_, all)) => all.push(said),
                    None => places.push((span, vec![said])),
                }
            }
            None if is_unset => {
                finding.notes.push(format!("nothing in view sets {name}, which stays as it is written"));
                finding.help = Some(format!("set {name} in the environment of the container"));
            }
            _ => {}
        }
    }
    for (span, said) in places {
        *finding = finding.clone().label(span, format!("{} here", said.join(", ")));
        finding.fixes.clear();
    }
}

/// Where the first word in capitals behind a `$` stands.
fn placeholder(text: &str) -> Option<usize> {
    let begins = |(at, _): &(usize, &str)| {
        let name = text[at + 1..].trim_start_matches('{');
        name.starts_with(|char: char| char.is_ascii_uppercase())
    };
    text.match_indices('$').find(begins).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_capitals_are_filled_in() {
        let is = |name: &str, text: &str| is_template_of_nginx(Path::new(name), text.as_bytes());
        assert!(is("a.conf.template", "server { listen ${PORT}; root $document_root; }\n"));
        assert!(is("a.conf.template", "server { listen 80; }\n"));
        for (name, text) in [
            ("a.conf", "server { listen ${PORT}; }\n"),
            ("a.conf.template", "server {\n  ${MORE}\n  listen 80;\n}\n"),
            ("a.conf.template", "server { listen {{ port }}; }\n"),
            ("a.template", "Dear ${NAME},\n"),
        ] {
            assert!(!is(name, text), "{text}");
        }
        assert!(is_filled_in(b"x $PORT y") && !is_filled_in(b"x $port $1 ${uri} $ Y"));
    }
}
