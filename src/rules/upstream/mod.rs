//! Groups of servers, their failures and retries.

use super::Rule;

/// The rules of this category.
pub const RULES: &[&Rule] = &[];
