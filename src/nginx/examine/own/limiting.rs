//! Who gets in, and how often.

use crate::nginx::ast::Word;
use crate::nginx::examine::values::{Read, compiles, each, refuse};
use crate::nginx::literals;

/// An address or network: `all`, `unix:`, an address, or one with the number of its leading bits or a mask.
pub(super) fn access(text: &str) -> Read {
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
pub(in crate::nginx::examine) fn is_network(text: &str) -> bool {
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

pub(super) fn limit_req(args: &[Word]) -> Read {
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
pub(super) fn zone(args: &[Word]) -> Read {
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

/// A method of `limit_except`.
pub(super) fn method(at: usize, text: &str) -> Read {
    let methods = "GET HEAD POST PUT DELETE MKCOL COPY MOVE OPTIONS PROPFIND PROPPATCH LOCK UNLOCK PATCH";
    match methods.split(' ').any(|known| known.eq_ignore_ascii_case(text)) {
        true => Ok(()),
        false => refuse(at, "a method such as `GET` or `POST`", format!("invalid method \"{text}\"")),
    }
}

/// The second word of `limit_conn`.
pub(super) fn limit_conn(text: &str) -> Read {
    match literals::number(text) {
        None | Some(0) => refuse(1, "a number of connections", format!("invalid number of connections \"{text}\"")),
        Some(number) if number > 65535 => refuse(1, "at most 65535", "connection limit must be less 65536"),
        Some(_) => Ok(()),
    }
}

/// `set_real_ip_from`; a host name is looked up.
pub(super) fn trusted(text: &str) -> Read {
    match text.contains('/') && !is_network(text) {
        true => {
            let refusal = format!("host not found in set_real_ip_from \"{text}\"");
            refuse(0, "an address, a network such as `10.0.0.0/8`, or `unix:`", refusal)
        }
        false => Ok(()),
    }
}
