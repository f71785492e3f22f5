//! A proxy in front of nginx gives up while nginx still waits for PHP.

use std::collections::BTreeMap;

use super::{chain, read_label};
use crate::deployment::limits::{Chain, Timer, shown_time};
use crate::deployment::{Deployment, Machine, Protocol, Reach};
use crate::nginx::literals;
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};

pub(super) static RULE: Rule =
    rule!(timeout / "edge-gives-up-first", Warning, "a proxy in front gives up before nginx does");

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        declared(machine, sources, findings);
        outer_servers(machine, sources, findings);
    }
}

/// Proxies that the facts name.
fn declared(machine: &Machine, sources: &Sources, findings: &mut Findings) {
    let edges = machine.facts.edges.iter().filter_map(|edge| {
        let wait = literals::milliseconds(edge.timeout.as_deref()?)?;
        Some((wait, &edge.name))
    });
    let Some((wait, edge)) = edges.min() else { return };
    for link in machine.chains().filter(|link| wait < link.ends_by()) {
        let (edge_waits, ends) = (shown_time(wait), shown_time(link.ends_by()));
        let place = link.read.origin.span().unwrap_or(link.hand_over.span);
        let finding = RULE
            .finding(format!("{edge} gives up after {edge_waits}; nginx waits {ends}"), place, read_label(&link))
            .note(format!("chain: {}", chain(&link, sources)))
            .note(format!("the client gets {edge}'s own error, nginx logs 499, and the script runs on"))
            .help(format!(
                "answer within {edge_waits}: queue the long work, or raise the limit of {edge} above {ends}"
            ));
        findings.push_for(server_name(link.nginx, link.hand_over), finding);
    }
}

/// Servers of the same host that hand over to a server which hands over to PHP.
fn outer_servers(machine: &Machine, sources: &Sources, findings: &mut Findings) {
    let mut inner: BTreeMap<Span, Chain> = BTreeMap::new();
    let mut shared: BTreeMap<&str, usize> = BTreeMap::new();
    for listen in machine.nginx.iter().flat_map(|nginx| &nginx.servers).flat_map(|server| &server.listens) {
        *shared.entry(&listen.text).or_default() += 1;
    }
    for link in machine.chains() {
        for listen in &link.nginx.servers[link.hand_over.server].listens {
            // Where several servers listen, the name decides.
            let longest = inner.get(&listen.span).is_none_or(|known| known.ends_by() < link.ends_by());
            if longest && shared.get(listen.text.as_str()) == Some(&1) {
                inner.insert(listen.span, link);
            }
        }
    }
    for dial in &machine.dials {
        let (nginx, outer) = machine.hand_over(dial);
        let Reach::Other(other) = &dial.reach else { continue };
        let Some(link) = other.span.and_then(|span| inner.get(&span)) else { continue };
        let Some(wait) = outer.waits(Timer::Read).filter(|_| outer.protocol == Protocol::Http) else { continue };
        if wait.value >= link.ends_by() || wait.value == 0 {
            continue;
        }
        let (first, ends) = (shown_time(wait.value), shown_time(link.ends_by()));
        let name = outer.timer_name(Timer::Read);
        let label = match wait.is_written() {
            true => format!("the outer server waits {first}"),
            false => format!("the outer server waits {first}: the default of {name}"),
        };
        let place = link.read.origin.span().unwrap_or(link.hand_over.span);
        let finding = RULE
            .finding(
                format!("the outer server gives up after {first}; the inner one waits {ends}"),
                wait.origin.span().unwrap_or(outer.span),
                label,
            )
            .label(place, read_label(link))
            .note(format!("chain: outer nginx {first} → {}", chain(link, sources)))
            .help(format!(
                "set `{name} {}`, or a shorter `{}`",
                shown_time(link.ends_by() + 5000),
                link.hand_over.timer_name(Timer::Read)
            ))
            .predict(504, Timer::Read.log().to_owned());
        findings.push_for(server_name(nginx, outer), finding);
    }
}
