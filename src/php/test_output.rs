//! What `php-fpm -tt` prints: the settings of every pool in force, as a document.
//!
//! Each line stands behind a time and `NOTICE:`. A value is printed as FPM has it, without quotes;
//! what nobody has set is `undefined` or the program's default, and is left out here.

use std::ops::Range;
use std::path::PathBuf;

use super::ast::{Document, Item, Piece, Section, Setting, Value};
use super::settings;
use crate::source::{FileId, Span};

/// What a line begins with: the time.
const TIME: &[u8; 21] = b"[00-AAA-0000 00:00:00";

/// What stands between the time and the text.
const MARK: &str = "] NOTICE: ";

/// Lines of FPM's log are not longer than this; a longer one is cut, and ends in dots.
const MAX_LINE: usize = 1000;

/// The masters whose tests printed this, in order: their main files, and where in the text their settings stand.
pub fn masters(text: &[u8]) -> Vec<(PathBuf, Range<usize>)> {
    let mut masters = Vec::new();
    let (mut start, mut at, mut has_pools) = (0, 0, false);
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        at += line.len();
        let Some((_, text)) = std::str::from_utf8(line).ok().and_then(notice) else { continue };
        has_pools |= text.starts_with("\tlisten = ");
        let main = text.trim_end().strip_prefix("configuration file ");
        let Some(main) = main.and_then(|rest| rest.strip_suffix(" test is successful")) else { continue };
        if std::mem::take(&mut has_pools) {
            masters.push((PathBuf::from(main), start..at));
        }
        start = at;
    }
    masters
}

/// The settings as a document; a part of the text that stands for itself begins at `start` of its file.
pub fn parse(file: FileId, text: &[u8], start: usize) -> Document {
    let mut document = Document::default();
    let mut at = start;
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

/// The text of a line and the column at which it begins. A log may have put something before it.
fn notice(line: &str) -> Option<(usize, &str)> {
    let mark = line.find(MARK)?;
    let time = &line.as_bytes()[mark.checked_sub(TIME.len())?..mark];
    let is_time = time.iter().zip(TIME).all(|(byte, like)| match like {
        b'0' => byte.is_ascii_digit(),
        b'A' => byte.is_ascii_alphabetic(),
        _ => byte == like,
    });
    let at = mark + MARK.len();
    is_time.then(|| (at, &line[at..]))
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
        let main = PathBuf::from("/etc/php/8.2/fpm/php-fpm.conf");
        assert_eq!(masters(text.as_bytes()), [(main.clone(), 0..text.len())]);
        let mut sources = Sources::default();
        let file = sources.add("t".into(), None, text.clone().into());
        let shown: Vec<String> = parse(file, text.as_bytes(), 0)
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
        let logged: String = text.lines().map(|line| format!("web-1  | {line}\n")).collect();
        assert_eq!(masters(logged.as_bytes()), [(main.clone(), 0..logged.len())]);
        assert_eq!(parse(file, logged.as_bytes(), 0).items.len(), shown.len());
        let two = text.clone() + &text.replace("8.2", "8.1");
        let other = PathBuf::from("/etc/php/8.1/fpm/php-fpm.conf");
        assert_eq!(masters(two.as_bytes()), [(main, 0..text.len()), (other, text.len()..two.len())]);
        assert!(masters(b"[www]\nlisten = 9000\n").is_empty());
    }
}
