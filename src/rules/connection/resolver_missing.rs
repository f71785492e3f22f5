//! A pass with a variable yields a host name, and no resolver is in force.

use std::collections::{HashMap, HashSet};

use super::{Failure, label_way, server_name};
use crate::deployment::{Deployment, HandOver, Nginx, Peer, Protocol, Target};
use crate::finding::{Finding, Severity};
use crate::nginx::variables::Piece;
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};
use crate::values::address::Address;

pub(super) static RULE: Rule =
    rule!(connection / "resolver-missing", Error, "a variable names a host, and nginx has no resolver to look it up");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    let all = deployment.machines.iter().flat_map(|machine| machine.nginx.iter().map(move |nginx| (machine, nginx)));
    for (machine, nginx) in all {
        let mut known = Known::new(nginx);
        for hand_over in nginx.served() {
            let has_resolver = nginx.config.effective(hand_over.level, "resolver").is_some();
            if has_resolver || !hand_over.has_variables() {
                continue;
            }
            let found: Vec<Finding> = match &hand_over.target {
                Target::Unknown => composed(&mut known, hand_over).into_iter().collect(),
                _ => hand_over.named().iter().filter_map(|peer| named(nginx, &known, hand_over, peer)).collect(),
            };
            if !nginx.is_whole && !found.is_empty() {
                findings.unchecked(&RULE, "the files that may set a resolver", "--root");
                break;
            }
            for finding in found {
                let finding = Failure::soften(finding, machine, nginx, hand_over);
                findings.push_for(server_name(nginx, hand_over), finding);
            }
        }
    }
}

/// The names that nginx knows without a resolver.
struct Known {
    /// Those of its other passes, in lower case with their ports, for those it looked up at the start.
    hosts: HashSet<(String, u16)>,
    /// The same without ports.
    names: HashSet<String>,
    /// Those of groups, in lower case.
    groups: Vec<String>,
    /// Whether what is put together of some pieces may be a group.
    may_be_group: HashMap<Vec<Piece>, bool>,
}

impl Known {
    fn new(nginx: &Nginx) -> Self {
        let literal = nginx.hand_overs.iter().filter(|hand_over| !hand_over.has_variables());
        let host = |hand_over: &HandOver| match &hand_over.target {
            Target::Direct(Peer { address: Ok(Address::Name(name, port)), .. }) => {
                Some((name.to_ascii_lowercase(), *port))
            }
            _ => None,
        };
        let hosts: HashSet<(String, u16)> = literal.filter_map(host).collect();
        Known {
            names: hosts.iter().map(|(name, _)| name.clone()).collect(),
            hosts,
            groups: nginx.upstreams.iter().map(|group| group.name.to_ascii_lowercase()).collect(),
            may_be_group: HashMap::new(),
        }
    }

    fn may_be_group(&mut self, pieces: &[Piece]) -> bool {
        if let Some(known) = self.may_be_group.get(pieces) {
            return *known;
        }
        let found = self.groups.iter().any(|name| may_be(name, pieces));
        self.may_be_group.insert(pieces.to_vec(), found);
        found
    }

    /// Whether the text at the start is a name that a literal pass has made known, with or without port:
    /// what follows is the URI.
    fn begins(&self, authority: &[Piece]) -> bool {
        let Some(Piece::Text(text)) = authority.first() else { return false };
        let text = text.to_ascii_lowercase();
        match text.rsplit_once(':').and_then(|(name, port)| Some((name.to_owned(), port.parse().ok()?))) {
            Some(place) => self.hosts.contains(&place),
            None => self.names.contains(&text),
        }
    }
}

/// The whole name is known.
fn named(nginx: &Nginx, known: &Known, hand_over: &HandOver, peer: &Peer) -> Option<Finding> {
    let Ok(Address::Name(host, port)) = &peer.address else { return None };
    // The port of an existing group is another mistake.
    if known.hosts.contains(&(host.to_ascii_lowercase(), *port)) || nginx.upstream(host).is_some() {
        return None;
    }
    let mut found = finding(hand_over, host, peer.span, Severity::Error);
    if let Some(key) = peer.key() {
        let label = format!("`{}` takes it for `{key}`", hand_over.directive.name());
        found = label_way(found, peer).label(hand_over.span, label);
    }
    Some(found.predict(502, format!("no resolver defined to resolve {host}")))
}

/// The name is put together from the request: it is a name for certain when it holds letters of its
/// own or the name that the client asked for.
fn composed(known: &mut Known, hand_over: &HandOver) -> Option<Finding> {
    let authority = authority(hand_over)?;
    let letters = authority.iter().any(|piece| match piece {
        Piece::Text(text) => text.chars().any(|char| char.is_ascii_alphabetic()),
        Piece::Variable(_) => false,
    });
    let asked = |name: &str| matches!(name, "host" | "http_host" | "server_name" | "hostname" | "ssl_server_name");
    let client = authority.iter().any(|piece| matches!(piece, Piece::Variable(name) if asked(name)));
    if (!letters && !client) || known.may_be_group(&authority) || known.begins(&authority) {
        return None;
    }
    let shown: String = authority
        .iter()
        .map(|piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Variable(name) => format!("${name}"),
        })
        .collect();
    // A client may ask for an address instead of a name.
    let certain = letters || authority.len() > 1;
    let severity = if certain { Severity::Error } else { Severity::Warning };
    Some(finding(hand_over, &shown, hand_over.span, severity).predict(502, "no resolver defined to resolve".to_owned()))
}

fn finding(hand_over: &HandOver, host: &str, span: Span, severity: Severity) -> Finding {
    let name = hand_over.directive.name();
    let message = format!("`{name}` with a variable must look up {host}, and no `resolver` is in force");
    let mut finding = RULE.finding(message, span, "nginx looks this name up at each request");
    for span in hand_over.via() {
        finding = finding.label(*span, "the value comes from here");
    }
    finding
        .note("a pass with a variable uses neither /etc/hosts nor the system's resolver, not even for localhost")
        .help("write an address instead of the name, name an `upstream` group, or set `resolver`")
        .severity(severity)
}

/// The pieces between the scheme and the path.
fn authority(hand_over: &HandOver) -> Option<Vec<Piece>> {
    let mut pieces = hand_over.evaluated.as_ref()?.pieces.iter().cloned().peekable();
    if hand_over.protocol == Protocol::Http {
        // `$scheme://` or `http://`; anything else may hold the whole URL.
        if matches!(pieces.peek(), Some(Piece::Variable(name)) if name == "scheme") {
            pieces.next();
        }
        let Some(Piece::Text(text)) = pieces.peek_mut() else { return None };
        *text = text[text.find("://")? + 3..].to_owned();
    }
    let mut authority = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Text(text) => match text.split_once('/') {
                Some((before, _)) => {
                    authority.push(Piece::Text(before.to_owned()));
                    break;
                }
                None => authority.push(Piece::Text(text)),
            },
            variable if variable.begins_uri() => break,
            variable => authority.push(variable),
        }
    }
    authority.retain(|piece| *piece != Piece::Text(String::new()));
    let first = authority.first()?;
    let is_socket = matches!(first, Piece::Text(text) if text.to_ascii_lowercase().starts_with("unix:"));
    let is_ipv6 = matches!(first, Piece::Text(text) if text.starts_with('['));
    (!is_socket && !is_ipv6).then_some(authority)
}

/// Whether the pieces can yield a name: their texts stand in it in this order.
fn may_be(name: &str, pieces: &[Piece]) -> bool {
    // nginx compares names without case; this one is in lower case.
    let mut rest = name;
    for (at, piece) in pieces.iter().enumerate() {
        let Piece::Text(text) = piece else { continue };
        let Some(found) = rest.find(&text.to_ascii_lowercase()) else { return false };
        if at == 0 && found > 0 {
            return false;
        }
        rest = &rest[found + text.len()..];
    }
    matches!(pieces.last(), Some(Piece::Variable(_))) || rest.is_empty()
}
