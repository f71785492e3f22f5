//! Templates that the environment fills in, as the image of nginx does with `envsubst`: `listen ${PORT};`.
//!
//! They are configuration already, but for words in capitals, which no variable of nginx has. What is written besides
//! those is checked; what the words stand for nobody knows.

use std::path::{Path, PathBuf};

use super::recognise::{Recognised, is_evidently_nginx, recognise};
use super::template::has_marks;
use crate::finding::{Category, Finding};
use crate::source::Sources;

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
pub fn hangs_on_environment(finding: &Finding, sources: &Sources) -> bool {
    let is_local = matches!(finding.category, Category::Syntax | Category::Connection | Category::Script);
    finding.labels().iter().any(|label| {
        let source = sources.get(label.span.file);
        let written = sources.text(label.span);
        let hangs = match finding.rule {
            // Whatever stands behind a name that is wrong.
            "directive-unknown" | "directive-misplaced" => is_filled_in(written.as_bytes()),
            // A `;` may come with the last word.
            "syntax-error" => {
                let last = written.split_whitespace().next_back().unwrap_or_default();
                placeholder(last) == Some(0) && last.ends_with(|char: char| char == '}' || char.is_ascii_uppercase())
            }
            _ => is_filled_in(source.line(source.position(label.span.start).line)),
        };
        source.path.ends_with(ENDING) && (hangs || !is_local && is_filled_in(source.bytes()))
    })
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
