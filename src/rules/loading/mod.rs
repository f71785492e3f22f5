//! Files that are not the ones in force.

use super::Rule;

mod duplicate_setting;
mod file_not_loaded;
mod include_empty;
mod pool_section_leaks;
mod version_directory_mismatch;

/// The rules of this category.
pub const RULES: &[&Rule] = &[
    &duplicate_setting::RULE,
    &file_not_loaded::RULE,
    &include_empty::RULE,
    &pool_section_leaks::RULE,
    &version_directory_mismatch::RULE,
];
