//! gatelint
pub mod deployment;
pub mod finding;
pub mod host;
pub mod nginx;
pub mod php;
pub mod report;
pub mod rules;
pub mod source;
pub mod values;
