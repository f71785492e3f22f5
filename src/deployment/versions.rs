//! The versions whose behaviour is predicted.

use crate::host::facts::Facts;
use crate::host::layout::MasterLayout;
use crate::values::version::Version;

/// nginx, when nothing says.
pub const NGINX: Version = Version(1, 28, 0);
/// PHP, when nothing says.
pub const PHP: Version = Version(8, 3, 0);

/// A version and what says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Predicted {
    /// The version.
    pub version: Version,
    /// What says so, in words behind a comma.
    pub because: &'static str,
}

impl Predicted {
    /// nginx's: from options, facts or the package database.
    pub fn nginx(facts: &Facts) -> Self {
        match facts.versions.nginx.as_deref().and_then(Version::parse) {
            Some(version) => Predicted { version, because: "as options, facts or the installed package say" },
            None => Predicted { version: NGINX, because: "assumed; --nginx-version chooses another" },
        }
    }

    /// PHP's: from options or facts, else from the paths of the master.
    pub fn php(facts: &Facts, layout: &MasterLayout) -> Self {
        if let Some(version) = facts.versions.php.as_deref().and_then(Version::parse) {
            return Predicted { version, because: "as options or facts say" };
        }
        match Version::of_package(&layout.version) {
            Some(version) => Predicted { version, because: "as its path says" },
            None => Predicted { version: PHP, because: "assumed; --php-version chooses another" },
        }
    }
}
