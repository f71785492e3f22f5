//! A pass names a host that is no service of the compose file.

use super::{cut, host_of, predict_unknown_name};
use crate::deployment::{Deployment, Gap, Network, Way};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;
use crate::values::address::Address;
use crate::values::spelling::Nearest;

pub(super) static RULE: Rule =
    rule!(connection / "unknown-service", Error, "nginx dials a name that no container on its networks has");

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    let mut nearest = Nearest::default();
    for (machine, network, dial, gap) in cut(deployment) {
        let (Gap::NoSuchName, Address::Name(name, _)) = (gap, &dial.address) else { continue };
        let message = format!("no service of {} is called {name}", network.path);
        let mut finding = RULE.finding(message, dial.span, "nginx looks this name up");
        let names = network.services.iter().flat_map(|service| service.names.iter().map(move |known| (service, known)));
        let names: Vec<_> = names.collect();
        finding = match nearest.of(name, &names, |(_, known)| known) {
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
