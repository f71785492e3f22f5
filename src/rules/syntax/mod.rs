//! What `nginx -t` and `php-fpm -t` refuse.

use super::Rule;

mod fpm_listen_missing;
mod fpm_section_missing;
mod fpm_setting_missing;
mod fpm_setting_unknown;
mod fpm_value_invalid;
mod include_cycle;
mod include_missing;
mod include_unreadable;
mod ini_expression;
mod ini_value_suspect;
mod slowlog_invalid;
mod syntax_error;

/// The rules of this category.
pub const RULES: &[&Rule] = &[
    &fpm_listen_missing::RULE,
    &fpm_section_missing::RULE,
    &fpm_setting_missing::RULE,
    &fpm_setting_unknown::RULE,
    &fpm_value_invalid::RULE,
    &include_cycle::RULE,
    &include_missing::RULE,
    &include_unreadable::RULE,
    &ini_expression::RULE,
    &ini_value_suspect::RULE,
    &slowlog_invalid::RULE,
    &syntax_error::RULE,
];
