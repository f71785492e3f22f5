//! Whether the request reaches the intended PHP file.

use super::Rule;

/// The rules of this category.
pub const RULES: &[&Rule] = &[];
