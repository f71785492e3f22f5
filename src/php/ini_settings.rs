//! The php.ini settings that matter here, and the names that PHP knows.

use std::collections::HashSet;
use std::sync::OnceLock;

/// A setting of php.ini whose value matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The name.
    pub name: &'static str,
    /// How the value is read.
    pub kind: Kind,
    /// What PHP-FPM has without php.ini, as one would write it; empty for none.
    pub default: &'static str,
    /// Who may change it.
    pub access: Access,
}

/// How PHP reads a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A size, `readers::size`.
    Size(Zero),
    /// A number, read like a size.
    Number,
    /// Yes or no, `readers::ini_flag`.
    Flag,
    /// Any text.
    Text,
}

/// Where a setting may be changed. php.ini and a pool's `php_value` and `php_admin_value` may change every one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Everywhere, also in scripts: `PHP_INI_ALL`.
    All,
    /// In the `.user.ini` of a directory too, not in scripts: `PHP_INI_PERDIR`.
    Directory,
    /// Nowhere else: `PHP_INI_SYSTEM`.
    System,
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

const fn row(name: &'static str, kind: Kind, default: &'static str, access: Access) -> Setting {
    Setting { name, kind, default, access }
}

/// The settings that matter here, sorted by name. `tests/ini_settings.rs` asks a real PHP-FPM about each.
#[rustfmt::skip]
pub static SETTINGS: &[Setting] = &[
    row("cgi.fix_pathinfo", Kind::Flag, "1", Access::System),
    row("display_errors", Kind::Text, "1", Access::All),
    row("error_log", Kind::Text, "", Access::All),
    row("error_reporting", Kind::Number, "", Access::All),
    row("fastcgi.logging", Kind::Flag, "1", Access::System),
    row("log_errors", Kind::Flag, "0", Access::All),
    row("max_execution_time", Kind::Number, "30", Access::All),
    row("memory_limit", Kind::Size(Zero::Ignored), "128M", Access::All),
    row("opcache.enable", Kind::Flag, "1", Access::All),
    row("opcache.file_cache", Kind::Text, "", Access::System),
    row("opcache.file_cache_only", Kind::Flag, "0", Access::System),
    row("opcache.interned_strings_buffer", Kind::Number, "8", Access::System),
    row("opcache.lockfile_path", Kind::Text, "/tmp", Access::System),
    row("opcache.memory_consumption", Kind::Number, "128", Access::System),
    row("opcache.preload", Kind::Text, "", Access::System),
    row("opcache.preload_user", Kind::Text, "", Access::System),
    row("opcache.validate_timestamps", Kind::Flag, "1", Access::All),
    row("open_basedir", Kind::Text, "", Access::All),
    row("post_max_size", Kind::Size(Zero::NoLimit), "8M", Access::Directory),
    row("realpath_cache_size", Kind::Size(Zero::Nothing), "4096K", Access::System),
    row("upload_max_filesize", Kind::Size(Zero::NoLimit), "2M", Access::Directory),
    row("user_ini.filename", Kind::Text, ".user.ini", Access::System),
];

/// PHP ignores a `memory_limit` below what a worker holds when it reads it: one block of its allocator.
pub const LEAST_MEMORY: i64 = 2 << 20;

/// The row of a name.
pub fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

/// What a 0 means to a setting that holds a size.
pub fn zero_of_size(name: &str) -> Option<Zero> {
    match find(name)?.kind {
        Kind::Size(zero) => Some(zero),
        Kind::Number | Kind::Flag | Kind::Text => None,
    }
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
    fn the_table_is_sorted_and_known() {
        assert!(SETTINGS.is_sorted_by(|a, b| a.name < b.name));
        assert!(SETTINGS.iter().all(|setting| is_known(setting.name)));
    }

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
