//! What lies in a repository: every file that may be configuration, by what it is.
#![allow(clippy::disallowed_methods, reason = "one of the few places that read files")]

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::recognise::{Recognised, is_evidently_nginx, recognise};
use super::root::inside;
use super::template::{is_of_configuration, may_be_of_configuration};
use super::{containers, embedded, environment};
use super::{has_compose_file, is_root};
use crate::deployment::unloaded::is_leftover;
use crate::host::overlay::Added;
use crate::host::shown;
use crate::nginx::levels::Context;

/// Folders that hold no configuration of the repository's own: what others have written, what is built.
const IGNORED: [&str; 13] = [
    ".git",
    ".hg",
    ".svn",
    "node_modules",
    "vendor",
    "third_party",
    "thirdparty",
    "target",
    "dist",
    ".venv",
    "venv",
    "__pycache__",
    "bower_components",
];

/// Folders with what tests are fed with: it is often broken on purpose.
const FIXTURES: [&str; 3] = ["fixtures", "__fixtures__", "testdata"];

/// Folders nested deeper are not walked.
const MAX_DEPTH: usize = 20;

/// Files larger than this are not looked into when a repository is walked.
pub(super) const MAX_SIZE: u64 = 1 << 20;

/// What a walk has found.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Folders that are the root of a host.
    pub roots: Vec<PathBuf>,
    /// Main files of nginx.
    pub nginx: Vec<PathBuf>,
    /// Files that main files of nginx may include.
    pub fragments: Vec<PathBuf>,
    /// Main files of PHP-FPM.
    pub fpm_mains: Vec<PathBuf>,
    /// Files with pools.
    pub fpm_pools: Vec<PathBuf>,
    /// Dockerfiles and compose files.
    pub containers: Vec<PathBuf>,
    /// Files that must be rendered first.
    pub templates: Vec<PathBuf>,
    /// Templates of nginx's configuration that the environment fills in: what is written there is checked.
    pub by_environment: Vec<PathBuf>,
    /// Those of them with something to be filled in.
    pub filled_in: Vec<PathBuf>,
    /// Texts that stand inside of other files, at the paths under which they are among the rest.
    pub embedded: Vec<Added>,
    /// Files that describe pods and ConfigMaps of Kubernetes.
    pub kubernetes: Vec<PathBuf>,
    /// Files in which more texts stand than are looked into.
    pub beyond: Vec<PathBuf>,
    /// Folders with test data, which were not walked.
    pub fixtures: Vec<PathBuf>,
    /// Folders, and files that may be configuration, which this account may not read.
    pub closed: Vec<PathBuf>,
}

/// Looks through a repository. A folder that is a host's root is named and not walked.
pub(super) fn walk(root: &Path) -> Found {
    let mut found = Found::default();
    let mut walker = WalkDir::new(root).max_depth(MAX_DEPTH).follow_links(false).sort_by_file_name().into_iter();
    while let Some(entry) = walker.next() {
        // The rest is walked on.
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let is_closed = error.io_error().is_some_and(|error| error.kind() == ErrorKind::PermissionDenied);
                found.closed.extend(error.path().filter(|_| is_closed).map(Path::to_owned));
                continue;
            }
        };
        if !entry.file_type().is_dir() {
            sort_in(root, &entry, &mut found);
            continue;
        }
        let name = entry.file_name().to_string_lossy();
        if entry.depth() == 0 {
            continue;
        } else if IGNORED.contains(&name.as_ref()) {
            walker.skip_current_dir();
        } else if FIXTURES.contains(&name.as_ref()) {
            found.fixtures.push(entry.path().to_owned());
            walker.skip_current_dir();
        } else if has_root_folder(entry.path()) && is_host(entry.path()) {
            found.roots.push(entry.path().to_owned());
            walker.skip_current_dir();
        }
    }
    found
}

/// Whether a folder is a host's tree; beside a compose file it is what containers are made of.
pub(super) fn is_host(directory: &Path) -> bool {
    !has_compose_file(directory) && is_root(directory)
}

/// One of these a root holds, and all configuration lies in them.
pub(super) const ROOT_FOLDERS: [&str; 3] = ["etc", "usr", "opt"];

/// A root holds `etc`, `usr` or `opt`; that is cheaper to see than whether main files are there.
fn has_root_folder(directory: &Path) -> bool {
    ROOT_FOLDERS.iter().any(|name| directory.join(name).is_dir())
}

fn sort_in(root: &Path, entry: &DirEntry, found: &mut Found) {
    let path = entry.path().to_owned();
    let name = entry.file_name().to_string_lossy().to_ascii_lowercase();
    sort_embedded_in(root, entry, &name, found);
    if is_dockerfile(&name) || name.contains("compose") && name.contains(".y") {
        found.containers.push(path);
        return;
    }
    let small = entry.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() <= MAX_SIZE);
    if !small || !may_be_configuration(&path, &name) {
        return;
    }
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return found.closed.push(path),
        Err(_) => return,
    };
    // An empty file in a repository is a placeholder.
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return;
    }
    found.take(path, &bytes);
}

impl Found {
    /// Puts a file where it belongs by what it holds; `false` where it holds no configuration.
    fn take(&mut self, path: PathBuf, bytes: &[u8]) -> bool {
        match recognise(&path, bytes) {
            Recognised::Nginx(Context::Main) => self.nginx.push(path),
            Recognised::Nginx(_) if is_evidently_nginx(bytes) => self.fragments.push(path),
            Recognised::FpmMain => self.fpm_mains.push(path),
            Recognised::FpmPool => self.fpm_pools.push(path),
            Recognised::Template if environment::is_template_of_nginx(&path, bytes) => {
                self.filled_in.extend(environment::is_filled_in(bytes).then(|| path.clone()));
                self.by_environment.push(path);
            }
            Recognised::Template if is_of_configuration(bytes) => self.templates.push(path),
            Recognised::Nginx(_) | Recognised::PhpIni | Recognised::Nothing | Recognised::Template => return false,
        }
        true
    }
}

impl Found {
    /// Forgets the texts inside of other files that are looked at where containers have them.
    pub(super) fn forget_embedded<'a>(&mut self, used: impl Iterator<Item = &'a Added>) {
        let used: HashSet<(&String, &Vec<u8>)> = used.map(|one| (&one.shown, &one.text)).collect();
        let is_used = |one: &&Added| used.contains(&(&one.shown, &one.text));
        let paths: HashSet<PathBuf> = self.embedded.iter().filter(is_used).map(|one| one.path.clone()).collect();
        for list in [&mut self.nginx, &mut self.fragments, &mut self.fpm_mains, &mut self.fpm_pools] {
            list.retain(|path| !paths.iter().any(|used| path.ends_with(used.strip_prefix("/").unwrap_or(used))));
        }
    }
}

/// Sorts in what stands inside of a ConfigMap, a Dockerfile or a script.
fn sort_embedded_in(root: &Path, entry: &DirEntry, name: &str, found: &mut Found) {
    let is_small = || entry.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() <= MAX_SIZE);
    if !embedded::may_hold_some(name) || !is_small() {
        return;
    }
    let Ok(text) = fs::read_to_string(entry.path()) else { return };
    let is_of_kubernetes =
        ["kind: ConfigMap", "containers:", "configMapGenerator:"].iter().any(|word| text.contains(word));
    if embedded::is_yaml(name) && is_of_kubernetes {
        found.kubernetes.push(entry.path().to_owned());
    }
    let is_named_so = name.contains("compose") && name.contains(".y");
    if embedded::is_yaml(name) && !is_named_so && containers::is_compose(&text) {
        found.containers.push(entry.path().to_owned());
    }
    let mut holds = false;
    let mut texts = embedded::inside_of(name, &text);
    if texts.len() > embedded::MAX_TEXTS {
        texts.truncate(embedded::MAX_TEXTS);
        found.beyond.push(entry.path().to_owned());
    }
    for one in texts {
        if one.is_filled_in {
            if is_of_configuration(&one.text) && !found.templates.contains(&entry.path().to_owned()) {
                found.templates.push(entry.path().to_owned());
            }
            continue;
        }
        let file = inside(root, entry.path());
        if found.take(one.path(entry.path()), &one.text) {
            found.embedded.push(one.added(&file, shown(&file)));
            holds = true;
        }
    }
    // What containers are made of is not joined by chance.
    if holds && embedded::is_yaml(name) {
        found.containers.push(entry.path().to_owned());
    }
}

/// Whether a file says how an image is built, by its name in lower case.
pub(super) fn is_dockerfile(name: &str) -> bool {
    ["dockerfile", "containerfile"].iter().any(|word| name.starts_with(word)) || name.ends_with(".dockerfile")
}

/// Endings under which people keep configuration.
const ENDINGS: [&str; 10] = [
    ".conf",
    ".vhost",
    ".nginx",
    ".conf.example",
    ".conf.sample",
    ".conf.dist",
    ".conf.default",
    ".conf.inc",
    ".conf.master",
    ".skel",
];

/// Names under which people keep configuration: `*.conf` and its kin, templates of it, names without an ending in a
/// folder that has to do with nginx, and names of hosts, such as `example.com`, in a folder of sites.
pub(super) fn may_be_configuration(path: &Path, name: &str) -> bool {
    let in_nginx = || {
        let parents = path.parent().map(|parent| parent.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        !name.contains('.') && (parents.contains("nginx") || parents.contains("sites-"))
    };
    let in_sites = || {
        let folder = path.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        (folder.starts_with("sites") || folder.contains("vhost")) && !is_leftover(path)
    };
    ENDINGS.iter().any(|ending| name.ends_with(ending)) || may_be_of_configuration(name) || in_nginx() || in_sites()
}
