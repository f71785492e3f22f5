//! systemd units as they lie on disk: values, drop-ins, and whether anything starts them.
//!
//! Sources: systemd.unit(5), systemd.exec(5). rust-ini reads the dialect.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use ini::{Ini, ParseOption};

use super::{Host, Kind, ReadError};

/// Where units lie, the strongest directory first.
const DIRECTORIES: [&str; 4] =
    ["/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];

/// Units by name, with the suffix: `php8.2-fpm.service`.
#[derive(Clone, Debug, Default)]
pub struct Units {
    units: BTreeMap<String, Unit>,
    /// Whether the tree shows which units are started at boot: some `*.wants` directory is there.
    pub wants_known: bool,
    /// Whether something else than systemd may start programs: supervisord, OpenRC, s6.
    pub other_starters: bool,
    /// Whether the tree holds the packages' unit files, so that a missing one is not installed.
    pub packaged_known: bool,
}

/// One unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// The file that defines it.
    pub path: PathBuf,
    /// Values by `Section.Key`, in order; an empty assignment has emptied the list before it.
    pub settings: BTreeMap<String, Vec<String>>,
    /// Whether a `*.wants` or `*.requires` directory holds it.
    pub wanted: bool,
    /// Whether it is a link to `/dev/null`.
    pub masked: bool,
}

impl Units {
    /// Reads the units that have to do with web servers, PHP and other back ends.
    pub fn read(host: &dyn Host) -> Self {
        let starters =
            ["/etc/supervisor", "/etc/supervisor.d", "/etc/supervisord.conf", "/etc/runlevels", "/etc/services.d"];
        let other_starters = starters.iter().any(|path| host.entry(Path::new(path)).is_ok());
        let mut units = Units { other_starters, ..Units::default() };
        for directory in DIRECTORIES {
            let local = directory.starts_with("/etc");
            for name in host.list(Path::new(directory)) {
                let name = name.to_string_lossy().into_owned();
                let path = Path::new(directory).join(&name);
                if name.ends_with(".wants") || name.ends_with(".requires") {
                    units.read_wants(host, &path);
                } else if (name.ends_with(".service") || name.ends_with(".socket")) && (local || is_back_end(&name)) {
                    units.packaged_known |= !local && name.ends_with("fpm.service");
                    units.read_unit(host, &name, &path);
                }
            }
        }
        units.read_drop_ins(host);
        units
    }

    /// The unit of a name.
    pub fn get(&self, name: &str) -> Option<&Unit> {
        self.units.get(name)
    }

    /// The unit of a name, made if there is none: what facts say of it is laid over it.
    pub fn entry(&mut self, name: &str) -> &mut Unit {
        self.units.entry(name.to_owned()).or_default()
    }

    /// All units in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Unit)> {
        self.units.iter().map(|(name, unit)| (name.as_str(), unit))
    }

    fn read_unit(&mut self, host: &dyn Host, name: &str, path: &Path) {
        // The strongest directory comes first and hides the same name in the others.
        if self.units.get(name).is_some_and(|unit| !unit.path.as_os_str().is_empty()) {
            return;
        }
        let (masked, text) = match (host.entry(path), host.read(path)) {
            (Ok(entry), _) if entry.real == Path::new("/dev/null") => (true, Vec::new()),
            // In a tree the link to /dev/null dangles, since nobody packs /dev.
            (Err(ReadError::Dangling { target, .. }), _) if target == "/dev/null" => (true, Vec::new()),
            (Ok(entry), Ok(text)) if entry.kind == Kind::File => (false, text),
            _ => return,
        };
        let unit = self.entry(name);
        unit.path = path.to_owned();
        unit.masked = masked;
        unit.lay_over(&text);
    }

    fn read_wants(&mut self, host: &dyn Host, directory: &Path) {
        for name in host.list(directory) {
            self.wants_known = true;
            self.entry(&name.to_string_lossy()).wanted = true;
        }
    }

    /// Lays the drop-ins over the units: in the order of their file names over all directories, of two
    /// with one name the one in the stronger directory alone.
    fn read_drop_ins(&mut self, host: &dyn Host) {
        let mut found: BTreeMap<(String, OsString), PathBuf> = BTreeMap::new();
        for directory in DIRECTORIES.map(Path::new) {
            for folder in host.list(directory) {
                let name = folder.to_string_lossy().strip_suffix(".d").map(str::to_owned);
                // `/etc` is often all there is of a host: its drop-ins are for units that packages bring.
                let matters =
                    |name: &String| self.units.contains_key(name) || name.ends_with(".service") && is_back_end(name);
                let Some(name) = name.filter(matters) else { continue };
                for file in host.list(&directory.join(&folder)) {
                    if Path::new(&file).extension().is_some_and(|ending| ending == "conf") {
                        let path = directory.join(&folder).join(&file);
                        found.entry((name.clone(), file)).or_insert(path);
                    }
                }
            }
        }
        for ((name, _), path) in found {
            if let Ok(text) = host.read(&path) {
                self.entry(&name).lay_over(&text);
            }
        }
    }
}

impl Unit {
    /// The last value of `Section.Key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.settings.get(key)?.last().map(String::as_str)
    }

    /// Whether a boolean is set to one of systemd's words for true.
    pub fn is_true(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| matches!(value.to_ascii_lowercase().as_str(), "1" | "yes" | "true" | "on"))
    }

    /// The words of the last `ExecStart=`, prefixes such as `-` and `@` removed.
    pub fn start_command(&self) -> Vec<String> {
        let command = self.get("Service.ExecStart").unwrap_or_default().trim_start_matches(['-', '@', ':', '+', '!']);
        command.split_whitespace().map(|word| word.trim_matches(['"', '\'']).to_owned()).collect()
    }

    /// Lays the text of a unit file or drop-in over what is known.
    fn lay_over(&mut self, text: &[u8]) {
        let text = String::from_utf8_lossy(text).replace("\\\n", " ");
        let options = ParseOption { enabled_quote: false, enabled_escape: false, ..ParseOption::default() };
        let Ok(ini) = Ini::load_from_str_opt(&text, options) else { return };
        for (section, properties) in ini.iter() {
            for (key, value) in properties.iter() {
                let values = self.settings.entry(format!("{}.{key}", section.unwrap_or_default())).or_default();
                if value.is_empty() {
                    values.clear();
                } else {
                    values.push(value.to_owned());
                }
            }
        }
    }
}

/// Whether a packaged unit can matter here; a host has hundreds of others.
fn is_back_end(name: &str) -> bool {
    ["nginx", "php", "fpm", "uwsgi", "gunicorn", "cgi", "node", "apache", "httpd"]
        .iter()
        .any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::memory::Memory;

    #[test]
    fn drop_ins_override_and_empty_assignments_reset() {
        let mut host = Memory::default();
        host.add(
            "/usr/lib/systemd/system/php8.2-fpm.service",
            "[Service]\nExecStart=/usr/sbin/php-fpm8.2 --nodaemonize \\\n  -p /srv\nPrivateTmp=true\n",
        );
        host.add("/etc/systemd/system/php8.2-fpm.service.d/10.conf", "[Service]\nExecStart=\nExecStart=/opt/fpm -R\n");
        host.add("/etc/systemd/system/multi-user.target.wants/php8.2-fpm.service", "");
        let units = Units::read(&host);
        let unit = units.get("php8.2-fpm.service").expect("the unit was read");
        assert_eq!(unit.start_command(), ["/opt/fpm", "-R"]);
        assert!(unit.is_true("Service.PrivateTmp") && unit.wanted && !unit.masked);
        assert!(units.wants_known && units.packaged_known);
    }
}
