//! What `nginx -T` printed: the files of a running configuration in one text.
//!
//! Each file stands behind a line `# configuration file PATH:` and ends with one line break more than
//! it has. What nginx says on the standard error may stand anywhere between the lines.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::memory::Memory;
use super::{Entry, Host, Opened, ReadError, normalize};
use crate::nginx::ast::{Problem, ProblemKind};
use crate::nginx::parse::parse;
use crate::source::Sources;

const HEADER: &str = "# configuration file ";

/// The files of a dump. They are all that nginx has loaded: what is not here was not there.
#[derive(Clone, Debug)]
pub struct Dump {
    /// The main file, which comes first.
    pub main: PathBuf,
    /// The last file: where a dump that was cut off ends.
    pub last: PathBuf,
    /// Whether these are several dumps: nginx prints a file once, and names one main file.
    pub is_several: bool,
    files: Memory,
}

impl Dump {
    /// The files of a dump; none when the text is something else. What was pasted is taken off before
    /// ([`super::pasted`]).
    pub fn read(text: &[u8]) -> Option<Self> {
        let mut parts: Vec<(PathBuf, Vec<u8>)> = Vec::new();
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            match (header(line), parts.last_mut()) {
                // nginx has taken each file whole: inside of a block or a string this is a comment or text.
                (Some(_), Some((_, text))) if is_open(text) => text.extend_from_slice(line),
                (Some(path), _) => parts.push((path, Vec::new())),
                (None, Some((_, text))) if !is_message(line) => text.extend_from_slice(line),
                (None, _) => {}
            }
        }
        let (main, last) = (parts.first()?.0.clone(), parts.last()?.0.clone());
        let mut is_several = mains(text).len() > 1;
        let mut files = Memory::default();
        for (path, text) in parts {
            let text = text.strip_suffix(b"\n").unwrap_or(&text);
            let text = text.strip_suffix(b"\r").unwrap_or(text);
            is_several |= files.open(&path).is_ok_and(|known| known.bytes.trim_ascii() != text.trim_ascii());
            files.add(path, text);
        }
        Some(Dump { main, last, files, is_several })
    }
}

/// Whether a text ends inside of a block or a string.
pub fn is_open(text: &[u8]) -> bool {
    let count = |wanted: u8| text.iter().filter(|byte| **byte == wanted).count();
    // Most files show at a glance that they are whole.
    if count(b'{') == count(b'}') && count(b'"') % 2 == 0 && count(b'\'') % 2 == 0 {
        return false;
    }
    let mut sources = Sources::default();
    let file = sources.add(String::new(), None, text.to_vec());
    let is_open =
        |problem: &Problem| matches!(problem.kind, ProblemKind::UnclosedBlock | ProblemKind::UnclosedQuote(_));
    parse(file, text).problems.iter().any(is_open)
}

/// The main files whose test nginx speaks of.
fn mains(text: &[u8]) -> BTreeSet<&[u8]> {
    let begin = b"nginx: configuration file ";
    text.split(|byte| *byte == b'\n')
        .filter_map(|line| line.strip_prefix(begin)?.split(|byte| *byte == b' ').next())
        .collect()
}

/// The path in the line that stands before a file.
pub(super) fn header(line: &[u8]) -> Option<PathBuf> {
    let line = std::str::from_utf8(line).ok()?.trim_end_matches(['\r', '\n']);
    let path = line.strip_prefix(HEADER)?.strip_suffix(':').filter(|path| !path.is_empty())?;
    Some(normalize(Path::new(path)))
}

/// Whether a line is something that nginx or PHP-FPM says, and not part of a file.
pub fn is_message(line: &[u8]) -> bool {
    let line = String::from_utf8_lossy(&line[..line.len().min(80)]);
    // Angie is a program of nginx's, and speaks as it does.
    let said = line.strip_prefix("nginx: ").or_else(|| line.strip_prefix("angie: ")).unwrap_or_default();
    if ["the configuration file ", "configuration file ", "["].iter().any(|begin| said.starts_with(begin)) {
        return true;
    }
    let by_nginx = [
        "nginx version: ",
        "Tengine version: ",
        "Angie version: ",
        "built by ",
        "built with ",
        "TLS SNI support ",
        "configure arguments: ",
    ];
    by_nginx.iter().any(|begin| line.starts_with(begin)) || is_logged(&line)
}

/// Whether a line begins with a time and a level: `2026/01/31 12:00:00 [warn] …` as nginx writes it, or
/// `[31-Jan-2026 12:00:00] NOTICE: …` as PHP-FPM does.
fn is_logged(line: &str) -> bool {
    let shape = |text: &str, shape: &str| {
        text.len() == shape.len()
            && text.bytes().zip(shape.bytes()).all(|(byte, shape)| match shape {
                b'0' => byte.is_ascii_digit(),
                b'A' => byte.is_ascii_alphabetic(),
                _ => byte == shape,
            })
    };
    let nginx = line.get(..21).is_some_and(|begin| shape(begin, "0000/00/00 00:00:00 ["));
    nginx || line.get(..23).is_some_and(|begin| shape(begin, "[00-AAA-0000 00:00:00] "))
}

impl Host for Dump {
    fn open(&self, path: &Path) -> Result<Opened, ReadError> {
        self.files.open(path)
    }

    fn list(&self, directory: &Path) -> Vec<OsString> {
        self.files.list(directory)
    }

    fn entry(&self, path: &Path) -> Result<Entry, ReadError> {
        self.files.entry(path)
    }

    fn is_dump(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// What nginx 1.22 prints for three files, of which the last alone ends with a line break.
    const DUMP: &str = "nginx: the configuration file /c/nginx.conf syntax is ok\n\
        nginx: configuration file /c/nginx.conf test is successful\n\
        # configuration file /c/nginx.conf:\nevents {}\nhttp { include a; }\n\
        # configuration file /c/a:\ntypes { a b; }\n# configuration file /c/sites/b:\nserver { }\n\n";

    #[test]
    fn files_are_as_they_were() {
        let text = |dump: &str, path: &str| {
            let dump = Dump::read(dump.as_bytes()).unwrap();
            String::from_utf8(dump.read(Path::new(path)).unwrap()).unwrap()
        };
        assert_eq!(text(DUMP, "/c/nginx.conf"), "events {}\nhttp { include a; }");
        assert_eq!(text(DUMP, "/c/sites/b"), "server { }\n");
        assert_eq!(Dump::read(DUMP.as_bytes()).unwrap().main, Path::new("/c/nginx.conf"));
        assert_eq!(text(&DUMP.replace('\n', "\r\n"), "/c/a"), "types { a b; }");
    }

    #[test]
    fn several_dumps_are_seen() {
        let is_several = |text: &str| Dump::read(text.as_bytes()).unwrap().is_several;
        assert!(!is_several(DUMP) && !is_several(&DUMP.repeat(2)));
        assert!(is_several(&format!("{DUMP}{}", DUMP.replace("a b", "a c"))));
        assert!(is_several(&format!("{DUMP}{}", DUMP.replace("/c/", "/d/"))));
    }

    #[test]
    fn what_looks_like_the_begin_of_a_file_inside_of_one_is_none() {
        let texts = [
            "events {}\nhttp { log_format x 'a\n# configuration file /c/none:\nb'; include a; }",
            "events {}\nhttp {\n# configuration file /c/none:\ninclude a; }",
        ];
        for text in texts {
            let dump = DUMP.replace("events {}\nhttp { include a; }", text);
            let dump = Dump::read(dump.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(dump.read(Path::new("/c/nginx.conf")).unwrap()).unwrap(), text);
            assert_eq!(dump.read(Path::new("/c/sites/b")).unwrap(), b"server { }\n");
            assert!(dump.read(Path::new("/c/none")).is_err());
        }
    }

    #[test]
    fn messages_are_no_part_of_a_file() {
        for message in [
            "angie: configuration file /c/nginx.conf test is successful",
            "nginx: [warn] conflicting server name \"a\" on 0.0.0.0:80, ignored",
            "2026/01/31 12:00:00 [warn] 7#7: the \"user\" directive makes sense only if",
            "[31-Jan-2026 12:00:00] NOTICE: [www]",
        ] {
            let dump = DUMP.replace("http {", &format!("{message}\nhttp {{"));
            let dump = Dump::read(dump.as_bytes()).unwrap();
            assert_eq!(dump.read(Path::new("/c/nginx.conf")).unwrap(), b"events {}\nhttp { include a; }", "{message}");
        }
    }

    #[test]
    fn other_texts_are_no_dumps() {
        for text in ["", "events {}\n# configuration file:\n", "# the configuration file /a:\n"] {
            assert!(Dump::read(text.as_bytes()).is_none(), "{text}");
        }
    }
}
