//! Who may open a socket, a directory, a file.

use super::Rule;

mod acl_overrides_owner;
mod group_unknown;
mod pool_runs_as_root;
mod script_unreadable;
mod selinux_denies;
mod socket_directory_closed;
mod socket_hidden_by_unit;
mod socket_permission_denied;
mod socket_world_writable;
mod temp_directory_closed;
mod user_unknown;

/// The rules of this category.
pub const RULES: &[&Rule] = &[
    &acl_overrides_owner::RULE,
    &group_unknown::RULE,
    &pool_runs_as_root::RULE,
    &script_unreadable::RULE,
    &selinux_denies::RULE,
    &socket_directory_closed::RULE,
    &socket_hidden_by_unit::RULE,
    &socket_permission_denied::RULE,
    &socket_world_writable::RULE,
    &temp_directory_closed::RULE,
    &user_unknown::RULE,
];
