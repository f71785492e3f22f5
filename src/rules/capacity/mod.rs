//! Workers, memory, descriptors, queues.

use super::Rule;

mod spare_servers_invalid;

/// The rules of this category.
pub const RULES: &[&Rule] = &[&spare_servers_invalid::RULE];
