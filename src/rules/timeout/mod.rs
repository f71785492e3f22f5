//! The chain of time limits, outside in.

use super::Rule;

mod fpm_time_misread;

/// The rules of this category.
pub const RULES: &[&Rule] = &[&fpm_time_misread::RULE];
