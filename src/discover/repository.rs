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
use super::{DiscoverError, Plans, is_root, unreadable};
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
    let fpm_kinds = found.fpm_mains.len().max(usize::from(!found.fpm_pools.is_empty()));
    let both = !(found.nginx.is_empty() && found.fragments.is_empty()) && fpm_kinds > 0;
    let only_ones = nginx_kinds.len() == 1 && fpm_kinds == 1 && found.fpm_pools.len() <= 1;
    if both && only_ones && found.containers.is_empty() {
        plans.notes.push("one nginx and one PHP-FPM configuration: they are taken to belong together".into());
        plans.plans.push(plan(Selection {
            nginx_mains: nginx_kinds.iter().map(inside).collect(),
            fpm_mains: found.fpm_mains.iter().map(inside).collect(),
            fpm_pools: found.fpm_pools.iter().map(inside).collect(),
            ..Selection::default()
        }));
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
    for fragment in &found.fragments {
        let selection = Selection { nginx_mains: vec![inside(fragment)], ..Selection::default() };
        plans.plans.push(Plan { is_fragment: true, ..plan(selection) });
    }
    for main in &found.fpm_mains {
        plans.notes.push(format!("{}: PHP-FPM, on its own", inside(main).display()));
        plans.plans.push(plan(Selection { fpm_mains: vec![inside(main)], ..Selection::default() }));
    }
    for pool in &found.fpm_pools {
        plans.notes.push(format!("{}: a pool file, on its own", inside(pool).display()));
        plans.plans.push(plan(Selection { fpm_pools: vec![inside(pool)], ..Selection::default() }));
    }
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
            } else if entry.depth() > 0 && has_root_folder(entry.path()) && is_root(entry.path()) {
                found.roots.push(entry.path().to_owned());
                walker.skip_current_dir();
            }
            continue;
        }
        sort_in(&entry, &mut found);
    }
    found
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
