//! Two pools want an address that only one of them can have.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{StartFails, predict_failed_start};
use crate::deployment::{Bound, Deployment, Machine, PoolId, State, back_ends};
use crate::finding::{Finding, Program, Severity};
use crate::host::facts::Facts;
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};
use crate::values::address::Endpoint;

pub(super) static RULE: Rule =
    rule!(connection / "duplicate-listener", Error, "two pools want the same socket or address");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (first, second) in pairs(machine) {
            // In a tree that is laid over an image, several versions are alternatives.
            if machine.view.is_partial() && first.master != second.master {
                continue;
            }
            findings.findings.extend(finding(machine, first, second));
        }
        // In containers each has addresses of its own.
        if !machine.view.is_partial() && !machine.in_container {
            with_nginx(machine, findings);
        }
    }
}

/// Pools that want a port on which nginx listens itself.
fn with_nginx(machine: &Machine, findings: &mut Findings) {
    let mut ports: BTreeMap<u16, Vec<(Endpoint, Span)>> = BTreeMap::new();
    for (endpoint, back_end) in back_ends::known(&Facts::default(), &machine.nginx) {
        if let (Endpoint::Tcp(address), Some(span)) = (&endpoint, back_end.span) {
            ports.entry(address.port()).or_default().push((endpoint, span));
        }
    }
    for (id, pool) in machine.running_pools() {
        let Some(listener) = &pool.listener else { continue };
        let Bound::At(endpoint @ Endpoint::Tcp(address)) = &listener.bound else { continue };
        let there = ports.get(&address.port()).into_iter().flatten();
        let Some((other, span)) = there.into_iter().find(|(other, _)| endpoint.conflicts(other)) else { continue };
        let name = named(machine, id, true);
        let finding = RULE
            .finding(
                format!("{name} and nginx itself both want {endpoint}"),
                listener.span,
                format!("{name} wants {endpoint}"),
            )
            .label(*span, format!("nginx listens on {other} itself"))
            .note("the one that starts second does not start: `Address already in use (98)`")
            .help("give the pool another port or a socket, and let `fastcgi_pass` name it");
        findings.push(finding);
    }
}

/// Pools at the same place, each with the first one there.
pub(super) fn pairs(machine: &Machine) -> Vec<(PoolId, PoolId)> {
    #[derive(PartialEq, Eq, PartialOrd, Ord)]
    enum Place {
        Socket(PathBuf),
        Port(u16),
    }
    let mut places: BTreeMap<Place, Vec<(PoolId, &Endpoint)>> = BTreeMap::new();
    for (id, pool) in machine.pools() {
        // Which address of a name FPM takes is not known.
        let Some(Bound::At(endpoint)) = pool.listener.as_ref().map(|listener| &listener.bound) else { continue };
        let place = match endpoint {
            Endpoint::Unix(path) => Place::Socket(path.clone()),
            Endpoint::Tcp(address) => Place::Port(address.port()),
        };
        places.entry(place).or_default().push((id, endpoint));
    }
    let mut pairs = Vec::new();
    for here in places.values() {
        for (at, (second, endpoint)) in here.iter().enumerate() {
            let conflict = here[..at].iter().find(|(_, other)| endpoint.conflicts(other));
            pairs.extend(conflict.map(|(first, _)| (*first, *second)));
        }
    }
    pairs
}

fn finding(machine: &Machine, first: PoolId, second: PoolId) -> Option<Finding> {
    let (one, two) = (machine.pool(first), machine.pool(second));
    let (a, b) = (one.listener.as_ref()?, two.listener.as_ref()?);
    let (here, there) = (a.bound.endpoints().first()?, b.bound.endpoints().first()?);
    let masters = [first, second].map(|id| &machine.masters[id.master]);
    let same_master = first.master == second.master;
    if super::shared_listener::shares(machine, first, second) {
        return None;
    }
    if !same_master && masters.iter().any(|master| master.is_stopped()) {
        return None;
    }
    let [first_name, second_name] = [first, second].map(|id| named(machine, id, same_master));
    let message = match here == there {
        true => format!("{first_name} and {second_name} both listen on {there}"),
        false => format!("{first_name} listens on {here}, and {second_name} wants {there}, which overlaps"),
    };
    let finding = RULE
        .finding(message, b.span, format!("{second_name} wants {there}"))
        .label(a.span, format!("{first_name} has {here} already"))
        .help("give one of the two another `listen`, and let nginx dial it");
    if same_master && a.written == b.written {
        let refusal = format!(
            "[pool {}] unable to set listen address as it's already used in another pool '{}'",
            two.name, one.name
        );
        return Some(finding.refused_by(Program::PhpFpm, refusal));
    }
    if same_master {
        let finding = finding.note("`php-fpm -t` accepts this; the start fails, and no pool of this PHP-FPM runs");
        return Some(predict_failed_start(finding, machine, second, StartFails::AtSocket));
    }
    let both_start = masters.iter().all(|master| master.state == State::Started);
    let finding = finding.note(format!(
        "the one of {} and {} that starts second does not start",
        masters[0].configuration.main.display(),
        masters[1].configuration.main.display()
    ));
    let finding = match there {
        Endpoint::Tcp(_) => {
            let refusal =
                format!("unable to bind listening socket for address '{}': Address already in use (98)", b.written);
            finding.refused_by(Program::PhpFpm, refusal)
        }
        Endpoint::Unix(_) => {
            let refusal = format!("Another FPM instance seems to already listen on {}", b.written);
            finding.refused_by(Program::PhpFpm, refusal)
        }
    };
    Some(finding.severity(if both_start { Severity::Error } else { Severity::Warning }))
}

/// A pool's name, with the version of its PHP where two masters are compared.
fn named(machine: &Machine, id: PoolId, same_master: bool) -> String {
    let (pool, version) = (&machine.pool(id).name, &machine.masters[id.master].layout.version);
    match same_master || version.is_empty() {
        true => format!("pool {pool}"),
        false => format!("pool {pool} of PHP {version}"),
    }
}
