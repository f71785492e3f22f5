//! The directives with a grammar of their own.

use super::names::is_fixed;
use super::values::{Read, compiles, each, refuse, regex};
use crate::nginx::ast::{Directive, Word};
use crate::nginx::directives::Places;
use crate::nginx::{literals, pcre};
use crate::values::version::Version;

mod balancing;
mod browsers;
mod listening;
mod logs;
mod mail;
mod naming;
mod process;
mod proxying;

pub(super) use balancing::{commercial, dialled, spare};
pub(super) use naming::is_wildcard_name;
pub(super) use proxying::redirect;

/// Reads the arguments of a directive whose number of arguments is right.
pub(super) fn check(directive: &Directive, place: Places, version: Option<Version>) -> Read {
    let in_http = place.each().any(|place| !place.is_stream() && !place.is_mail());
    let (in_stream, in_mail) = (place.is_stream(), place.is_mail());
    let args = &directive.args[..];
    let arg = |index: usize| directive.arg(index).unwrap_or_default();
    let (name, first) = (directive.name(), arg(0));
    let invalid = |wanted: &str| refuse(0, wanted, format!("\"{name}\" directive invalid value"));
    match name {
        "worker_processes" if first != "auto" && literals::number(first).is_none() => invalid("a number or `auto`"),
        "worker_priority" => match first.strip_prefix(['-', '+']).unwrap_or(first) {
            digits if literals::number(digits).is_some() => Ok(()),
            _ => refuse(0, "a number from -20 to 20", "\"worker_priority\" directive invalid number"),
        },
        "use" if !["select", "poll", "epoll", "kqueue", "/dev/poll", "eventport"].contains(&first) => {
            refuse(0, "`epoll`, `kqueue`, `poll` or `select`", format!("invalid event type \"{first}\""))
        }
        "http2_chunk_size" => match literals::size(first) {
            None => invalid("a size"),
            Some(0) => refuse(0, "a size above 0", "the http2 chunk size cannot be zero"),
            Some(_) => Ok(()),
        },
        "worker_cpu_affinity" => process::worker_cpu_affinity(args),
        "thread_pool" => process::thread_pool(args),
        "error_log" => process::error_log(args),
        "return" if in_stream => compiles(0, first),
        "set" if in_stream => names_variable(0, first).and_then(|()| compiles(1, arg(1))),
        "return" => returned(args),
        "rewrite" => rewrite(args),
        "set" => set(args),
        "if" => condition(args),
        "location" => location(args),
        "limit_except" => each(args, |at, method| {
            let methods = "GET HEAD POST PUT DELETE MKCOL COPY MOVE OPTIONS PROPFIND PROPPATCH LOCK UNLOCK PATCH";
            match methods.split(' ').any(|known| known.eq_ignore_ascii_case(method)) {
                true => Ok(()),
                false => refuse(at, "a method such as `GET` or `POST`", format!("invalid method \"{method}\"")),
            }
        }),
        "error_page" => error_page(args),
        "try_files" => try_files(args),
        "root" | "alias" => root(name, first),
        "add_header" | "add_trailer" => match arg(2) {
            "always" => compiles(1, arg(1)),
            _ if args.len() == 2 => compiles(1, arg(1)),
            other => refuse(2, "`always`, or a value in quotes", format!("invalid parameter \"{other}\"")),
        },
        "expires" => expires(args),
        "allow" | "deny" => access(first),
        "keepalive_timeout" if place.and(Places::UPSTREAM).is_none() => {
            match (literals::milliseconds(first), args.get(1)) {
                (None, _) => invalid("a time: `65s`"),
                (_, Some(header)) if literals::seconds(&header.text).is_none() => {
                    refuse(1, "a time of whole seconds", "\"keepalive_timeout\" directive invalid value")
                }
                _ => Ok(()),
            }
        }
        "keepalive" => match literals::number(first) {
            Some(0) if version.is_none_or(|version| version >= KEEPS_NONE) => Ok(()),
            Some(1..) => Ok(()),
            _ => refuse(0, "a number of connections", format!("invalid value \"{first}\" in \"keepalive\" directive")),
        },
        "open_file_cache" => open_file_cache(args),
        "limit_req" => limit_req(args),
        "limit_conn" => match literals::number(arg(1)) {
            None | Some(0) => {
                let refusal = format!("invalid number of connections \"{}\"", arg(1));
                refuse(1, "a number of connections", refusal)
            }
            Some(number) if number > 65535 => refuse(1, "at most 65535", "connection limit must be less 65536"),
            Some(_) => Ok(()),
        },
        "limit_req_zone" | "limit_conn_zone" => zone(args),
        "hash" => balancing::hash(args),
        "random" => balancing::random(args),
        "zone" => balancing::zone(args),
        "server" => balancing::server(args, in_stream, version),
        "resolver" => naming::resolver(args, in_mail, version),
        "server_name" if in_http || in_stream => naming::server_name(args),
        "valid_referers" => naming::valid_referers(args),
        "modern_browser" => browsers::modern_browser(args),
        "gzip_disable" => browsers::gzip_disable(args),
        "auth_http" => mail::auth_http(first),
        "protocol" => mail::protocol(&args[0]),
        "starttls" => one_of(&first.to_ascii_lowercase(), &["off", "on", "only"]),
        "index" => each(args, |at, text| match text {
            "" => refuse(at, "a file name", "in \"index\" directive is invalid"),
            text => compiles(at, text),
        }),
        "listen" => listening::listen(args, place, version),
        "log_format" => logs::log_format(args),
        "userid_mark" => match first == "off"
            || first.len() == 1 && first.chars().all(|char| char.is_ascii_alphanumeric() || char == '=')
        {
            true => Ok(()),
            false => refuse(
                0,
                "`off`, a letter, a digit or `=`",
                "\"userid_mark\" directive value must be \"off\" or a single letter, digit or \"=\"",
            ),
        },
        "userid_expires" if !matches!(first, "max" | "off") && literals::seconds(first).is_none() => {
            invalid("`max`, `off` or a time")
        }
        "disable_symlinks" => disable_symlinks(args),
        "open_log_file_cache" => logs::open_log_file_cache(args),
        "set_real_ip_from" if first.contains('/') && !is_network(first) => {
            let refusal = format!("host not found in set_real_ip_from \"{first}\"");
            refuse(0, "an address, a network such as `10.0.0.0/8`, or `unix:`", refusal)
        }
        "set_real_ip_from" => Ok(()),
        "access_log" => logs::access_log(args, in_stream),
        "proxy_pass" if in_stream && first.contains('$') => compiles(0, first),
        "proxy_pass" if !in_stream => proxying::proxy_pass(first),
        "proxy_cookie_path" | "proxy_cookie_domain" | "proxy_redirect" => proxying::rewritten(name, args),
        "proxy_cookie_flags" => proxying::cookie_flags(args),
        "proxy_store" | "fastcgi_store" | "uwsgi_store" | "scgi_store" => compiles(0, first),
        "ssl_session_cache" => each(args, session_cache),
        "ssl_ocsp_cache" => match first == "off" || shared(first) {
            true => Ok(()),
            false => refuse(0, "`off` or `shared:name:1m`", format!("invalid OCSP cache \"{first}\"")),
        },
        "fastcgi_split_path_info" => match pcre::fault(first) {
            Some(_) => regex(0, first),
            None if pcre::captures(first) != Some(2) && pcre::captures(first).is_some() => {
                refuse(0, "a regex with two captures", format!("pattern \"{first}\" must have 2 captures"))
            }
            None => Ok(()),
        },
        "directio" if first != "off" && literals::offset(first).is_none() => invalid("`off` or a size"),
        "aio" if !matches!(first, "on" | "off" | "sendfile" | "threads") && !first.starts_with("threads=") => {
            invalid("`on`, `off` or `threads`")
        }
        "fastcgi_cache_key"
        | "proxy_cache_key"
        | "scgi_cache_key"
        | "uwsgi_cache_key"
        | "fastcgi_cache"
        | "proxy_cache"
        | "scgi_cache"
        | "uwsgi_cache"
        | "fastcgi_pass"
        | "uwsgi_pass"
        | "scgi_pass"
        | "grpc_pass"
        | "auth_basic_user_file" => compiles(0, first),
        "sub_filter" if first.is_empty() => refuse(0, "a text to look for", "empty search pattern"),
        "sub_filter" => each(args, compiles),
        "map" | "split_clients" if in_stream => compiles(0, first).and_then(|()| names_variable(1, arg(1))),
        "geo" if in_stream => (0..args.len()).try_for_each(|at| names_variable(at, arg(at))),
        "map" | "split_clients" => compiles(0, first).and_then(|()| defines(1, arg(1))),
        "geo" => (0..args.len() - 1)
            .try_for_each(|at| names_variable(at, arg(at)))
            .and_then(|()| defines(args.len() - 1, arg(args.len() - 1))),
        "charset_map" if first.eq_ignore_ascii_case(arg(1)) => {
            let refusal = format!("\"charset_map\" between the same charsets \"{first}\" and \"{}\"", arg(1));
            refuse(1, "another charset", refusal)
        }
        "auth_request_set" => defines(0, first).and_then(|()| compiles(1, arg(1))),
        "perl_set" => defines(0, first),
        _ => Ok(()),
    }
}

/// From this release on `keepalive 0` keeps no connections.
const KEEPS_NONE: Version = Version(1, 29, 7);

/// A word that names a variable.
fn names_variable(at: usize, text: &str) -> Read {
    match text.starts_with('$') && text.len() > 1 {
        true => Ok(()),
        false => refuse(at, "a variable, with its `$`", format!("invalid variable name \"{text}\"")),
    }
}

/// A word that names a variable to be defined.
fn defines(at: usize, text: &str) -> Read {
    match text.starts_with('$') && text.len() > 1 {
        true if is_fixed(&text[1..]) => {
            refuse(at, "a name that nginx does not use itself", format!("the duplicate \"{}\" variable", &text[1..]))
        }
        _ => names_variable(at, text),
    }
}

/// The named groups of a regex of `http`, which define variables.
pub(super) fn captures(at: usize, pattern: &str) -> Read {
    match pcre::names(pattern).find(|name| is_fixed(name)) {
        Some(name) => {
            let wanted = format!("a group of another name: `${name}` is nginx's own");
            refuse(at, wanted, format!("the duplicate \"{name}\" variable"))
        }
        None => Ok(()),
    }
}

/// One of three words, and perhaps `from=`.
fn disable_symlinks(args: &[Word]) -> Read {
    let is_mode = |text: &str| matches!(text, "on" | "off" | "if_not_owner");
    each(args, |at, text| match is_mode(text) || text.starts_with("from=") {
        true => Ok(()),
        false => refuse(at, "`on`, `off`, `if_not_owner` or `from=`", format!("invalid parameter \"{text}\"")),
    })?;
    let mut modes = args.iter().filter(|word| is_mode(&word.text));
    match (modes.next().map(|word| word.text.as_str()), args) {
        (None, _) => {
            let refusal = "\"disable_symlinks\" must have \"off\", \"on\" or \"if_not_owner\" parameter";
            refuse(0, "`on` or `if_not_owner` as well", refusal)
        }
        (Some(_), [one, other]) if is_mode(&one.text) && is_mode(&other.text) => {
            let refusal = format!("duplicate parameters \"{} {}\"", one.text, other.text);
            refuse(1, "one of `on`, `off` and `if_not_owner`, and perhaps `from=`", refusal)
        }
        (Some("off"), [_, _]) => {
            refuse(args.len() - 1, "`off` alone", "\"from=\" cannot be used with \"off\" parameter")
        }
        _ => Ok(()),
    }
}

fn returned(args: &[Word]) -> Read {
    let Some(first) = args.first().map(|word| word.text.as_str()) else { return Ok(()) };
    let is_url =
        |text: &str| text.starts_with("http://") || text.starts_with("https://") || text.starts_with("$scheme");
    match literals::number(first) {
        Some(0..=999) => args.get(1).map_or(Ok(()), |text| compiles(1, &text.text)),
        None if args.len() == 1 && is_url(first) => compiles(0, first),
        _ => refuse(0, "a status up to 999, or alone a URL", format!("invalid return code \"{first}\"")),
    }
}

fn rewrite(args: &[Word]) -> Read {
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

fn set(args: &[Word]) -> Read {
    defines(0, args.first().map(|word| word.text.as_str()).unwrap_or_default())?;
    args.get(1).map_or(Ok(()), |value| compiles(1, &value.text))
}

/// The condition of an `if`, word by word as nginx goes through it.
fn condition(args: &[Word]) -> Read {
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

/// A word that is one of a few, written exactly so.
fn one_of(text: &str, words: &[&str]) -> Read {
    match words.contains(&text) {
        true => Ok(()),
        false => refuse(0, format!("one of `{}`", words.join("`, `")), format!("invalid value \"{text}\"")),
    }
}

/// A directory in which the directory itself cannot be named.
fn root(name: &str, text: &str) -> Read {
    compiles(0, text)?;
    let is_own = |variable: &&&str| crate::nginx::variables::names(text).any(|used| used == **variable);
    match ["document_root", "realpath_root"].iter().find(is_own) {
        Some(variable) => {
            let refusal = format!("the ${variable} variable cannot be used in the \"{name}\" directive");
            refuse(0, format!("a path without `${variable}`, which it decides"), refusal)
        }
        None => Ok(()),
    }
}

fn location(args: &[Word]) -> Read {
    match args {
        [modifier, _] if !matches!(&*modifier.text, "=" | "^~" | "~" | "~*") => refuse(
            0,
            "`=`, `^~`, `~` or `~*` before the path",
            format!("invalid location modifier \"{}\"", modifier.text),
        ),
        _ => Ok(()),
    }
}

fn error_page(args: &[Word]) -> Read {
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

fn try_files(args: &[Word]) -> Read {
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

fn expires(args: &[Word]) -> Read {
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

/// An address or network: `all`, `unix:`, an address, or one with the number of its leading bits or a mask.
fn access(text: &str) -> Read {
    match matches!(text, "all" | "unix:") || is_network(text) {
        true => Ok(()),
        false => refuse(
            0,
            "an address, a network such as `10.0.0.0/8`, `all` or `unix:`",
            format!("invalid parameter \"{text}\""),
        ),
    }
}

/// Whether a text is an address or a network, as nginx reads them: no mask of four numbers, and an
/// octet may be left out (`10.0..0`).
pub(super) fn is_network(text: &str) -> bool {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let is_v4 = literals::ipv4(address).is_some();
    let most = match () {
        () if is_v4 => 32,
        () if address.parse::<std::net::Ipv6Addr>().is_ok() => 128,
        () => return false,
    };
    bits.is_none_or(|bits| literals::number(bits).is_some_and(|bits| bits <= most))
}

fn open_file_cache(args: &[Word]) -> Read {
    each(args, |at, text| {
        let is_right = match text.split_once('=') {
            Some(("max", number)) => literals::number(number).is_some_and(|number| number > 0),
            Some(("inactive", time)) => literals::seconds(time).is_some(),
            _ => text == "off",
        };
        match is_right {
            true => Ok(()),
            false => {
                let refusal = format!("invalid \"open_file_cache\" parameter \"{text}\"");
                refuse(at, "`max=1000`, `inactive=20s` or `off`", refusal)
            }
        }
    })?;
    match args.iter().any(|word| word.text == "off" || word.text.starts_with("max=")) {
        true => Ok(()),
        false => refuse(0, "`max=` as well", "\"open_file_cache\" must have the \"max\" parameter"),
    }
}

fn limit_req(args: &[Word]) -> Read {
    each(args, |at, text| match text.split_once('=') {
        Some(("zone", _)) => Ok(()),
        Some(("burst", number)) => match literals::number(number) {
            Some(number) if number > 0 => Ok(()),
            _ => refuse(at, "a number of requests", format!("invalid burst value \"{text}\"")),
        },
        Some(("delay", number)) => match literals::number(number) {
            Some(number) if number > 0 => Ok(()),
            _ => refuse(at, "a number of requests", format!("invalid delay value \"{text}\"")),
        },
        _ if text == "nodelay" => Ok(()),
        _ => refuse(at, "`zone=`, `burst=`, `delay=` or `nodelay`", format!("invalid parameter \"{text}\"")),
    })?;
    match args.iter().any(|word| word.text.starts_with("zone=") && word.text.len() > 5) {
        true => Ok(()),
        false => refuse(0, "`zone=` as well", "\"limit_req\" must have \"zone\" parameter"),
    }
}

/// `limit_req_zone` and `limit_conn_zone`: a key, `zone=name:size`, and perhaps a rate.
fn zone(args: &[Word]) -> Read {
    compiles(0, &args[0].text)?;
    each(&args[1..], |at, text| match text.split_once('=') {
        Some(("zone", zone)) => match zone.split_once(':').map(|(name, size)| (name, literals::size(size))) {
            Some((_, Some(size))) if size >= 32 << 10 => Ok(()),
            Some((name, Some(_))) => refuse(at + 1, "at least 32k", format!("zone \"{name}\" is too small")),
            _ => refuse(at + 1, "`zone=name:10m`", format!("invalid zone size \"{text}\"")),
        },
        Some(("rate", rate)) => {
            let number = rate.strip_suffix("r/s").or_else(|| rate.strip_suffix("r/m")).unwrap_or(rate);
            match literals::number(number) {
                Some(number) if number > 0 => Ok(()),
                _ => refuse(at + 1, "a rate such as `10r/s` or `30r/m`", format!("invalid rate \"{text}\"")),
            }
        }
        _ => refuse(at + 1, "`zone=name:10m`", format!("invalid parameter \"{text}\"")),
    })?;
    match args[1..].iter().any(|word| word.text.starts_with("zone=")) {
        true => Ok(()),
        false => refuse(0, "`zone=name:10m` as well", "must have \"zone\" parameter"),
    }
}

fn session_cache(at: usize, text: &str) -> Read {
    let is_right = matches!(text, "off" | "none" | "builtin")
        || text.strip_prefix("builtin:").is_some_and(|number| literals::number(number).is_some())
        || shared(text);
    match is_right {
        true => Ok(()),
        false => {
            refuse(at, "`off`, `none`, `builtin` or `shared:name:10m`", format!("invalid session cache \"{text}\""))
        }
    }
}

/// `shared:name:size`
fn shared(text: &str) -> bool {
    let zone = text.strip_prefix("shared:").and_then(|zone| zone.split_once(':'));
    zone.is_some_and(|(name, size)| !name.is_empty() && literals::size(size).is_some_and(|size| size >= 32 << 10))
}
