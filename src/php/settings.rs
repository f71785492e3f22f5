//! The directives that PHP-FPM knows.

/// A directive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Directive {
    /// The name as the manual spells it.
    pub name: &'static str,
    /// Where it may stand.
    pub section: Place,
    /// How its value is read.
    pub kind: Kind,
    /// The value in force when none is given, as one would write it; `None` where there is none.
    pub default: Option<&'static str>,
    /// Whether it is written with brackets, `name[key]`.
    pub array: bool,
    /// What a build needs to know it. Other builds refuse it as an unknown entry.
    pub needs: Option<&'static str>,
}

/// Where a directive may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In `[global]`, or before the first header.
    Global,
    /// In a pool.
    Pool,
    /// In `[global]` and in a pool, where it means the same for fewer processes.
    Both,
    /// Everywhere, as it belongs to no section: `include`.
    Any,
}

/// How a value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number, `readers::int`.
    Int,
    /// A time, `readers::time`.
    Time,
    /// A boolean, `readers::boolean`.
    Boolean,
    /// A size limit, `readers::rlimit`.
    Limit,
    /// The mode of a file, `readers::octal_mode`.
    Mode,
    /// One of these words, in any case.
    Choice(&'static [&'static str]),
    /// An address to listen on.
    Address,
    /// The name or number of a user.
    User,
    /// The name or number of a group.
    Group,
    /// Items between commas.
    List,
    /// A path, relative to a prefix.
    Path,
    /// A pattern of paths.
    Pattern,
    /// Any other text.
    Text,
}

impl Kind {
    /// Whether PHP-FPM keeps the text as it is, but for `$pool`, which becomes the pool's name.
    pub fn is_text(self) -> bool {
        use Kind::{Address, Group, List, Mode, Path, Text, User};
        matches!(self, Address | Group | List | Mode | Path | Text | User)
    }
}

/// What `Directive::needs` says of one that only FreeBSD has.
pub const FREEBSD: &str = "FreeBSD";

/// The levels of `log_level`.
const LEVELS: &[&str] = &["alert", "debug", "error", "notice", "warn", "warning"];

/// The process managers.
const MANAGERS: &[&str] = &["dynamic", "ondemand", "static"];

/// The facilities of syslog.
const FACILITIES: &[&str] = &[
    "auth", "authpriv", "cron", "daemon", "ftp", "kern", "local0", "local1", "local2", "local3", "local4", "local5",
    "local6", "local7", "lpr", "mail", "news", "syslog", "user", "uucp",
];

const fn row(name: &'static str, section: Place, kind: Kind, default: Option<&'static str>) -> Directive {
    Directive { name, section, kind, default, array: false, needs: None }
}

const fn array(name: &'static str, kind: Kind) -> Directive {
    Directive { name, section: Place::Pool, kind, default: None, array: true, needs: None }
}

impl Directive {
    const fn needs(mut self, needs: &'static str) -> Self {
        self.needs = Some(needs);
        self
    }
}

/// All directives of PHP-FPM 8.2 to 8.4, sorted by name.
#[rustfmt::skip]
pub static DIRECTIVES: &[Directive] = &[
    row("access.format", Place::Pool, Kind::Text, Some("%R - %u %t \"%m %r\" %s")),
    row("access.log", Place::Pool, Kind::Path, None),
    array("access.suppress_path", Kind::Text),
    row("apparmor_hat", Place::Pool, Kind::Text, None).needs("--with-fpm-apparmor"),
    row("catch_workers_output", Place::Pool, Kind::Boolean, Some("no")),
    row("chdir", Place::Pool, Kind::Path, None),
    row("chroot", Place::Pool, Kind::Path, None),
    row("clear_env", Place::Pool, Kind::Boolean, Some("yes")),
    row("daemonize", Place::Global, Kind::Boolean, Some("yes")),
    row("decorate_workers_output", Place::Pool, Kind::Boolean, Some("yes")),
    row("emergency_restart_interval", Place::Global, Kind::Time, Some("0")),
    row("emergency_restart_threshold", Place::Global, Kind::Int, Some("0")),
    array("env", Kind::Text),
    row("error_log", Place::Global, Kind::Path, Some("log/php-fpm.log")),
    row("events.mechanism", Place::Global, Kind::Text, None),
    row("group", Place::Pool, Kind::Group, None),
    row("include", Place::Any, Kind::Pattern, None),
    row("listen", Place::Pool, Kind::Address, None),
    row("listen.acl_groups", Place::Pool, Kind::List, None).needs("--with-fpm-acl"),
    row("listen.acl_users", Place::Pool, Kind::List, None).needs("--with-fpm-acl"),
    row("listen.allowed_clients", Place::Pool, Kind::List, None),
    // 511 before PHP 8.2 on Linux.
    row("listen.backlog", Place::Pool, Kind::Int, Some("-1")),
    row("listen.group", Place::Pool, Kind::Group, None),
    row("listen.mode", Place::Pool, Kind::Mode, Some("0660")),
    row("listen.owner", Place::Pool, Kind::User, None),
    row("listen.setfib", Place::Pool, Kind::Int, Some("-1")).needs(FREEBSD),
    row("log_buffering", Place::Global, Kind::Boolean, Some("yes")),
    row("log_level", Place::Global, Kind::Choice(LEVELS), Some("notice")),
    row("log_limit", Place::Global, Kind::Int, Some("1024")),
    array("php_admin_flag", Kind::Boolean),
    array("php_admin_value", Kind::Text),
    array("php_flag", Kind::Boolean),
    array("php_value", Kind::Text),
    row("pid", Place::Global, Kind::Path, None),
    row("ping.path", Place::Pool, Kind::Text, None),
    row("ping.response", Place::Pool, Kind::Text, Some("pong")),
    row("pm", Place::Pool, Kind::Choice(MANAGERS), None),
    row("pm.max_children", Place::Pool, Kind::Int, None),
    row("pm.max_requests", Place::Pool, Kind::Int, Some("0")),
    row("pm.max_spare_servers", Place::Pool, Kind::Int, None),
    row("pm.max_spawn_rate", Place::Pool, Kind::Int, Some("32")),
    row("pm.min_spare_servers", Place::Pool, Kind::Int, None),
    row("pm.process_idle_timeout", Place::Pool, Kind::Time, Some("10s")),
    // Half way between the spare servers.
    row("pm.start_servers", Place::Pool, Kind::Int, None),
    row("pm.status_listen", Place::Pool, Kind::Address, None),
    row("pm.status_path", Place::Pool, Kind::Text, None),
    row("prefix", Place::Pool, Kind::Path, None),
    row("process.dumpable", Place::Pool, Kind::Boolean, Some("no")),
    row("process.max", Place::Global, Kind::Int, Some("0")),
    row("process.priority", Place::Both, Kind::Int, None),
    row("process_control_timeout", Place::Global, Kind::Time, Some("0")),
    row("request_slowlog_timeout", Place::Pool, Kind::Time, Some("0")),
    row("request_slowlog_trace_depth", Place::Pool, Kind::Int, Some("20")),
    row("request_terminate_timeout", Place::Pool, Kind::Time, Some("0")),
    row("request_terminate_timeout_track_finished", Place::Pool, Kind::Boolean, Some("no")),
    row("rlimit_core", Place::Both, Kind::Limit, Some("0")),
    row("rlimit_files", Place::Both, Kind::Int, Some("0")),
    row("security.limit_extensions", Place::Pool, Kind::Text, Some(".php .phar")),
    row("slowlog", Place::Pool, Kind::Path, None),
    row("syslog.facility", Place::Global, Kind::Choice(FACILITIES), Some("daemon")),
    row("syslog.ident", Place::Global, Kind::Text, Some("php-fpm")),
    row("systemd_interval", Place::Global, Kind::Time, Some("10s")).needs("--with-fpm-systemd"),
    row("user", Place::Pool, Kind::User, None),
];

/// The directive that PHP-FPM finds for a key: with brackets (`array`) or without. Case does not
/// matter, except in `include` and in the names with brackets. Whether the directive may stand where
/// it stands is a second question, which [`Directive::allowed`] answers; the server asks both at once.
pub fn find(key: &str, array: bool) -> Option<&'static Directive> {
    DIRECTIVES.iter().find(|directive| {
        let exact = array || directive.name == "include";
        directive.array == array && if exact { directive.name == key } else { directive.name.eq_ignore_ascii_case(key) }
    })
}

impl Directive {
    /// Whether it may stand in a pool, or else in the global section.
    pub fn allowed(&self, in_pool: bool) -> bool {
        match self.section {
            Place::Global => !in_pool,
            Place::Pool => in_pool,
            Place::Both | Place::Any => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted() {
        assert!(DIRECTIVES.is_sorted_by(|a, b| a.name < b.name));
    }

    #[test]
    fn scalars_in_any_case() {
        let name = |key, array| find(key, array).map(|directive| directive.name);
        assert_eq!(name("Pm.Max_Children", false), Some("pm.max_children"));
        assert_eq!(name("LISTEN", false), Some("listen"));
        assert_eq!(name("include", false), Some("include"));
        assert_eq!(name("Include", false), None);
        assert_eq!(name("env", true), Some("env"));
        assert_eq!(name("ENV", true), None);
        assert_eq!(name("env", false), None);
        assert_eq!(name("listen", true), None);
        assert_eq!(name("listen ", false), None);
    }

    #[test]
    fn places() {
        let allowed = |key, in_pool| find(key, false).is_some_and(|directive| directive.allowed(in_pool));
        assert!(allowed("rlimit_files", true) && allowed("rlimit_files", false));
        assert!(allowed("user", true) && !allowed("user", false));
        assert!(!allowed("pid", true) && allowed("pid", false));
    }
}
