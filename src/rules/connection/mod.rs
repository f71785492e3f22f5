//! Who listens where, and who dials.

use super::Rule;
use crate::deployment::{Deployment, Dial, Gap, HandOver, Machine, Network, Nginx, Peer, Pool, PoolId, Reach, Target};
use crate::finding::{Finding, Program};
use crate::values::address::{Address, Endpoint};

mod address_family_mismatch;
mod address_invalid;
mod client_not_allowed;
mod container_port_mismatch;
mod duplicate_listener;
mod failure;
mod listen_invalid;
mod listen_overridden;
mod listener_kind_mismatch;
mod listener_missing;
mod listener_not_running;
mod loopback_across_containers;
mod networks_disjoint;
mod pages;
mod pool_unreachable;
mod resolver_missing;
mod shared_listener;
mod socket_path_relative;
mod socket_path_too_long;
mod stale_name;
mod unknown_service;
mod upstream_port_defaulted;
mod upstream_undefined;
mod wrong_protocol;

pub(in crate::rules) use failure::{Failure, retries_are_off};

/// The rules of this category.
pub const RULES: &[&Rule] = &[
    &address_family_mismatch::RULE,
    &address_invalid::RULE,
    &client_not_allowed::RULE,
    &container_port_mismatch::RULE,
    &duplicate_listener::RULE,
    &listen_invalid::RULE,
    &listen_overridden::RULE,
    &listener_kind_mismatch::RULE,
    &listener_missing::RULE,
    &listener_not_running::RULE,
    &loopback_across_containers::RULE,
    &networks_disjoint::RULE,
    &pool_unreachable::RULE,
    &resolver_missing::RULE,
    &shared_listener::RULE,
    &socket_path_relative::RULE,
    &socket_path_too_long::RULE,
    &stale_name::RULE,
    &unknown_service::RULE,
    &upstream_port_defaulted::RULE,
    &upstream_undefined::RULE,
    &wrong_protocol::RULE,
];

/// What nginx logs when nobody is at an address.
pub(in crate::rules) fn connect_log(address: &Address) -> String {
    match address {
        Address::Unix(path) => {
            format!("connect() to unix:{path} failed (2: No such file or directory) while connecting to upstream")
        }
        Address::Ip(_) | Address::Name(..) => {
            "connect() failed (111: Connection refused) while connecting to upstream".into()
        }
    }
}

/// When the start of a master fails.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(in crate::rules) enum StartFails {
    /// Before it makes any socket.
    BeforeSockets,
    /// At the socket of a pool: those of the pools before it stay behind, and nobody accepts there.
    AtSocket,
}

/// Predicts what a request gets when a pool's master fails to start; nothing where no request can be
/// meant for it.
pub(in crate::rules) fn predict_failed_start(
    finding: Finding,
    machine: &Machine,
    id: PoolId,
    fails: StartFails,
) -> Finding {
    match no_master_log(machine, id, fails) {
        Some(log) => finding.predict(502, log),
        None => finding,
    }
}

/// What nginx logs when the master of a pool does not start because of that pool: where it dials the
/// pool, or else another one of the master.
pub(super) fn no_master_log(machine: &Machine, id: PoolId, fails: StartFails) -> Option<String> {
    let of_master = (0..machine.masters[id.master].pools.len()).map(|pool| PoolId { pool, ..id });
    let dial = std::iter::once(id).chain(of_master).find_map(|pool| machine.callers(pool).next());
    if let Some(dial) = dial {
        let made = |pool: &PoolId| pool.master == id.master && pool.pool < id.pool;
        let left = matches!(&dial.reach, Reach::Pools(pools) if pools.iter().any(made));
        return Some(match &dial.address {
            Address::Unix(path) if left && fails == StartFails::AtSocket => {
                format!("connect() to unix:{path} failed (111: Connection refused) while connecting to upstream")
            }
            address => connect_log(address),
        });
    }
    // Without nginx in view, whoever dials the pool will see this.
    match machine.pool(id).listener.as_ref().filter(|_| machine.nginx.is_empty())?.bound.endpoints().first()? {
        Endpoint::Unix(path) => Some(connect_log(&Address::Unix(path.to_string_lossy().into_owned()))),
        Endpoint::Tcp(address) => Some(connect_log(&Address::Ip(*address))),
    }
}

/// Adds the line of the hand-over when the address stands in an upstream group.
pub(in crate::rules) fn label_hand_over(finding: Finding, machine: &Machine, dial: &Dial) -> Finding {
    let (nginx, hand_over) = machine.hand_over(dial);
    let (peer, name) = (&hand_over.peers(nginx)[dial.peer], hand_over.directive.name());
    let Some(key) = peer.key() else {
        return match dial.span == hand_over.span {
            true => finding,
            false => finding.label(hand_over.span, format!("`{name}` hands requests over to it")),
        };
    };
    let finding = label_way(finding, peer);
    match dial.span == hand_over.span {
        true => finding.note(format!("requests for `{key}` lead to it")),
        false => finding.label(hand_over.span, format!("`{name}` hands requests for `{key}` over to it")),
    }
}

/// Adds the line of a hand-over whose variable leads to an address.
pub(in crate::rules) fn label_variable(finding: Finding, hand_over: &HandOver, peer: &Peer) -> Finding {
    let Some(key) = peer.key() else { return finding.label(hand_over.span, "the variable is used here") };
    let finding = label_way(finding, peer);
    match peer.span == hand_over.span {
        true => finding.note(format!("requests for `{key}` lead to it")),
        false => {
            let name = hand_over.directive.name();
            finding.label(hand_over.span, format!("`{name}` hands requests for `{key}` over to it"))
        }
    }
}

/// Adds the values that lead from a request to an address.
pub(super) fn label_way(finding: Finding, peer: &Peer) -> Finding {
    let Some(branch) = &peer.branch else { return finding };
    let takes = format!("requests for `{}` take this value", branch.key);
    branch.via.iter().fold(finding, |finding, span| finding.label(*span, takes.clone()))
}

/// The dials that do not get from one container to another, with the network that does not let them.
pub(super) fn cut(deployment: &Deployment) -> impl Iterator<Item = (&Machine, &Network, &Dial, Gap)> {
    deployment.machines.iter().filter_map(|machine| Some((machine, machine.network.as_ref()?))).flat_map(
        |(machine, network)| {
            machine.dials.iter().filter_map(move |dial| match dial.reach {
                Reach::Cut(gap) => Some((machine, network, dial, gap)),
                _ => None,
            })
        },
    )
}

/// Says what comes of a name that the container's name server does not know: nginx does not start, unless it
/// looks the name up at each request. The members of a group it looks up when it starts, whatever leads to the group.
pub(super) fn predict_unknown_name(finding: Finding, machine: &Machine, dial: &Dial, name: &str) -> Finding {
    let (nginx, hand_over) = machine.hand_over(dial);
    let peer = &hand_over.peers(nginx)[dial.peer];
    let is_member = peer.is_of_named_group() || matches!(hand_over.target, Target::Upstream(_));
    let is_late = if is_member { peer.resolve } else { hand_over.has_variables() };
    let finding = match is_late {
        true => {
            let log = format!("{name} could not be resolved (3: Host not found)");
            Failure::of(machine, dial).predict(finding, log)
        }
        false => {
            // Of a member nginx shows the port as well.
            let shown = if is_member { &peer.written } else { name };
            finding.refused_by(Program::Nginx, format!("host not found in upstream \"{shown}\""))
        }
    };
    label_hand_over(finding, machine, dial)
}

/// The server of a hand-over, as notes name it.
pub(in crate::rules) fn server_name<'a>(nginx: &'a Nginx, hand_over: &HandOver) -> Option<&'a str> {
    nginx.servers.get(hand_over.server)?.shown_name()
}

/// The host whose requests an address gets where a variable chooses it by the host, and else the server.
pub(in crate::rules) fn host_or_server<'a>(nginx: &'a Nginx, hand_over: &HandOver, peer: &'a Peer) -> Option<&'a str> {
    let letters = |char: char| char.is_ascii_alphanumeric() || matches!(char, '-' | '.');
    let is_host = |key: &&str| {
        key.contains('.') && key.chars().all(letters) && key.contains(|char: char| char.is_ascii_alphabetic())
    };
    peer.key().filter(is_host).or_else(|| server_name(nginx, hand_over))
}

/// The same for a dial.
pub(in crate::rules) fn host_of<'a>(machine: &'a Machine, dial: &Dial) -> Option<&'a str> {
    let (nginx, hand_over) = machine.hand_over(dial);
    host_or_server(nginx, hand_over, &hand_over.peers(nginx)[dial.peer])
}

/// Where a pool listens, in words for a label.
pub(in crate::rules) fn listens_here(machine: &Machine, id: PoolId, pool: &Pool) -> String {
    let Some(listener) = &pool.listener else { return String::new() };
    let version = machine.masters[id.master].layout.shown_version();
    let of = if version.is_empty() { String::new() } else { format!(" of PHP {version}") };
    match listener.bound.endpoints().first() {
        Some(Endpoint::Unix(path)) if !listener.written.starts_with('/') => format!(
            "pool {}{of} listens on {}: FPM completes a relative path with its prefix",
            pool.name,
            path.display()
        ),
        _ => format!("pool {}{of} listens here", pool.name),
    }
}
