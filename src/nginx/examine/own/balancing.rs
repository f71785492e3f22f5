//! The statements of `upstream`.

use crate::nginx::ast::{Directive, Word};
use crate::nginx::examine::url::{self, Kind};
use crate::nginx::examine::values::{Read, compiles, each, refuse};
use crate::nginx::literals;
use crate::values::version::Version;

/// With this release addresses began to be looked up again while nginx runs.
const RESOLVES: Version = Version(1, 27, 3);

/// A `server`: its address, of `stream` with a port, and the words behind it.
pub(super) fn server(args: &[Word], in_stream: bool, version: Option<Version>) -> Read {
    let resolves = version.is_none_or(|version| version >= RESOLVES);
    each(args.get(1..).unwrap_or_default(), |at, text| {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        let number = literals::number(value);
        let is_right = match key {
            "weight" => number.is_some_and(|number| number > 0),
            "max_conns" | "max_fails" => number.is_some(),
            "fail_timeout" | "slow_start" => literals::seconds(value).is_some(),
            "service" => resolves && !value.is_empty(),
            "route" => !value.is_empty(),
            "resolve" => resolves && key == text,
            "backup" | "down" | "drain" => key == text,
            _ => false,
        };
        match is_right {
            true => Ok(()),
            false if matches!(key, "resolve" | "service") && !resolves => refuse(
                at + 1,
                format!("`{key}` from release {RESOLVES} on; before, a variable in the pass and a `resolver` do it"),
                format!("invalid parameter \"{text}\""),
            ),
            false => refuse(
                at + 1,
                "`weight=2`, `max_fails=3`, `fail_timeout=10s`, `max_conns=100`, `backup` or `down`",
                format!("invalid parameter \"{text}\""),
            ),
        }
    })?;
    let Some(address) = args.first().filter(|_| in_stream) else { return Ok(()) };
    let has_service = args.iter().any(|word| word.text.starts_with("service="));
    dialled(&address.text, has_service)
}

/// With this release the open-source edition began to know `route=` and `drain`.
const ROUTES: Version = Version(1, 29, 6);

/// A parameter that only the commercial edition has, in releases before it.
pub(in crate::nginx::examine) fn commercial(directive: &Directive, version: Option<Version>) -> Read {
    let is_old = version.is_some_and(|version| version < ROUTES);
    let is_commercial = |text: &str| text.starts_with("slow_start=") || text.starts_with("route=") || text == "drain";
    let mut words = directive.args.iter().enumerate().skip(1);
    match words.find(|(_, word)| is_old && is_commercial(&word.text)) {
        Some((at, word)) if !directive.is_block() => refuse(
            at,
            "`weight=2`, `max_fails=3` or `backup`; this one is the commercial edition's",
            format!("invalid parameter \"{}\"", word.text),
        ),
        _ => Ok(()),
    }
}

/// A spare server, which only some methods have. nginx reads a `server` as the method above it says.
pub(in crate::nginx::examine) fn spare(directive: &Directive, method: Option<&str>) -> Read {
    let Some(method @ ("hash" | "ip_hash" | "random")) = method else { return Ok(()) };
    match directive.args.iter().position(|word| word.text == "backup") {
        Some(at) if at > 0 && !directive.is_block() => refuse(
            at,
            format!("no `backup` behind `{method}`, which has no spare servers; `least_conn` has"),
            "balancing method does not support parameter \"backup\"",
        ),
        _ => Ok(()),
    }
}

/// An address that must have a port.
pub(in crate::nginx::examine) fn dialled(address: &str, is_portless: bool) -> Read {
    let why = match url::parse(address, Kind::default()) {
        Ok(url) if url.port.is_none() && !url.host.starts_with("unix:") && !is_portless => "no port",
        Ok(_) => return Ok(()),
        Err(why) => why,
    };
    refuse(
        0,
        "an address with a port, or a socket such as `unix:/run/x.sock`",
        format!("{why} in upstream \"{address}\""),
    )
}

pub(super) fn hash(args: &[Word]) -> Read {
    compiles(0, &args[0].text)?;
    match args.get(1) {
        Some(word) if word.text != "consistent" => {
            refuse(1, "`consistent`", format!("invalid parameter \"{}\"", word.text))
        }
        _ => Ok(()),
    }
}

/// `two`, perhaps with a method; that of the response time is the commercial edition's.
pub(super) fn random(args: &[Word]) -> Read {
    each(args, |at, text| match (at, text) {
        (0, "two") | (1, "least_conn") => Ok(()),
        (1, text) if text.starts_with("least_time") => Ok(()),
        (0, _) => refuse(at, "`two`, or nothing", format!("invalid parameter \"{text}\"")),
        _ => refuse(at, "`least_conn`", format!("invalid parameter \"{text}\"")),
    })
}

pub(super) fn zone(args: &[Word]) -> Read {
    let name = args[0].text.as_str();
    match args.get(1).map(|size| literals::size(&size.text)) {
        _ if name.is_empty() => refuse(0, "a name", "invalid zone name \"\""),
        None => Ok(()),
        Some(Some(size)) if size >= 32 << 10 => Ok(()),
        Some(Some(_)) => refuse(1, "at least 32k", format!("zone \"{name}\" is too small")),
        Some(None) => {
            let refusal = format!("invalid zone size \"{}\"", args[1].text);
            refuse(1, "a size: digits, then perhaps `k` or `m`", refusal)
        }
    }
}

/// From this release on `keepalive 0` keeps no connections.
const KEEPS_NONE: Version = Version(1, 29, 7);

pub(super) fn keepalive(text: &str, version: Option<Version>) -> Read {
    match literals::number(text) {
        Some(0) if version.is_none_or(|version| version >= KEEPS_NONE) => Ok(()),
        Some(1..) => Ok(()),
        _ => refuse(0, "a number of connections", format!("invalid value \"{text}\" in \"keepalive\" directive")),
    }
}
