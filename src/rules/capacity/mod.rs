//! Workers, memory, descriptors, queues.

use super::Rule;
use crate::deployment::{Dial, HandOver, Machine, Nginx, PoolId};

mod backlog_clamped;
mod backlog_too_small;
mod connections_too_few;
mod descriptors_too_few;
mod keepalive_starves_workers;
mod memory_limit_unbounded;
mod memory_overcommitted;
mod pool_cannot_run;
mod process_limit_below_pools;
mod spare_servers_invalid;
mod workers_never_recycled;
mod workers_start_slowly;
mod workers_too_few;

/// The rules of this category.
pub const RULES: &[&Rule] = &[
    &backlog_clamped::RULE,
    &backlog_too_small::RULE,
    &connections_too_few::RULE,
    &descriptors_too_few::RULE,
    &keepalive_starves_workers::RULE,
    &memory_limit_unbounded::RULE,
    &memory_overcommitted::RULE,
    &pool_cannot_run::RULE,
    &process_limit_below_pools::RULE,
    &spare_servers_invalid::RULE,
    &workers_never_recycled::RULE,
    &workers_start_slowly::RULE,
    &workers_too_few::RULE,
];

/// The first hand-over of PHP requests that reaches a pool, with its dial.
fn php_caller(machine: &Machine, id: PoolId) -> Option<(&Nginx, &HandOver, &Dial)> {
    let callers = machine.callers(id).map(|dial| (machine.hand_over(dial), dial));
    let mut callers = callers.map(|((nginx, hand_over), dial)| (nginx, hand_over, dial));
    callers.find(|(_, hand_over, _)| hand_over.serves_php)
}
