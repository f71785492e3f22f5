//! Files that are not the ones in force.

use super::Rule;

mod file_not_loaded;
mod include_empty;
mod version_directory_mismatch;

/// The rules of this category.
pub const RULES: &[&Rule] = &[&file_not_loaded::RULE, &include_empty::RULE, &version_directory_mismatch::RULE];
