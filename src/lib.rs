//! gatelint
pub mod finding;
pub mod host;
pub mod nginx;
pub mod source;
pub mod values;
