//! Units, logs, and the comments that speak to this program.

use super::Rule;

pub(crate) mod allow_comment;

/// The rules of this category.
pub const RULES: &[&Rule] = &[&allow_comment::RULE];
