//! What PHP-FPM opens when it starts, or at its test already: logs, the pid file, directories and
//! sockets. What of it is known not to be there, or to be of the wrong kind, keeps it from starting.

use std::path::{Path, PathBuf};

use super::opcache;
use super::pools::{Master, Pool};
use crate::host::facts::Facts;
use crate::host::units::Unit;
use crate::host::{Host, Kind, ReadError};
use crate::php::load::Assigned;
use crate::source::Span;

/// Something that cannot be opened as a setting needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unopenable {
    /// The setting.
    pub key: &'static str,
    /// Where it stands.
    pub span: Span,
    /// What is missing, or is of the wrong kind.
    pub path: PathBuf,
    /// What is the matter.
    pub trouble: Trouble,
    /// PHP-FPM's words.
    pub refusal: String,
}

/// Why something cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// It is not there.
    Missing,
    /// It is a directory, where a file or a socket is to be made.
    Directory,
    /// It is no directory, where one is needed.
    NotDirectory,
}

impl Trouble {
    /// What the system says of it when a file is to be made.
    fn of_file(self) -> &'static str {
        match self {
            Trouble::Missing => "No such file or directory (2)",
            Trouble::Directory => "Is a directory (21)",
            Trouble::NotDirectory => "Not a directory (20)",
        }
    }
}

/// What the master cannot open, and the directories of which nothing is known.
#[derive(Debug, Default)]
pub struct Openings {
    /// What cannot be opened.
    pub unopenable: Vec<Unopenable>,
    /// Directories that settings need, and that may or may not be there.
    pub unknown: Vec<PathBuf>,
}

/// Looks for all that a master opens: in the facts, on the running host, and as far as it goes in a tree,
/// which proves what is there and never what is not.
pub fn openings(host: &dyn Host, facts: &Facts, master: &Master) -> Openings {
    let unit = facts.units.get(&master.layout.unit);
    let mut look = Look { host, facts, unit, found: Openings::default() };
    look.prefix(master);
    for (key, says) in [("error_log", "failed to open error_log"), ("pid", "Unable to create the PID file")] {
        let Some(at) = master.configuration.global(key) else { continue };
        let is_syslog = |text: &&str| key == "error_log" && text.eq_ignore_ascii_case("syslog");
        let Some(text) = at.text.as_deref().filter(|text| !is_syslog(text)) else { continue };
        let Some(path) = complete(text, state_directory(master).as_deref()) else { continue };
        let full_stop = if key == "pid" { "." } else { "" };
        look.file(key, at, &path, |why| format!("{says} ({path}){full_stop}: {why}"));
    }
    for pool in &master.pools {
        look.pool(master, pool);
    }
    if opcache::runs(master) {
        look.opcache(master);
    }
    look.found
}

/// Where the paths of the global section begin: the directory of `-p`, or that of the build.
fn state_directory(master: &Master) -> Option<PathBuf> {
    match master.prefix != master.layout.prefix {
        true => Some(master.prefix.clone()),
        false => (master.prefix == Path::new("/usr")).then(|| "/var".into()),
    }
}

/// A path as PHP-FPM completes it.
fn complete(text: &str, prefix: Option<&Path>) -> Option<String> {
    match text.starts_with('/') {
        true => Some(text.to_owned()),
        false => Some(format!("{}/{text}", prefix?.display())),
    }
}

struct Look<'a> {
    host: &'a dyn Host,
    facts: &'a Facts,
    unit: Option<&'a Unit>,
    found: Openings,
}

impl Look<'_> {
    /// The directory of `-p`, which no line names: the first one stands for all that begin there.
    fn prefix(&mut self, master: &Master) {
        let configuration = &master.configuration;
        let first = configuration.global.first().map(|at| at.span).or(master.pools.first().map(|pool| pool.header));
        let Some(span) = first.filter(|_| master.prefix != master.layout.prefix) else { return };
        let path = &master.prefix;
        let trouble = match self.kind(path) {
            Found::Not => Trouble::Missing,
            Found::Below => Trouble::NotDirectory,
            Found::Is(kind) if kind != Kind::Directory => Trouble::NotDirectory,
            Found::Is(_) | Found::Unknown => return,
        };
        let refusal = format!("the global prefix '{}' does not exist or is not a directory", path.display());
        self.found.unopenable.push(Unopenable { key: "--prefix", span, path: path.clone(), trouble, refusal });
    }

    /// What opcache opens when PHP starts.
    fn opcache(&mut self, master: &Master) {
        let set = |key: &str| {
            let found = master.ini.get(key)?;
            Some((found.span, found.text.as_deref().filter(|text| text.starts_with('/'))?))
        };
        if let Some((span, path)) = set("opcache.preload") {
            let trouble = match self.kind(Path::new(path)) {
                Found::Not => Some(Trouble::Missing),
                Found::Below => Some(Trouble::NotDirectory),
                Found::Is(Kind::Directory) => Some(Trouble::Directory),
                Found::Is(_) | Found::Unknown => None,
            };
            let refusal = format!("Failed opening required '{path}'");
            let found = |trouble| Unopenable { key: "opcache.preload", span, path: path.into(), trouble, refusal };
            self.found.unopenable.extend(trouble.map(found));
        }
        if let Some((span, path)) = set("opcache.lockfile_path") {
            let trouble = match self.kind(Path::new(path)) {
                Found::Not => Some(Trouble::Missing),
                Found::Below => Some(Trouble::NotDirectory),
                Found::Is(kind) if kind != Kind::Directory => Some(Trouble::NotDirectory),
                Found::Is(_) | Found::Unknown => None,
            };
            let refusal = "Unable to create lock file".to_owned();
            let found =
                |trouble| Unopenable { key: "opcache.lockfile_path", span, path: path.into(), trouble, refusal };
            self.found.unopenable.extend(trouble.map(found));
        }
    }

    /// What one pool opens, in PHP-FPM's order.
    fn pool(&mut self, master: &Master, pool: &Pool) {
        let name = &pool.name;
        let settings = &pool.settings;
        let set = |key: &str| {
            let at = settings.get(key)?;
            Some((at, at.text.as_deref().filter(|text| !text.is_empty())?))
        };
        let mut prefix = Some(master.prefix.clone());
        if settings.get("prefix").is_some_and(|at| at.text.as_deref() != Some("")) {
            prefix = set("prefix").map(|(_, text)| master.prefix.join(text));
            if let (Some((at, text)), Some(path)) = (set("prefix"), &prefix) {
                let refusal = format!(
                    "[pool {name}] the prefix '{}' does not exist or is not a directory",
                    complete(text, Some(&master.prefix)).unwrap_or_default()
                );
                self.directory("prefix", at, path, refusal);
            }
        }
        let prefix = prefix.as_deref();
        let chroot = set("chroot").and_then(|(at, text)| {
            let path = match text.strip_prefix("$prefix") {
                Some("") => prefix?.display().to_string(),
                Some(rest) => format!("{}/{rest}", prefix?.display()),
                None => complete(text, prefix)?,
            };
            let refusal = format!("[pool {name}] the chroot path '{path}' does not exist or is not a directory");
            // What has `$prefix` elsewhere is refused as it stands.
            (!text.contains("$prefix") || text.starts_with("$prefix") || text.starts_with('/')).then_some(())?;
            self.directory("chroot", at, Path::new(&path), refusal);
            Some(path)
        });
        let jailed = settings.get("chroot").map(|at| at.text.as_deref());
        if let Some((at, path)) = set("chdir").and_then(|(at, text)| Some((at, complete(text, prefix)?))) {
            match (jailed, chroot) {
                (None, _) => {
                    let refusal = format!("[pool {name}] the chdir path '{path}' does not exist or is not a directory");
                    self.directory("chdir", at, Path::new(&path), refusal);
                }
                (Some(Some("")), chroot @ None) | (Some(Some(_)), chroot @ Some(_)) => {
                    let root = chroot.unwrap_or_default();
                    let inside = format!("{root}/{path}");
                    let refusal = format!(
                        "[pool {name}] the chdir path '{path}' within the chroot path '{root}' ('{inside}') does not exist or is not a directory"
                    );
                    self.directory("chdir", at, Path::new(&inside), refusal);
                }
                _ => {}
            }
        }
        let is_slow = settings.get("request_slowlog_timeout").and_then(Assigned::seconds).is_some_and(|time| time != 0);
        if let Some((at, path)) = set("slowlog").and_then(|(at, text)| Some((at, complete(text, prefix)?))) {
            if is_slow {
                self.file("slowlog", at, &path, |why| format!("Unable to create or open slowlog({path}): {why}"));
            }
        }
        if let Some((at, path)) = set("access.log").and_then(|(at, text)| Some((at, complete(text, prefix)?))) {
            self.file("access.log", at, &path, |why| format!("failed to open access log ({path}): {why}"));
        }
        for socket in pool.sockets() {
            let Some(path) = socket.bound.socket() else { continue };
            let trouble = match self.kind(path) {
                Found::Is(Kind::Directory) => Some((Trouble::Directory, "Address already in use (98)")),
                Found::Below => Some((Trouble::NotDirectory, Trouble::NotDirectory.of_file())),
                _ => None,
            };
            if let Some((trouble, why)) = trouble {
                let refusal = format!("unable to bind listening socket for address '{}': {why}", socket.written);
                let (key, span, path) = (socket.key(), socket.span, path.to_owned());
                self.found.unopenable.push(Unopenable { key, span, path, trouble, refusal });
            }
        }
    }

    /// Looks at a file that is opened for writing, or made.
    fn file(&mut self, key: &'static str, at: &Assigned, path: &str, refusal: impl Fn(&str) -> String) {
        let path = Path::new(path);
        let (path, trouble) = match self.kind(path) {
            // An empty value names the directory that paths begin at.
            _ if path.to_string_lossy().ends_with('/') => (path, Trouble::Directory),
            Found::Is(Kind::Directory) => (path, Trouble::Directory),
            Found::Below => (path, Trouble::NotDirectory),
            Found::Is(_) => return,
            Found::Not | Found::Unknown => {
                let Some(directory) = path.parent() else { return };
                match self.kind(directory) {
                    Found::Not if !self.is_made_by_unit(directory) => (directory, Trouble::Missing),
                    _ => return,
                }
            }
        };
        let refusal = refusal(trouble.of_file());
        self.found.unopenable.push(Unopenable { key, span: at.span, path: path.to_owned(), trouble, refusal });
    }

    /// Looks at a directory that must be there.
    fn directory(&mut self, key: &'static str, at: &Assigned, path: &Path, refusal: String) {
        let trouble = match self.kind(path) {
            Found::Is(Kind::Directory) => return,
            Found::Is(_) | Found::Below => Trouble::NotDirectory,
            Found::Not if !self.is_made_by_unit(path) => Trouble::Missing,
            Found::Not => return,
            Found::Unknown => return self.found.unknown.push(path.to_owned()),
        };
        self.found.unopenable.push(Unopenable { key, span: at.span, path: path.to_owned(), trouble, refusal });
    }

    fn kind(&self, path: &Path) -> Found {
        // What a process has open, and what systemd lays over the disk, is not what lies there now.
        let is_below = |tops: [&str; 2]| tops.iter().any(|top| path.starts_with(top));
        let has_private = self.unit.is_some_and(|unit| unit.is_true("Service.PrivateTmp"));
        if is_below(["/proc", "/dev"]) || has_private && is_below(["/tmp", "/var/tmp"]) {
            return Found::Unknown;
        }
        let stated = |above: &Path| self.facts.paths.get(above).and_then(|fact| fact.exists);
        if path.ancestors().any(|above| stated(above) == Some(false)) {
            return Found::Not;
        }
        let at = |path: &Path| self.host.entry(path).map(|entry| entry.kind);
        match (at(path), path.ancestors().skip(1).find_map(|above| at(above).ok())) {
            (Ok(kind), _) => Found::Is(kind),
            (_, Some(above)) if above != Kind::Directory => Found::Below,
            (Err(ReadError::NotFound), _) if self.host.is_live() => Found::Not,
            _ => Found::Unknown,
        }
    }

    /// Whether the unit makes a directory before it starts PHP-FPM.
    fn is_made_by_unit(&self, directory: &Path) -> bool {
        let kinds = [
            ("Service.RuntimeDirectory", "/run"),
            ("Service.LogsDirectory", "/var/log"),
            ("Service.StateDirectory", "/var/lib"),
            ("Service.CacheDirectory", "/var/cache"),
        ];
        kinds.iter().any(|(key, top)| {
            let names = self.unit.and_then(|unit| unit.get(key)).unwrap_or_default();
            names.split_whitespace().any(|name| Path::new(top).join(name).starts_with(directory))
        })
    }
}

/// What is at a path.
enum Found {
    /// This.
    Is(Kind),
    /// Nothing, for something above it is no directory.
    Below,
    /// Nothing.
    Not,
    /// Nobody says.
    Unknown,
}
