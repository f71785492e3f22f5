//! The two ends of a hand-over speak different protocols.

use super::{Failure, host_of, label_hand_over, listens_here};
use crate::deployment::back_ends::BackEnd;
use crate::deployment::{Deployment, Dial, HandOver, Machine, PoolId, Protocol, Reach};
use crate::finding::{Finding, Prediction};
use crate::host::facts::Protocol as Speaks;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(connection / "wrong-protocol", Error, "nginx speaks another protocol than the server that it dials");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for dial in &machine.dials {
            let (nginx, hand_over) = machine.hand_over(dial);
            let peer = &hand_over.peers(nginx)[dial.peer];
            if peer.port_defaulted {
                continue;
            }
            let found = match &dial.reach {
                Reach::Pools(pools) if hand_over.protocol != Protocol::Fastcgi => to_pool(machine, dial, pools),
                Reach::Other(_) => to_other(machine, dial),
                _ => None,
            };
            if let Some(finding) = found {
                let failure = Failure::of(machine, dial);
                let finding = match finding.predicts.clone() {
                    Some(Prediction::Response { log: Some(log), .. }) => failure.predict(finding, log),
                    _ => finding.severity(failure.severity),
                };
                findings.push_for(host_of(machine, dial), label_hand_over(finding, machine, dial));
            }
        }
    }
}

fn to_pool(machine: &Machine, dial: &Dial, pools: &[PoolId]) -> Option<Finding> {
    let (_, hand_over) = machine.hand_over(dial);
    let id = *pools.first()?;
    let pool = machine.pool(id);
    let (directive, spoken) = (hand_over.directive.name(), hand_over.protocol.name());
    let message = format!("`{directive}` speaks {spoken} to pool {}, which speaks FastCGI", pool.name);
    let address = super::listener_missing::dialled_as(machine, id);
    Some(
        RULE.finding(message, dial.span, format!("nginx speaks {spoken} here"))
            .label(pool.listener.as_ref()?.span, listens_here(machine, id, pool))
            .help(format!("use `include fastcgi.conf;` and `fastcgi_pass {address};` in this location"))
            .predict(502, "while reading response header from upstream".to_owned()),
    )
}

/// nginx's own listener that wants a PROXY line, which no pass of `http` sends.
fn to_proxy_protocol(hand_over: &HandOver, dial: &Dial, other: &BackEnd) -> Option<Finding> {
    let line = other.listen.as_ref()?.proxy_protocol?;
    if !matches!(hand_over.protocol, Protocol::Http | Protocol::Grpc) {
        return None;
    }
    let pass = hand_over.directive.name();
    Some(
        RULE.finding(
            format!("`{pass}` sends no PROXY line to {}, which waits for one", dial.address),
            dial.span,
            "nginx begins with the request itself",
        )
        .label(line, "`proxy_protocol`: every connection must begin with a PROXY line")
        .note("nginx logs of the inner server: broken header: \"…\" while reading PROXY protocol")
        .help("give nginx itself a `listen` without `proxy_protocol`, or remove it from this one")
        .predict(502, "upstream prematurely closed connection while reading response header from upstream".to_owned()),
    )
}

fn to_other(machine: &Machine, dial: &Dial) -> Option<Finding> {
    let (_, hand_over) = machine.hand_over(dial);
    let Reach::Other(other) = &dial.reach else { return None };
    if let Some(finding) = to_proxy_protocol(hand_over, dial, other) {
        return Some(finding);
    }
    let fits = match (hand_over.protocol, other.protocol) {
        (_, Speaks::Unknown) => true,
        (Protocol::Http, speaks) => speaks == Speaks::Http,
        (Protocol::Fastcgi, speaks) => speaks == Speaks::Fastcgi,
        (Protocol::Uwsgi, speaks) => speaks == Speaks::Uwsgi,
        // gRPC is HTTP/2, and whether a server takes it does not show.
        (Protocol::Grpc, speaks) => speaks == Speaks::Http,
        (Protocol::Scgi | Protocol::Memcached, _) => false,
    };
    if fits {
        return None;
    }
    let (directive, spoken) = (hand_over.directive.name(), hand_over.protocol.name());
    let speaks = other.protocol.name();
    let message = format!("`{directive}` speaks {spoken} to {}, which speaks {speaks}", dial.address);
    let pass = match other.protocol {
        Speaks::Http => "proxy_pass http://",
        Speaks::Fastcgi => "fastcgi_pass ",
        Speaks::Uwsgi | Speaks::Unknown => "uwsgi_pass ",
    };
    let mut finding = RULE.finding(message, dial.span, format!("nginx speaks {spoken} here"));
    finding = match other.span {
        Some(span) => finding.label(span, format!("{} listens here", other.what)),
        None => finding.note(format!("{} listens there", other.what)),
    };
    finding = finding.help(format!("use `{pass}{};`, or dial the server that speaks {spoken}", dial.address));
    Some(match (hand_over.protocol, other.protocol) {
        // An HTTP server answers `HTTP/1.1 400 …`; its first byte, H, is 72.
        (Protocol::Fastcgi, Speaks::Http) => {
            finding.predict(502, "upstream sent unsupported FastCGI protocol version: 72".to_owned())
        }
        _ => finding,
    })
}
