//! Two pools want an address that only one of them can have.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{StartFails, predict_failed_start};
use crate::deployment::{Bound, Deployment, Dial, Machine, PoolId, Reach, Socket, State, back_ends};
use crate::finding::{Finding, Program, Severity};
use crate::host::facts::Facts;
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};
use crate::values::address::{Address, Endpoint};

pub(super) static RULE: Rule = rule!(
    connection / "duplicate-listener",
    Error,
    "two pools want the same socket or address",
    supersedes["listener-missing"]
);

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (first, second) in pairs(machine) {
            // In a tree that is laid over an image, several versions are alternatives.
            if machine.view.is_partial() && first.id.master != second.id.master {
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
    for (_, pool) in machine.running_pools() {
        let Some(listener) = &pool.listener else { continue };
        let Bound::At(endpoint @ Endpoint::Tcp(address)) = &listener.bound else { continue };
        let there = ports.get(&address.port()).into_iter().flatten();
        let Some((other, span)) = there.into_iter().find(|(other, _)| endpoint.conflicts(other)) else { continue };
        let name = format!("pool {}", pool.name);
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

/// A pool's socket, and the pool.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub id: PoolId,
    pub socket: Socket<'a>,
}

impl Place<'_> {
    /// Whose it is, with the version of its PHP where two masters are compared.
    fn owner(&self, machine: &Machine, same_master: bool) -> String {
        let (pool, version) = (machine.pool(self.id), &machine.masters[self.id.master].layout.version);
        match same_master || version.is_empty() {
            true => self.socket.owner(pool),
            false => format!("{} of PHP {version}", self.socket.owner(pool)),
        }
    }
}

/// Sockets at the same place, each with the first one there. PHP-FPM opens those of status pages last.
pub(super) fn pairs(machine: &Machine) -> Vec<(Place<'_>, Place<'_>)> {
    #[derive(PartialEq, Eq, PartialOrd, Ord)]
    enum Address {
        Socket(PathBuf),
        Port(u16),
    }
    let all = || machine.pools().flat_map(|(id, pool)| pool.sockets().map(move |socket| Place { id, socket }));
    let container = |place: Place<'_>| machine.masters[place.id.master].service;
    let own = all().filter(|place| !place.socket.is_status);
    let mut addresses: BTreeMap<Address, Vec<(Place<'_>, &Endpoint)>> = BTreeMap::new();
    for place in own.chain(all().filter(|place| place.socket.is_status)) {
        // Which address of a name FPM takes is not known.
        let Bound::At(endpoint) = place.socket.bound else { continue };
        let address = match endpoint {
            Endpoint::Unix(path) => Address::Socket(path.clone()),
            Endpoint::Tcp(address) => Address::Port(address.port()),
        };
        addresses.entry(address).or_default().push((place, endpoint));
    }
    let mut pairs = Vec::new();
    for here in addresses.values() {
        for (at, (second, endpoint)) in here.iter().enumerate() {
            let conflict = here[..at]
                .iter()
                .find(|(first, other)| endpoint.conflicts(other) && container(*first) == container(*second));
            pairs.extend(conflict.map(|(first, _)| (*first, *second)));
        }
    }
    pairs
}

/// The dial to an address that one of two pools may have been meant to have: the only one on the machine that reaches
/// nobody, and nearer to no other pool.
fn missed<'a>(machine: &'a Machine, places: [Place<'_>; 2]) -> Option<&'a Dial> {
    let mut dials = machine.dials.iter().filter(|dial| matches!(dial.reach, Reach::Nobody));
    let dial = dials.next().filter(|first| dials.all(|other| other.span == first.span))?;
    let is_unix = matches!(dial.address, Address::Unix(_));
    let alike = |place: &Place<'_>| matches!(place.socket.bound, Bound::At(Endpoint::Unix(_))) == is_unix;
    let is_near = dial.nearest.is_none_or(|nearest| places.iter().any(|place| place.id == nearest.pool));
    (is_near && places.iter().all(alike)).then_some(dial)
}

fn finding(machine: &Machine, first: Place<'_>, second: Place<'_>) -> Option<Finding> {
    let (a, b) = (first.socket, second.socket);
    let (here, there) = (a.bound.endpoints().first()?, b.bound.endpoints().first()?);
    let masters = [first, second].map(|place| &machine.masters[place.id.master]);
    let same_master = first.id.master == second.id.master;
    if super::shared_listener::shares(first, second) {
        return None;
    }
    if !same_master && masters.iter().any(|master| master.is_stopped()) {
        return None;
    }
    let [first_name, second_name] = [first, second].map(|place| place.owner(machine, same_master));
    let message = match here == there {
        true => format!("{first_name} and {second_name} both listen on {there}"),
        false => format!("{first_name} listens on {here}, and {second_name} wants {there}, which overlaps"),
    };
    let finding = RULE
        .finding(message, b.span, format!("{second_name} wants {there}"))
        .label(a.span, format!("{first_name} has {here} already"));
    let finding = match (second.socket.is_status, missed(machine, [first, second])) {
        (true, _) => {
            finding.help("give `pm.status_listen` an address of its own, or remove it: `pm.status_path` works without")
        }
        (false, Some(dial)) => finding
            .label(dial.span, format!("nginx dials {}, where no pool listens", dial.address))
            .help(format!("let one of the two listen where nginx dials: {}", dial.address)),
        (false, None) => finding.help("give one of the two another `listen`, and let nginx dial it"),
    };
    if same_master && a.written == b.written {
        let refusal = format!(
            "[pool {}] unable to set listen address as it's already used in another pool '{}'",
            b.pool_name(machine.pool(second.id)),
            a.pool_name(machine.pool(first.id))
        );
        return Some(finding.refused_by(Program::PhpFpm, refusal));
    }
    if same_master {
        let finding = finding.note("`php-fpm -t` accepts this; the start fails, and no pool of this PHP-FPM runs");
        return Some(predict_failed_start(finding, machine, second.id, StartFails::AtSocket));
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
