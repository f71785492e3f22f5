//! What `nginx -T` printed: the files of a running configuration in one text.
//!
//! Each file stands behind a line `# configuration file PATH:` and ends with one line break more than
//! it has. What nginx says on the standard error may stand anywhere between the lines.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::memory::Memory;
use super::{Entry, Host, Opened, ReadError, normalize};

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
    /// The files of a dump; none when the text is something else.
    pub fn read(text: &[u8]) -> Option<Self> {
        let mut parts: Vec<(PathBuf, Vec<u8>)> = Vec::new();
        let text = unquoted(text);
        let text = without_prompt(&text);
        for line in text.split_inclusive(|byte| *byte == b'\n') {
            match (header(line), parts.last_mut()) {
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

/// The main files whose test nginx speaks of.
fn mains(text: &[u8]) -> BTreeSet<&[u8]> {
    let begin = b"nginx: configuration file ";
    text.split(|byte| *byte == b'\n')
        .filter_map(|line| line.strip_prefix(begin)?.split(|byte| *byte == b' ').next())
        .collect()
}

/// The text without what an issue, a mail or a log puts before each of its lines (`> `, `web-1 | `, four blanks), and
/// without what stands around a fence of Markdown.
fn unquoted(text: &[u8]) -> Cow<'_, [u8]> {
    let lines = || text.split_inclusive(|byte| *byte == b'\n').map(String::from_utf8_lossy);
    let mark = lines().enumerate().find_map(|(at, line)| {
        let mark = &line[..line.find(HEADER)?];
        let is_mark = mark.chars().all(|char| " \t>|".contains(char)) || mark.ends_with("| ");
        let is_header = header(line[mark.len()..].as_bytes()).is_some_and(|path| path.is_absolute());
        (is_mark && is_header).then(|| (at, mark.to_owned()))
    });
    let Some((first, mark)) = mark else { return Cow::Borrowed(text) };
    let is_fence = |line: &str| line.trim_start().starts_with("```") || line.trim_start().starts_with("~~~");
    let inside = |line: &str| match line.strip_prefix(&mark) {
        Some(rest) => Some(rest.to_owned()),
        None => (line.trim_end() == mark.trim_end() || line.trim().is_empty()).then(|| "\n".to_owned()),
    };
    let before: Vec<_> = lines().take(first).collect();
    let has_fence = before.iter().any(|line| inside(line).is_some_and(|line| is_fence(&line)));
    // A comment inside of a configuration is no mark.
    let is_comment = || before.iter().any(|line| line.contains(['{', ';']));
    if !has_fence && (mark.is_empty() || is_comment()) {
        return Cow::Borrowed(text);
    }
    let mut bare = Vec::new();
    let mut is_open = true;
    for line in lines().skip(first).filter_map(|line| inside(&line)) {
        is_open = header(line.as_bytes()).is_some() || is_open && !(has_fence && is_fence(&line));
        bare.extend_from_slice(if is_open { line.as_bytes() } else { b"" });
    }
    Cow::Owned(bare)
}

/// The text without the prompt of a shell or the fence that was copied along at its end.
fn without_prompt(text: &[u8]) -> &[u8] {
    let trimmed = text.trim_ascii_end();
    let at = trimmed.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let last = String::from_utf8_lossy(&trimmed[at..]).into_owned();
    let is_prompt =
        last.ends_with(['$', '#', '%', '>']) && last.contains(['@', ':']) && !last.contains([';', '{', '}']);
    if is_prompt || last == "```" { &text[..at] } else { text }
}

/// The path in the line that stands before a file.
fn header(line: &[u8]) -> Option<PathBuf> {
    let line = std::str::from_utf8(line).ok()?.trim_end_matches(['\r', '\n']);
    let path = line.strip_prefix(HEADER)?.strip_suffix(':').filter(|path| !path.is_empty())?;
    Some(normalize(Path::new(path)))
}

/// Whether a line is something that nginx or PHP-FPM says, and not part of a file.
pub fn is_message(line: &[u8]) -> bool {
    let line = String::from_utf8_lossy(&line[..line.len().min(80)]);
    let by_nginx = [
        "nginx: the configuration file ",
        "nginx: configuration file ",
        "nginx: [",
        "nginx version: ",
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
    fn marks_and_fences_around_a_dump_are_taken_off() {
        let texts = |dump: &str| {
            let dump = Dump::read(dump.as_bytes()).unwrap();
            ["/c/nginx.conf", "/c/a", "/c/sites/b"]
                .map(|path| String::from_utf8(dump.read(Path::new(path)).unwrap()).unwrap().trim_end().to_owned())
        };
        let marked =
            |mark: &str| DUMP.lines().map(|line| format!("{mark}{line}").trim_end().to_owned() + "\n").collect();
        let around = |text: &str| format!("My configuration; what is wrong?\n\n{text}\n\nThanks {{anyone}};\n");
        let marked: [String; 4] = ["    ", "> ", "\t", "web-1  | "].map(marked);
        for text in &marked {
            assert_eq!(texts(text), texts(DUMP), "{text}");
        }
        assert_eq!(texts(&around(&format!("```nginx\n{DUMP}```"))), texts(DUMP));
        assert_eq!(
            texts(&around(&marked[1].replacen("> ", "> ```\n> ", 1).replacen(" { }", " { }\n> ```", 1))),
            texts(DUMP)
        );
        let comment = "http {\n    # configuration file /c/a:\n    server { }\n}\n";
        assert!(Dump::read(comment.as_bytes()).is_none());
    }

    #[test]
    fn prompts_are_left_out_and_several_dumps_are_seen() {
        let read = |text: &str| Dump::read(text.as_bytes()).unwrap();
        for end in ["me@host:~$ ", "[root@host ~]# ", "```\n"] {
            let dump = read(&format!("{DUMP}{end}"));
            assert_eq!(dump.read(Path::new("/c/sites/b")).unwrap(), b"server { }\n", "{end}");
        }
        assert!(!read(DUMP).is_several && !read(&DUMP.repeat(2)).is_several);
        assert!(read(&format!("{DUMP}{}", DUMP.replace("a b", "a c"))).is_several);
        assert!(read(&format!("{DUMP}{}", DUMP.replace("/c/", "/d/"))).is_several);
    }

    #[test]
    fn messages_are_no_part_of_a_file() {
        for message in [
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
