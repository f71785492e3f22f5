//! IPv4 on one side and IPv6 on the other.

use super::{Failure, connect_log, host_of, label_hand_over, listens_here};
use crate::deployment::nearest::How;
use crate::deployment::{Bound, Deployment, Dial, Machine, PoolId, Protocol, Reach};
use crate::finding::{Finding, Severity};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;
use crate::values::address::{Address, Endpoint};

pub(super) static RULE: Rule = rule!(
    connection / "address-family-mismatch",
    Error,
    "nginx dials IPv4 and the pool listens on IPv6 only, or the reverse"
);

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for dial in machine.dials.iter().filter(|dial| is_php(machine, dial)) {
            let found = match &dial.reach {
                Reach::Nobody => missed(machine, dial),
                Reach::Pools(pools) => uncertain(machine, dial, pools).or_else(|| half(machine, dial, pools)),
                Reach::Cut(_) | Reach::Other(_) | Reach::Unknown(..) => None,
            };
            if let Some(finding) = found {
                findings.push_for(host_of(machine, dial), label_hand_over(finding, machine, dial));
            }
        }
    }
}

fn is_php(machine: &Machine, dial: &Dial) -> bool {
    let (nginx, hand_over) = machine.hand_over(dial);
    let peer = &hand_over.peers(nginx)[dial.peer];
    hand_over.protocol == Protocol::Fastcgi && hand_over.serves_php && !peer.port_defaulted
}

/// The port is right and the family is not.
fn missed(machine: &Machine, dial: &Dial) -> Option<Finding> {
    let meant = dial.nearest.filter(|nearest| nearest.how == How::Family)?;
    if machine.overridden(dial).is_some() || machine.not_loaded(dial).is_some() {
        return None;
    }
    let pool = machine.pool(meant.pool);
    let listener = pool.listener.as_ref()?;
    let listening = listener.bound.endpoints().first()?;
    let right = super::listener_missing::dialled_as(machine, meant.pool);
    let message = format!("nginx dials {}, pool {} listens on {listening} only", dial.address, pool.name);
    let finding = RULE
        .finding(message, dial.span, "nginx dials here")
        .label(listener.span, listens_here(machine, meant.pool, pool))
        .help(format!("let nginx dial {right}, or set `listen = {}` in pool {}", dial.address, pool.name));
    Some(Failure::of(machine, dial).predict(finding, connect_log(&dial.address)))
}

/// The pool listens on a name of which FPM takes the first address, and nginx dials one of them.
fn uncertain(machine: &Machine, dial: &Dial, pools: &[PoolId]) -> Option<Finding> {
    let [id] = pools else { return None };
    let pool = machine.pool(*id);
    let listener = pool.listener.as_ref()?;
    let (Bound::OneOf(places), Address::Ip(dialled)) = (&listener.bound, &dial.address) else { return None };
    let shown = places.iter().map(Endpoint::to_string).collect::<Vec<_>>().join(" or ");
    let message = format!("pool {} listens on only one address of {}: {shown}", pool.name, listener.written);
    let finding = RULE
        .finding(message, listener.span, "FPM takes the first address that the resolver gives")
        .label(dial.span, format!("nginx dials {dialled}"))
        .note("with the usual /etc/hosts the first address of localhost is ::1")
        .help(format!("set `listen = {dialled}` in pool {}", pool.name));
    Some(Failure::of(machine, dial).predict(finding, connect_log(&dial.address)).severity(Severity::Warning))
}

/// nginx dials a name with two addresses, and the pool listens on one of them: nginx tries the other
/// one after a refusal, so requests are answered.
fn half(machine: &Machine, dial: &Dial, pools: &[PoolId]) -> Option<Finding> {
    let missed = dial.missed.first()?;
    let ([id], Address::Name(name, _)) = (pools, &dial.address) else { return None };
    let (nginx, hand_over) = machine.hand_over(dial);
    let pool = machine.pool(*id);
    let listener = pool.listener.as_ref()?;
    let no_retry = super::retries_are_off(nginx, hand_over);
    let severity = if no_retry { Severity::Warning } else { Severity::Advice };
    let message = format!("{name} has two addresses, and nobody listens on {missed}");
    let finding = RULE
        .finding(message, dial.span, "nginx dials both addresses in turn")
        .label(listener.span, listens_here(machine, *id, pool))
        .help(format!("let nginx dial {}", super::listener_missing::dialled_as(machine, *id)));
    let status = if no_retry { 502 } else { 200 };
    Some(finding.severity(severity).predict(status, connect_log(&dial.address)))
}
