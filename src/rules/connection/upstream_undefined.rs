//! A pass names an upstream group that does not exist.

use super::{Failure, host_or_server, label_variable};
use crate::deployment::{Deployment, HandOver, Nginx, Peer};
use crate::finding::{Edit, Finding, Fix, Program};
use crate::nginx::examine::{Flaw, Refusal};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;
use crate::values::address::{Address, AddressError};
use crate::values::spelling::Nearest;

pub(super) static RULE: Rule =
    rule!(connection / "upstream-undefined", Error, "a pass names an upstream group that does not exist");

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    let mut nearest = Nearest::default();
    let all = deployment.machines.iter().flat_map(|machine| machine.nginx.iter().map(move |nginx| (machine, nginx)));
    for (machine, nginx) in all {
        for hand_over in &nginx.hand_overs {
            for peer in hand_over.named() {
                let found = match &peer.address {
                    Err(AddressError::NoPort) if is_lost(nginx, &peer.written, sources) => None,
                    Err(AddressError::NoPort) if is_name(&peer.written) => {
                        Some(undefined(nginx, hand_over, peer, &mut nearest))
                    }
                    Ok(Address::Name(host, port)) => with_port(nginx, hand_over, peer, host, *port),
                    _ => None,
                };
                if let Some(finding) = found.filter(|_| !(hand_over.is_idle && hand_over.has_variables())) {
                    if !nginx.is_whole {
                        if peer.address == Err(AddressError::NoPort) {
                            let needs = format!("whether another file defines the group {}", peer.written);
                            findings.unchecked(&RULE, needs, "--root");
                        }
                        continue;
                    }
                    let finding = Failure::soften(finding, machine, nginx, hand_over);
                    let finding = label_variable(finding, hand_over, peer);
                    findings.push_for(host_or_server(nginx, hand_over, peer), finding);
                }
            }
        }
    }
}

/// Whether a block that nginx does not read has the name: one that is misspelt, or in the wrong place.
fn is_lost(nginx: &Nginx, name: &str, sources: &Sources) -> bool {
    let is_unread = |refusal: &&Refusal| matches!(refusal.flaw, Flaw::Unknown(_) | Flaw::Misplaced { .. });
    nginx.refusals.iter().filter(is_unread).any(|refusal| {
        let behind = sources.get(refusal.span.file).bytes().get(refusal.span.end as usize..).unwrap_or_default();
        let line = String::from_utf8_lossy(behind.split(|byte| *byte == b'{').next().unwrap_or_default());
        line.trim() == name
    })
}

fn is_name(text: &str) -> bool {
    text.chars().any(|char| char.is_alphabetic()) && !text.starts_with('[')
}

fn undefined(nginx: &Nginx, hand_over: &HandOver, peer: &Peer, nearest: &mut Nearest) -> Finding {
    let (name, directive) = (&peer.written, hand_over.directive.name());
    let message = format!("no upstream group is called {name}, and without a port it cannot be a host");
    let mut finding = RULE.finding(message, peer.span, format!("`{directive}` names it here"));
    for span in hand_over.via() {
        finding = finding.label(*span, "the value comes from here");
    }
    finding = match nearest.of(name, &nginx.upstreams, |group| &group.name) {
        Some(group) => {
            let title = format!("Name the group {}", group.name);
            let span = hand_over.via().last().copied().unwrap_or(peer.span);
            let edits = vec![Edit { span, text: group.name.clone() }];
            finding
                .label(group.span, "this group has almost the same name")
                .help(format!("write {}", group.name))
                .fix(Fix { title, safe: false, edits })
        }
        None => finding.help(format!("define `upstream {name} {{ … }}`, or write an address with its port")),
    };
    let message = AddressError::NoPort.nginx_message(name);
    match hand_over.has_variables() {
        true => finding.predict(500, message),
        false => finding.refused_by(Program::Nginx, message),
    }
}

/// A name with a port is a host to nginx, never a group; nginx refuses the mixture.
fn with_port(nginx: &Nginx, hand_over: &HandOver, peer: &Peer, host: &str, port: u16) -> Option<Finding> {
    let group = nginx.upstream(host)?;
    let written = peer.written.rsplit(':').next().is_some_and(|text| text.parse() == Ok(port));
    // With a variable, a resolver may know a host of the group's name.
    let may_be_host = hand_over.has_variables() && nginx.config.effective(hand_over.level, "resolver").is_some();
    if !written || may_be_host {
        return None;
    }
    let message = format!("{host} is an upstream group, and a group is named without a port");
    let finding = RULE
        .finding(message, peer.span, format!("{host} with port {port} is not the group"))
        .label(group.span, "the group is defined here")
        .help(format!("write {host} without the port"));
    Some(match hand_over.has_variables() {
        true => finding.predict(502, format!("no resolver defined to resolve {host}")),
        false => finding.refused_by(Program::Nginx, format!("upstream \"{host}\" may not have port {port}")),
    })
}
