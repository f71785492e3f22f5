//! The chain of time limits, outside in.

use super::Rule;

/// The rules of this category.
pub const RULES: &[&Rule] = &[];
