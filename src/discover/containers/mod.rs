//! Containers: which files of a repository Dockerfiles and compose files put where.
//!
//! Each container is looked at with its files in the places that they have inside of it. nginx and
//! PHP-FPM are joined where they are in one container, or in two that share a volume for the socket;
//! and only while the images and commands leave no doubt about what PHP-FPM reads. What services are
//! called, and the networks between them, are not looked at.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::root::inside;
use super::walk::{Found, MAX_SIZE, is_dockerfile};
use crate::deployment::{Plan, Selection, View};
use crate::host::disk::Disk;
use crate::host::facts::{FactsFile, Versions};
use crate::host::overlay::{Overlay, PathMap};
use crate::host::profile::Profile;
use crate::host::{Host, glob, layout, normalize, shown};
use crate::values::version::Version;

mod compose;
mod dockerfile;
mod yaml;

use compose::Service;
use dockerfile::Recipe;

/// More services than this are not looked at in one compose file: each would be a container of its own.
const MAX_SERVICES: usize = 1000;

/// Containers are looked at while no more files than this go into all of them together: a pattern may name many
/// files, and many containers the same ones.
const MAX_MAPS: usize = 100_000;

/// A container, as far as files of the repository go into it.
struct Container {
    /// The file that describes it, and the service in it.
    name: String,
    /// The image that it begins with, such as `php:8.2-fpm`.
    base: String,
    /// Its files.
    maps: Vec<PathMap>,
    /// Whether these are all of them.
    is_whole: bool,
    /// Volumes that other containers may share, and where they are mounted.
    volumes: Vec<(String, String)>,
    /// Whether what it runs may change files or name others.
    is_changed: bool,
}

/// The plans of the containers that a repository describes, with a note on each.
pub(super) fn plans(root: &Path, found: &Found) -> Vec<(String, Plan)> {
    let Ok(disk) = Disk::new(root) else { return Vec::new() };
    let mut plans: Vec<(String, Plan)> = Vec::new();
    let mut known: HashSet<Vec<PathMap>> = HashSet::new();
    let files = [&found.nginx, &found.fragments, &found.fpm_mains, &found.fpm_pools];
    let files: BTreeSet<PathBuf> = files.into_iter().flatten().map(|path| inside(root, path)).collect();
    for project in projects(root, &disk, found) {
        let parts: Vec<(&Container, Plan)> =
            project.iter().filter_map(|container| Some((container, container.plan(root, &files)?))).collect();
        let joined = match &parts[..] {
            [one, other] => joined(one, other).or_else(|| joined(other, one)),
            _ => None,
        };
        let new = match joined {
            Some(joined) => vec![joined],
            None => parts.into_iter().map(|(container, plan)| (container.name.clone(), plan)).collect(),
        };
        for (name, plan) in new {
            // Several compose files often describe the same containers.
            if known.insert(plan.maps.clone()) {
                plans.push((name, plan));
            }
        }
    }
    plans
}

/// The containers that run together: the services of each compose file, and each Dockerfile that none builds.
fn projects(root: &Path, disk: &Disk, found: &Found) -> Vec<Vec<Container>> {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let (dockerfiles, composes): (Vec<_>, Vec<_>) =
        found.containers.iter().partition(|path| is_dockerfile(&name(path)));
    // Links are followed inside the repository only, as they are in the configuration itself.
    let read = |path: &Path| {
        let bytes = path.starts_with(root).then(|| disk.read(&inside(root, path)).ok()).flatten()?;
        String::from_utf8(bytes).ok().filter(|text| text.len() as u64 <= MAX_SIZE)
    };
    let mut recipes: HashMap<PathBuf, Option<Rc<Recipe>>> = HashMap::new();
    let mut repository = Repository { root, disk, left: MAX_MAPS };
    let mut projects = Vec::new();
    for path in composes {
        let directory = path.parent().unwrap_or(root);
        let mut services = compose::services(&read(path).unwrap_or_default());
        services.truncate(if services.len() > MAX_SERVICES { 0 } else { MAX_SERVICES });
        let container = |service: &Service| {
            let recipe = service.build.as_ref().and_then(|(context, dockerfile)| {
                let context = normalize(&directory.join(context));
                let path = normalize(&context.join(dockerfile));
                let recipe = recipes.entry(path).or_insert_with_key(|path| Some(Recipe::read(&read(path)?).into()));
                recipe.clone().map(|recipe| (recipe, context))
            });
            let name = format!("service {} of {}", service.name, shown(&inside(root, path)));
            Container::of_service(service, recipe, name, directory, &mut repository)
        };
        projects.push(services.iter().map(container).collect());
    }
    for path in dockerfiles.into_iter().filter(|path| recipes.get(*path).is_none_or(Option::is_none)) {
        let recipe = Recipe::read(&read(path).unwrap_or_default());
        let name = shown(&inside(root, path));
        projects.push(vec![Container::new(&recipe, path.parent().unwrap_or(root), name, &mut repository)]);
    }
    projects
}

/// What the files of containers are taken out of.
struct Repository<'a> {
    root: &'a Path,
    disk: &'a Disk,
    /// How many files may still go into containers.
    left: usize,
}

impl Container {
    fn new(recipe: &Recipe, context: &Path, name: String, repository: &mut Repository<'_>) -> Self {
        let copied = recipe.copies.iter().map(|(from, to)| repository.copied(from, to, context));
        let maps: Option<Vec<Vec<PathMap>>> = copied.collect();
        Container {
            name,
            base: recipe.base.clone(),
            is_whole: maps.is_some(),
            maps: maps.unwrap_or_default().concat(),
            volumes: Vec::new(),
            is_changed: recipe.is_changed,
        }
    }

    fn of_service(
        service: &Service,
        built: Option<(Rc<Recipe>, PathBuf)>,
        name: String,
        directory: &Path,
        repository: &mut Repository<'_>,
    ) -> Self {
        let root = repository.root;
        let mut container = match &built {
            Some((recipe, context)) => Container::new(recipe, context, name, repository),
            None => {
                let base = service.image.clone().unwrap_or_default();
                let recipe = Recipe { base, ..Recipe::default() };
                // How an image is built that no Dockerfile here describes, nobody knows.
                let is_changed = service.build.is_some();
                Container { is_changed, ..Container::new(&recipe, directory, name, repository) }
            }
        };
        // What is mounted covers what was copied.
        let binds = service.binds.iter().filter_map(|(from, to)| {
            let from = normalize(&directory.join(from));
            let here = inside(root, &from);
            let is_here = from.starts_with(root) && repository.disk.entry(&here).is_ok();
            is_here.then(|| PathMap { from: here, to: normalize(Path::new(to)) })
        });
        container.maps.splice(0..0, binds.collect::<Vec<_>>());
        container.volumes.clone_from(&service.volumes);
        container.is_changed |= service.has_command && container.is_php();
        container
    }

    /// The image without its registry: `php` of `docker.io/library/php:8.2-fpm`, and the tag.
    fn image(&self) -> (&str, &str) {
        let base = self.base.trim_start_matches("docker.io/").trim_start_matches("library/");
        base.split('@').next().unwrap_or_default().split_once(':').unwrap_or((base, ""))
    }

    fn is_php(&self) -> bool {
        self.image().0 == "php" && self.image().1.contains("fpm")
    }

    fn is_nginx(&self) -> bool {
        matches!(self.image().0, "nginx" | "nginxinc/nginx-unprivileged")
    }

    /// What is checked of it; nothing where it holds no configuration, or nothing that can be told from it.
    fn plan(&self, root: &Path, files: &BTreeSet<PathBuf>) -> Option<Plan> {
        // Paths are ordered by their components: the first one behind a directory is in it, if any is.
        let holds_one =
            |map: &PathMap| files.range(map.from.clone()..).next().is_some_and(|file| file.starts_with(&map.from));
        if !self.is_whole || !self.maps.iter().any(holds_one) {
            return None;
        }
        let profile = match () {
            () if self.is_php() => Some(Profile::DockerPhp),
            () if self.is_nginx() => Some(Profile::DockerNginx),
            () => None,
        };
        let added = profile.map(Profile::files).unwrap_or_default();
        let host = Overlay::of_maps(Disk::new(root).ok()?, &self.maps, &added);
        let has_nginx = layout::NGINX_MAINS.iter().any(|main| host.entry(Path::new(main)).is_ok());
        let has_fpm = !layout::masters(&host).is_empty();
        // Which pools an unknown image brings, or what a command makes of them, cannot be told.
        let is_known = !self.is_changed && (profile.is_some() || is_distribution(self.image().0));
        if !(has_nginx || has_fpm) || has_fpm && !is_known {
            return None;
        }
        let version = Version::parse(self.image().1).map(|_| self.image().1.to_owned());
        let versions = match profile {
            Some(Profile::DockerPhp) => Versions { nginx: None, php: version },
            Some(Profile::DockerNginx) => Versions { nginx: version, php: None },
            _ => Versions::default(),
        };
        Some(Plan {
            in_container: true,
            maps: self.maps.clone(),
            only_maps: true,
            added,
            facts: vec![FactsFile { versions: Some(versions), ..FactsFile::default() }],
            ..Plan::new(root.to_owned(), View::Overlay, Selection::default())
        })
    }
}

/// The two containers as one, where the first is nginx alone, the second PHP-FPM alone, and they share a volume
/// that can hold nothing but the socket.
fn joined(nginx: &(&Container, Plan), php: &(&Container, Plan)) -> Option<(String, Plan)> {
    let ((nginx, front), (php, back)) = (nginx, php);
    let of_php: HashSet<_> = php.volumes.iter().collect();
    let shared = nginx.volumes.iter().find(|volume| of_php.contains(volume))?;
    if !nginx.is_nginx() || !php.is_php() || !(shared.1.contains("/run") || shared.1.contains("sock")) {
        return None;
    }
    let plan = Plan {
        in_container: true,
        maps: front.maps.iter().chain(&back.maps).cloned().collect(),
        only_maps: true,
        added: front.added.iter().chain(&back.added).cloned().collect(),
        facts: front.facts.iter().chain(&back.facts).cloned().collect(),
        ..Plan::new(front.root.clone(), View::Overlay, Selection::default())
    };
    Some((format!("{} and {}, which share the volume {}", nginx.name, php.name, shared.0), plan))
}

impl Repository<'_> {
    /// Where `COPY` puts files of the context, which is the Dockerfile's directory or the repository; none where
    /// these are more than may still be looked at.
    fn copied(&mut self, sources: &[String], to: &str, context: &Path) -> Option<Vec<PathMap>> {
        let is_directory = to.ends_with('/') || to.ends_with("/.") || sources.len() > 1;
        let mut maps = Vec::new();
        for source in sources {
            let source = source.trim_start_matches("./").trim_start_matches('/');
            let in_context = [context, self.root].into_iter().find_map(|context| {
                let pattern = inside(self.root, &normalize(&context.join(source)));
                let found = match glob::is_pattern(source) {
                    true => glob::expand(self.disk, &pattern.to_string_lossy()),
                    false => Some(pattern).filter(|path| self.disk.entry(path).is_ok()).into_iter().collect(),
                };
                Some(found).filter(|found| !found.is_empty())
            });
            let found = in_context.unwrap_or_default();
            // To look for one that is not there costs as much as to find one.
            self.left = self.left.checked_sub(found.len().max(1))?;
            for from in found {
                let is_file = self.disk.entry(&from).is_ok_and(|entry| entry.kind != crate::host::Kind::Directory);
                let name = from.file_name().filter(|_| is_file && (is_directory || glob::is_pattern(source)));
                let to = name.map_or_else(|| PathBuf::from(to), |name| Path::new(to).join(name));
                maps.push(PathMap { to: normalize(&to), from });
            }
        }
        Some(maps)
    }
}

/// Whether an image holds a distribution and nothing else.
fn is_distribution(image: &str) -> bool {
    let known = ["alpine", "debian", "ubuntu", "fedora", "rockylinux", "almalinux", "centos", "archlinux"];
    known.contains(&image)
}
