//! What `php-fpm -tt` prints: the settings of every pool in force, as a document.
//!
//! Each line stands behind a time and `NOTICE:`. A value is printed as FPM has it, without quotes;
//! what nobody has set is `undefined` or the program's default, and is left out here.

use std::path::PathBuf;

use super::ast::{Document, Item, Piece, Section, Setting, Value};
use super::settings;
use crate::source::{FileId, Span};

/// What stands between the time and the text.
const MARK: &str = "] NOTICE: ";

/// Lines of FPM's log are not longer than this; a longer one is cut, and ends in dots.
const MAX_LINE: usize = 1000;

/// The main file whose test printed this; none when the text is something else.
pub fn main_file(text: &[u8]) -> Option<PathBuf> {
    let text = String::from_utf8_lossy(text);
    let mut notices = text.lines().filter_map(notice).map(|(_, text)| text);
    let has_pools = notices.clone().any(|text| text.starts_with("\tlisten = "));
    let main = notices.find_map(|text| text.strip_prefix("configuration file ")?.strip_suffix(" test is successful"));
    main.filter(|_| has_pools).map(PathBuf::from)
}

/// The settings as a document.
pub fn parse(file: FileId, text: &[u8]) -> Document {
    let mut document = Document::default();
    let mut at = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        if let Some((column, text)) =
            std::str::from_utf8(line).ok().and_then(|line| notice(line.trim_end_matches(['\r', '\n'])))
        {
            document.items.extend(item(file, at + column, text));
        }
        at += line.len();
    }
    document
}

/// The text of a line and the column at which it begins.
fn notice(line: &str) -> Option<(usize, &str)> {
    let at = line.find(MARK).filter(|_| line.starts_with('['))? + MARK.len();
    Some((at, &line[at..]))
}

fn item(file: FileId, at: usize, text: &str) -> Option<Item> {
    let span = |start: usize, end: usize| Span::new(file, at + start, at + end);
    let value = |text: &str, start: usize| Value {
        span: span(start, start + text.len()),
        pieces: if text.is_empty() { Vec::new() } else { vec![Piece::Text(text.to_owned())] },
    };
    if let Some(name) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return Some(Item::Section(Section { name: value(name, 1), span: span(0, text.len()) }));
    }
    let (key, written) = text.strip_prefix('\t')?.split_once(" = ")?;
    let start = 1 + key.len() + 3;
    let (name, index) = match key.strip_suffix(']').and_then(|key| key.split_once('[')) {
        Some((name, index)) => (name, Some(value(index, 1 + name.len() + 1))),
        None => (key, None),
    };
    let cut = text.len() > MAX_LINE && written.ends_with("...");
    if index.is_none() && is_unset(name, written) || cut {
        return None;
    }
    Some(Item::Setting(Setting {
        key: name.to_owned(),
        key_span: span(1, 1 + name.len()),
        index,
        value: Some(value(written, start)),
        span: span(1, text.len()),
    }))
}

/// Whether this is what FPM prints for a setting that nobody gave.
fn is_unset(key: &str, value: &str) -> bool {
    let seconds = |text: &str| text.strip_suffix('s').unwrap_or(text).to_owned();
    let default = settings::find(key, false).and_then(|row| row.default);
    // The facility is printed as the number that the C library has for it.
    matches!(value, "undefined" | "unknown value" | "0" | "0s")
        || key == "syslog.facility"
        || default.is_some_and(|default| seconds(default) == seconds(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Sources;

    #[test]
    fn what_somebody_set_is_there_with_its_place() {
        let line = |text: &str| format!("[21-Nov-2026 06:36:24] NOTICE: {text}\n");
        let lines = [
            "[global]",
            "\tpid = undefined",
            "\tlog_level = unknown value",
            "\tdaemonize = yes",
            " ",
            "[www]",
            "\tlisten = /run/a.sock",
            "\tpm.process_idle_timeout = 10",
            "\tpm.max_requests = 0",
            "\trequest_terminate_timeout = 60s",
            "\tsecurity.limit_extensions = ",
            "\tphp_value[a] = b; (c)",
            " ",
            "configuration file /etc/php/8.2/fpm/php-fpm.conf test is successful",
        ];
        let text: String = lines.map(line).concat();
        assert_eq!(main_file(text.as_bytes()), Some(PathBuf::from("/etc/php/8.2/fpm/php-fpm.conf")));
        let mut sources = Sources::default();
        let file = sources.add("t".into(), None, text.clone().into());
        let shown: Vec<String> = parse(file, text.as_bytes())
            .items
            .iter()
            .map(|item| match item {
                Item::Section(section) => sources.text(section.span).into_owned(),
                Item::Setting(setting) => {
                    let value = setting.value.as_ref().map_or(setting.span, |value| value.span);
                    format!("{}|{}", sources.text(setting.key_span), sources.text(value))
                }
            })
            .collect();
        let want = [
            "[global]",
            "[www]",
            "listen|/run/a.sock",
            "request_terminate_timeout|60s",
            "security.limit_extensions|",
            "php_value|b; (c)",
        ];
        assert_eq!(shown, want);
        assert_eq!(main_file(b"[www]\nlisten = 9000\n"), None);
    }
}
