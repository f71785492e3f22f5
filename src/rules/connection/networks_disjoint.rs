//! A pass names a service that is on no network of nginx's container.

use super::{cut, host_of, predict_unknown_name};
use crate::deployment::{Deployment, Gap};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;
use crate::values::address::Address;

pub(super) static RULE: Rule =
    rule!(connection / "networks-disjoint", Error, "nginx dials a service that shares no network with it");

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for (machine, network, dial, gap) in cut(deployment) {
        let (Gap::NoSharedNetwork(other), Address::Name(name, _)) = (gap, &dial.address) else { continue };
        let (own, other) = (&network.own, &network.services[other]);
        let stands = |networks: &str, service: &str| format!("{service} is {networks}");
        let finding = RULE
            .finding(format!("{} and {} share no network", own.name, other.name), dial.span, "nginx looks this name up")
            .label_at(network.networks_span(own, sources), stands(&own.networks, &own.name))
            .label_at(network.networks_span(other, sources), stands(&other.networks, &other.name))
            .note("a name is known only on the networks that its container is on")
            .help(format!(
                "put both on one network: name it below `networks` of {} and of {}; `default` is the project's own",
                own.name, other.name
            ));
        findings.push_for(host_of(machine, dial), predict_unknown_name(finding, machine, dial, name));
    }
}
