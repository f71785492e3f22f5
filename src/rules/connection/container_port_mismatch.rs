//! A pass names a port of a service at which nothing listens there.

use super::{Failure, connect_log, cut, host_of, label_hand_over, listens_here};
use crate::deployment::{Deployment, Gap, Machine};
use crate::finding::Finding;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;
use crate::values::address::{Address, Endpoint};

pub(super) static RULE: Rule = rule!(
    connection / "container-port-mismatch",
    Error,
    "nothing in the container listens on the port that nginx dials"
);

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for (machine, network, dial, gap) in cut(deployment) {
        let (Gap::NoSuchPort(at), Address::Name(name, port)) = (gap, &dial.address) else { continue };
        let service = &network.services[at];
        let message = format!("nothing in the container of {} listens on port {port}", service.name);
        let finding = RULE.finding(message, dial.span, format!("nginx dials port {port}"));
        let finding = match service.published.iter().find(|(host, _)| host == port) {
            Some((_, own)) => finding
                .label_at(
                    network.key_span(service, sources),
                    format!("port {port} of the host leads to port {own} of the container"),
                )
                .note("published ports are the host's; containers dial each other's own")
                .help(format!("dial {name}:{own}")),
            None => by_pools(finding, machine, at, name),
        };
        let finding = Failure::of(machine, dial).predict(finding, connect_log(&dial.address));
        findings.push_for(host_of(machine, dial), label_hand_over(finding, machine, dial));
    }
}

/// Adds where the pools of a service listen that is dialled by this name.
fn by_pools(mut finding: Finding, machine: &Machine, at: usize, name: &str) -> Finding {
    let mut ports = Vec::new();
    for (id, pool) in machine.pools().filter(|(id, _)| machine.masters[id.master].service == Some(at)) {
        let Some(listener) = &pool.listener else { continue };
        finding = finding.label(listener.span, listens_here(machine, id, pool));
        for endpoint in listener.bound.endpoints() {
            if let Endpoint::Tcp(address) = endpoint {
                ports.push(format!("{name}:{}", address.port()));
            }
        }
    }
    match &ports[..] {
        [] => finding.help("let a pool listen on a port, or share its socket in a volume"),
        ports => finding.help(format!("dial {}", ports.join(" or "))),
    }
}
