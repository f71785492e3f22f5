//! What the library reads of a deployment against what `nginx -T` and `php-fpm -tt` print.

use crate::live::{Live, Report, Result};
use gatelint::host::disk::Disk;
use gatelint::nginx::load::Files;
use gatelint::php::load::{self, PoolSettings};
use gatelint::php::readers;
use gatelint::source::Sources;
use gatelint::values::address::Listen;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The settings that are compared; unset, FPM prints `undefined` for each.
const SETTINGS: [&str; 12] = [
    "listen",
    "listen.owner",
    "listen.group",
    "listen.mode",
    "listen.acl_users",
    "listen.acl_groups",
    "listen.allowed_clients",
    "user",
    "group",
    "pm",
    "prefix",
    "chroot",
];

/// Where the FPM of Debian's package completes relative paths.
const PREFIX: &str = "/usr";

/// Each way in which the two differ on the deployment whose tree is `tree`.
pub fn differences(live: &Live, tree: &Path, report: &Report) -> Result<Vec<String>> {
    let host = Disk::new(tree).map_err(|e| format!("{}: {e}", tree.display()))?;
    let mut found = Vec::new();
    if !report.nginx_files.is_empty() {
        found.extend(nginx_files(&host, report)?);
    }
    for master in &report.fpm {
        let Some(values) = &master.fpm_values else { continue };
        let prefix = prefix(live);
        let mut sources = Sources::default();
        let main = Path::new(&master.config);
        let configuration =
            load::load(&host, &mut sources, main, &prefix).map_err(|e| format!("{}: {e}", master.config))?;
        let printed: BTreeSet<&str> = values.keys().map(String::as_str).filter(|name| *name != "global").collect();
        let read: BTreeSet<&str> = configuration.pools.iter().map(|pool| pool.name.as_str()).collect();
        if printed != read {
            found.push(format!("{}: php-fpm -tt has the pools {printed:?}, gatelint reads {read:?}", master.config));
        }
        for pool in &configuration.pools {
            if let Some(values) = values.get(&pool.name) {
                found.extend(pool_values(pool, &prefix, values));
            }
        }
    }
    Ok(found)
}

/// The directory of `-p`.
fn prefix(live: &Live) -> PathBuf {
    let at = live.fpm_args.iter().position(|argument| argument == "-p" || argument == "--prefix");
    at.and_then(|at| live.fpm_args.get(at + 1)).map_or_else(|| PREFIX.into(), PathBuf::from)
}

fn nginx_files(host: &Disk, report: &Report) -> Result<Option<String>> {
    let mut sources = Sources::default();
    let mut files = Files::default();
    let main = Path::new("/etc/nginx/nginx.conf");
    files.load(host, &mut sources, main).map_err(|e| format!("{}: {e}", main.display()))?;
    let read: Vec<String> = files.trees().map(|(file, _)| format!("/{}", sources.get(file).path)).collect();
    let plain = |path: &String| gatelint::host::normalize(Path::new(path)).to_string_lossy().into_owned();
    // nginx knows a file by the name it was included with, and dumps it again under another one.
    let mut dumped: Vec<String> = Vec::new();
    for path in report.nginx_files.iter().map(plain) {
        if !dumped.contains(&path) {
            dumped.push(path);
        }
    }
    Ok((read != dumped).then(|| format!("nginx -T dumps the files {dumped:#?}, gatelint reads {read:#?}")))
}

fn pool_values(pool: &PoolSettings, prefix: &Path, printed: &BTreeMap<String, String>) -> Vec<String> {
    let (mut wanted, mut unknown) = (BTreeMap::new(), BTreeSet::new());
    for key in SETTINGS {
        // What comes from the environment is not known to gatelint.
        match pool.get(key).map(|assigned| assigned.text.clone()) {
            Some(None) => {}
            // FPM prints an empty value as if it were not set.
            Some(Some(text)) => _ = wanted.insert(key.to_owned(), text),
            None => _ = wanted.insert(key.to_owned(), "undefined".to_owned()),
        }
    }
    if let Some(text) = pool.get("pm.max_children").and_then(|assigned| assigned.text.as_deref()) {
        let number = readers::int(text).value().map_or_else(|| text.to_owned(), |number| number.to_string());
        wanted.insert("pm.max_children".to_owned(), number);
    }
    complete_paths(pool, prefix, &mut wanted);
    for assigned in pool.assigned.iter() {
        let (Some(index), key) = (&assigned.index, assigned.key.as_str()) else { continue };
        let name = format!("{}[{index}]", key.replace("_flag", "_value"));
        let Some(in_force) = pool.get_entry(key, index).and_then(|in_force| in_force.text.clone()) else {
            unknown.insert(name);
            continue;
        };
        // FPM makes numbers of flags.
        let in_force = if key.ends_with("_flag") && in_force.is_empty() { "0".to_owned() } else { in_force };
        wanted.insert(name, in_force);
    }
    let arrays = printed.keys().filter(|key| key.contains('['));
    let keys: BTreeSet<&String> = wanted.keys().chain(arrays).collect();
    let differs = |key: &&String| !unknown.contains(*key) && wanted.get(*key) != printed.get(*key);
    let shown = |value: Option<&String>| value.map_or_else(|| "nothing".to_owned(), |value| format!("{value:?}"));
    let tell = |key: &String| {
        let (printed, read) = (shown(printed.get(key)), shown(wanted.get(key)));
        format!("pool {}: {key}: php-fpm -tt prints {printed}, gatelint reads {read}", pool.name)
    };
    keys.into_iter().filter(differs).map(tell).collect()
}

/// FPM prints the relative paths of sockets completed with the pool's prefix or its own.
fn complete_paths(pool: &PoolSettings, prefix: &Path, wanted: &mut BTreeMap<String, String>) {
    let own = pool.get("prefix").and_then(|assigned| assigned.text.as_deref());
    let start = own.map_or_else(|| prefix.to_owned(), |own| prefix.join(own));
    if let Some(listen) = wanted.get_mut("listen") {
        if let Listen::Unix(path) = Listen::parse(listen, &start) {
            *listen = path.to_string_lossy().into_owned();
        }
    }
}
