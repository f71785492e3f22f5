//! TLS is spoken to a port that speaks plain HTTP, or the other way round, or a name is checked that no certificate has.

use crate::deployment::back_ends::Listen;
use crate::deployment::{Deployment, Dial, HandOver, Machine, Nginx, Peer, Protocol, Reach, Target};
use crate::finding::{Finding, Severity};
use crate::nginx::literals;
use crate::rules::connection::{Failure, server_name};
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};
use crate::values::address::Address;

pub(super) static RULE: Rule =
    rule!(upstream / "backend-tls-mismatch", Error, "nginx and a back end do not agree about TLS");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (number, at) in hand_overs(machine) {
            let nginx = &machine.nginx[number];
            let hand_over = &nginx.hand_overs[at];
            let pass = hand_over.directive.arg(0).unwrap_or_default().to_ascii_lowercase();
            let tls = pass.starts_with("https://");
            if !tls && !pass.starts_with("http://") {
                continue;
            }
            let dials = machine.dials_of_hand_over(number, at);
            let own = dials.iter().find_map(|dial| of_listener(machine, dial, tls));
            let is_own = |peer: &Peer| dials.iter().any(|dial| dial.span == peer.span && listener(dial).is_some());
            let peers = hand_over.peers(nginx).iter().filter(|peer| !peer.down);
            let wrong = peers
                .filter(|peer| port(peer) == Some(if tls { 80 } else { 443 }) && !is_own(peer))
                .map(|peer| of_port(hand_over, peer, tls));
            for finding in own.into_iter().chain(wrong.take(1)).chain(of_name(nginx, hand_over).filter(|_| tls)) {
                findings.push_for(server_name(nginx, hand_over), finding);
            }
        }
    }
}

/// The numbers of the hand-overs over HTTP, with their nginx's.
fn hand_overs(machine: &Machine) -> impl Iterator<Item = (usize, usize)> {
    machine.nginx.iter().enumerate().flat_map(|(number, nginx)| {
        let all = nginx.hand_overs.iter().enumerate();
        all.filter(|(_, hand_over)| hand_over.protocol == Protocol::Http).map(move |(at, _)| (number, at))
    })
}

/// nginx's own listener, where that is what is dialled.
fn listener(dial: &Dial) -> Option<(&Listen, Span)> {
    match &dial.reach {
        Reach::Other(other) => other.listen.as_ref().zip(other.span),
        _ => None,
    }
}

/// nginx dials itself, and its `listen` says what is spoken there.
fn of_listener(machine: &Machine, dial: &Dial, tls: bool) -> Option<Finding> {
    let (listen, span) = listener(dial).filter(|(listen, _)| listen.is_tls != tls)?;
    let (_, hand_over) = machine.hand_over(dial);
    let (spoken, wanted) = if tls { ("TLS", "plain HTTP") } else { ("plain HTTP", "TLS") };
    let finding = RULE
        .finding(
            format!("nginx speaks {spoken} to {}, where it speaks {wanted} itself", dial.address),
            dial.span,
            format!("{spoken} is spoken here"),
        )
        .label(span, format!("`listen {}` speaks {wanted}", listen.text))
        .label(hand_over.span, "requests are handed over here");
    Some(match tls {
        true => Failure::of(machine, dial).predict(
            finding.help("pass to http://, or add `ssl` to that `listen`"),
            "SSL_do_handshake() failed".to_owned(),
        ),
        false => finding
            .note("the answer is 400: `The plain HTTP request was sent to HTTPS port`")
            .help("pass to https://, or remove `ssl` from that `listen`")
            .predict(400, None),
    })
}

fn port(peer: &Peer) -> Option<u16> {
    match peer.address.as_ref().ok()? {
        Address::Ip(address) => Some(address.port()),
        Address::Name(_, port) => Some(*port),
        Address::Unix(_) => None,
    }
}

fn of_port(hand_over: &HandOver, peer: &Peer, tls: bool) -> Finding {
    let (what, log) = match tls {
        true => ("port 80, where plain HTTP is spoken", "SSL_do_handshake() failed"),
        false => ("port 443, where TLS is spoken", ""),
    };
    let message = match tls {
        true => format!("nginx speaks TLS to {}, {what}", peer.written),
        false => format!("nginx speaks plain HTTP to {}, {what}", peer.written),
    };
    let label = match peer.port_defaulted {
        true => "no port is written: 80, whatever the scheme of the pass",
        false => "this is dialled",
    };
    let finding = RULE.finding(message, peer.span, label).label(hand_over.span, "requests are handed over here");
    match tls {
        true => finding
            .severity(Severity::Warning)
            .help(format!("write {}:443, or pass to http://", peer.written.trim_end_matches(":80")))
            .predict(502, log.to_owned()),
        false => finding
            .severity(Severity::Warning)
            .note("most servers answer 400: `The plain HTTP request was sent to HTTPS port`")
            .help("pass to https://"),
    }
}

/// The certificate of a group's server is checked against the name of the group.
fn of_name(nginx: &Nginx, hand_over: &HandOver) -> Option<Finding> {
    let Target::Upstream(group) = hand_over.target else { return None };
    let group = &nginx.upstreams[group];
    let verify = nginx.config.effective(hand_over.level, "proxy_ssl_verify")?;
    let is_named = nginx.config.effective(hand_over.level, "proxy_ssl_name").is_some();
    if verify.arg(0).and_then(literals::flag) != Some(true) || is_named || group.name.contains('.') {
        return None;
    }
    let finding = RULE
        .finding(
            format!("nginx looks for the name {} in the certificate, which is the name of the group", group.name),
            verify.head,
            "the certificate is checked",
        )
        .label(hand_over.span, "against this name")
        .severity(Severity::Warning)
        .note("nginx logs: upstream SSL certificate does not match")
        .help("set `proxy_ssl_name` to the name in the certificate, and `proxy_ssl_server_name on`");
    Some(finding)
}
