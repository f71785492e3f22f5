//! From what the user names to what is checked: roots, repositories, files.
//!
//! A directory is a host's root when it holds main files in the usual places, and a repository
//! otherwise. Files named together are one deployment. Nothing is ever thrown into one heap.
#![allow(clippy::disallowed_methods, reason = "one of the few places that read files")]

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::config::{self, Deployment};
use crate::deployment::{Plan, Selection, View};
use crate::host::disk::Disk;
use crate::host::layout::{self, MasterLayout, NGINX_MAINS};
use crate::host::overlay::{Added, PathMap};
use crate::host::profile::Profile;
use crate::host::{Host, MAX_FILE, normalize};
use crate::nginx::levels::Context;

pub mod capture;
pub mod recognise;
pub mod repository;

use capture::Capture;
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
        plans.plans.push(root_plan(root, selection.clone())?);
    }
    let mut files = Files::default();
    for path in paths {
        if path == Path::new(STDIN) {
            files.stdin = Some(read_stdin()?);
            continue;
        }
        let metadata = fs::metadata(path).map_err(|source| unreadable(path, source))?;
        if !metadata.is_dir() {
            files.named.push(path.clone());
        } else if has_compose_file(path) || !is_root(path) {
            let pinned = !selection.nginx_mains.is_empty() || !selection.fpm_mains.is_empty();
            match pinned {
                true => plans.plans.push(root_plan(path, selection.clone())?),
                // Where the user says what belongs where, this is a host laid over its packages.
                false if !given.maps.is_empty() || !given.profile.unwrap_or(Profile::Debian).files().is_empty() => {
                    plans.notes.push(format!("{}: laid over a host", path.display()));
                    plans.plans.push(Plan { view: View::Overlay, ..root_plan(path, selection.clone())? });
                }
                // Beside other paths, a directory such as pool.d is a set of files.
                false if paths.len() > 1 => files.named.extend(configuration_files(path)),
                false => repository::plans(path, &mut plans)?,
            }
        } else {
            plans.notes.push(format!("{}: the root of a host", path.display()));
            plans.plans.push(root_plan(path, selection.clone())?);
        }
    }
    if !files.is_empty() {
        let here = std::env::current_dir().map_err(|source| unreadable(Path::new("."), source))?;
        files.plan(&here, selection, &mut plans)?;
    }
    finish(&mut plans.plans, given)?;
    Ok(plans)
}

/// The plans of deployments that a configuration file names. Their facts are for the caller to read.
pub fn named(deployments: &[&Deployment], base: &Path, given: &Given) -> Result<Plans, DiscoverError> {
    let mut plans = Plans::default();
    for deployment in deployments {
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
                        true => files.named.extend(configuration_files(path)),
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
        let said = |note: &String| format!("deployment {}: {note}", deployment.name);
        plans.notes.extend(own.notes.iter().map(said));
        plans.plans.extend(own.plans.into_iter().map(|plan| Plan { name: Some(deployment.name.clone()), ..plan }));
    }
    Ok(plans)
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

/// Where people keep a main file away from its place, they keep what it includes beside it:
/// `docker/nginx/nginx.conf` says `/etc/nginx/conf.d/*.conf` and means `docker/nginx/conf.d/*.conf`.
fn implied_maps(plan: &mut Plan) {
    if plan.view != View::Files {
        return;
    }
    let Ok(host) = Disk::new(&plan.root) else { return };
    // Relative patterns of PHP-FPM begin at its prefix, those of nginx at the main file.
    let of_fpm = |main: &PathBuf| (main.clone(), Some(MasterLayout::of(main).prefix));
    let mains = plan.selection.nginx_mains.iter().map(|main| (main.clone(), None));
    let mains: Vec<_> = mains.chain(plan.selection.fpm_mains.iter().map(of_fpm)).collect();
    let mut maps = Vec::new();
    for (main, prefix) in &mains {
        let directory = main.parent().unwrap_or(Path::new("/"));
        for target in absolute_includes(&host, main, prefix.as_deref()) {
            let is_pattern = |name: &str| crate::host::glob::is_pattern(name);
            // The directory of the pattern, or the file.
            let fixed = target.split('/').take_while(|part| !is_pattern(part)).collect::<Vec<_>>().join("/");
            let parts: Vec<&str> = fixed.split('/').filter(|part| !part.is_empty()).collect();
            let beside = (1..parts.len()).map(|at| directory.join(parts[at..].join("/")));
            let is_there = |path: &PathBuf| host.entry(path).is_ok();
            if let Some(from) =
                Some(normalize(Path::new(&fixed))).filter(|to| !is_there(to)).and(beside.into_iter().find(is_there))
            {
                maps.push(PathMap { from, to: normalize(Path::new(&fixed)) });
            }
        }
    }
    plan.maps.extend(maps);
}

/// The absolute paths and patterns that a main file of either program includes; relative ones only where
/// they begin at a prefix.
fn absolute_includes(host: &dyn Host, main: &Path, prefix: Option<&Path>) -> Vec<String> {
    let text = host.read(main).unwrap_or_default();
    let lines = String::from_utf8_lossy(&text).lines().map(str::to_owned).collect::<Vec<_>>();
    let included = |line: &String| {
        // `include /etc/nginx/conf.d/*.conf;` or `include = /etc/php/8.2/fpm/pool.d/*.conf`
        let rest = line.split("include").nth(1).filter(|_| !line.trim_start().starts_with(['#', ';']))?;
        let path = rest.trim_start_matches([' ', '\t', '=', '"', '\'']).split([';', ' ', '"', '\'']).next()?;
        let path = match prefix {
            Some(prefix) => prefix.join(path.trim_end()).to_string_lossy().into_owned(),
            None => path.trim_end().to_owned(),
        };
        path.starts_with('/').then_some(path)
    };
    lines.iter().filter_map(included).collect()
}

/// The name of the standard input among the paths.
const STDIN: &str = "-";

/// What the standard input is called in reports.
const STDIN_SHOWN: &str = "<stdin>";

fn read_stdin() -> Result<Vec<u8>, DiscoverError> {
    let mut text = Vec::new();
    let read = io::stdin().lock().take(MAX_FILE + 1).read_to_end(&mut text);
    match read {
        Err(source) => Err(unreadable(Path::new(STDIN), source)),
        Ok(_) if text.len() as u64 > MAX_FILE => Err(too_large(Path::new(STDIN), text.len() as u64)),
        Ok(_) => Ok(text),
    }
}

fn too_large(path: &Path, size: u64) -> DiscoverError {
    DiscoverError::NotAFile {
        path: path.to_owned(),
        why: format!("{} MiB is too large for a configuration", size >> 20),
    }
}

/// Files named together: one deployment.
#[derive(Default)]
struct Files {
    named: Vec<PathBuf>,
    stdin: Option<Vec<u8>>,
}

/// A file that was named.
struct NamedFile {
    /// As it was named.
    named: PathBuf,
    /// As it lies inside the root.
    inside: PathBuf,
    text: Vec<u8>,
}

impl Files {
    fn is_empty(&self) -> bool {
        self.named.is_empty() && self.stdin.is_none()
    }

    /// Plans one deployment. Its root is `base`, the working directory, where all files lie below it, so that absolute paths
    /// in them never reach this machine's own files.
    fn plan(self, base: &Path, selection: &Selection, plans: &mut Plans) -> Result<(), DiscoverError> {
        let here = base.canonicalize().map_err(|source| unreadable(base, source))?;
        let mut absolute = Vec::new();
        for file in self.named {
            let path = file.canonicalize().map_err(|source| unreadable(&file, source))?;
            absolute.push((file, path));
        }
        let below = absolute.iter().all(|(_, path)| path.starts_with(&here));
        let root = if below { here } else { PathBuf::from("/") };
        let mut plan = Plan::new(root.clone(), View::Files, selection.clone());
        let mut files = Vec::new();
        for (named, path) in absolute {
            let inside = Path::new("/").join(path.strip_prefix(&root).unwrap_or(&path));
            files.push(NamedFile { text: read_file(&named, &path)?, named, inside });
        }
        if let Some(text) = self.stdin {
            let inside = Path::new("/").join(STDIN_SHOWN);
            plan.added.push(Added { path: inside.clone(), shown: STDIN_SHOWN.into(), text: text.clone() });
            files.push(NamedFile { named: STDIN.into(), inside, text });
        }
        let mut fragments = Vec::new();
        let mut only_captures = true;
        for file in &files {
            let NamedFile { named, inside, text } = file;
            let not_recognised = || DiscoverError::NotRecognised { path: named.clone() };
            let refused = |why| DiscoverError::NotAFile { path: named.clone(), why };
            if let Some(capture) = Capture::of(text).map_err(refused)? {
                plans.notes.push(format!("{}: {}", named.display(), capture.says()));
                plan.dumps.extend(capture.dump);
                plan.facts.extend(capture.facts);
                plan.selection.fpm_tests.extend(capture.fpm_test.then(|| inside.clone()));
                continue;
            }
            only_captures = false;
            let recognised = recognise::recognise(inside, text);
            plans.notes.push(format!("{}: {recognised}", named.display()));
            match recognised {
                Recognised::Nginx(Context::Main) => plan.selection.nginx_mains.push(inside.clone()),
                Recognised::Nginx(_) => fragments.push(inside.clone()),
                Recognised::FpmMain => plan.selection.fpm_mains.push(inside.clone()),
                Recognised::FpmPool => plan.selection.fpm_pools.push(inside.clone()),
                Recognised::PhpIni => plan.selection.php_inis.push(inside.clone()),
                Recognised::Nothing if selection.context.is_some() => fragments.push(inside.clone()),
                Recognised::Template | Recognised::Nothing => return Err(not_recognised()),
            }
        }
        // Behind the main files, so that a fragment which one of them includes is known by then.
        plan.selection.nginx_mains.extend(fragments);
        match plans.plans.as_mut_slice() {
            // What was captured on a host belongs to its tree.
            [host] if only_captures => {
                host.dumps.extend(plan.dumps);
                host.facts.extend(plan.facts);
                host.added.extend(plan.added);
                host.selection.fpm_tests.extend(plan.selection.fpm_tests);
            }
            _ => plans.plans.push(plan),
        }
        Ok(())
    }
}

fn read_file(named: &Path, path: &Path) -> Result<Vec<u8>, DiscoverError> {
    let metadata = fs::metadata(path).map_err(|source| unreadable(named, source))?;
    if !metadata.is_file() {
        return Err(DiscoverError::NotAFile { path: named.to_owned(), why: "this is not a regular file".into() });
    }
    if metadata.len() > MAX_FILE {
        return Err(too_large(named, metadata.len()));
    }
    fs::read(path).map_err(|source| unreadable(named, source))
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

/// The files of a directory that may be configuration, in order.
fn configuration_files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    let mut files: Vec<_> =
        entries.filter(|path| path.extension().is_some_and(|ending| ending == "conf" || ending == "ini")).collect();
    files.sort();
    files
}
