//! Servers of `http`: where they listen, their names, and their locations.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use ecow::EcoString;

use super::names::Family;
use super::tls::Tls;
use super::values::Read;
use super::values::{refuse, regex};
use super::{Examiner, Flaw, Level, Refusal, Refused, Taken, own};
use crate::nginx::ast::{Directive, Word};
use crate::nginx::directives::Places;
use crate::nginx::literals;
use crate::source::Span;

/// A location around others.
#[derive(Clone, Debug)]
pub(in crate::nginx) struct Location {
    exact: bool,
    named: bool,
    regex: bool,
    path: EcoString,
}

impl Location {
    /// Whether it begins with `@`.
    pub(in crate::nginx) fn is_named(&self) -> bool {
        self.named
    }

    /// Reads the words of a `location`.
    pub(in crate::nginx) fn of(args: &[Word]) -> Option<Self> {
        let (modifier, path) = match args {
            [modifier, path] => (modifier.text.as_str(), path.text.clone()),
            [word] => {
                let signs = ["=", "^~", "~*", "~"];
                let glued = signs.iter().find_map(|sign| word.text.strip_prefix(sign).map(|path| (*sign, path.into())));
                glued.unwrap_or_else(|| ("", word.text.clone()))
            }
            _ => return None,
        };
        Some(Location {
            exact: modifier == "=",
            named: modifier.is_empty() && path.starts_with('@'),
            regex: modifier.starts_with('~'),
            path,
        })
    }
}

/// The servers in the order in which they open.
#[derive(Debug, Default)]
pub(super) struct Servers {
    pub(super) servers: Vec<Server>,
    /// Where they listen, by the number of the server and the address.
    listens: BTreeMap<(usize, EcoString), Span>,
    /// What `http` says of TLS for all of them.
    pub(super) common: Tls,
    /// The `listen` of each address that has options of the socket.
    options: BTreeMap<EcoString, Span>,
    /// Addresses as they are written, as nginx prints them: thousands of servers listen in the same few places.
    shown: HashMap<EcoString, Option<EcoString>>,
}

/// A server.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) names: Vec<(EcoString, Span)>,
    pub(super) defaults: Vec<(EcoString, Span)>,
    pub(super) tls: Tls,
    /// The addresses on which it is to speak TLS.
    pub(super) tls_listens: Vec<(EcoString, Span)>,
    pub(super) ender: Span,
}

impl Servers {
    pub(super) fn open(&mut self, directive: &Directive) -> usize {
        let (names, defaults, tls, tls_listens) = Default::default();
        let ender = directive.ender();
        self.servers.push(Server { names, defaults, tls, tls_listens, ender });
        self.servers.len() - 1
    }

    pub(super) fn name(&mut self, directive: &Directive, server: Option<usize>) {
        let Some(server) = server.and_then(|at| self.servers.get_mut(at)) else { return };
        server.names.extend(directive.args.iter().map(|word| (lower(&word.text), word.span)));
    }

    /// The addresses of a server, in order.
    pub(super) fn addresses(&self, server: usize) -> impl Iterator<Item = &EcoString> {
        let listens = self.listens.range((server, EcoString::new())..(server + 1, EcoString::new()));
        listens.map(|((_, address), _)| address)
    }
}

/// A name in lower case, as most are written.
fn lower(name: &EcoString) -> EcoString {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) { name.to_ascii_lowercase() } else { name.clone() }
}

/// An address of a `listen` as nginx prints it: `80` is `0.0.0.0:80`. None where a name must be looked up.
pub fn shown_address(text: &str) -> Result<Option<String>, &'static str> {
    if let Some(path) = text.strip_prefix("unix:") {
        return match path.is_empty() {
            true => Err("no path in the unix domain socket"),
            false => Ok(Some(format!("unix:{path}"))),
        };
    }
    Ok(socket_address(text)?.map(|address| address.to_string()))
}

/// An address of a `listen` that is no unix socket. None where a name must be looked up.
fn socket_address(text: &str) -> Result<Option<SocketAddr>, &'static str> {
    let port = |text: &str| {
        // Ranges are addresses of their own.
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let number = |text: &str| literals::number(text).filter(|port| (1..=65535).contains(port));
        match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last => Ok(first as u16),
            _ => Err("invalid port"),
        }
    };
    if text.contains('/') {
        return Err("invalid host");
    }
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => match rest.strip_prefix(':') {
            Some(digits) => (host, port(digits)?),
            None if rest.is_empty() => (host, 80),
            None => return Err("invalid host"),
        },
        None => match text.split_once(':') {
            Some((host, digits)) => (host, port(digits)?),
            None if text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-') => ("*", port(text)?),
            None => (text, 80),
        },
    };
    let ip: Option<IpAddr> = match host {
        "*" => Some(Ipv4Addr::UNSPECIFIED.into()),
        host => host.parse().ok(),
    };
    Ok(ip.map(|ip| SocketAddr::new(ip, port)))
}

impl Examiner<'_> {
    pub(super) fn listen(&mut self, directive: &Directive, level: &Level) {
        let Some(first) = directive.args.first() else { return };
        let address = match self.servers.shown.get(&first.text) {
            Some(known) => known.clone(),
            None => {
                let address = shown_address(&first.text).unwrap_or_default().map(EcoString::from);
                self.servers.shown.insert(first.text.clone(), address.clone());
                address
            }
        };
        let (Some(address), Some(at)) = (address, level.server) else { return };
        let is_default = directive.args.iter().any(|word| matches!(&*word.text, "default_server" | "default"));
        let server = &mut self.servers.servers[at];
        if is_default {
            server.defaults.push((address.clone(), directive.head));
        }
        if directive.args.iter().any(|word| matches!(&*word.text, "ssl" | "quic")) {
            server.tls_listens.push((address.clone(), directive.head));
        }
        let sets = |key: &str| {
            let options =
                "bind setfib fastopen backlog rcvbuf sndbuf accept_filter deferred ipv6only reuseport so_keepalive";
            options.split(' ').any(|option| option == key)
        };
        let has_options =
            directive.args.iter().skip(1).any(|word| sets(word.text.split('=').next().unwrap_or_default()));
        let other = self.servers.options.get(&address).copied().filter(|_| has_options);
        match self.servers.listens.get(&(at, address.clone())) {
            None if other.is_some_and(|other| other != directive.head) => {
                let flaw = Flaw::Taken(Taken::Options(other.unwrap_or(directive.head)));
                self.refuse_directive(directive, flaw, format!("duplicate listen options for {address}"));
            }
            Some(first) => {
                let flaw = Flaw::Taken(Taken::Listen(*first));
                self.refuse_directive(directive, flaw, format!("a duplicate listen {address}"));
            }
            None => {
                if has_options {
                    self.servers.options.insert(address.clone(), directive.head);
                }
                self.servers.listens.insert((at, address), directive.head);
            }
        }
    }

    pub(super) fn location(&mut self, directive: &Directive, outer: &mut Level, inner: &mut Level) {
        let Some(location) = Location::of(&directive.args) else { return };
        let path = location.path.as_str();
        if location.regex {
            self.check_regex(directive, directive.args.len() - 1, path);
        }
        if let Some(refusal) = outer.inside.last().and_then(|around| misnested(around, &location)) {
            let wanted = "a location that belongs inside of the one around it".to_owned();
            let argument = directive.args.len() - 1;
            return self.refuse_value(directive, Refused { argument, wanted, refusal });
        }
        if !location.regex && !location.named && outer.place.is_one() {
            let key = (location.exact, location.path.clone());
            match outer.locations.get(&key) {
                Some(first) => {
                    let first = *first;
                    let refusal = format!("duplicate location \"{path}\"");
                    self.refuse_directive(directive, Flaw::Taken(Taken::Location(first)), refusal);
                }
                _ => drop(outer.locations.insert(key, directive.head)),
            }
        }
        inner.inside.push(location);
    }

    /// Refuses an expression that PCRE cannot compile.
    pub(super) fn check_regex(&mut self, directive: &Directive, argument: usize, pattern: &str) {
        if let Err(refused) = regex(argument, pattern).and_then(|()| own::captures(argument, pattern)) {
            self.refuse_value(directive, *refused);
        }
    }

    /// Refuses names that nginx cannot enter into its tables of names.
    fn wildcards(&mut self, server: &Server) {
        let is_wrong = |name: &str| !name.starts_with('~') && !own::is_wildcard_name(name);
        for (name, span) in server.names.iter().filter(|(name, _)| is_wrong(name)) {
            let refusal = format!("invalid server name or wildcard \"{name}\"");
            let wanted = "a name, or a wildcard such as `*.example.com`".to_owned();
            let refused = Refused { argument: 0, wanted, refusal: refusal.clone() };
            let (flaw, name) = (Flaw::Value(Box::new(refused)), "server_name".to_owned());
            self.refuse(Refusal { flaw, name, span: *span, noticed: None, refusal });
        }
    }

    pub(super) fn end_servers(&mut self) {
        let all = std::mem::take(&mut self.servers);
        let servers = &all.servers;
        self.end_tls(&all);
        // How many servers share each address: names are looked up where several do.
        let mut sharing: BTreeMap<&str, usize> = BTreeMap::new();
        all.listens.keys().for_each(|(_, address)| *sharing.entry(address).or_default() += 1);
        if self.build.is_whole {
            self.end_connections(&sharing.keys().copied().collect());
        }
        let mut defaults: BTreeMap<&EcoString, (usize, Span)> = BTreeMap::new();
        for (at, server) in servers.iter().enumerate() {
            for (address, span) in &server.defaults {
                match defaults.get(address) {
                    Some((other, first)) if *other != at => {
                        let refusal = format!("a duplicate default server for {address}");
                        let taken = Taken::Default(address.to_string(), *first);
                        self.refuse(Refusal {
                            flaw: Flaw::Taken(taken),
                            name: "listen".to_owned(),
                            span: *span,
                            noticed: None,
                            refusal,
                        });
                    }
                    Some(_) => {}
                    None => drop(defaults.insert(address, (at, *span))),
                }
            }
            if all.addresses(at).any(|address| sharing.get(address.as_str()).is_some_and(|servers| *servers > 1)) {
                self.wildcards(server);
                let is_exact = |name: &str| !name.starts_with(['~', '*', '.']) && !name.ends_with(".*");
                for (name, span) in server.names.iter().filter(|(name, _)| is_exact(name)) {
                    let (table, family) = ("server_names_hash", Family::Http);
                    self.hashes.note(table, family, "server_name", name.len(), *span);
                }
            }
        }
        self.end_server_names(&all);
    }

    /// The names that several servers have on one address.
    fn end_server_names(&mut self, all: &Servers) {
        // A server without a `listen` has port 80 when root starts nginx, and 8000 otherwise.
        let implied = EcoString::from("0.0.0.0:80");
        let mut names: Vec<(&EcoString, usize, Span)> = Vec::new();
        for (at, server) in all.servers.iter().enumerate() {
            names.extend(server.names.iter().map(|(name, span)| (name, at, *span)));
        }
        // Of one name, the servers stay in their order.
        names.sort_by_key(|(name, ..)| *name);
        for same in names.chunk_by(|(one, ..), (next, ..)| one == next).filter(|same| same.len() > 1) {
            let mut known: HashMap<&EcoString, (usize, Span)> = HashMap::new();
            for (name, at, span) in same {
                let implied = all.addresses(*at).next().is_none().then_some(&implied);
                for address in all.addresses(*at).chain(implied) {
                    let (other, first) = *known.entry(address).or_insert((*at, *span));
                    if other != *at {
                        self.refuse(Refusal {
                            flaw: Flaw::Taken(Taken::Name(name.to_string(), address.to_string(), first)),
                            name: "server_name".to_owned(),
                            span: *span,
                            noticed: None,
                            refusal: String::new(),
                        });
                    }
                }
            }
        }
    }
}

/// A `proxy_pass` with a path behind its host, where nginx does not know which part of the URI it replaces.
pub(super) fn uri_part(directive: &Directive, level: &Level) -> Read {
    let url = directive.arg(0).unwrap_or_default();
    let Some((_, address)) = url.split_once("://").filter(|_| !url.contains('$')) else { return Ok(()) };
    let has_uri = match address.strip_prefix("unix:") {
        Some(path) => path.split_once(':').is_some_and(|(_, uri)| !uri.is_empty()),
        None => address.contains(['/', '?']),
    };
    let nameless = !level.place.and(Places::LOCATION_IF | Places::LIMIT_EXCEPT).is_none();
    let without_prefix = level.inside.last().is_some_and(|location| location.regex || location.named);
    match has_uri && level.place.is_one() && (nameless || without_prefix) {
        true => refuse(
            0,
            "an address without a path here: in a location given by a regex, in a named one, in `if` and in `limit_except`",
            "\"proxy_pass\" cannot have URI part in location given by regular expression, or inside named location, or \
             inside \"if\" statement, or inside \"limit_except\" block",
        ),
        false => Ok(()),
    }
}

/// Why a location may not stand in the one around it.
pub(in crate::nginx) fn misnested(around: &Location, location: &Location) -> Option<String> {
    let (outer, inner) = (&around.path, &location.path);
    match () {
        () if around.exact => Some(format!("location \"{inner}\" cannot be inside the exact location \"{outer}\"")),
        () if around.named => Some(format!("location \"{inner}\" cannot be inside the named location \"{outer}\"")),
        () if location.named => Some(format!("named location \"{inner}\" can be on the server level only")),
        () if !location.regex && !inner.starts_with(outer.as_str()) => {
            Some(format!("location \"{inner}\" is outside location \"{outer}\""))
        }
        () => None,
    }
}
