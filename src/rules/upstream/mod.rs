//! Groups of servers, their failures and retries, and what is sent to them.

use super::Rule;
use crate::deployment::{HandOver, Nginx, Peer, Target, Upstream};

mod backend_tls_mismatch;
mod directive_order;
mod health_check_foreign;
mod keepalive_incomplete;
mod no_failover;
mod no_live_peer;
mod proxy_headers_dropped;
mod proxy_loops;
mod retries_disable_peers;
mod setting_without_effect;
mod single_peer_failure_ignored;
mod upstream_empty;
mod websocket_incomplete;

/// The rules of this category.
pub const RULES: &[&Rule] = &[
    &backend_tls_mismatch::RULE,
    &directive_order::RULE,
    &health_check_foreign::RULE,
    &keepalive_incomplete::RULE,
    &no_failover::RULE,
    &no_live_peer::RULE,
    &proxy_headers_dropped::RULE,
    &proxy_loops::RULE,
    &retries_disable_peers::RULE,
    &setting_without_effect::RULE,
    &single_peer_failure_ignored::RULE,
    &upstream_empty::RULE,
    &websocket_incomplete::RULE,
];

/// The hand-overs to groups, each with its group.
fn to_groups(nginx: &Nginx) -> impl Iterator<Item = (&HandOver, &Upstream)> {
    nginx.hand_overs.iter().filter_map(|hand_over| match hand_over.target {
        Target::Upstream(group) => Some((hand_over, &nginx.upstreams[group])),
        _ => None,
    })
}

/// The hand-overs to groups that a variable names, each with a member of the group, the first.
fn to_groups_by_variable(nginx: &Nginx) -> impl Iterator<Item = (&HandOver, &Upstream, &Peer)> {
    nginx.hand_overs.iter().flat_map(move |hand_over| {
        hand_over.peers(nginx).iter().enumerate().filter_map(move |(at, peer)| {
            let group = peer.branch.as_ref()?.group?;
            let is_first = at == 0 || hand_over.peers(nginx)[at - 1].branch_number() != peer.branch_number();
            is_first.then(|| (hand_over, &nginx.upstreams[group], peer))
        })
    })
}

/// What `$proxy_host` is: the name or the group in the pass.
fn default_host(hand_over: &HandOver) -> String {
    let pass = hand_over.directive.arg(0).unwrap_or_default();
    let rest = pass.split_once("://").map_or(pass, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default().to_owned()
}
