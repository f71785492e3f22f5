//! Buffers and the sizes of bodies and headers.

use super::Rule;

/// The rules of this category.
pub const RULES: &[&Rule] = &[];
