//! From what the user names to what is checked: roots, repositories, files.
//!
//! A directory is a host's root when it holds main files in the usual places, and a repository
//! otherwise. What lies in the configuration of a host, or goes into containers, stands for these; other files
//! named together are one deployment. Nothing is ever thrown into one heap.
#![allow(clippy::disallowed_methods, reason = "one of the few places that read files")]

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::config::{self, Deployment};
use crate::deployment::unloaded::is_leftover;
use crate::deployment::{Plan, Selection, View};
use crate::finding::Unchecked;
use crate::host::disk::Disk;
use crate::host::layout::{self, NGINX_MAINS};
use crate::host::overlay::PathMap;
use crate::host::profile::Profile;
use crate::host::{Host, ReadError, normalize};

pub mod capture;
mod containers;
mod embedded;
mod encoding;
pub mod environment;
mod error;
mod files;
mod implied;
pub mod recognise;
pub mod repository;
mod root;
mod template;
mod walk;
mod within;

pub use error::DiscoverError;
use error::unreadable;
use files::{Files, Stream};
use implied::implied_maps;

/// What was found to check.
#[derive(Debug, Default)]
pub struct Plans {
    /// The deployments.
    pub plans: Vec<Plan>,
    /// What was taken for what, for `--verbose`.
    pub notes: Vec<String>,
    /// Pairings that were not made, and why: what was not checked.
    pub unpaired: Vec<String>,
    /// What was found and not looked into, and what would have to be given instead.
    pub passed_over: Vec<Unchecked>,
}

impl Plans {
    /// Takes other plans in.
    pub fn extend(&mut self, others: Plans) {
        self.plans.extend(others.plans);
        self.notes.extend(others.notes);
        self.unpaired.extend(others.unpaired);
        self.passed_over.extend(others.passed_over);
    }
}

/// What the command line or a configuration file says besides the paths.
#[derive(Clone, Debug, Default)]
pub struct Given {
    /// A directory that is the root of a host.
    pub root: Option<PathBuf>,
    /// Main files that are pinned.
    pub selection: Selection,
    /// Files that are elsewhere when they are deployed: where they lie on this machine, and where they belong.
    pub maps: Vec<(PathBuf, PathBuf)>,
    /// The packaging.
    pub profile: Option<Profile>,
}

/// What the paths of a command line mean.
pub fn plans(paths: &[PathBuf], given: &Given) -> Result<Plans, DiscoverError> {
    let mut plans = Plans::default();
    let selection = &given.selection;
    let root = given.root.as_deref().or(paths.is_empty().then_some(Path::new("/")));
    if let Some(root) = root {
        let plan = root_plan(root, selection.clone())?;
        let is_pinned = !selection.nginx_mains.is_empty() || !selection.fpm_mains.is_empty();
        match plan.view {
            // This host is not walked: other deployments may lie anywhere on it.
            View::Live => plans.plans.push(plan),
            _ if is_pinned => plans.plans.push(plan),
            _ => repository::root(plan, &mut plans),
        }
    }
    if within::plans(paths, given, &mut plans) {
        finish(&mut plans.plans, given)?;
        return Ok(plans);
    }
    let mut files = Files::default();
    // The files of several hosts have the same names.
    let are_several = paths.iter().filter(|path| path.is_dir()).count() > 1;
    for path in paths {
        if Stream::is_named(path) {
            files.streams.push(Stream::read(path)?);
            continue;
        }
        let metadata = fs::metadata(path).map_err(|source| unreadable(path, source))?;
        if metadata.is_dir() {
            // One that this account may not look into.
            fs::metadata(path.join(".")).map_err(|source| unreadable(path, source))?;
        }
        let of_host = |view: Option<View>| {
            let plan = root_plan(path, selection.clone())?;
            let shown_prefix = if are_several { prefix(path) } else { String::new() };
            Ok(Plan { shown_prefix, view: view.unwrap_or(plan.view), ..plan })
        };
        if !metadata.is_dir() {
            files.named.push(path.clone());
        } else if path.canonicalize().is_ok_and(|path| path == Path::new("/")) {
            // This host, which is not walked: other deployments may lie anywhere on it.
            plans.plans.push(root_plan(path, selection.clone())?);
        } else if has_compose_file(path) || !is_root(path) {
            let pinned = !selection.nginx_mains.is_empty() || !selection.fpm_mains.is_empty();
            match pinned {
                true => plans.plans.push(of_host(None)?),
                // Where the user says what belongs where, this is a host laid over its packages.
                false if !given.maps.is_empty() || !given.profile.unwrap_or(Profile::Debian).files().is_empty() => {
                    plans.notes.push(format!("{}: laid over a host", path.display()));
                    plans.plans.push(of_host(Some(View::Overlay))?);
                }
                // Beside other paths, a directory such as pool.d is a set of files.
                false if paths.len() > 1 => files.named.extend(configuration_files(path)?),
                false => repository::plans(path, &mut plans)?,
            }
        } else {
            plans.notes.push(format!("{}: the root of a host", path.display()));
            repository::root(of_host(None)?, &mut plans);
        }
    }
    if !files.is_empty() {
        let here = std::env::current_dir().map_err(|source| unreadable(Path::new("."), source))?;
        files.plan(&here, selection, &mut plans)?;
    }
    if let (true, Some(first)) = (plans.plans.is_empty(), paths.first()) {
        return Err(DiscoverError::Nothing { path: first.clone() });
    }
    finish(&mut plans.plans, given)?;
    Ok(plans)
}

/// The plans of deployments that a configuration file names. Their facts are for the caller to read.
pub fn named(deployments: &[&Deployment], base: &Path, given: &Given) -> Result<Plans, DiscoverError> {
    let mut plans = Plans::default();
    for deployment in deployments {
        let in_deployment =
            |error| DiscoverError::InDeployment { name: deployment.name.clone(), error: Box::new(error) };
        let own = one_named(deployment, base, given).map_err(in_deployment)?;
        let said = |note: &String| format!("deployment {}: {note}", deployment.name);
        plans.notes.extend(own.notes.iter().map(said));
        plans.plans.extend(own.plans.into_iter().map(|plan| Plan { name: Some(deployment.name.clone()), ..plan }));
    }
    Ok(plans)
}

fn one_named(deployment: &Deployment, base: &Path, given: &Given) -> Result<Plans, DiscoverError> {
    let profile = given.profile.or(deployment.profile);
    let maps = given.maps.iter().chain(&deployment.maps).cloned().collect();
    let mut selection = given.selection.clone();
    selection.nginx_mains.extend_from_slice(&deployment.nginx_conf);
    selection.fpm_mains.extend_from_slice(&deployment.fpm_conf);
    selection.php_inis.extend_from_slice(&deployment.php_ini);
    let given = Given { root: None, selection, maps, profile };
    let mut own = Plans::default();
    match &deployment.root {
        Some(root) => {
            let mut plan = root_plan(root, given.selection.clone())?;
            let whole = deployment.complete.unwrap_or(true);
            plan.view = if whole { View::Root } else { View::Overlay };
            let canonical = base.canonicalize().unwrap_or_else(|_| base.to_owned());
            let shown = plan.root.strip_prefix(&canonical).ok().filter(|shown| !shown.as_os_str().is_empty());
            plan.shown_prefix = shown.map_or_else(String::new, |shown| format!("{}/", shown.display()));
            own.plans.push(plan);
        }
        None => {
            let mut files = Files::default();
            for path in &deployment.files {
                let metadata = fs::metadata(path).map_err(|source| unreadable(path, source))?;
                match metadata.is_dir() {
                    true => files.named.extend(configuration_files(path)?),
                    false => files.named.push(path.clone()),
                }
            }
            files.plan(base, &given.selection, &mut own)?;
            if deployment.complete == Some(true) {
                own.plans.iter_mut().for_each(|plan| plan.view = View::Root);
            }
        }
    }
    finish(&mut own.plans, &given)?;
    Ok(own)
}

/// Puts into plans what was said besides the paths.
fn finish(plans: &mut [Plan], given: &Given) -> Result<(), DiscoverError> {
    for plan in plans {
        plan.profile = given.profile;
        plan.added.extend(given.profile.into_iter().flat_map(Profile::files));
        add_maps(plan, &given.maps)?;
        implied_maps(plan);
    }
    Ok(())
}

/// The configuration file for a path: in its directory, or in one above.
pub fn config_file(path: &Path) -> Option<PathBuf> {
    let path = path.canonicalize().ok()?;
    let directories = path.ancestors().filter(|directory| directory.is_dir());
    directories.map(|directory| directory.join(config::NAME)).find(|file| file.is_file())
}

/// Puts maps into a plan, whose root must hold what they map.
fn add_maps(plan: &mut Plan, maps: &[(PathBuf, PathBuf)]) -> Result<(), DiscoverError> {
    for (from, to) in maps {
        // As the shell completes it, or as it is called inside the root.
        let here =
            from.canonicalize().or_else(|_| plan.root.join(from.strip_prefix("/").unwrap_or(from)).canonicalize());
        let here = here.map_err(|source| unreadable(from, source))?;
        let Ok(inside) = here.strip_prefix(&plan.root) else {
            let why = format!("--path-map cannot reach outside of {}", plan.root.display());
            return Err(DiscoverError::NotAFile { path: from.clone(), why });
        };
        plan.maps.push(PathMap { from: Path::new("/").join(inside), to: normalize(to) });
    }
    Ok(())
}

/// What the files of a directory are called where those of others are checked as well.
fn prefix(directory: &Path) -> String {
    let plain: PathBuf = directory.components().filter(|part| *part != Component::CurDir).collect();
    if plain.as_os_str().is_empty() { String::new() } else { format!("{}/", plain.display()) }
}

fn root_plan(root: &Path, selection: Selection) -> Result<Plan, DiscoverError> {
    let canonical = root.canonicalize().map_err(|source| unreadable(root, source))?;
    if !canonical.is_dir() {
        return Err(DiscoverError::NotAFile { path: root.to_owned(), why: "a root must be a directory".into() });
    }
    let view = if canonical == Path::new("/") { View::Live } else { View::Root };
    let selection = pinned(selection, &canonical);
    Ok(Plan::new(canonical, view, selection))
}

/// The main files of options as they lie inside of a root: they are named as they are called there, or as the shell
/// completes them.
fn pinned(mut selection: Selection, root: &Path) -> Selection {
    let has_prefix = selection.prefix.is_some();
    let is_there = |inside: &Path| Disk::new(root).is_ok_and(|host| host.entry(inside).is_ok());
    let pin = |path: &mut PathBuf| {
        let inside = normalize(&Path::new("/").join(&path));
        let completed =
            path.canonicalize().ok().and_then(|path| Some(Path::new("/").join(path.strip_prefix(root).ok()?)));
        *path = completed.filter(|_| !is_there(&inside)).unwrap_or(inside);
    };
    // A relative main file of nginx begins at its prefix.
    selection.nginx_mains.iter_mut().filter(|main| main.is_absolute() || !has_prefix).for_each(pin);
    selection.fpm_mains.iter_mut().chain(&mut selection.php_inis).for_each(pin);
    selection
}

/// Whether a directory holds main files or pools in the usual places.
pub(crate) fn is_root(directory: &Path) -> bool {
    let Ok(host) = Disk::new(directory) else { return false };
    let has_nginx = NGINX_MAINS.iter().any(|main| {
        // What this account may not look into is told when it is read.
        matches!(host.entry(Path::new(main)), Ok(_) | Err(ReadError::PermissionDenied))
    });
    has_nginx || !layout::masters(&host).is_empty()
}

/// Whether containers are described here: then the folder is no host, whatever it holds.
pub(crate) fn has_compose_file(directory: &Path) -> bool {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| is_compose_file(Path::new(&entry.file_name())))
}

/// Whether a file describes containers, by its name.
fn is_compose_file(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let stem = name.strip_prefix("docker-compose").or_else(|| name.strip_prefix("compose"));
    let yaml = name.ends_with(".yml") || name.ends_with(".yaml");
    yaml && stem.is_some_and(|rest| rest.starts_with('.') || rest.starts_with('-'))
}

/// The files that a directory stands for beside other paths: its `*.conf` and `*.ini`, and of sites all that are no
/// leftovers. One with other files only was not meant.
fn configuration_files(directory: &Path) -> Result<Vec<PathBuf>, DiscoverError> {
    let cannot = |source| unreadable(directory, source);
    let entries = fs::read_dir(directory).map_err(cannot)?.collect::<io::Result<Vec<_>>>().map_err(cannot)?;
    let mut all: Vec<PathBuf> = entries.iter().map(fs::DirEntry::path).collect();
    all.retain(|path| !path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".")));
    all.sort();
    let holds_sites = directory.canonicalize().unwrap_or_default();
    let holds_sites = holds_sites.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"sites-"));
    let is_configuration = |path: &&PathBuf| {
        let has_ending = path.extension().is_some_and(|ending| ending == "conf" || ending == "ini");
        (has_ending || holds_sites && !is_leftover(path)) && !path.is_dir()
    };
    let files: Vec<PathBuf> = all.iter().filter(is_configuration).cloned().collect();
    match files.is_empty() && !all.is_empty() {
        true => {
            let why = "no *.conf and no *.ini lies here; name the files, or the directory that holds them".into();
            Err(DiscoverError::NotAFile { path: directory.to_owned(), why })
        }
        false => Ok(files),
    }
}
