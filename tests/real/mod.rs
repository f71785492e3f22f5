//! The nginx and the PHP-FPM that are installed.
#![allow(dead_code, clippy::print_stderr)]

use std::path::PathBuf;
use std::process::Command;

/// What `nginx -V` says.
pub struct Installed {
    /// The release, such as `1.22.1`.
    pub version: String,
    /// The optional modules that it was built with, as facts name them.
    pub modules: Vec<String>,
}

/// The installed nginx; none where there is none. With `CI` in the environment there must be one.
pub fn installed() -> Option<Installed> {
    let Ok(output) = Command::new("nginx").arg("-V").output() else {
        assert!(std::env::var_os("CI").is_none(), "nginx is not installed, and CI is set");
        return None;
    };
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let version = text.lines().next()?.rsplit('/').next()?.split(' ').next()?.to_owned();
    let options = text.split_whitespace().filter(|option| !option.ends_with("=dynamic"));
    let modules = options.filter_map(|option| option.strip_prefix("--with-"));
    Some(Installed { version, modules: modules.map(|name| name.trim_end_matches("_module").to_owned()).collect() })
}

/// The installed PHP-FPM; none where there is none. With `CI` in the environment there must be one.
pub fn php_fpm() -> Option<PathBuf> {
    let found = ["/usr/sbin/php-fpm8.2", "/usr/sbin/php-fpm", "/usr/local/sbin/php-fpm", "/usr/bin/php-fpm"];
    let found = found.iter().map(PathBuf::from).find(|path| path.is_file());
    if found.is_none() {
        assert!(std::env::var_os("CI").is_none(), "no php-fpm is installed, and CI is set");
        eprintln!("skipped: no php-fpm is installed");
    }
    found
}
