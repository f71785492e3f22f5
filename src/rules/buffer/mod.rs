//! Buffers and the sizes of bodies and headers.

use super::Rule;

mod body_limits_inconsistent;
mod buffer_memory;
mod buffer_sizes_inconsistent;
mod buffer_zero;
mod client_header_buffers_small;
mod header_buffer_small;
mod ini_size_misread;
mod temp_files_disabled;

/// The rules of this category.
pub const RULES: &[&Rule] = &[
    &body_limits_inconsistent::RULE,
    &buffer_memory::RULE,
    &buffer_sizes_inconsistent::RULE,
    &buffer_zero::RULE,
    &client_header_buffers_small::RULE,
    &header_buffer_small::RULE,
    &ini_size_misread::RULE,
    &temp_files_disabled::RULE,
];
