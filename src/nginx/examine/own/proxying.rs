//! `proxy_pass`, and what is rewritten in the answers of a back end.

use crate::nginx::ast::{Directive, Word};
use crate::nginx::examine::values::{Read, compiles, each, refuse, regex};

pub(super) fn proxy_pass(url: &str) -> Read {
    let scheme = |prefix: &str| url.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    match url.contains('$') {
        true => compiles(0, url),
        false if scheme("http://") || scheme("https://") => Ok(()),
        false => refuse(0, "a URL that begins with `http://` or `https://`", "invalid URL prefix"),
    }
}

/// `proxy_redirect`, `proxy_cookie_path` and `proxy_cookie_domain`: a text or a regex and what replaces it, or `off`.
pub(super) fn rewritten(name: &str, args: &[Word]) -> Read {
    let first = args[0].text.as_str();
    if args.len() == 1 {
        return match first == "off" || first == "default" && name == "proxy_redirect" {
            true => Ok(()),
            false => refuse(0, "two words, or `off`", format!("invalid parameter \"{first}\"")),
        };
    }
    match first.strip_prefix("~*").or(first.strip_prefix('~')) {
        Some(pattern) => regex(0, pattern)?,
        None => compiles(0, first)?,
    }
    compiles(1, &args[1].text)
}

/// `proxy_redirect default`, which takes what stands in a `proxy_pass` before it.
pub(in crate::nginx::examine) fn redirect(directive: &Directive, has_pass: bool, is_varying: bool) -> Read {
    match directive.args.len() == 1 && directive.arg(0) == Some("default") {
        true if is_varying => refuse(
            0,
            "`default` only where the `proxy_pass` has no variables",
            "\"proxy_redirect default\" cannot be used with \"proxy_pass\" directive with variables",
        ),
        true if !has_pass => refuse(
            0,
            "`default` only behind a `proxy_pass` of the same block",
            "\"proxy_redirect default\" should be placed after the \"proxy_pass\" directive",
        ),
        _ => Ok(()),
    }
}

/// `proxy_cookie_flags`: a name or a regex and what is set or taken away, or `off`.
pub(super) fn cookie_flags(args: &[Word]) -> Read {
    let first = args[0].text.as_str();
    if args.len() == 1 {
        return match first {
            "off" => Ok(()),
            _ => refuse(0, "a cookie and its flags, or `off`", format!("invalid parameter \"{first}\"")),
        };
    }
    match first.strip_prefix('~') {
        Some(pattern) => regex(0, pattern)?,
        None => compiles(0, first)?,
    }
    // What is no flag is passed over when a request comes.
    each(&args[1..], |at, flag| compiles(at + 1, flag))
}
