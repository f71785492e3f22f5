//! What is known of a host besides its configuration: the facts file, version 1, and the facts that
//! a tree or the running host gives away. A fact that is not known is absent, never guessed.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize, Serializer};

use super::accounts::{Accounts, Group, User};
use super::reloads::{self, Reload};
use super::tmpfiles::Tmpfiles;
use super::units::Units;
use super::{Host, normalize, packages, survey, sysctl};

/// The facts file. Every key may be left out.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct FactsFile {
    /// The version of the format: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// Memory of the host or of its cgroup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Size>,
    /// Processors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpus: Option<u32>,
    /// Bytes of a memory page; defaults of buffers depend on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page_size: Option<u64>,
    /// Resident size of one FPM worker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_memory: Option<Size>,
    /// What everything else on the host needs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserved_memory: Option<Size>,
    /// SELinux.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selinux: Option<Selinux>,
    /// Limits that processes are started with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limits: Option<Limits>,
    /// Kernel settings by the last part of their name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub kernel: BTreeMap<String, toml::Value>,
    /// Versions of the programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub versions: Option<Versions>,
    /// How the nginx binary was built.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nginx: Option<Build>,
    /// Addresses of names.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub hosts: BTreeMap<String, Vec<IpAddr>>,
    /// FPM masters of this host.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub fpm: Vec<MasterFact>,
    /// Users by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub users: BTreeMap<String, UserFact>,
    /// Groups by name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub groups: BTreeMap<String, GroupFact>,
    /// Sockets, directories, scripts whose owner or mode decides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<PathFact>,
    /// What listens on this host besides the pools in view.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listeners: Vec<ListenerFact>,
    /// Settings of units by unit name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub units: BTreeMap<String, BTreeMap<String, toml::Value>>,
    /// Proxies in front, outermost first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub edges: Vec<Edge>,
}

/// SELinux' mode and booleans.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Selinux {
    /// `enforcing`, `permissive` or `disabled`.
    pub mode: Option<String>,
    /// Booleans by name.
    pub booleans: BTreeMap<String, bool>,
}

/// Limits of processes as they are started.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Limits {
    /// Open files.
    pub nofile: Option<u64>,
}

/// Versions of the programs.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Versions {
    /// nginx, such as `1.22.1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nginx: Option<String>,
    /// PHP, such as `8.2`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub php: Option<String>,
}

/// How the nginx binary was built (`nginx -V`).
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Build {
    /// The user of the workers without a `user` directive.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Their group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The prefix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prefix: Option<PathBuf>,
    /// Modules compiled in.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub modules: Vec<String>,
}

/// An FPM master.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct MasterFact {
    /// Its main file.
    pub config: PathBuf,
    /// Whether it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<MasterState>,
    /// `-p`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<PathBuf>,
    /// `-R`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_root: Option<bool>,
}

/// Whether an FPM master runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum MasterState {
    /// Its program is not installed.
    Absent,
    /// Nothing starts it at boot.
    Disabled,
    /// It is started at boot.
    Enabled,
    /// It runs.
    Running,
}

/// A user.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct UserFact {
    /// The number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// The primary group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// All groups, the primary one among them, as `id` prints them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<BTreeSet<String>>,
}

/// A group.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct GroupFact {
    /// The number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gid: Option<u32>,
    /// The users it lists.
    pub members: BTreeSet<String>,
}

/// What is at a path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct PathFact {
    /// The path.
    pub path: PathBuf,
    /// Whether something is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
    /// The owner's name or number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The group's name or number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The permission bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<Mode>,
    /// Access control entries such as `user:nginx:rw`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub acl: Vec<String>,
    /// What it names, when it is a link.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<PathBuf>,
}

/// Something that listens on the host.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct ListenerFact {
    /// `127.0.0.1:3000`, `3000`, or the path of a socket.
    pub address: String,
    /// What it speaks.
    #[serde(default)]
    pub protocol: Protocol,
    /// The program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
}

/// What a listener speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// HTTP.
    Http,
    /// FastCGI.
    Fastcgi,
    /// uwsgi.
    Uwsgi,
    /// Nobody says.
    #[default]
    #[serde(other)]
    Unknown,
}

/// A proxy in front of nginx.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Edge {
    /// Its name.
    pub name: String,
    /// How long it waits for an answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout: Option<String>,
    /// The largest body it lets through.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_body: Option<String>,
}

/// A number of bytes, written as a number or with a unit: `4GiB`, `512M`; units count in 1024s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

impl Size {
    /// Reads `4GiB`, `4G`, `512 MiB`, `100k`, or a plain number of bytes.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let digits = text.trim_end_matches(|char: char| !char.is_ascii_digit());
        let unit = match text[digits.len()..].trim().to_ascii_lowercase().as_str() {
            "" | "b" => 1,
            "k" | "kb" | "kib" => 1 << 10,
            "m" | "mb" | "mib" => 1 << 20,
            "g" | "gb" | "gib" => 1 << 30,
            "t" | "tb" | "tib" => 1 << 40,
            _ => return None,
        };
        digits.parse::<u64>().ok()?.checked_mul(unit).map(Size)
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Bytes(u64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Bytes(bytes) => Ok(Size(bytes)),
            Written::Text(text) => Size::parse(&text).ok_or_else(|| de::Error::custom(format!("`{text}` is no size"))),
        }
    }
}

impl Serialize for Size {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.0)
    }
}

/// Permission bits, written in octal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(pub u32);

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04o}", self.0)
    }
}

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mode = u32::from_str_radix(&text, 8).ok().filter(|mode| *mode <= 0o7777);
        mode.map(Mode).ok_or_else(|| de::Error::custom(format!("`{text}` is no octal mode")))
    }
}

impl Serialize for Mode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What is known of a host, from all sources.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// Users and groups.
    pub accounts: Accounts,
    /// Addresses of names, in the order in which the resolver gives them.
    pub hosts: BTreeMap<String, Vec<IpAddr>>,
    /// Owners, modes and absences by path.
    pub paths: BTreeMap<PathBuf, PathFact>,
    /// What listens besides the pools in view.
    pub listeners: Vec<ListenerFact>,
    /// systemd units.
    pub units: Units,
    /// Directories that are made at boot.
    pub tmpfiles: Tmpfiles,
    /// What reloads PHP-FPM now and then.
    pub reloads: Vec<Reload>,
    /// FPM masters by main file.
    pub masters: Vec<MasterFact>,
    /// How nginx was built.
    pub build: Build,
    /// SELinux.
    pub selinux: Selinux,
    /// Versions of the programs.
    pub versions: Versions,
    /// Bytes of memory of the host or of its cgroup.
    pub memory: Option<u64>,
    /// Processors.
    pub cpus: Option<u32>,
    /// Bytes of a memory page.
    pub page_size: Option<u64>,
    /// Bytes that one FPM worker occupies, measured.
    pub worker_memory: Option<u64>,
    /// Bytes that everything else on the host needs.
    pub reserved_memory: Option<u64>,
    /// Open files that processes may have as they are started.
    pub nofile: Option<u64>,
    /// Kernel settings by the last part of their name.
    pub kernel: BTreeMap<String, toml::Value>,
    /// Proxies in front, outermost first.
    pub edges: Vec<Edge>,
    /// Directives that modules of the user's own bring to nginx.
    pub declared_directives: BTreeSet<String>,
}

/// Why a facts file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FactsError {
    /// Not TOML, or a value of the wrong type.
    #[error("{path}: {message}")]
    Syntax {
        /// The file.
        path: String,
        /// What is wrong, with its place.
        message: String,
    },
    /// A version of the format from the future.
    #[error("{path}: this is version {version} of the facts file; this program reads version 1")]
    Version {
        /// The file.
        path: String,
        /// The version it names.
        version: u32,
    },
}

/// Reads a facts file; `path` is for messages. Returns the keys that mean nothing as well.
pub fn parse(path: &str, text: &str) -> Result<(FactsFile, Vec<String>), FactsError> {
    let syntax = |error: toml::de::Error| FactsError::Syntax { path: path.to_owned(), message: error.to_string() };
    let mut unknown = Vec::new();
    let deserializer = toml::Deserializer::parse(text).map_err(syntax)?;
    let file: FactsFile =
        serde_ignored::deserialize(deserializer, |key| unknown.push(key.to_string())).map_err(syntax)?;
    match file.version {
        None | Some(1) => Ok((file, unknown)),
        Some(version) => Err(FactsError::Version { path: path.to_owned(), version }),
    }
}

/// Which key was probably meant by one that means nothing, in words behind a comma.
pub fn nearest_key(unknown: &str) -> String {
    let known = [
        "version",
        "memory",
        "cpus",
        "page_size",
        "worker_memory",
        "reserved_memory",
        "selinux",
        "limits",
        "kernel",
        "versions",
        "nginx",
        "hosts",
        "fpm",
        "users",
        "groups",
        "paths",
        "listeners",
        "units",
        "edges",
    ];
    let top = !unknown.contains('.');
    let close = crate::config::nearest(unknown, known.into_iter()).filter(|_| top);
    close.map_or_else(String::new, |close| format!("; the nearest is `{close}`"))
}

impl Facts {
    /// The facts that lie in a host's own files.
    pub fn from_host(host: &dyn Host) -> Self {
        let read = |path: &str| host.read(Path::new(path)).ok();
        let (passwd, group) = (read("/etc/passwd"), read("/etc/group"));
        let mut accounts = Accounts::from_files(passwd.as_deref(), group.as_deref());
        accounts.complete &= read("/etc/nsswitch.conf").is_none_or(|text| name_service_is_files(&text));
        accounts.live = host.is_live();
        let hosts = read("/etc/hosts").map(|text| hosts_file(&text)).unwrap_or_default();
        let listeners = if host.is_live() { survey::listeners() } else { Vec::new() };
        let versions = packages::versions(host);
        let (units, tmpfiles) = (Units::read(host), Tmpfiles::read(host));
        let (reloads, kernel) = (reloads::read(host), sysctl::read(host));
        let mut facts =
            Facts { accounts, hosts, listeners, units, tmpfiles, reloads, versions, kernel, ..Facts::default() };
        if host.is_live() {
            facts.lay_over(survey::measures());
        }
        facts
    }

    /// Takes what is not known of nginx's build from a weaker source.
    pub fn build_default(&mut self, build: Build) {
        self.build.user = self.build.user.take().or(build.user);
        self.build.group = self.build.group.take().or(build.group);
        self.build.prefix = self.build.prefix.take().or(build.prefix);
    }

    /// Lays a stronger source over these facts.
    pub fn lay_over(&mut self, file: FactsFile) {
        self.hosts.extend(file.hosts);
        for (name, fact) in file.users {
            self.accounts.users.insert(name, User { uid: fact.uid, group: fact.group, groups: fact.groups });
        }
        for (name, fact) in file.groups {
            self.accounts.groups.insert(name, Group { gid: fact.gid, members: fact.members });
        }
        self.paths.extend(file.paths.into_iter().map(|fact| (normalize(&fact.path), fact)));
        self.listeners.extend(file.listeners);
        self.masters.extend(file.fpm);
        for (name, settings) in file.units {
            let unit = self.units.entry(&name);
            for (key, value) in settings {
                let key = if key.contains('.') { key } else { format!("Service.{key}") };
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                unit.settings.insert(key, vec![value]);
            }
        }
        if let Some(build) = file.nginx {
            self.build.user = build.user.or(self.build.user.take());
            self.build.group = build.group.or(self.build.group.take());
            self.build.prefix = build.prefix.or(self.build.prefix.take());
            if !build.modules.is_empty() {
                self.build.modules = build.modules;
            }
        }
        if let Some(selinux) = file.selinux {
            self.selinux = selinux;
        }
        if let Some(versions) = file.versions {
            self.versions.nginx = versions.nginx.or(self.versions.nginx.take());
            self.versions.php = versions.php.or(self.versions.php.take());
        }
        let bytes = |size: Option<Size>| size.map(|Size(bytes)| bytes);
        self.memory = bytes(file.memory).or(self.memory);
        self.cpus = file.cpus.or(self.cpus);
        self.page_size = file.page_size.or(self.page_size);
        self.worker_memory = bytes(file.worker_memory).or(self.worker_memory);
        self.reserved_memory = bytes(file.reserved_memory).or(self.reserved_memory);
        self.nofile = file.limits.and_then(|limits| limits.nofile).or(self.nofile);
        self.kernel.extend(file.kernel);
        self.edges.extend(file.edges);
    }
}

/// Whether users and groups come from the files alone.
fn name_service_is_files(nsswitch: &[u8]) -> bool {
    let text = String::from_utf8_lossy(nsswitch);
    let lines = text.lines().filter_map(|line| line.split('#').next()?.split_once(':'));
    let of_accounts = lines.filter(|(database, _)| matches!(database.trim(), "passwd" | "group"));
    // `systemd` and `compat` add no accounts that a web server's configuration would name.
    of_accounts
        .flat_map(|(_, sources)| sources.split_whitespace())
        .all(|source| matches!(source, "files" | "systemd" | "compat"))
}

/// The addresses of `/etc/hosts` by name, in the order of the lines.
fn hosts_file(text: &[u8]) -> BTreeMap<String, Vec<IpAddr>> {
    let mut hosts: BTreeMap<String, Vec<IpAddr>> = BTreeMap::new();
    for line in String::from_utf8_lossy(text).lines() {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        let Some(address) = words.next().and_then(|word| word.parse().ok()) else { continue };
        for name in words {
            hosts.entry(name.to_owned()).or_default().push(address);
        }
    }
    hosts
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_documented_facts_file_is_read_whole() {
        let text = include_str!("../../testdata/facts/every-key.toml");
        let (file, unknown) = parse("facts.toml", text).unwrap();
        assert_eq!(unknown, Vec::<String>::new());
        assert_eq!(file.memory, Some(Size(4 << 30)));
        assert_eq!(file.paths[0].mode, Some(Mode(0o755)));
        assert_eq!(file.listeners[0].protocol, Protocol::Http);
        let again: FactsFile = toml::from_str(&toml::to_string(&file).unwrap()).unwrap();
        assert_eq!(format!("{file:?}"), format!("{again:?}"));
    }

    #[test]
    fn unknown_keys_are_named_and_wrong_values_are_refused() {
        let (_, unknown) = parse("f", "memory = \"1G\"\nmemroy = 1\n[[paths]]\npath = \"/a\"\nmoode = \"1\"").unwrap();
        assert_eq!(unknown, ["memroy", "paths.0.moode"]);
        for text in ["memory = \"much\"", "memory = -1", "version = 2", "[[paths]]\npath='/a'\nmode='9'", "= 1"] {
            assert!(parse("f", text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_count_in_1024s() {
        for (text, want) in [("4GiB", Some(4 << 30)), ("4G", Some(4 << 30)), ("512 M", Some(512 << 20)), ("1", Some(1))]
        {
            assert_eq!(Size::parse(text).map(|size| size.0), want);
        }
        assert_eq!((Size::parse("M"), Size::parse("4X"), Size::parse("99999999999G")), (None, None, None));
    }
}
