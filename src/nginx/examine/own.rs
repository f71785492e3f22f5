//! The directives with a grammar of their own.

use super::servers;
use super::values::{Read, compiles, each, refuse, word};
use crate::nginx::ast::{Directive, Word};
use crate::nginx::directives::Places;
use crate::nginx::{literals, pcre};

/// Reads the arguments of a directive whose number of arguments is right.
pub(super) fn check(directive: &Directive, place: Places) -> Read {
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
        "use" => match word(0, first, "select poll epoll kqueue /dev/poll eventport", None) {
            Ok(()) => Ok(()),
            Err(refused) => refuse(0, refused.wanted, format!("invalid event type \"{first}\"")),
        },
        "error_log" => each(args.get(1..).unwrap_or_default(), |at, level| {
            let levels = ["emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"];
            // The levels of debugging need a build with it.
            match levels.contains(&level) || level.starts_with("debug_") {
                true => Ok(()),
                false => {
                    refuse(at + 1, format!("a level: {}", levels.join(", ")), format!("invalid log level \"{level}\""))
                }
            }
        }),
        "return" if !place.and(Places::named("stream_server")).is_none() => Ok(()),
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
        "root" | "alias" => compiles(0, first),
        "add_header" | "add_trailer" => match arg(2) {
            "" | "always" => compiles(1, arg(1)),
            other => refuse(2, "`always`, or a value in quotes", format!("invalid parameter \"{other}\"")),
        },
        "expires" => expires(args),
        "allow" | "deny" => access(first),
        "set_real_ip_from" => Ok(()),
        "keepalive_timeout" if place.and(Places::named("upstream")).is_none() => {
            match (literals::milliseconds(first), args.get(1)) {
                (None, _) => invalid("a time: `65s`"),
                (_, Some(header)) if literals::seconds(&header.text).is_none() => {
                    refuse(1, "a time of whole seconds", "\"keepalive_timeout\" directive invalid value")
                }
                _ => Ok(()),
            }
        }
        "keepalive" => match literals::number(first) {
            Some(_) => Ok(()),
            None => {
                refuse(0, "a number of connections", format!("invalid value \"{first}\" in \"keepalive\" directive"))
            }
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
        "index" if first.is_empty() => refuse(0, "a file name", "index \"\" in \"index\" directive is invalid"),
        "index" => each(args, compiles),
        "listen" if !place.and(Places::SERVER).is_none() => servers::listen(args),
        "log_format" if !place.and(Places::HTTP).is_none() => log_format(args),
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
        "disable_symlinks" => {
            each(args, |at, text| match matches!(text, "on" | "off" | "if_not_owner") || text.starts_with("from=") {
                true => Ok(()),
                false => refuse(at, "`on`, `off`, `if_not_owner` or `from=`", format!("invalid parameter \"{text}\"")),
            })
        }
        "open_log_file_cache" => each(args, |at, text| {
            let is_right = match text.split_once('=') {
                Some(("max" | "min_uses", number)) => literals::number(number).is_some_and(|number| number > 0),
                Some(("inactive" | "valid", time)) => literals::seconds(time).is_some(),
                _ => text == "off",
            };
            let refusal = || format!("invalid \"open_log_file_cache\" parameter \"{text}\"");
            if is_right { Ok(()) } else { refuse(at, "`max=1000`, `inactive=20s` or `off`", refusal()) }
        }),
        "server" => upstream_server(args),
        "access_log" => access_log(args),
        "proxy_pass" if place.and(Places::named("stream_server")).is_none() => proxy_pass(first),
        "proxy_cookie_path" | "proxy_cookie_domain" | "proxy_redirect" if args.len() == 1 => {
            match first == "off" || first == "default" && name == "proxy_redirect" {
                true => Ok(()),
                false => refuse(0, "two words, or `off`", format!("invalid parameter \"{first}\"")),
            }
        }
        "proxy_cookie_path" | "proxy_cookie_domain" | "proxy_redirect" => {
            each(args, |at, text| if text.starts_with('~') { Ok(()) } else { compiles(at, text) })
        }
        "ssl_session_cache" => each(args, session_cache),
        "ssl_ocsp_cache" => match first == "off" || shared(first) {
            true => Ok(()),
            false => refuse(0, "`off` or `shared:name:1m`", format!("invalid OCSP cache \"{first}\"")),
        },
        "zone" if args.len() == 2 => match literals::size(arg(1)) {
            Some(size) if size >= 32 << 10 => Ok(()),
            Some(_) => refuse(1, "at least 32k", format!("zone \"{first}\" is too small")),
            None => refuse(1, "a size: digits, then perhaps `k` or `m`", format!("invalid zone size \"{}\"", arg(1))),
        },
        "fastcgi_split_path_info" => match pcre::fault(first) {
            Some(_) => Ok(()),
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
        | "auth_basic_user_file" => compiles(0, first),
        "sub_filter" => each(args, compiles),
        "map" | "split_clients" if !place.and(Places::HTTP).is_none() => {
            compiles(0, first).and_then(|()| defines(1, arg(1)))
        }
        "geo" if !place.and(Places::HTTP).is_none() => defines(args.len() - 1, arg(args.len() - 1)),
        "auth_request_set" => defines(0, first).and_then(|()| compiles(1, arg(1))),
        "perl_set" => defines(0, first),
        _ => Ok(()),
    }
}

/// A word that names a variable to be defined.
fn defines(at: usize, text: &str) -> Read {
    match text.starts_with('$') && text.len() > 1 {
        true => Ok(()),
        false => refuse(at, "a variable, with its `$`", format!("invalid variable name \"{text}\"")),
    }
}

fn returned(args: &[Word]) -> Read {
    let Some(first) = args.first().map(|word| word.text.as_str()) else { return Ok(()) };
    let is_url = |text: &str| {
        let scheme = |prefix: &str| text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        scheme("http://") || scheme("https://") || scheme("$scheme")
    };
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
            [_, (_, "~" | "~*" | "!~" | "!~*"), _] => Ok(()),
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
    let octet = |octet: &str| octet.is_empty() || literals::number(octet).is_some_and(|octet| octet < 256);
    let is_v4 = address.split('.').count() == 4 && address.split('.').all(octet) && address != "255.255.255.255";
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

/// The words behind the address of a `server` in `upstream`.
fn upstream_server(args: &[Word]) -> Read {
    each(args.get(1..).unwrap_or_default(), |at, text| {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        let number = literals::number(value);
        let is_right = match key {
            "weight" => number.is_some_and(|number| number > 0),
            "max_conns" | "max_fails" => number.is_some(),
            "fail_timeout" | "slow_start" => literals::seconds(value).is_some(),
            "service" | "route" => !value.is_empty(),
            "backup" | "down" | "drain" | "resolve" => key == text,
            _ => false,
        };
        match is_right {
            true => Ok(()),
            false => refuse(
                at + 1,
                "`weight=2`, `max_fails=3`, `fail_timeout=10s`, `max_conns=100`, `backup` or `down`",
                format!("invalid parameter \"{text}\""),
            ),
        }
    })
}

fn access_log(args: &[Word]) -> Read {
    let path = args[0].text.as_str();
    if path == "off" {
        return match args.get(1) {
            Some(more) => refuse(1, "nothing behind `off`", format!("invalid parameter \"{}\"", more.text)),
            None => Ok(()),
        };
    }
    compiles(0, path)?;
    each(args.get(2..).unwrap_or_default(), |at, text| {
        let is_right = match text.split_once('=') {
            Some(("buffer", size)) => literals::size(size).is_some_and(|size| size > 0),
            Some(("flush", time)) => literals::milliseconds(time).is_some_and(|time| time > 0),
            Some(("gzip", level)) => literals::number(level).is_some_and(|level| (1..=9).contains(&level)),
            Some(("if", condition)) => return compiles(at + 2, condition),
            _ => text == "gzip",
        };
        match is_right {
            true => Ok(()),
            false => refuse(
                at + 2,
                "`buffer=32k`, `flush=5s`, `gzip` or `if=$variable`",
                format!("invalid parameter \"{text}\""),
            ),
        }
    })
}

fn proxy_pass(url: &str) -> Read {
    let scheme = |prefix: &str| url.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    match url.contains('$') {
        true => compiles(0, url),
        false if scheme("http://") || scheme("https://") => Ok(()),
        false => refuse(0, "a URL that begins with `http://` or `https://`", "invalid URL prefix"),
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

/// `log_format`: each of its texts with the variables in it.
fn log_format(args: &[Word]) -> Read {
    let escape = args.get(1).and_then(|word| word.text.strip_prefix("escape="));
    if let Some(escape) = escape.filter(|escape| !matches!(*escape, "json" | "default" | "none")) {
        let wanted = "`escape=json`, `escape=default` or `escape=none`";
        return refuse(1, wanted, format!("unknown log format escaping \"{escape}\""));
    }
    let texts = if escape.is_some() { 2 } else { 1 };
    each(args.get(texts..).unwrap_or_default(), |at, text| match compiles(at + texts, text) {
        Ok(()) => Ok(()),
        Err(mut refused) => {
            // Here nginx shows the rest of the text.
            if refused.refusal == "invalid variable name" {
                refused.refusal = format!("invalid parameter \"{}\"", text.split('$').next_back().unwrap_or_default());
            }
            Err(refused)
        }
    })
}
