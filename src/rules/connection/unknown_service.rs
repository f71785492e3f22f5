//! A pass names a host that is no service of the compose file.

use super::{cut, host_of, predict_unknown_name};
use crate::deployment::nearest::distance;
use crate::deployment::{Deployment, Gap, Network, Way};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;
use crate::values::address::Address;

pub(super) static RULE: Rule =
    rule!(connection / "unknown-service", Error, "nginx dials a name that no container on its networks has");

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for (machine, network, dial, gap) in cut(deployment) {
        let (Gap::NoSuchName, Address::Name(name, _)) = (gap, &dial.address) else { continue };
        let message = format!("no service of {} is called {name}", network.path);
        let mut finding = RULE.finding(message, dial.span, "nginx looks this name up");
        let names = network.services.iter().flat_map(|service| service.names.iter().map(move |known| (service, known)));
        let close = names.min_by_key(|(_, known)| distance(known, name));
        let close = close.filter(|(_, known)| distance(known, name) <= 2.max(name.chars().count() / 4));
        finding = match close {
            Some((service, known)) => finding
                .label_at(network.key_span(service, sources), format!("this service is called {known}"))
                .help(format!("write {known}, or give the service the alias {name}")),
            None => finding.help(match &reachable(network)[..] {
                [] => format!("name one of the services, or give it the alias {name}"),
                [only] => format!("write {only}, or give this service the alias {name}"),
                several => format!("write one of {}, or give that service the alias {name}", several.join(", ")),
            }),
        };
        findings.push_for(host_of(machine, dial), predict_unknown_name(finding, machine, dial, name));
    }
}

/// The services that may be meant.
fn reachable(network: &Network) -> Vec<&str> {
    let near = network.services.iter().filter(|service| service.way == Way::Network);
    near.map(|service| service.name.as_str()).take(6).collect()
}
