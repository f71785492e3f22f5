//! Addresses as nginx reads them everywhere (`ngx_parse_url`): where it listens, and what it dials or asks.

use std::net::Ipv6Addr;

use crate::nginx::literals;
use crate::values::address::MAX_SOCKET_PATH;

/// Where an address stands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Kind {
    /// Behind `listen`: a number alone is a port, and ports may be ranges.
    pub listens: bool,
    /// A URI may follow.
    pub has_uri: bool,
}

/// What is known of an address that is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url {
    /// A name that is looked up at the start; none where an address or a socket is given.
    pub name: Option<String>,
    /// The address as nginx prints it, with the first of its ports; none where there is none.
    pub port: Option<u16>,
    /// What stands before the port.
    pub host: String,
}

/// Reads an address; the error holds what nginx says of it.
pub(super) fn parse(text: &str, kind: Kind) -> Result<Url, &'static str> {
    if text.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("unix:")) {
        let path = text[5..].split(':').next().filter(|_| kind.has_uri).unwrap_or(&text[5..]);
        return match path.len() {
            0 => Err("no path in the unix domain socket"),
            length if length > MAX_SOCKET_PATH => Err("too long path in the unix domain socket"),
            _ => Ok(Url { name: None, port: None, host: format!("unix:{path}") }),
        };
    }
    let is_v6 = text.starts_with('[');
    let uri = text.find(['/', '?']).filter(|at| !is_v6 || text[..*at].contains(']'));
    if uri.is_some() && (kind.listens || !kind.has_uri) {
        return Err("invalid host");
    }
    let text = uri.map_or(text, |at| &text[..at]);
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or("invalid host")?;
        let digits = rest.strip_prefix(':');
        if digits.is_none() && !rest.is_empty() {
            return Err("invalid host");
        }
        let port = digits.map(|digits| port(digits, kind)).transpose()?;
        return match host.parse::<Ipv6Addr>() {
            Ok(ip) => Ok(Url { name: None, port, host: format!("[{ip}]") }),
            Err(_) if host.is_empty() => Err("no host"),
            Err(_) => Err("invalid IPv6 address"),
        };
    }
    let (host, port) = match text.split_once(':') {
        Some((host, digits)) => (host, Some(port(digits, kind)?)),
        None if kind.listens && uri.is_none() && is_port(text) => ("*", Some(port(text, kind)?)),
        None => (text, None),
    };
    if host.is_empty() {
        return Err("no host");
    }
    let is_address = host == "*" && kind.listens || literals::ipv4(host).is_some();
    let host = if host == "*" && kind.listens { "0.0.0.0" } else { host };
    Ok(Url { name: (!is_address).then(|| host.to_owned()), port, host: host.to_owned() })
}

/// Whether a text can only be a port or a range of ports.
fn is_port(text: &str) -> bool {
    let (first, last) = text.split_once('-').unwrap_or((text, "1"));
    literals::number(first).is_some() && literals::number(last).is_some()
}

fn port(text: &str, kind: Kind) -> Result<u16, &'static str> {
    let number = |text: &str| literals::number(text).filter(|port| (1..=65535).contains(port)).ok_or("invalid port");
    let (first, last) = match text.split_once('-').filter(|_| kind.listens) {
        Some((first, last)) => (number(first)?, number(last)?),
        None => (number(text)?, 65535),
    };
    if first <= last { Ok(first as u16) } else { Err("invalid port range") }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tried with `nginx -t`.
    #[test]
    fn addresses_that_nginx_refuses() {
        let (listens, dials) = (Kind { listens: true, has_uri: false }, Kind { listens: false, has_uri: true });
        for (text, kind, error) in [
            ("", listens, "no host"),
            ("65536", listens, "invalid port"),
            ("2-1", listens, "invalid port range"),
            ("127.0.0.1:0", listens, "invalid port"),
            ("a/b", listens, "invalid host"),
            ("[::1", listens, "invalid host"),
            ("[x]:1", listens, "invalid IPv6 address"),
            ("unix:", listens, "no path in the unix domain socket"),
            ("127.0.0.1:1-2/x", dials, "invalid port"),
            ("/x", dials, "no host"),
            ("[::1]x", dials, "invalid host"),
        ] {
            assert_eq!(parse(text, kind), Err(error), "{text}");
        }
        for text in ["80", "80-90", "*:80", "a", "unix:/x:/y", "[::1]", "1-"] {
            assert!(parse(text, listens).is_ok(), "{text}");
        }
        for text in ["127.0.0.1/x", "a:80?b", "[::1]:80/x", "unix:/x:/y", "80"] {
            assert!(parse(text, dials).is_ok(), "{text}");
        }
    }
}
