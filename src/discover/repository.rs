//! A repository: what lies where, and what belongs together.
//!
//! nginx and PHP-FPM are paired by a root-shaped prefix, or because they are the only ones of each
//! kind. Where a compose file or a Dockerfile shows that the files belong to containers, they are
//! not joined: the pairing is told as unchecked.
#![allow(clippy::disallowed_methods, reason = "one of the few places that read files")]

use std::fs;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::recognise::{Recognised, recognise};
use super::{DiscoverError, Plans, has_compose_file, implied_maps, is_root, unreadable};
use crate::deployment::{Plan, Selection, View};
use crate::nginx::levels::Context;

/// Folders that hold no configuration of the repository's own.
const IGNORED: [&str; 10] =
    [".git", ".hg", ".svn", "node_modules", "vendor", "target", "dist", ".venv", "__pycache__", "bower_components"];

/// Folders nested deeper are not walked.
const MAX_DEPTH: usize = 20;

/// Files larger than this are not looked into when a repository is walked.
const MAX_SIZE: u64 = 1 << 20;

/// What a walk has found.
#[derive(Debug, Default)]
struct Found {
    roots: Vec<PathBuf>,
    /// Main files of nginx.
    nginx: Vec<PathBuf>,
    /// Files that main files may include.
    fragments: Vec<PathBuf>,
    fpm_mains: Vec<PathBuf>,
    fpm_pools: Vec<PathBuf>,
    containers: Vec<PathBuf>,
    templates: usize,
}

/// Walks a repository and plans its deployments.
pub fn plans(directory: &Path, plans: &mut Plans) -> Result<(), DiscoverError> {
    let root = directory.canonicalize().map_err(|source| unreadable(directory, source))?;
    fs::read_dir(&root).map_err(|source| unreadable(directory, source))?;
    let found = walk(&root);
    if found.templates > 0 {
        plans.notes.push(format!("{} templates are not rendered and were skipped", found.templates));
    }
    let before = plans.plans.len();
    for host in &found.roots {
        let shown = host.strip_prefix(&root).unwrap_or(host);
        plans.notes.push(format!("{}: the root of a host", shown.display()));
        let shown_prefix = format!("{}/", shown.display());
        let plan = Plan::new(host.clone(), View::Overlay, Selection::default());
        plans.plans.push(Plan { shown_prefix, in_container: !found.containers.is_empty(), ..plan });
    }
    pair(&root, &found, plans);
    match plans.plans.len() > before {
        true => Ok(()),
        false if found.templates > 0 => {
            Err(DiscoverError::OnlyTemplates { path: directory.to_owned(), count: found.templates })
        }
        false => Err(DiscoverError::Nothing { path: directory.to_owned() }),
    }
}

fn pair(root: &Path, found: &Found, plans: &mut Plans) {
    let inside = |path: &PathBuf| Path::new("/").join(path.strip_prefix(root).unwrap_or(path));
    let in_container = !found.containers.is_empty();
    let plan = |selection| Plan { in_container, ..Plan::new(root.to_owned(), View::Files, selection) };
    let nginx_kinds = if found.nginx.is_empty() { &found.fragments } else { &found.nginx };
    let pools = pool_sets(root, found);
    let fpm_kinds = found.fpm_mains.len().max(pools.len());
    let both = !(found.nginx.is_empty() && found.fragments.is_empty()) && fpm_kinds > 0;
    let only_ones = nginx_kinds.len() == 1 && fpm_kinds == 1;
    if both && only_ones && found.containers.is_empty() {
        plans.notes.push("one nginx and one PHP-FPM configuration: they are taken to belong together".into());
        plans.plans.push(plan(Selection {
            nginx_mains: nginx_kinds.iter().map(inside).collect(),
            fpm_mains: found.fpm_mains.iter().map(inside).collect(),
            fpm_pools: pools.iter().flatten().map(inside).collect(),
            ..Selection::default()
        }));
        // What the main file does not include is checked on its own.
        if !found.nginx.is_empty() {
            fragments(found, plans, inside, plan);
        }
        return;
    }
    let unpaired = both.then(|| {
        let why = match found.containers.first() {
            Some(path) => {
                let shown = path.strip_prefix(root).unwrap_or(path);
                format!("{} puts nginx and PHP-FPM into containers", shown.display())
            }
            None => format!("{} nginx and {} PHP-FPM configurations may be alternatives", nginx_kinds.len(), fpm_kinds),
        };
        plans.unpaired.push(why.clone());
        why
    });
    let plan = |selection| Plan { unpaired: unpaired.clone(), ..plan(selection) };
    for nginx in &found.nginx {
        plans.notes.push(format!("{}: nginx, on its own", inside(nginx).display()));
        plans.plans.push(plan(Selection { nginx_mains: vec![inside(nginx)], ..Selection::default() }));
    }
    fragments(found, plans, inside, plan);
    for main in &found.fpm_mains {
        plans.notes.push(format!("{}: PHP-FPM, on its own", inside(main).display()));
        plans.plans.push(plan(Selection { fpm_mains: vec![inside(main)], ..Selection::default() }));
    }
    for set in pools {
        let names = set.iter().map(|pool| inside(pool).display().to_string()).collect::<Vec<_>>().join(", ");
        plans.notes.push(format!("{names}: pools, on their own"));
        plans.plans.push(plan(Selection { fpm_pools: set.iter().map(inside).collect(), ..Selection::default() }));
    }
}

/// Plans the files that main files may include.
fn fragments(found: &Found, plans: &mut Plans, inside: impl Fn(&PathBuf) -> PathBuf, plan: impl Fn(Selection) -> Plan) {
    for fragment in &found.fragments {
        plans.notes.push(format!("{}: nginx, a fragment", inside(fragment).display()));
        let selection = Selection { nginx_mains: vec![inside(fragment)], ..Selection::default() };
        plans.plans.push(Plan { is_fragment: true, ..plan(selection) });
    }
}

/// Folders from which PHP-FPM takes every `*.conf`.
const POOL_FOLDERS: [&str; 4] = ["pool.d", "php-fpm.d", "fpm.d", "pools.d"];

/// The pool files that no main file includes, those that are loaded together as one set: alternatives
/// (`php7.4/www.conf`, `php8.3/www.conf`) lie in folders of their own.
fn pool_sets(root: &Path, found: &Found) -> Vec<Vec<PathBuf>> {
    let claimed = found.fpm_mains.iter().flat_map(|main| included_beside(root, main)).collect::<Vec<_>>();
    let mut sets: Vec<Vec<PathBuf>> = Vec::new();
    for pool in &found.fpm_pools {
        let folder = pool.parent().unwrap_or(root);
        if claimed.iter().any(|place| place == folder || place == pool) {
            continue;
        }
        let is_conf = |pool: &Path| pool.extension().is_some_and(|ending| ending == "conf");
        let shared = folder.file_name().is_some_and(|name| POOL_FOLDERS.iter().any(|known| *known == name));
        let together =
            |set: &Vec<PathBuf>| shared && is_conf(pool) && set[0].parent() == Some(folder) && is_conf(&set[0]);
        match sets.iter_mut().find(|set| together(set)) {
            Some(set) => set.push(pool.clone()),
            None => sets.push(vec![pool.clone()]),
        }
    }
    sets
}

/// The folders and files beside a main file of PHP-FPM that it includes.
fn included_beside(root: &Path, main: &Path) -> Vec<PathBuf> {
    let inside = |path: &Path| Path::new("/").join(path.strip_prefix(root).unwrap_or(path));
    let selection = Selection { fpm_mains: vec![inside(main)], ..Selection::default() };
    let mut plan = Plan::new(root.to_owned(), View::Files, selection);
    implied_maps(&mut plan);
    plan.maps.into_iter().map(|map| root.join(map.from.strip_prefix("/").unwrap_or(&map.from))).collect()
}

fn walk(root: &Path) -> Found {
    let mut found = Found::default();
    let mut walker = WalkDir::new(root).max_depth(MAX_DEPTH).follow_links(false).sort_by_file_name().into_iter();
    while let Some(entry) = walker.next() {
        // A folder that may not be read holds nothing for us; the rest is walked on.
        let Ok(entry) = entry else { continue };
        if entry.file_type().is_dir() {
            let name = entry.file_name().to_string_lossy();
            if IGNORED.contains(&name.as_ref()) && entry.depth() > 0 {
                walker.skip_current_dir();
            } else if entry.depth() > 0 && has_root_folder(entry.path()) && is_host(entry.path()) {
                found.roots.push(entry.path().to_owned());
                walker.skip_current_dir();
            }
            continue;
        }
        sort_in(&entry, &mut found);
    }
    found
}

/// Whether a folder is a host's tree; beside a compose file it is what containers are made of.
fn is_host(directory: &Path) -> bool {
    !has_compose_file(directory) && is_root(directory)
}

/// A root holds `etc`, `usr` or `opt`; that is cheaper to see than whether main files are there.
fn has_root_folder(directory: &Path) -> bool {
    ["etc", "usr", "opt"].iter().any(|name| directory.join(name).is_dir())
}

fn sort_in(entry: &DirEntry, found: &mut Found) {
    let path = entry.path().to_owned();
    let name = entry.file_name().to_string_lossy().to_ascii_lowercase();
    if name.starts_with("dockerfile")
        || name.ends_with(".dockerfile")
        || name.contains("compose") && name.contains(".y")
    {
        found.containers.push(path);
        return;
    }
    let small = entry.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() <= MAX_SIZE);
    if !small || !may_be_configuration(&path, &name) {
        return;
    }
    let Ok(bytes) = fs::read(&path) else { return };
    // An empty file in a repository is a placeholder.
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return;
    }
    match recognise(&path, &bytes) {
        Recognised::Nginx(Context::Main) => found.nginx.push(path),
        Recognised::Nginx(_) => found.fragments.push(path),
        Recognised::PhpIni | Recognised::Nothing => {}
        Recognised::FpmMain => found.fpm_mains.push(path),
        Recognised::FpmPool => found.fpm_pools.push(path),
        Recognised::Template => found.templates += 1,
    }
}

/// Names under which people keep configuration: `*.conf` and its kin, and names without an ending
/// in a folder that has to do with nginx.
fn may_be_configuration(path: &Path, name: &str) -> bool {
    let endings = [
        ".conf",
        ".vhost",
        ".nginx",
        ".conf.example",
        ".conf.sample",
        ".conf.dist",
        ".conf.inc",
        ".conf.j2",
        ".tpl",
        ".tmpl",
        ".template",
        ".erb",
    ];
    let in_nginx = || {
        let parents = path.parent().map(|parent| parent.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        !name.contains('.') && (parents.contains("nginx") || parents.contains("sites-"))
    };
    endings.iter().any(|ending| name.ends_with(ending)) || in_nginx()
}
