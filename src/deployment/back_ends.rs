//! What listens on a host besides the pools: other servers that facts, units or nginx itself name.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use super::Nginx;
use crate::host::facts::{Facts, ListenerFact, Protocol};
use crate::nginx::levels::Context;
use crate::source::Span;
use crate::values::address::Endpoint;

/// A server that is not a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackEnd {
    /// What it speaks.
    pub protocol: Protocol,
    /// What it is, in words: `nginx itself`, `node (facts)`.
    pub what: String,
    /// The line that says so, where one does.
    pub span: Option<Span>,
}

/// Everything but pools that is known to listen on the host.
pub fn known(facts: &Facts, nginx: &[Nginx]) -> Vec<(Endpoint, BackEnd)> {
    let mut found: Vec<_> = facts.listeners.iter().filter_map(from_fact).collect();
    for (name, unit) in facts.units.iter() {
        for (address, protocol) in from_command(&unit.start_command()) {
            let what = format!("{protocol_name} server of {name}", protocol_name = protocol.name());
            found.extend(endpoint(&address).map(|place| (place, BackEnd { protocol, what, span: None })));
        }
        for address in unit.settings.get("Socket.ListenStream").into_iter().flatten() {
            let other = BackEnd { protocol: Protocol::Unknown, what: format!("the unit {name}"), span: None };
            found.extend(endpoint(address).map(|place| (place, other)));
        }
    }
    for nginx in nginx {
        // Servers of `stream` and `mail`: what they speak depends on what lies behind.
        for level in nginx.config.levels(Context::Other) {
            for listen in nginx.config.own(level, "listen").filter_map(|listen| listen.args.first()) {
                let (what, span) = ("nginx's stream or mail".to_owned(), Some(listen.span));
                let other = BackEnd { protocol: Protocol::Unknown, what, span };
                found.extend(nginx_listen(&listen.text).map(|place| (place, other)));
            }
        }
    }
    // Thousands of servers listen in the same places.
    let mut seen = HashSet::new();
    for server in nginx.iter().flat_map(|nginx| &nginx.servers) {
        for listen in server.listens.iter().filter(|listen| seen.insert(&listen.text)) {
            let span = Some(listen.span);
            let other = BackEnd { protocol: Protocol::Http, what: "nginx itself".into(), span };
            found.extend(nginx_listen(&listen.text).map(|place| (place, other)));
        }
    }
    found
}

fn from_fact(fact: &ListenerFact) -> Option<(Endpoint, BackEnd)> {
    let process = fact.process.clone().unwrap_or_else(|| format!("a server that speaks {}", fact.protocol.name()));
    let other = BackEnd { protocol: fact.protocol, what: format!("{process} (facts file)"), span: None };
    Some((endpoint(&fact.address)?, other))
}

/// An address as facts, units and start commands write it: a path, `host:port`, `:port` or a port.
fn endpoint(text: &str) -> Option<Endpoint> {
    let text = text.strip_prefix("unix:").unwrap_or(text);
    if text.starts_with('/') {
        return Some(Endpoint::unix(Path::new(text)));
    }
    if let Ok(address) = text.parse() {
        return Some(Endpoint::Tcp(address));
    }
    let (host, port) = text.rsplit_once(':').unwrap_or(("", text));
    let port = port.parse().ok()?;
    let ip: IpAddr = match host {
        "" | "*" => Ipv6Addr::UNSPECIFIED.into(),
        "localhost" => Ipv4Addr::LOCALHOST.into(),
        host => host.trim_matches(['[', ']']).parse().ok()?,
    };
    Some(Endpoint::Tcp(SocketAddr::new(ip, port)))
}

/// nginx's `listen`: `80`, `127.0.0.1:80`, `*:80`, `[::]:80`, `unix:/path`; a bare `*:80` is IPv4 only.
fn nginx_listen(text: &str) -> Option<Endpoint> {
    if let Some(path) = text.strip_prefix("unix:") {
        return Some(Endpoint::unix(Path::new(path)));
    }
    if let Ok(address) = text.parse() {
        return Some(Endpoint::Tcp(address));
    }
    if let Ok(ip) = text.trim_matches(['[', ']']).parse() {
        return Some(Endpoint::Tcp(SocketAddr::new(ip, 80)));
    }
    let port = text.strip_prefix("*:").unwrap_or(text).parse().ok()?;
    Some(Endpoint::Tcp(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port)))
}

/// The addresses that a start command names, for the servers whose options are well known:
/// gunicorn's `--bind` speaks HTTP, uwsgi's `--socket` uwsgi and `--http` HTTP.
fn from_command(command: &[String]) -> Vec<(String, Protocol)> {
    let program = |name: &str| command.iter().take(2).any(|word| word.rsplit('/').next() == Some(name));
    let options: &[(&str, Protocol)] = match () {
        () if program("gunicorn") => &[("--bind", Protocol::Http), ("-b", Protocol::Http)],
        () if program("uwsgi") => &[
            ("--socket", Protocol::Uwsgi),
            ("-s", Protocol::Uwsgi),
            ("--http", Protocol::Http),
            ("--http-socket", Protocol::Http),
        ],
        () => &[],
    };
    let mut found = Vec::new();
    for (at, word) in command.iter().enumerate() {
        for (option, protocol) in options {
            let glued = word.strip_prefix(option).and_then(|rest| rest.strip_prefix('='));
            let separate = command.get(at + 1).filter(|_| word == option).map(String::as_str);
            found.extend(glued.or(separate).map(|address| (address.to_owned(), *protocol)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_commands_name_addresses() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let found = from_command(&words("/srv/venv/bin/gunicorn wsgi:app --bind 127.0.0.1:8000"));
        assert_eq!(found, [("127.0.0.1:8000".to_owned(), Protocol::Http)]);
        let found = from_command(&words("uwsgi --socket=/run/u.sock --http :80"));
        assert_eq!(found, [("/run/u.sock".to_owned(), Protocol::Uwsgi), (":80".to_owned(), Protocol::Http)]);
        assert_eq!(from_command(&words("node app.js -b 1")), []);
    }

    #[test]
    fn listen_lines_are_places() {
        let shown = |text| nginx_listen(text).map(|place| place.to_string());
        assert_eq!(shown("80").as_deref(), Some("0.0.0.0:80"));
        assert_eq!(shown("*:80").as_deref(), Some("0.0.0.0:80"));
        assert_eq!(shown("[::]:80").as_deref(), Some("[::]:80"));
        assert_eq!(shown("127.0.0.1").as_deref(), Some("127.0.0.1:80"));
        assert_eq!(shown("unix:/run/a").as_deref(), Some("/run/a"));
        assert_eq!(shown("localhost:80"), None);
    }
}
