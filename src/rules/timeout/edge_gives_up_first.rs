//! A proxy in front of nginx gives up while nginx still waits for PHP.

use super::{chain, read_label};
use crate::deployment::limits::{Timer, shown_time};
use crate::deployment::{Deployment, Machine};
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

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
    let Some((wait, edge)) = machine.edges().min() else { return };
    for link in machine.chains().filter(|link| wait < link.ends_by()) {
        let (edge_waits, ends) = (shown_time(wait), shown_time(link.ends_by()));
        let finding = RULE
            .finding(
                format!("{edge} gives up after {edge_waits}; nginx waits {ends}"),
                link.read_place(),
                read_label(&link),
            )
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
    for (nginx, outer, link) in machine.outer_hand_overs() {
        let Some(wait) = outer.waits(Timer::Read) else { continue };
        if wait.value >= link.ends_by() || wait.value == 0 {
            continue;
        }
        let (first, ends) = (shown_time(wait.value), shown_time(link.ends_by()));
        let name = outer.timer_name(Timer::Read);
        let label = match wait.is_written() {
            true => format!("the outer server waits {first}"),
            false => format!("the outer server waits {first}: the default of {name}"),
        };
        let finding = RULE
            .finding(
                format!("the outer server gives up after {first}; the inner one waits {ends}"),
                wait.origin.span().unwrap_or(outer.span),
                label,
            )
            .label(link.read_place(), read_label(&link))
            .note(format!("chain: outer nginx {first} → {}", chain(&link, sources)))
            .help(format!(
                "set `{name} {}`, or a shorter `{}`",
                shown_time(link.ends_by() + 5000),
                link.hand_over.timer_name(Timer::Read)
            ))
            .predict(504, Timer::Read.log().to_owned());
        findings.push_for(server_name(nginx, outer), finding);
    }
}
