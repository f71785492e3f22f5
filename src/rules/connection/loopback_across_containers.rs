//! A loopback or a socket that another container has.

use super::{Failure, connect_log, cut, host_of, label_hand_over, listens_here};
use crate::deployment::{Deployment, Dial, Gap, Machine, Network, PoolId};
use crate::finding::Finding;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;
use crate::values::address::Endpoint;

pub(super) static RULE: Rule = rule!(
    connection / "loopback-across-containers",
    Error,
    "nginx and PHP-FPM are in two containers, and the address is inside of one"
);

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for (machine, network, dial, gap) in cut(deployment) {
        let Some(finding) = finding(machine, network, dial, gap) else { continue };
        let finding = Failure::of(machine, dial).predict(finding, connect_log(&dial.address));
        findings.push_for(host_of(machine, dial), label_hand_over(finding, machine, dial));
    }
}

fn finding(machine: &Machine, network: &Network, dial: &Dial, gap: Gap) -> Option<Finding> {
    let (Gap::Loopback(id) | Gap::OwnLoopback(id) | Gap::OwnFiles(id)) = gap else { return None };
    let pool = machine.pool(id);
    let listener = pool.listener.as_ref()?;
    let (own, other) = (&network.own.name, &network.service_of(&machine.masters[id.master])?.name);
    let dialled = &dial.address;
    Some(match gap {
        Gap::Loopback(_) => RULE
            .finding(
                format!("pool {} listens on the loopback of its container, which {own} does not reach", pool.name),
                dial.span,
                format!("{own} dials it from another container"),
            )
            .label(listener.span, format!("only processes in the container of {other} reach this address"))
            .help(format!("write `listen = {}`, which takes calls from other containers", port(machine, id)?)),
        Gap::OwnLoopback(_) => RULE
            .finding(
                format!("{dialled} is the loopback of {own} itself, and PHP-FPM runs in {other}"),
                dial.span,
                format!("this address does not leave the container of {own}"),
            )
            .label(listener.span, listens_here(machine, id, pool))
            .help(format!("dial {other}:{}", port(machine, id)?)),
        _ => RULE
            .finding(
                format!("{dialled} is a file in the container of {own}, and PHP-FPM makes it in that of {other}"),
                dial.span,
                format!("looked for in the container of {own}"),
            )
            .label(listener.span, listens_here(machine, id, pool))
            .help(format!("mount one volume for the directory of the socket in {own} and in {other}")),
    })
}

/// The port of a pool.
fn port(machine: &Machine, id: PoolId) -> Option<u16> {
    match machine.pool(id).listener.as_ref()?.bound.endpoints().first()? {
        Endpoint::Tcp(address) => Some(address.port()),
        Endpoint::Unix(_) => None,
    }
}
