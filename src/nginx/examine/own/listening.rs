//! `listen` of `http`, `stream` and `mail`.

use super::taken;
use crate::nginx::ast::Word;
use crate::nginx::directives::Places;
use crate::nginx::examine::url::{self, Kind};
use crate::nginx::examine::values::{Read, each, refuse};
use crate::nginx::literals;
use crate::values::version::Version;

/// Whose `listen` it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Family {
    Http,
    Stream,
    Mail,
}

/// The words of a `listen`.
pub(super) fn listen(words: &[Word], place: Places, version: Option<Version>) -> Read {
    let first = words[0].text.as_str();
    let family = match place {
        place if place.is_stream() => Family::Stream,
        place if place.is_mail() => Family::Mail,
        _ => Family::Http,
    };
    if let Err(why) = url::parse(first, Kind { listens: true, has_uri: false }) {
        let refusal = format!("{why} in \"{first}\" of the \"listen\" directive");
        return refuse(0, "a port up to 65535, an address with a port, or `unix:` and a path", refusal);
    }
    each(&words[1..], |at, text| parameter(at + 1, text, family, version))?;
    match words.iter().any(|word| word.text == "udp") {
        true if family == Family::Stream => over_udp(words),
        _ => Ok(()),
    }
}

/// A word behind the address.
fn parameter(at: usize, text: &str, family: Family, version: Option<Version>) -> Read {
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    let has_value = text.contains('=');
    let refused = |wanted: &str, refusal: String| refuse(at, wanted, refusal);
    let since = |first: Version| version.is_none_or(|version| version >= first);
    let is_known = match (key, has_value) {
        ("bind" | "ssl" | "proxy_protocol", false) | ("backlog" | "rcvbuf" | "sndbuf" | "ipv6only", true) => true,
        ("so_keepalive", true) => true,
        ("default_server" | "default" | "deferred" | "http2" | "spdy", false) => family == Family::Http,
        ("quic" | "http3", false) => family == Family::Http && since(Version(1, 25, 0)),
        ("multipath", false) => family != Family::Stream || since(Version(1, 25, 5)),
        // Of these some systems know one, some another.
        ("setfib" | "accept_filter", true) => family == Family::Http,
        ("reuseport", false) | ("fastopen", true) => family != Family::Mail,
        ("udp", false) => family == Family::Stream,
        _ => false,
    };
    let is_known = is_known
        || family == Family::Stream
            && since(Version(1, 25, 5))
            && matches!(key, "default_server" | "deferred" | "setfib" | "accept_filter");
    match key {
        _ if !is_known => {
            let refusal = match family {
                Family::Http => format!("invalid parameter \"{text}\""),
                Family::Stream | Family::Mail => format!("the invalid \"{text}\" parameter"),
            };
            refused("a parameter of `listen`, such as `ssl`, `backlog=511` or `proxy_protocol`", refusal)
        }
        "backlog" if literals::number(value).is_none_or(|number| number == 0) => {
            refused("a number", format!("invalid backlog \"{text}\""))
        }
        "fastopen" if literals::number(value).is_none() => refused("a number", format!("invalid fastopen \"{text}\"")),
        "rcvbuf" | "sndbuf" if literals::size(value).is_none() => {
            refused("a size", format!("invalid {key} \"{text}\""))
        }
        "ipv6only" if !matches!(value, "on" | "off") => {
            refused("`on` or `off`", format!("invalid ipv6only flags \"{value}\""))
        }
        "so_keepalive" if !is_keepalive(value) => {
            refused("`on`, `off` or `30m:10s:5`", format!("invalid so_keepalive value: \"{value}\""))
        }
        _ => Ok(()),
    }
}

/// `on`, `off`, or when probes begin, how far apart they are, and how many there are.
fn is_keepalive(value: &str) -> bool {
    if matches!(value, "on" | "off") {
        return true;
    }
    let mut parts = value.splitn(3, ':');
    let mut part = |read: fn(&str) -> Option<u64>| match parts.next().unwrap_or_default() {
        "" => Some(0),
        text => read(text),
    };
    let (idle, interval, count) = (part(literals::seconds), part(literals::seconds), part(literals::number));
    let total = idle.zip(interval).zip(count).map(|((idle, interval), count)| idle.max(interval).max(count));
    total.is_some_and(|total| total > 0)
}

/// What does not go with `udp`.
fn over_udp(words: &[Word]) -> Read {
    for (at, word) in words.iter().enumerate().skip(1) {
        let key = word.text.split('=').next().unwrap_or_default();
        let is_off = word.text == "so_keepalive=off";
        if matches!(key, "backlog" | "ssl" | "so_keepalive" | "proxy_protocol" | "fastopen") && !is_off {
            let refusal = format!("\"{key}\" parameter is incompatible with \"udp\"");
            return refuse(at, "no such parameter beside `udp`", refusal);
        }
    }
    Ok(())
}

pub(super) fn http2_chunk_size(text: &str) -> Read {
    match literals::size(text) {
        Some(0) => refuse(0, "a size above 0", "the http2 chunk size cannot be zero"),
        size => taken("http2_chunk_size", size.is_some(), "a size"),
    }
}

/// How long a connection of a client stays open, and perhaps what a header says of it.
pub(super) fn keepalive_timeout(args: &[Word]) -> Read {
    taken("keepalive_timeout", literals::milliseconds(&args[0].text).is_some(), "a time: `65s`")?;
    match args.get(1) {
        Some(header) if literals::seconds(&header.text).is_none() => {
            refuse(1, "a time of whole seconds", "\"keepalive_timeout\" directive invalid value")
        }
        _ => Ok(()),
    }
}
