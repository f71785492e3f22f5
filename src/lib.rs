//! gatelint
pub mod check;
pub mod cli;
pub mod deployment;
pub mod discover;
pub mod finding;
pub mod host;
pub mod nginx;
pub mod php;
pub mod report;
pub mod rules;
pub mod source;
pub mod values;
