//! What programs printed, given in place of their files: `nginx -T`, `nginx -V`, `php-fpm -tt`. One
//! text may hold all three.

use crate::host::dump::{Dump, is_message};
use crate::host::facts::FactsFile;
use crate::host::{Host, nginx_v, pasted};
use crate::nginx::ast::ProblemKind;
use crate::nginx::parse::parse;
use crate::php::test_output;
use crate::source::Sources;

/// What a text holds.
#[derive(Debug, Default)]
pub struct Capture {
    /// The files of `nginx -T`.
    pub dump: Option<Dump>,
    /// The facts of `nginx -V`.
    pub facts: Option<FactsFile>,
    /// Whether it holds the settings of `php-fpm -tt`.
    pub fpm_test: bool,
}

impl Capture {
    /// Looks at a text; none when no program has printed it. The error says what is wrong with it.
    pub fn of(text: &[u8]) -> Result<Option<Self>, String> {
        let printed = pasted::bare(text);
        let dump = Dump::read(&printed);
        if let Some(dump) = &dump {
            whole(dump)?;
        }
        let found = Capture { dump, facts: nginx_v::read(&printed), fpm_test: !test_output::masters(text).is_empty() };
        if found.dump.is_some() || found.facts.is_some() || found.fpm_test {
            return Ok(Some(found));
        }
        match refusal(text) {
            Some(line) => Err(format!("this is no configuration, but what a program says of one: {line}")),
            None => Ok(None),
        }
    }

    /// What it was taken for.
    pub fn says(&self) -> String {
        let parts = [
            self.dump.as_ref().map(|dump| format!("what `nginx -T` printed of /{}", crate::host::shown(&dump.main))),
            self.facts.as_ref().map(|_| "what `nginx -V` printed".to_owned()),
            self.fpm_test.then(|| "what `php-fpm -tt` printed".to_owned()),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", and ")
    }
}

/// nginx prints what it has read whole, the main file first: a last file that ends inside of a block was cut off,
/// and so was the begin, where the first one brings no `events`.
fn whole(dump: &Dump) -> Result<(), String> {
    if dump.is_several {
        return Err("this holds what `nginx -T` printed of several hosts; give each in a file of its own".into());
    }
    let mut sources = Sources::default();
    let text = dump.read(&dump.last).unwrap_or_default();
    let file = sources.add(String::new(), None, text);
    let tree = parse(file, sources.get(file).bytes());
    let last = dump.last.display();
    for problem in &tree.problems {
        match problem.kind {
            ProblemKind::UnclosedBlock | ProblemKind::UnclosedQuote(_) => {
                return Err(format!("this dump ends in the middle of {last}: it was cut off"));
            }
            ProblemKind::UnfinishedStatement => {
                let words = sources.text(problem.span);
                let line = words.lines().next().unwrap_or_default();
                return Err(format!(
                    "this dump ends with `{line}` in {last}: it was cut off, or that is no part of it"
                ));
            }
            _ => {}
        }
    }
    let text = dump.read(&dump.main).unwrap_or_default();
    let file = sources.add(String::new(), None, text);
    let begins = |name: &str| matches!(name, "events" | "include");
    match parse(file, sources.get(file).bytes()).directives.iter().any(|directive| begins(directive.name())) {
        true => Ok(()),
        false => Err(format!("this dump begins with {}, and lacks nginx's main file before it", dump.main.display())),
    }
}

/// The line in which a program refuses its configuration, in a text that holds messages only.
fn refusal(text: &[u8]) -> Option<String> {
    let mut lines = text.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty());
    let is_refused = |line: &&[u8]| {
        let line = String::from_utf8_lossy(line);
        line.contains("[emerg]") || line.contains("] ERROR: ")
    };
    let all = lines.clone().all(is_message);
    lines.find(is_refused).filter(|_| all).map(|line| String::from_utf8_lossy(line).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn texts_that_are_cut_off_or_refusals_are_told() {
        let dump = "# configuration file /c/nginx.conf:\nevents {}\nhttp {\n";
        assert_eq!(
            Capture::of(dump.as_bytes()).unwrap_err(),
            "this dump ends in the middle of /c/nginx.conf: it was cut off"
        );
        let more = "# configuration file /c/nginx.conf:\nevents {}\n\n+ echo done\ndone\n";
        assert_eq!(
            Capture::of(more.as_bytes()).unwrap_err(),
            "this dump ends with `done` in /c/nginx.conf: it was cut off, or that is no part of it"
        );
        let headless = "# configuration file /c/mime.types:\ntypes { a b; }\n\n";
        assert_eq!(
            Capture::of(headless.as_bytes()).unwrap_err(),
            "this dump begins with /c/mime.types, and lacks nginx's main file before it"
        );
        let refused = "2026/01/31 12:00:00 [emerg] 7#7: unknown directive \"x\" in /c/a:1\n\
            nginx: configuration file /c/nginx.conf test failed\n";
        assert!(Capture::of(refused.as_bytes()).unwrap_err().ends_with("in /c/a:1"));
        assert!(Capture::of(b"events {}\n").unwrap().is_none());
    }

    #[test]
    fn one_text_may_hold_all_three() {
        let text = "nginx version: nginx/1.22.1\nconfigure arguments: --user=www\n# configuration file /c/nginx.conf:\n\
            events {}\n\n[21-Nov-2026 06:36:24] NOTICE: [www]\n[21-Nov-2026 06:36:24] NOTICE: \tlisten = /run/a\n\
            [21-Nov-2026 06:36:24] NOTICE: configuration file /f.conf test is successful\n";
        let found = Capture::of(text.as_bytes()).unwrap().unwrap();
        assert!(found.fpm_test && found.facts.is_some());
        assert_eq!(found.dump.unwrap().read("/c/nginx.conf".as_ref()).unwrap(), b"events {}\n");
    }
}
