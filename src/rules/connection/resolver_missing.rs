//! A pass with a variable yields a host name, and no resolver is in force.

use super::server_name;
use crate::deployment::{Deployment, HandOver, Nginx, Protocol, Target};
use crate::finding::{Finding, Severity};
use crate::nginx::variables::Piece;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;
use crate::values::address::Address;

pub(super) static RULE: Rule =
    rule!(connection / "resolver-missing", Error, "a variable names a host, and nginx has no resolver to look it up");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for nginx in deployment.machines.iter().flat_map(|machine| &machine.nginx) {
        if !nginx.is_whole {
            findings.unchecked(&RULE, "the files that may set a resolver", "--root");
            continue;
        }
        for hand_over in &nginx.hand_overs {
            let has_resolver = nginx.config.effective(hand_over.level, "resolver").is_some();
            if has_resolver || !hand_over.evaluated.has_variables {
                continue;
            }
            let found = match &hand_over.target {
                Target::Direct(peer) => match &peer.address {
                    Ok(Address::Name(host, port)) => named(nginx, hand_over, host, *port),
                    _ => None,
                },
                Target::Unknown => composed(nginx, hand_over),
                Target::Upstream(_) | Target::Branches(_) => None,
            };
            if let Some(finding) = found {
                findings.push_for(server_name(nginx, hand_over), finding);
            }
        }
    }
}

/// The whole name is known.
fn named(nginx: &Nginx, hand_over: &HandOver, host: &str, port: u16) -> Option<Finding> {
    // nginx knows the names of its other passes, for those it looked up at the start.
    let known = nginx.hand_overs.iter().any(|other| {
        let address = match &other.target {
            Target::Direct(peer) => peer.address.as_ref().ok(),
            _ => None,
        };
        let same = |address: &Address| matches!(address, Address::Name(name, at) if name.eq_ignore_ascii_case(host) && *at == port);
        !other.evaluated.has_variables && address.is_some_and(same)
    });
    // The port of an existing group is another mistake.
    if known || nginx.upstream(host).is_some() {
        return None;
    }
    Some(finding(hand_over, host, Severity::Error).predict(502, format!("no resolver defined to resolve {host}")))
}

/// The name is put together from the request: it is a name for certain when it holds letters of its
/// own or the name that the client asked for.
fn composed(nginx: &Nginx, hand_over: &HandOver) -> Option<Finding> {
    let authority = authority(hand_over)?;
    let letters = authority.iter().any(|piece| match piece {
        Piece::Text(text) => text.chars().any(|char| char.is_ascii_alphabetic()),
        Piece::Variable(_) => false,
    });
    let asked = |name: &str| matches!(name, "host" | "http_host" | "server_name" | "hostname" | "ssl_server_name");
    let client = authority.iter().any(|piece| matches!(piece, Piece::Variable(name) if asked(name)));
    let may_be_group = nginx.upstreams.iter().any(|group| may_be(&group.name, &authority));
    if (!letters && !client) || may_be_group || begins_with_known(nginx, &authority) {
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
    Some(finding(hand_over, &shown, severity).predict(502, "no resolver defined to resolve".to_owned()))
}

/// Whether the text at the start is a name that a literal pass has made known, with or without port:
/// what follows is the URI.
fn begins_with_known(nginx: &Nginx, authority: &[Piece]) -> bool {
    let Some(Piece::Text(text)) = authority.first() else { return false };
    let text = text.to_ascii_lowercase();
    nginx.hand_overs.iter().filter(|other| !other.evaluated.has_variables).any(|other| match &other.target {
        Target::Direct(peer) => match &peer.address {
            Ok(Address::Name(name, port)) => {
                let name = name.to_ascii_lowercase();
                text == name || text == format!("{name}:{port}")
            }
            _ => false,
        },
        _ => false,
    })
}

fn finding(hand_over: &HandOver, host: &str, severity: Severity) -> Finding {
    let name = hand_over.directive.name();
    let message = format!("`{name}` with a variable must look up {host}, and no `resolver` is in force");
    let mut finding = RULE.finding(message, hand_over.span, "nginx looks this name up at each request");
    for span in &hand_over.evaluated.via {
        finding = finding.label(*span, "the value comes from here");
    }
    finding
        .note("a pass with a variable uses neither /etc/hosts nor the system's resolver, not even for localhost")
        .help("write an address instead of the name, name an `upstream` group, or set `resolver`")
        .severity(severity)
}

/// The pieces between the scheme and the path.
fn authority(hand_over: &HandOver) -> Option<Vec<Piece>> {
    let mut pieces = hand_over.evaluated.pieces.iter().cloned().peekable();
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
    // nginx compares names without case.
    let name = name.to_ascii_lowercase();
    let mut rest = name.as_str();
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
