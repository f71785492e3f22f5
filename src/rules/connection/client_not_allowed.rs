//! `listen.allowed_clients` shuts nginx out.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Failure, host_of, label_hand_over};
use crate::deployment::listeners::AllowedClients;
use crate::deployment::{Deployment, Dial, Machine, PoolId, Protocol, Reach};
use crate::finding::{Finding, Severity};
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};
use crate::values::address::{Endpoint, is_local};

pub(super) static RULE: Rule =
    rule!(connection / "client-not-allowed", Error, "listen.allowed_clients excludes the address nginx dials from");

/// What nginx logs when the pool closes the connection.
const REFUSED: &str = "while reading response header from upstream";

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for dial in &machine.dials {
            let (_, hand_over) = machine.hand_over(dial);
            let Reach::Pools(pools) = &dial.reach else { continue };
            if hand_over.protocol != Protocol::Fastcgi {
                continue;
            }
            for finding in pools.iter().filter_map(|id| refused(machine, dial, *id)) {
                findings.push_for(host_of(machine, dial), label_hand_over(finding, machine, dial));
            }
        }
        for (id, pool) in machine.pools().filter(|(id, _)| machine.callers(*id).next().is_none()) {
            let allowed = pool.listener.as_ref().and_then(|listener| listener.allowed_clients.as_ref());
            if let Some(allowed) = allowed.filter(|allowed| allowed.addresses.is_empty()) {
                findings.push(nobody(machine, id, allowed));
            }
        }
    }
}

/// The addresses that nginx may dial from, and the `fastcgi_bind` that says so; none where they are not known.
fn sources(machine: &Machine, dial: &Dial) -> (Vec<IpAddr>, Option<Span>) {
    let reached = dial.endpoints.iter().filter(|endpoint| !dial.missed.contains(endpoint));
    let usual: Vec<IpAddr> = reached.filter_map(source).collect();
    let (nginx, hand_over) = machine.hand_over(dial);
    let bind = nginx.config.effective(hand_over.level, "fastcgi_bind").and_then(|bind| bind.args.first());
    let Some(bind) = bind.filter(|bind| bind.text != "off" && !usual.is_empty()) else { return (usual, None) };
    let address = bind.text.rsplit_once(':').map_or(&*bind.text, |(address, _)| address);
    (address.parse().into_iter().collect(), Some(bind.span))
}

/// Whether a pool refuses every address that nginx may dial from.
pub(super) fn is_refused(machine: &Machine, dial: &Dial, id: PoolId) -> bool {
    let allowed = machine.pool(id).listener.as_ref().and_then(|listener| listener.allowed_clients.as_ref());
    if let Some(allowed) = allowed.filter(|_| machine.service_across(dial, id.master).is_some()) {
        return allowed.addresses.iter().all(|address| address.to_canonical().is_loopback());
    }
    let (sources, _) = sources(machine, dial);
    allowed.is_some_and(|allowed| !sources.is_empty() && !sources.iter().any(|source| allowed.admits(*source)))
}

fn refused(machine: &Machine, dial: &Dial, id: PoolId) -> Option<Finding> {
    let pool = machine.pool(id);
    let allowed = pool.listener.as_ref()?.allowed_clients.as_ref()?;
    let (sources, bind) = sources(machine, dial);
    if !is_refused(machine, dial, id) {
        return (!allowed.dropped.is_empty() && !sources.is_empty()).then(|| dropped(pool.name.as_str(), allowed));
    }
    if let Some(service) = machine.service_across(dial, id.master) {
        let message =
            format!("pool {} serves the container of {} alone, and nginx is in another", pool.name, service.name);
        let finding = RULE
            .finding(message, allowed.span, admitted(allowed))
            .label(dial.span, "nginx dials from another container, which is no loopback")
            .help("remove the line: the networks of the compose file say who reaches the port");
        return Some(Failure::of(machine, dial).predict(finding, REFUSED.to_owned()));
    }
    let source = sources[0];
    let message = format!("pool {} refuses nginx, which dials from {source}", pool.name);
    let mut finding = RULE
        .finding(message, allowed.span, admitted(allowed))
        .label(bind.unwrap_or(dial.span), format!("nginx dials from {source} here"))
        .help(format!("write `listen.allowed_clients = {}`, then reload PHP-FPM", with(allowed, source)));
    finding = Failure::of(machine, dial).predict(finding, REFUSED.to_owned());
    if !allowed.dropped.is_empty() {
        finding = finding.note(not_addresses(allowed));
    }
    Some(finding)
}

/// Who is served.
fn admitted(allowed: &AllowedClients) -> String {
    match allowed.addresses.as_slice() {
        [] if allowed.dropped.is_empty() => "an empty value admits nobody".to_owned(),
        [] => "no item is an address, so nobody is served".to_owned(),
        addresses => format!("serves only {}", addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(", ")),
    }
}

fn dropped(pool: &str, allowed: &AllowedClients) -> Finding {
    RULE.finding(format!("pool {pool} drops a part of listen.allowed_clients"), allowed.span, not_addresses(allowed))
        .help("write literal addresses, separated by commas without blanks")
        .severity(Severity::Warning)
}

fn nobody(machine: &Machine, id: PoolId, allowed: &AllowedClients) -> Finding {
    let message = format!("pool {} serves nobody: listen.allowed_clients holds no address", machine.pool(id).name);
    RULE.finding(message, allowed.span, not_addresses(allowed))
        .help("write literal addresses, separated by commas without blanks, or remove the line")
        .severity(Severity::Warning)
}

fn not_addresses(allowed: &AllowedClients) -> String {
    if allowed.dropped.is_empty() {
        return "an empty value admits nobody".into();
    }
    let items = allowed.dropped.iter().map(|item| format!("`{item}`")).collect::<Vec<_>>().join(", ");
    format!("PHP-FPM drops {items}: it takes literal addresses only, no names, no networks, no blanks")
}

/// The value with an address added and the items that mean nothing left out.
fn with(allowed: &AllowedClients, source: IpAddr) -> String {
    let all = allowed.addresses.iter().copied().chain([source]);
    all.map(|address| address.to_string()).collect::<Vec<_>>().join(",")
}

/// The address from which Linux dials a local one: that of the loopback interface, or the host's own that is dialled.
fn source(dialled: &Endpoint) -> Option<IpAddr> {
    match dialled {
        Endpoint::Tcp(address) if !is_local(address.ip()) => Some(address.ip()),
        Endpoint::Tcp(address) if address.is_ipv4() => Some(Ipv4Addr::LOCALHOST.into()),
        Endpoint::Tcp(_) => Some(Ipv6Addr::LOCALHOST.into()),
        Endpoint::Unix(_) => None,
    }
}
