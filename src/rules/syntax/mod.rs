//! What `nginx -t` and `php-fpm -t` refuse.

use super::Rule;

mod fpm_listen_missing;
mod fpm_section_missing;
mod include_cycle;
mod include_missing;
mod include_unreadable;
mod syntax_error;

/// The rules of this category.
pub const RULES: &[&Rule] = &[
    &fpm_listen_missing::RULE,
    &fpm_section_missing::RULE,
    &include_cycle::RULE,
    &include_missing::RULE,
    &include_unreadable::RULE,
    &syntax_error::RULE,
];
