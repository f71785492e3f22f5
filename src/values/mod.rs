//! Values as the two programs spell them.

pub mod address;
pub mod environment;
pub mod placeholder;
pub mod spelling;
pub mod version;
