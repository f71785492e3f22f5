//! Damaged files of PHP-FPM and php.ini: nothing panics, and every span lies inside of the text and
//! never cuts through a character.
#![allow(clippy::disallowed_methods, reason = "tests read and lay out real files")]
#![allow(clippy::unwrap_used)]

use std::ops::Range;
use std::time::{Duration, Instant};

use gatelint::php::ast::{Document, Item, Value};
use gatelint::php::ini::parse_ini;
use gatelint::php::parse::parse_fpm;
use gatelint::source::{Sources, Span};

/// All that the two languages have, in one file; as a file of PHP-FPM it has some lines with mistakes.
const TORTURE: &str = "\u{feff}; Grüße: a comment; with \"quotes\"
[global]
error_log = /var/log/fpm-é.log ; why
  daemonize\t=\tno
log_level = \"notice\"   'x' ${LEVEL} rest
[\"wörld\" ${POOL}]
listen = /run/php/${POOL:-a}.sock
pm.max_children = (5 | 3) & ~!0
env[ÜBER] = \"a\\\"b\\\\c\\$d ${X}\\n\"
env['q' \"r\" E_ALL ]=E_ALL & ~E_NOTICE ^ PHP_VERSION_ID
php_admin_value[é] = $name$$ $é$;\u{1f600}
php_flag[x] = None
php_value[] =
security.limit_extensions = .php .phar\r
path = \"C:\\dir\\\"
a = b = c
b = it's
c = ''
d = 'unclosed
e = \"unclosed é
f = a (b)
g = ((a
h = yes, no maybe
# hash (é)
key without value
env[é
[wörld
i = ${
j = ${é
k = & é
l = a$\\é$\\\"
 [indented]
\t[tabbed] x = 1 ; 😀
[a\\]b$]c]
last = é";

fn spans(document: &Document) -> Vec<Span> {
    let of_value = |value: &Value| value.span;
    let mut spans: Vec<Span> = document.comments.clone();
    spans.extend(document.problems.iter().map(|problem| problem.span));
    for item in &document.items {
        match item {
            Item::Section(section) => spans.extend([section.span, section.name.span]),
            Item::Setting(setting) => {
                spans.extend([setting.span, setting.key_span]);
                spans.extend(setting.index.as_ref().map(of_value));
                spans.extend(setting.value.as_ref().map(of_value));
                let parts = [Some(setting.key_span), setting.index.as_ref().map(of_value)];
                for part in parts.into_iter().flatten() {
                    assert!(setting.span.start <= part.start && part.end <= setting.span.end);
                }
            }
        }
    }
    spans
}

/// Reads a text in both ways and looks at all spans.
fn check(bytes: &[u8]) {
    let file = Sources::default().add("test".to_owned(), None, Vec::new());
    let text = std::str::from_utf8(bytes).ok();
    for document in [parse_fpm(file, bytes), parse_ini(file, bytes)] {
        for span in spans(&document) {
            let Range { start, end } = span.range();
            assert!(start <= end && end <= bytes.len(), "{span:?} in {}", String::from_utf8_lossy(bytes));
            if let Some(text) = text {
                assert!(text.is_char_boundary(start) && text.is_char_boundary(end), "{span:?} in {text}");
            }
        }
        let starts = document.items.iter().map(|item| match item {
            Item::Section(section) => section.span.start,
            Item::Setting(setting) => setting.span.start,
        });
        assert!(starts.is_sorted(), "{}", String::from_utf8_lossy(bytes));
        let problems: Vec<_> = document.problems.iter().map(|problem| problem.kind.to_string()).collect();
        assert!(problems.iter().all(|text| !text.is_empty()));
    }
}

#[test]
fn every_prefix_and_every_suffix() {
    for at in 0..=TORTURE.len() {
        check(&TORTURE.as_bytes()[..at]);
        check(&TORTURE.as_bytes()[at..]);
    }
}

#[test]
fn bytes_lost_added_and_changed() {
    let bytes = TORTURE.as_bytes();
    let added =
        [b"\0", b"\"", b"'", b"\n", b"\r", b"$", b"{", b"[", b"]", b"=", b";", b"\\", b"\xff", b"\xc3", b" ", b"("];
    for at in 0..bytes.len() {
        check(&[&bytes[..at], &bytes[at + 1..]].concat());
        // An eighth of all is as telling, and quick.
        for &added in added.iter().skip(at % 8).step_by(8) {
            check(&[&bytes[..at], added, &bytes[at..]].concat());
            check(&[&bytes[..at], added, &bytes[at + 1..]].concat());
        }
    }
}

#[test]
fn characters_that_stay_whole() {
    // Every sequence of three of these, so that each special byte meets each other one and `é`.
    let parts = ["\"", "'", "$", "{", "\\", "é", "=", "[", "]", "\t", " ", "\n", ";", "&", "on", "E_ALL"];
    for first in parts {
        for second in parts {
            for third in parts {
                check(format!("é{first}{second}{third}é").as_bytes());
                check(format!("a={first}{second}{third}é").as_bytes());
                check(format!("[{first}{second}{third}é]").as_bytes());
            }
        }
    }
}

#[test]
fn time_grows_with_the_length_only() {
    let file = Sources::default().add("test".to_owned(), None, Vec::new());
    let started = Instant::now();
    let start = "a = ";
    let parts = [
        "a ", "'", "'a' ", "\"a\" ", "\"", "${A} ", "${", "$", "$\\", "(", "~", "1|", "${A}|", "\t", ";", "\\", "=",
        "''", "\n", "[a", "#\n",
    ];
    for part in parts {
        let text = format!("{start}{}", part.repeat(200_000 / part.len()));
        parse_fpm(file, text.as_bytes());
        parse_ini(file, text.as_bytes());
        parse_ini(file, format!("[a]\n{}", part.repeat(200_000 / part.len())).as_bytes());
    }
    // Some hundredths of a second even in a debug build; a square of the length would be minutes.
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
}
