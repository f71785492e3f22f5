//! The php.ini settings whose values are read in a way of their own, and the names that PHP knows.

use std::collections::HashSet;
use std::sync::OnceLock;

/// A setting that holds a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// The name.
    pub name: &'static str,
    /// PHP's own default, as one would write it.
    pub default: &'static str,
    /// What a 0 means, which is also what text without a number comes to.
    pub zero: Zero,
}

/// What a size of 0 means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Zero {
    /// No limit.
    NoLimit,
    /// PHP keeps the value that it had before: less than what it needs to start is ignored.
    Ignored,
    /// Nothing at all fits.
    Nothing,
}

/// The settings that hold a size, sorted by name.
pub static SIZES: &[Size] = &[
    Size { name: "memory_limit", default: "128M", zero: Zero::Ignored },
    Size { name: "post_max_size", default: "8M", zero: Zero::NoLimit },
    Size { name: "realpath_cache_size", default: "4096K", zero: Zero::Nothing },
    Size { name: "upload_max_filesize", default: "2M", zero: Zero::NoLimit },
];

/// PHP ignores a `memory_limit` below what a worker holds when it reads it: one block of its allocator.
pub const LEAST_MEMORY: i64 = 2 << 20;

/// The size setting of a name.
pub fn size(name: &str) -> Option<&'static Size> {
    SIZES.iter().find(|size| size.name == name)
}

/// Whether PHP 8.2 or one of its usual extensions knows a name. Other extensions know more.
pub fn is_known(name: &str) -> bool {
    names().contains(name)
}

/// The known name that a name was probably meant for, if PHP does not know it: one in another case, or
/// one of PHP's own with a letter or two wrong.
pub fn meant(name: &str) -> Option<&'static str> {
    if is_known(name) {
        return None;
    }
    let lower = name.to_ascii_lowercase();
    if let Some(known) = names().get(lower.as_str()) {
        return Some(known);
    }
    // Names with a dot belong to extensions, of which there are more than are known here.
    if name.contains('.') || name.len() < 8 {
        return None;
    }
    let mut close: Vec<_> = names().iter().filter(|known| !known.contains('.')).copied().collect();
    close.sort_unstable();
    close.into_iter().find(|known| crate::deployment::nearest::distance(known, name) <= 2)
}

fn names() -> &'static HashSet<&'static str> {
    static NAMES: OnceLock<HashSet<&str>> = OnceLock::new();
    NAMES.get_or_init(|| include_str!("ini_names.txt").lines().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_were_meant() {
        assert_eq!(meant("MEMORY_LIMIT"), Some("memory_limit"));
        assert_eq!(meant("memory_limt"), Some("memory_limit"));
        for other in [
            "memory_limit",
            "xdebug.mode",
            "my_setting",
            "mysql.connect_timeout",
            "extension",
            "safe_mode",
            "register_globals",
            "track_errors",
            "magic_quotes_gpc",
            "register_long_arrays",
            "log_errors_max_len",
            "y2k_compliance",
        ] {
            assert_eq!(meant(other), None, "{other}");
        }
    }
}
