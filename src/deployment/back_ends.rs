//! What listens on a host besides the pools: other servers that facts, units or nginx itself name.

use std::collections::HashMap;
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
    /// Where nginx itself listens: how its `listen` lines for the address want to be spoken to.
    pub listen: Option<Listen>,
}

/// How the `listen` lines of nginx's `http` for one address want to be spoken to: an option of one holds for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Listen {
    /// The address as it is written.
    pub text: String,
    /// TLS.
    pub is_tls: bool,
    /// The line that asks for a PROXY line in front of each request.
    pub proxy_protocol: Option<Span>,
}

/// Everything but pools that is known to listen on the host.
pub fn known(facts: &Facts, nginx: &[Nginx]) -> Vec<(Endpoint, BackEnd)> {
    let mut found: Vec<_> = facts.listeners.iter().filter_map(from_fact).collect();
    for (name, unit) in facts.units.iter() {
        for (address, protocol) in from_command(&unit.start_command()) {
            let what = format!("{protocol_name} server of {name}", protocol_name = protocol.name());
            found.extend(endpoint(&address).map(|place| (place, BackEnd { protocol, what, span: None, listen: None })));
        }
        for address in unit.settings.get("Socket.ListenStream").into_iter().flatten() {
            let other =
                BackEnd { protocol: Protocol::Unknown, what: format!("the unit {name}"), span: None, listen: None };
            found.extend(endpoint(address).map(|place| (place, other)));
        }
    }
    for nginx in nginx {
        // Servers of `stream` and `mail`: what they speak depends on what lies behind.
        for level in nginx.config.levels(Context::Other) {
            for listen in nginx.config.own(level, "listen").filter_map(|listen| listen.args.first()) {
                let (what, span) = ("nginx's stream or mail".to_owned(), Some(listen.span));
                let other = BackEnd { protocol: Protocol::Unknown, what, span, listen: None };
                found.extend(nginx_listen(&listen.text).map(|place| (place, other)));
            }
        }
    }
    // Thousands of servers listen in the same places.
    for nginx in nginx {
        let mut listens = listens(nginx);
        for listen in nginx.servers.iter().flat_map(|server| &server.listens) {
            let Some(found_here) = listens.remove(listen.text.as_str()) else { continue };
            let (what, span) = ("nginx itself".to_owned(), Some(listen.span));
            let other = BackEnd { protocol: Protocol::Http, what, span, listen: Some(found_here) };
            found.extend(nginx_listen(&listen.text).map(|place| (place, other)));
        }
    }
    found
}

/// The addresses of an nginx's servers, as they are written.
fn listens(nginx: &Nginx) -> HashMap<&str, Listen> {
    let mut found: HashMap<&str, Listen> = HashMap::new();
    for server in &nginx.servers {
        let by_server = nginx.config.effective(server.level, "ssl").and_then(|ssl| ssl.arg(0)) == Some("on");
        for listen in nginx.config.own(server.level, "listen") {
            let Some(address) = server.listens.iter().find(|word| Some(word.text.as_str()) == listen.arg(0)) else {
                continue;
            };
            let known = found.entry(&address.text).or_default();
            let has = |option: &str| listen.args.iter().skip(1).any(|word| word.text == option);
            known.text = address.text.to_string();
            known.is_tls |= by_server || has("ssl") || has("quic");
            known.proxy_protocol = known.proxy_protocol.or(has("proxy_protocol").then_some(listen.head));
        }
    }
    found
}

fn from_fact(fact: &ListenerFact) -> Option<(Endpoint, BackEnd)> {
    let process = fact.process.clone().unwrap_or_else(|| format!("a server that speaks {}", fact.protocol.name()));
    let other = BackEnd { protocol: fact.protocol, what: format!("{process} (facts file)"), span: None, listen: None };
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
