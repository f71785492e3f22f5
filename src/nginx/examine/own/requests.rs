//! Where requests go, and what answers carry: locations, error pages, files, headers.

use super::taken;
use crate::nginx::ast::Word;
use crate::nginx::examine::values::{Read, compiles, each, refuse, regex};
use crate::nginx::{literals, pcre, variables};

pub(super) fn location(args: &[Word]) -> Read {
    match args {
        [modifier, _] if !matches!(&*modifier.text, "=" | "^~" | "~" | "~*") => refuse(
            0,
            "`=`, `^~`, `~` or `~*` before the path",
            format!("invalid location modifier \"{}\"", modifier.text),
        ),
        _ => Ok(()),
    }
}

pub(super) fn error_page(args: &[Word]) -> Read {
    let Some((_, before)) = args.split_last() else { return Ok(()) };
    let codes = match before.split_last() {
        Some((answer, codes)) if answer.text.starts_with('=') => {
            let code = &answer.text[1..];
            if codes.is_empty() || !code.is_empty() && literals::number(code).is_none() {
                let refusal = format!("invalid value \"{}\"", answer.text);
                return refuse(codes.len(), "statuses before it, and `=` with a status", refusal);
            }
            codes
        }
        _ => before,
    };
    each(codes, |at, text| match literals::number(text) {
        None | Some(499) => refuse(at, "a status, and the page as the last word", format!("invalid value \"{text}\"")),
        Some(300..=599) => Ok(()),
        Some(_) => refuse(at, "a status between 300 and 599", format!("value \"{text}\" must be between 300 and 599")),
    })?;
    compiles(args.len() - 1, &args[args.len() - 1].text)
}

pub(super) fn try_files(args: &[Word]) -> Read {
    each(args, |at, text| {
        if at + 1 == args.len() {
            if let Some(code) = text.strip_prefix('=') {
                return match literals::number(code) {
                    Some(0..=999) => Ok(()),
                    _ => refuse(at, "`=` and a status", format!("invalid code \"{text}\"")),
                };
            }
        }
        compiles(at, text)
    })
}

/// A directory in which the directory itself cannot be named.
pub(super) fn root(name: &str, text: &str) -> Read {
    compiles(0, text)?;
    let is_own = |variable: &&&str| variables::names(text).any(|used| used == **variable);
    match ["document_root", "realpath_root"].iter().find(is_own) {
        Some(variable) => {
            let refusal = format!("the ${variable} variable cannot be used in the \"{name}\" directive");
            refuse(0, format!("a path without `${variable}`, which it decides"), refusal)
        }
        None => Ok(()),
    }
}

pub(super) fn expires(args: &[Word]) -> Read {
    let (at, text) = match args {
        [modified, time] if modified.text == "modified" => (1, time.text.as_str()),
        [time] => (0, time.text.as_str()),
        _ => return refuse(0, "`modified` before a time", "\"expires\" directive invalid value"),
    };
    if text.contains('$') || matches!(text, "epoch" | "max" | "off") && at == 0 {
        return compiles(at, text);
    }
    let time = match text.strip_prefix('@') {
        Some(time) if at == 0 => literals::seconds(time).filter(|seconds| *seconds <= 86_400),
        _ => literals::seconds(text.strip_prefix(['+', '-']).unwrap_or(text)),
    };
    match time {
        Some(_) => Ok(()),
        None => refuse(at, "a time such as `30d`, `epoch`, `max` or `off`", "\"expires\" directive invalid value"),
    }
}

pub(super) fn index(at: usize, text: &str) -> Read {
    match text {
        "" => refuse(at, "a file name", "in \"index\" directive is invalid"),
        text => compiles(at, text),
    }
}

/// `add_header` and `add_trailer`
pub(super) fn header(args: &[Word]) -> Read {
    match args.get(2) {
        Some(last) if last.text != "always" => {
            refuse(2, "`always`, or a value in quotes", format!("invalid parameter \"{}\"", last.text))
        }
        _ => compiles(1, &args[1].text),
    }
}

pub(super) fn userid_mark(text: &str) -> Read {
    let is_mark = text.len() == 1 && text.chars().all(|char| char.is_ascii_alphanumeric() || char == '=');
    match is_mark || text == "off" {
        true => Ok(()),
        false => refuse(
            0,
            "`off`, a letter, a digit or `=`",
            "\"userid_mark\" directive value must be \"off\" or a single letter, digit or \"=\"",
        ),
    }
}

pub(super) fn userid_expires(text: &str) -> Read {
    let is_right = matches!(text, "max" | "off") || literals::seconds(text).is_some();
    taken("userid_expires", is_right, "`max`, `off` or a time")
}

pub(super) fn sub_filter(args: &[Word]) -> Read {
    match args[0].text.is_empty() {
        true => refuse(0, "a text to look for", "empty search pattern"),
        false => each(args, compiles),
    }
}

pub(super) fn charset_map(from: &str, to: &str) -> Read {
    match from.eq_ignore_ascii_case(to) {
        true => {
            let refusal = format!("\"charset_map\" between the same charsets \"{from}\" and \"{to}\"");
            refuse(1, "another charset", refusal)
        }
        false => Ok(()),
    }
}

/// `fastcgi_split_path_info`: the script's name, and what follows it.
pub(super) fn split_path_info(pattern: &str) -> Read {
    regex(0, pattern)?;
    match pcre::captures(pattern) {
        Some(2) | None => Ok(()),
        Some(_) => refuse(0, "a regex with two captures", format!("pattern \"{pattern}\" must have 2 captures")),
    }
}
