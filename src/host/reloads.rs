//! Where a host reloads PHP-FPM by itself: log rotation, cron, and what runs after a certificate is
//! renewed.

use std::path::{Path, PathBuf};

use super::{Host, files_in};

/// Directories of files that are run or whose lines are.
const DIRECTORIES: [&str; 4] =
    ["/etc/logrotate.d", "/etc/cron.d", "/etc/cron.daily", "/etc/letsencrypt/renewal-hooks/deploy"];

/// A line that reloads PHP-FPM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reload {
    /// The file.
    pub path: PathBuf,
    /// The line's number.
    pub line: usize,
    /// The line.
    pub text: String,
}

/// Whether a command reloads PHP-FPM.
pub fn is_reload(command: &str) -> bool {
    let verb = ["reload", "USR2"].iter().any(|verb| command.contains(verb));
    verb && command.contains("php") && command.contains("fpm")
}

/// The lines of a host that reload PHP-FPM.
pub fn read(host: &dyn Host) -> Vec<Reload> {
    let mut found = Vec::new();
    for directory in DIRECTORIES.map(Path::new) {
        for (path, opened) in files_in(host, directory) {
            let text = String::from_utf8_lossy(&opened.bytes);
            let lines = text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with('#'));
            found.extend(lines.filter(|(_, line)| is_reload(line)).map(|(at, line)| Reload {
                path: path.clone(),
                line: at + 1,
                text: line.trim().to_owned(),
            }));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::memory::Memory;

    #[test]
    fn rotation_that_reloads_is_found_and_one_that_reopens_is_not() {
        let mut host = Memory::default();
        host.add("/etc/logrotate.d/php8.2-fpm", "postrotate\n  /usr/lib/php/php8.2-fpm-reopenlogs\nendscript\n");
        host.add("/etc/logrotate.d/site", "# reload php-fpm\npostrotate\n  systemctl reload php8.2-fpm\nendscript\n");
        host.add("/etc/cron.d/nginx", "0 0 * * * root systemctl reload nginx\n");
        let found: Vec<_> = read(&host).into_iter().map(|reload| (reload.path, reload.line)).collect();
        assert_eq!(found, [(PathBuf::from("/etc/logrotate.d/site"), 3)]);
    }
}
