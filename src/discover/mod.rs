//! From what the user names to what is checked: roots, repositories, files.
//!
//! A directory is a host's root when it holds main files in the usual places, and a repository
//! otherwise. Files named together are one deployment. Nothing is ever thrown into one heap.
#![allow(clippy::disallowed_methods, reason = "one of the few places that read files")]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::deployment::{Plan, Selection, View};
use crate::host::disk::Disk;
use crate::host::layout::{self, NGINX_MAINS};
use crate::host::{Host, MAX_FILE};

pub mod recognise;
pub mod repository;

use recognise::Recognised;

/// What was found to check.
#[derive(Debug, Default)]
pub struct Plans {
    /// The deployments.
    pub plans: Vec<Plan>,
    /// What was taken for what, for `--verbose`.
    pub notes: Vec<String>,
    /// Pairings that were not made, and why: what was not checked.
    pub unpaired: Vec<String>,
}

/// Why nothing can be checked.
#[derive(Debug, thiserror::Error)]
pub enum DiscoverError {
    /// A path that was named cannot be looked at.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that is neither of the two programs'.
    #[error("{}: this is no configuration of nginx or PHP-FPM", path.display())]
    NotRecognised {
        /// The path.
        path: PathBuf,
    },
    /// A file that cannot be a configuration.
    #[error("{}: {why}", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it is.
        why: String,
    },
    /// Everything that may be configuration must be rendered first.
    #[error("{}: found templates only ({count}); render them and check the result", path.display())]
    OnlyTemplates {
        /// The directory.
        path: PathBuf,
        /// How many.
        count: usize,
    },
    /// Nothing to check.
    #[error("{}: found no nginx and no PHP-FPM configuration here", path.display())]
    Nothing {
        /// The directory.
        path: PathBuf,
    },
}

/// What the paths of a command line mean. `selection` pins main files inside a root.
pub fn plans(paths: &[PathBuf], root: Option<&Path>, selection: Selection) -> Result<Plans, DiscoverError> {
    let mut plans = Plans::default();
    if let Some(root) = root {
        plans.plans.push(root_plan(root, selection)?);
        return Ok(plans);
    }
    if paths.is_empty() {
        plans.plans.push(root_plan(Path::new("/"), selection)?);
        return Ok(plans);
    }
    let mut files = Vec::new();
    for path in paths {
        let metadata = fs::metadata(path).map_err(|source| unreadable(path, source))?;
        if !metadata.is_dir() {
            files.push(path.clone());
        } else if has_compose_file(path) || !is_root(path) {
            let pinned = !selection.nginx_mains.is_empty() || !selection.fpm_mains.is_empty();
            match pinned {
                true => plans.plans.push(root_plan(path, selection.clone())?),
                // Beside other paths, a directory such as pool.d is a set of files.
                false if paths.len() > 1 => files.extend(configuration_files(path)),
                false => repository::plans(path, &mut plans)?,
            }
        } else {
            plans.notes.push(format!("{}: the root of a host", path.display()));
            plans.plans.push(root_plan(path, selection.clone())?);
        }
    }
    if !files.is_empty() {
        plans.plans.push(files_plan(&files, selection)?);
    }
    Ok(plans)
}

fn unreadable(path: &Path, source: io::Error) -> DiscoverError {
    DiscoverError::Unreadable { path: path.to_owned(), source }
}

fn root_plan(root: &Path, selection: Selection) -> Result<Plan, DiscoverError> {
    let canonical = root.canonicalize().map_err(|source| unreadable(root, source))?;
    if !canonical.is_dir() {
        return Err(DiscoverError::NotAFile { path: root.to_owned(), why: "a root must be a directory".into() });
    }
    let view = if canonical == Path::new("/") { View::Live } else { View::Root };
    Ok(Plan::new(canonical, view, selection))
}

/// Whether a directory holds main files or pools in the usual places.
pub(crate) fn is_root(directory: &Path) -> bool {
    let Ok(host) = Disk::new(directory) else { return false };
    let has_nginx = NGINX_MAINS.iter().any(|main| host.entry(Path::new(main)).is_ok());
    has_nginx || !layout::masters(&host).is_empty()
}

/// Whether containers are described here: then the folder is no host, whatever it holds.
pub(crate) fn has_compose_file(directory: &Path) -> bool {
    let is_compose = |name: &str| {
        let stem = name.strip_prefix("docker-compose").or_else(|| name.strip_prefix("compose"));
        let yaml = name.ends_with(".yml") || name.ends_with(".yaml");
        yaml && stem.is_some_and(|rest| rest.starts_with('.') || rest.starts_with('-'))
    };
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    entries.into_iter().any(|entry| is_compose(&entry.file_name().to_string_lossy()))
}

/// Files named together: one deployment. Their root is the working directory where they lie below
/// it, so that absolute paths in them never reach this machine's own files.
fn files_plan(files: &[PathBuf], mut selection: Selection) -> Result<Plan, DiscoverError> {
    let here = std::env::current_dir().and_then(|path| path.canonicalize());
    let here = here.map_err(|source| unreadable(Path::new("."), source))?;
    let mut absolute = Vec::new();
    for file in files {
        absolute.push((file, file.canonicalize().map_err(|source| unreadable(file, source))?));
    }
    let below = absolute.iter().all(|(_, path)| path.starts_with(&here));
    let root = if below { here } else { PathBuf::from("/") };
    for (named, path) in absolute {
        let recognised = recognise_file(named, &path)?;
        let inside = Path::new("/").join(path.strip_prefix(&root).unwrap_or(&path));
        match recognised {
            Recognised::Nginx(_) => selection.nginx_mains.push(inside),
            Recognised::FpmMain => selection.fpm_mains.push(inside),
            Recognised::FpmPool => selection.fpm_pools.push(inside),
            Recognised::PhpIni => selection.php_inis.push(inside),
            Recognised::Template | Recognised::Nothing => {
                return Err(DiscoverError::NotRecognised { path: named.clone() });
            }
        }
    }
    Ok(Plan::new(root, View::Files, selection))
}

fn recognise_file(named: &Path, path: &Path) -> Result<Recognised, DiscoverError> {
    let metadata = fs::metadata(path).map_err(|source| unreadable(named, source))?;
    let not_a_file = |why: &str| DiscoverError::NotAFile { path: named.to_owned(), why: why.to_owned() };
    if !metadata.is_file() {
        return Err(not_a_file("this is not a regular file"));
    }
    if metadata.len() > MAX_FILE {
        return Err(not_a_file(&format!("{} MiB is too large for a configuration", metadata.len() >> 20)));
    }
    let bytes = fs::read(path).map_err(|source| unreadable(named, source))?;
    Ok(recognise::recognise(path, &bytes))
}

/// The files of a directory that may be configuration, in order.
fn configuration_files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|ending| ending == "conf" || ending == "ini")).collect();
    files.sort();
    files
}
