//! The rewrite module: `return`, `rewrite`, `set` and `if`.

use super::variables::{captures, defined};
use crate::nginx::ast::Word;
use crate::nginx::examine::values::{Read, compiles, refuse, regex};
use crate::nginx::literals;

pub(super) fn returned(args: &[Word]) -> Read {
    let Some(first) = args.first().map(|word| word.text.as_str()) else { return Ok(()) };
    let is_url =
        |text: &str| text.starts_with("http://") || text.starts_with("https://") || text.starts_with("$scheme");
    match literals::number(first) {
        Some(0..=999) => args.get(1).map_or(Ok(()), |text| compiles(1, &text.text)),
        None if args.len() == 1 && is_url(first) => compiles(0, first),
        _ => refuse(0, "a status up to 999, or alone a URL", format!("invalid return code \"{first}\"")),
    }
}

pub(super) fn rewrite(args: &[Word]) -> Read {
    let replacement = args.get(1).map(|word| word.text.as_str()).unwrap_or_default();
    if let Some(flag) = args.get(2).filter(|flag| !matches!(&*flag.text, "last" | "break" | "redirect" | "permanent")) {
        let wanted = "`last`, `break`, `redirect` or `permanent`";
        return refuse(2, wanted, format!("invalid parameter \"{}\"", flag.text));
    }
    if replacement.is_empty() {
        return refuse(1, "a URI", "empty replacement");
    }
    compiles(1, replacement)
}

pub(super) fn set(args: &[Word], in_stream: bool) -> Read {
    defined(0, &args[0].text, in_stream)?;
    args.get(1).map_or(Ok(()), |value| compiles(1, &value.text))
}

/// The condition of an `if`, word by word as nginx goes through it.
pub(super) fn condition(args: &[Word]) -> Read {
    let mut words: Vec<(usize, &str)> = args.iter().enumerate().map(|(at, word)| (at, word.text.as_str())).collect();
    let bad = |(at, text): (usize, &str)| {
        let wanted =
            "a condition in parentheses: `($variable)`, `($variable = text)`, `($variable ~ regex)`, `(-f file)`";
        refuse(at, wanted, format!("invalid condition \"{text}\""))
    };
    let (Some(first), Some(last)) = (words.first().copied(), words.last().copied()) else { return Ok(()) };
    let Some(inner) = first.1.strip_prefix('(') else { return bad(first) };
    words[0].1 = inner;
    let end = words.len() - 1;
    let Some(inner) = words[end].1.strip_suffix(')') else { return bad(last) };
    words[end].1 = inner;
    if words[end].1.is_empty() && !args[end].quoted && end > 0 {
        words.pop();
    }
    if words[0].1.is_empty() {
        words.remove(0);
    }
    let Some(first) = words.first().copied() else { return bad(last) };
    if first.1.len() > 1 && first.1.starts_with('$') {
        return match words.as_slice() {
            [_] => Ok(()),
            [_, (_, "=" | "!="), value] => compiles(value.0, value.1),
            [_, (_, "~" | "~*" | "!~" | "!~*"), (at, pattern)] => {
                regex(*at, pattern).and_then(|()| captures(*at, pattern))
            }
            [_, (at, other), _] => {
                let wanted = "`=`, `!=`, `~`, `~*`, `!~` or `!~*`";
                refuse(*at, wanted, format!("unexpected \"{other}\" in condition"))
            }
            _ => bad(first),
        };
    }
    match (first.1.strip_prefix('!').unwrap_or(first.1), words.as_slice()) {
        ("-f" | "-d" | "-e" | "-x", [_, file]) => compiles(file.0, file.1),
        _ => bad(first),
    }
}
