//! Paths that are parts of a host's tree or of a compose project: what is meant is that host, or those containers.
//!
//! An administrator says `gatelint /etc/nginx`, and a hook names the files of a tree that have changed. Neither can
//! be judged without the files around them.
#![allow(clippy::disallowed_methods, reason = "one of the few places that read files")]

use std::fs;
use std::path::{Path, PathBuf};

use super::files::Files;
use super::root::inside;
use super::walk::{ROOT_FOLDERS, is_host};
use super::{Given, Plans, has_compose_file, is_compose_file, is_root, repository, root_plan};
use crate::deployment::{Plan, Selection, View};
use crate::host::disk::Disk;
use crate::host::{Host, layout, shown};

/// Plans the host in whose configuration all paths lie, or the containers that they go into; `false` where there are
/// none, or where the command line says itself what belongs together.
pub(super) fn plans(paths: &[PathBuf], given: &Given, plans: &mut Plans) -> bool {
    let is_said = given.root.is_some() || given.selection.is_given() || !given.maps.is_empty();
    let Some(places) = paths.iter().map(|path| place(path)).collect::<Option<Vec<_>>>().filter(|_| !is_said) else {
        return false;
    };
    if containers(&places, plans) {
        return true;
    }
    let Some(root) = places.first().and_then(|place| host_around(place)) else { return false };
    if places.iter().any(|place| host_around(place).as_ref() != Some(&root)) {
        return false;
    }
    let Ok(plan) = root_plan(&root, Selection::default()) else { return false };
    let (host, live) = (plan.root.clone(), plan.view == View::Live);
    let prefix = prefix(&host);
    let whole = if live { "this host".to_owned() } else { format!("the host's tree {}", root.display()) };
    for path in paths {
        plans.notes.push(format!("{}: a part of {whole}, which is checked", path.display()));
    }
    match live {
        true => plans.plans.push(plan),
        // As in a repository: packages may bring the rest.
        false => {
            let in_container = is_of_container(&host);
            let overlay = Plan { view: View::Overlay, in_container, shown_prefix: prefix.clone(), ..plan };
            repository::root(overlay, plans);
        }
    }
    // A file that the host does not load, such as a site that is not enabled.
    for place in places.iter().filter(|place| !place.is_dir()) {
        let mut own = Plans::default();
        let Some(named) = real(&host, place) else { continue };
        let files = Files { named: vec![named], ..Files::default() };
        if files.plan(&host, &given.selection, &mut own).is_ok() {
            let alone = |plan| Plan { unless_loaded: true, shown_prefix: prefix.clone(), ..plan };
            plans.plans.extend(own.plans.into_iter().map(alone));
        }
    }
    true
}

/// Plans the containers of the compose project around files that all go into them.
fn containers(places: &[PathBuf], plans: &mut Plans) -> bool {
    let Some(directory) = places.first().and_then(|place| project_around(place)) else { return false };
    if places.iter().any(|place| !place.starts_with(&directory) || place.is_dir()) {
        return false;
    }
    let mut own = Plans::default();
    if repository::plans(&directory, &mut own).is_err() {
        return false;
    }
    let is_compose = |place: &PathBuf| place.parent() == Some(&directory) && is_compose_file(place);
    let goes_into = |place: &PathBuf, plan: &Plan| {
        let neighbours = plan.neighbours.iter().flat_map(|(_, plan)| &plan.maps);
        plan.maps.iter().chain(neighbours).any(|map| inside(&directory, place).starts_with(&map.from))
    };
    let concerns = |place: &PathBuf, plan: &Plan| is_compose(place) || goes_into(place, plan);
    if !places.iter().all(|place| own.plans.iter().any(|plan| concerns(place, plan))) {
        return false;
    }
    let prefix = match std::env::current_dir().and_then(|here| here.canonicalize()) {
        Ok(here) if directory.starts_with(&here) => prefix(&directory),
        _ => format!("{}/", directory.display()),
    };
    own.plans.retain(|plan| places.iter().any(|place| concerns(place, plan)));
    for plan in &mut own.plans {
        plan.neighbours.iter_mut().for_each(|(_, neighbour)| neighbour.shown_prefix.clone_from(&prefix));
        plan.shown_prefix = format!("{prefix}{}", plan.shown_prefix);
    }
    plans.notes.extend(own.notes);
    plans.plans.extend(own.plans);
    true
}

/// The nearest directory around a file with a compose file, in the same repository.
fn project_around(place: &Path) -> Option<PathBuf> {
    let directories: Vec<&Path> = place.ancestors().skip(1).collect();
    let top = directories.iter().position(|directory| directory.join(".git").exists());
    let own = &directories[..top.map_or(directories.len(), |top| top + 1)];
    own.iter().find(|directory| has_compose_file(directory)).map(|directory| directory.to_path_buf())
}

/// Where a path lies on this machine: with the links before its last name followed.
pub(super) fn place(path: &Path) -> Option<PathBuf> {
    let name = path.file_name().filter(|_| fs::symlink_metadata(path).is_ok_and(|found| !found.is_dir()));
    let Some(name) = name else { return path.canonicalize().ok() };
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    Some(parent.canonicalize().ok()?.join(name))
}

/// The nearest directory around a path that is the root of a host and has the path among its configuration.
fn host_around(place: &Path) -> Option<PathBuf> {
    if place.is_dir() && is_root(place) {
        return None;
    }
    let holds = |root: &&Path| {
        // Most directories are no such root, which is seen without a look at the disk.
        let inside = inside(root, place);
        if !ROOT_FOLDERS.iter().any(|folder| inside.starts_with(Path::new("/").join(folder))) {
            return false;
        }
        let Ok(host) = Disk::new(root) else { return false };
        layout::is_configuration(&host, &inside)
            && is_host(root)
            && (*root != Path::new("/") || layout::has_programs(&host))
    };
    place.ancestors().skip(1).find(holds).map(Path::to_owned)
}

/// The file that a path names, by links inside of the host's tree.
fn real(host: &Path, place: &Path) -> Option<PathBuf> {
    let entry = Disk::new(host).ok()?.entry(&inside(host, place)).ok()?;
    Some(host.join(entry.real.strip_prefix("/").ok()?))
}

/// Whether a tree is what containers are made of, by its name or by a compose file around it.
fn is_of_container(host: &Path) -> bool {
    let name = host.to_string_lossy().to_ascii_lowercase();
    ["docker", "container"].iter().any(|word| name.contains(word)) || host.ancestors().any(has_compose_file)
}

/// What the paths of a tree are called from the working directory.
fn prefix(host: &Path) -> String {
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    let below = here.ok().and_then(|here| Some(shown(host.strip_prefix(here).ok()?)));
    below.filter(|below| !below.is_empty()).map_or_else(String::new, |below| format!("{below}/"))
}
