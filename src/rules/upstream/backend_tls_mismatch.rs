//! TLS is spoken to a port that speaks plain HTTP, or the other way round, or a name is checked that no certificate has.

use crate::deployment::{Deployment, HandOver, Nginx, Peer, Protocol, Target};
use crate::finding::Finding;
use crate::nginx::literals;
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;
use crate::values::address::Address;

pub(super) static RULE: Rule =
    rule!(upstream / "backend-tls-mismatch", Warning, "nginx and a back end do not agree about TLS");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for nginx in deployment.machines.iter().flat_map(|machine| &machine.nginx) {
        for hand_over in nginx.hand_overs.iter().filter(|hand_over| hand_over.protocol == Protocol::Http) {
            let pass = hand_over.directive.arg(0).unwrap_or_default().to_ascii_lowercase();
            let tls = pass.starts_with("https://");
            if !tls && !pass.starts_with("http://") {
                continue;
            }
            let peers = hand_over.peers(nginx).iter().filter(|peer| !peer.down);
            let wrong = peers
                .filter(|peer| port(peer) == Some(if tls { 80 } else { 443 }))
                .map(|peer| of_port(hand_over, peer, tls));
            for finding in wrong.take(1).chain(of_name(nginx, hand_over).filter(|_| tls)) {
                findings.push_for(server_name(nginx, hand_over), finding);
            }
        }
    }
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
            .help(format!("write {}:443, or pass to http://", peer.written.trim_end_matches(":80")))
            .predict(502, log.to_owned()),
        false => finding
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
        .note("nginx logs: upstream SSL certificate does not match")
        .help("set `proxy_ssl_name` to the name in the certificate, and `proxy_ssl_server_name on`");
    Some(finding)
}
