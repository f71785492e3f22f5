//! Groups of servers, their failures and retries, and what is sent to them.

use super::Rule;
use crate::deployment::{HandOver, Nginx, Target, Upstream};

mod backend_tls_mismatch;
mod directive_order;
mod health_check_foreign;
mod keepalive_incomplete;
mod no_failover;
mod no_live_peer;
mod proxy_headers_dropped;
mod retries_disable_peers;
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
    &retries_disable_peers::RULE,
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
