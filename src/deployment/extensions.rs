//! The endings of files that a pool runs (`security.limit_extensions`).
//!
//! The value is cut at blanks and tabs, and each item is compared with the end of the path, case included.

use super::Pool;
use crate::php::load::Assigned;

/// What a pool runs when nothing is set.
const DEFAULT: &str = ".php .phar";

/// The endings of a pool.
#[derive(Debug)]
pub struct Extensions<'a> {
    /// The line that sets them.
    pub written: Option<&'a Assigned>,
    /// The endings; none at all lets anything run.
    pub endings: Vec<&'a str>,
}

impl Extensions<'_> {
    /// Whether a path may be run.
    pub fn admit(&self, path: &str) -> bool {
        self.endings.is_empty() || self.endings.iter().any(|ending| path.ends_with(ending))
    }
}

impl Pool {
    /// The endings that the pool runs; `None` where they come from the environment.
    pub fn extensions(&self) -> Option<Extensions<'_>> {
        let written = self.settings.get("security.limit_extensions");
        let text = match written {
            Some(written) => written.text.as_deref()?,
            None => DEFAULT,
        };
        Some(Extensions { written, endings: text.split([' ', '\t']).filter(|item| !item.is_empty()).collect() })
    }
}
