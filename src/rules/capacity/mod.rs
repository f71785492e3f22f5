//! Workers, memory, descriptors, queues.

use super::Rule;

/// The rules of this category.
pub const RULES: &[&Rule] = &[];
