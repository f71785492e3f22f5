//! Buffers and the sizes of bodies and headers.

use super::Rule;

mod ini_size_misread;

/// The rules of this category.
pub const RULES: &[&Rule] = &[&ini_size_misread::RULE];
