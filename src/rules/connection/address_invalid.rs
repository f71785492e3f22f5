//! An address that nginx cannot dial: no host, no port, a path where a host must stand.

use super::{host_or_server, label_variable};
use crate::deployment::{Deployment, HandOver, Peer};
use crate::finding::{Finding, Program};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;
use crate::values::address::AddressError;

pub(super) static RULE: Rule = rule!(connection / "address-invalid", Error, "nginx cannot dial what is written here");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for nginx in deployment.machines.iter().flat_map(|machine| &machine.nginx) {
        for peer in nginx.upstreams.iter().flat_map(|group| &group.peers) {
            findings.findings.extend(refused(peer, None));
        }
        for hand_over in &nginx.hand_overs {
            for peer in hand_over.named().iter().filter(|peer| !is_name(peer)) {
                if let Some(finding) = refused(peer, Some(hand_over)) {
                    let finding = label_variable(finding, hand_over, peer);
                    findings.push_for(host_or_server(nginx, hand_over, peer), finding);
                }
            }
        }
    }
}

/// A name without a port is meant for a group: `upstream-undefined` tells it.
fn is_name(peer: &Peer) -> bool {
    let no_port = peer.address == Err(AddressError::NoPort);
    no_port && peer.written.contains(char::is_alphabetic) && !peer.written.starts_with('[')
}

fn refused(peer: &Peer, hand_over: Option<&HandOver>) -> Option<Finding> {
    let error = peer.address.as_ref().err().copied()?;
    if error == AddressError::LongPath {
        return None;
    }
    let written = &peer.written;
    let (label, help) = match error {
        AddressError::NoPort if written.parse::<u16>().is_ok() => {
            ("no host before the port", format!("write the host: 127.0.0.1:{written}, say"))
        }
        AddressError::NoHost if written.is_empty() => (
            "nothing is left of the address",
            "give the variable an address for these requests, or answer them before they are handed over".into(),
        ),
        AddressError::NoPort => ("no port", format!("add the port: {written}:9000, say")),
        AddressError::NoHost => ("no host before the port", format!("write the host: 127.0.0.1{written}, say")),
        AddressError::InvalidPort => (
            "behind the first colon a port must follow",
            "write a port from 1 to 65535, and an IPv6 address in brackets".into(),
        ),
        AddressError::InvalidHost if written.starts_with('/') => {
            ("a path without `unix:` before it", format!("write unix:{written}"))
        }
        AddressError::InvalidHost => {
            ("a scheme or path does not belong here", "write host:port, such as 127.0.0.1:9000, or unix:/path".into())
        }
        AddressError::InvalidIpv6 => ("no IPv6 address", "write the address in brackets, then the port".into()),
        AddressError::NoPath => ("no path behind `unix:`", "write the path of the socket".into()),
        AddressError::LongPath => return None,
    };
    let shown = if written.is_empty() { "an empty address" } else { written };
    let mut finding = RULE.finding(format!("nginx cannot dial {shown}"), peer.span, label).help(help);
    let Some(hand_over) = hand_over else {
        return Some(finding.refused_by(Program::Nginx, error.nginx_message(written)));
    };
    for span in hand_over.via() {
        finding = finding.label(*span, "the value comes from here");
    }
    Some(match hand_over.has_variables() {
        true => finding.predict(500, error.nginx_message(written)),
        false => finding.refused_by(Program::Nginx, error.nginx_message(written)),
    })
}
