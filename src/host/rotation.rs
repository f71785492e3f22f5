//! Log rotation: what `logrotate` renames, and what it does afterwards.
//!
//! Source: logrotate(8). Only files that speak of web servers or PHP are read.

use std::path::Path;

use super::{Host, files_in};
use crate::source::{Sources, Span};

/// One block of names with its directives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// The names and patterns, with the place of each.
    pub logs: Vec<(String, Span)>,
    /// The script that runs after a rotation.
    pub script: String,
    /// Where the script begins: its `postrotate`.
    pub script_span: Option<Span>,
    /// Whether the script runs once for all files.
    pub shared: bool,
    /// Whether files are copied and emptied, so that nobody needs to open them anew.
    pub copied: bool,
}

/// Reads the blocks of `/etc/logrotate.d`.
pub fn read(host: &dyn Host, sources: &mut Sources) -> Vec<Rotation> {
    let mut found = Vec::new();
    for (path, opened) in files_in(host, Path::new("/etc/logrotate.d")) {
        let Ok(text) = String::from_utf8(opened.bytes.clone()) else { continue };
        // A host rotates dozens of logs that have nothing to do with this.
        if !["nginx", "php", "fpm"].iter().any(|word| text.contains(word)) {
            continue;
        }
        let (shown, real) = opened.names(host, &path);
        let file = sources.add(shown, real, opened.bytes);
        found.extend(parse(&text, |start, end| Span::new(file, start, end)));
    }
    found
}

fn parse(text: &str, span: impl Fn(usize, usize) -> Span) -> Vec<Rotation> {
    let mut found: Vec<Rotation> = Vec::new();
    let mut logs = Vec::new();
    let (mut inside, mut in_script, mut in_other) = (false, false, false);
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let trimmed = line.split(" #").next().unwrap_or_default().trim();
        let at = start + (line.len() - line.trim_start().len());
        start += line.len();
        let open = found.last_mut().filter(|_| inside);
        match open {
            Some(open) if in_script && trimmed != "endscript" => {
                open.script.push_str(trimmed);
                open.script.push('\n');
            }
            _ if trimmed == "endscript" => (in_script, in_other) = (false, false),
            _ if in_other || trimmed.is_empty() || trimmed.starts_with('#') => {}
            Some(_) if trimmed == "}" => inside = false,
            Some(open) => match trimmed {
                "postrotate" | "lastaction" => {
                    in_script = true;
                    open.script_span = Some(span(at, at + trimmed.len()));
                    open.shared |= trimmed == "lastaction";
                }
                "prerotate" | "firstaction" | "preremove" => in_other = true,
                "sharedscripts" => open.shared = true,
                "nosharedscripts" => open.shared = false,
                "copytruncate" => open.copied = true,
                _ => {}
            },
            None => {
                let names = trimmed.trim_end_matches('{');
                let mut offset = 0;
                for name in names.split_whitespace().filter(|name| name.trim_matches('"').starts_with('/')) {
                    let place = offset + names[offset..].find(name).unwrap_or(0);
                    offset = place + name.len();
                    logs.push((name.trim_matches('"').to_owned(), span(at + place, at + offset)));
                }
                if trimmed.ends_with('{') {
                    inside = true;
                    let logs = std::mem::take(&mut logs);
                    found.push(Rotation {
                        logs,
                        script: String::new(),
                        script_span: None,
                        shared: false,
                        copied: false,
                    });
                } else if !trimmed.starts_with(['/', '"']) {
                    logs.clear();
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::host::memory::Memory;

    #[test]
    fn blocks_are_read() {
        let mut host = Memory::default();
        let text = "weekly\n/var/log/nginx/*.log /srv/a.log {\n  daily\n  sharedscripts\n  prerotate\n    copytruncate\n  endscript\n  postrotate\n    kill -USR1 1\n  endscript\n}\n/b\n{\ncopytruncate\n}\n";
        host.add("/etc/logrotate.d/nginx", text);
        host.add("/etc/logrotate.d/apt", "/var/log/apt.log {\n}\n");
        let found = read(&host, &mut Sources::default());
        let logs = |at: usize| found[at].logs.iter().map(|(log, _)| log.as_str()).collect::<Vec<_>>();
        assert_eq!((found.len(), logs(0), logs(1)), (2, vec!["/var/log/nginx/*.log", "/srv/a.log"], vec!["/b"]));
        assert_eq!((found[0].script.as_str(), found[0].shared, found[0].copied), ("kill -USR1 1\n", true, false));
        assert!(found[1].copied && found[1].script_span.is_none());
        let span = found[0].logs[1].1;
        assert_eq!(&text[span.range()], "/srv/a.log");
    }
}
