//! Containers: which files of a repository Dockerfiles and compose files put where.
//!
//! Each container is looked at with its files in the places that they have inside of it. An nginx is joined with
//! the PHP-FPMs of the services that its compose file describes, as far as images and commands leave no doubt
//! about what those read.
#![allow(clippy::disallowed_methods, reason = "one of the few places that read files")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::root::inside;
use super::walk::{Found, is_dockerfile};
use crate::deployment::{Plan, Selection, View};
use crate::host::disk::Disk;
use crate::host::facts::{FactsFile, Versions};
use crate::host::overlay::{Overlay, PathMap};
use crate::host::profile::Profile;
use crate::host::{Host, glob, layout, normalize, shown};
use crate::values::version::Version;

mod compose;
mod dockerfile;
mod env;
mod networks;
mod yaml;

use compose::Service;
use dockerfile::Recipe;
use env::Env;
use networks::Project;

/// A container, as far as files of the repository go into it.
struct Container {
    /// The file that describes it, and the service in it.
    name: String,
    /// The image that it begins with, such as `php:8.2-fpm`.
    base: String,
    /// Its files.
    maps: Vec<PathMap>,
    /// Whether what it runs may change files or name others.
    is_changed: bool,
    /// Whether more than its image's program may run in it.
    runs_more: bool,
    /// Whether files may be in it that come from another image or from the net.
    has_foreign_files: bool,
    /// The main file of PHP-FPM that its command names, or that a PHP-FPM without a name for one reads.
    fpm_main: Option<PathBuf>,
}

/// What a container holds that can be checked.
struct Holds {
    plan: Plan,
    /// Whether files of the repository are a part of it.
    is_given: bool,
    has_nginx: bool,
    has_fpm: bool,
}

/// A compose file that was read.
struct Compose {
    path: PathBuf,
    text: String,
    file: compose::File,
}

/// The plans of the containers that a repository describes, with a note on each.
pub(super) fn plans(root: &Path, found: &Found) -> Vec<(String, Plan)> {
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let (dockerfiles, composes): (Vec<_>, Vec<_>) =
        found.containers.iter().partition(|path| is_dockerfile(&name(path)));
    let read = |path: &PathBuf| {
        let text = fs::read_to_string(path).unwrap_or_default();
        let env = path.parent().and_then(|directory| fs::read_to_string(directory.join(".env")).ok());
        let env = env.map(|text| Env::read(&text)).unwrap_or_default();
        Compose { path: path.clone(), file: compose::read(&text, &env), text }
    };
    let composes: Vec<Compose> = composes.into_iter().map(read).collect();
    let mut built = Vec::new();
    let mut plans: Vec<(String, Plan)> = Vec::new();
    for compose in &composes {
        let containers = compose.file.services.iter().map(|service| compose.container(root, service, &mut built));
        let containers: Vec<Container> = containers.collect();
        for (name, plan) in compose.plans(root, found, &containers, &composes) {
            // Several compose files often describe the same containers.
            if plans.iter().all(|(_, known)| !is_same(known, &plan)) {
                plans.push((name, plan));
            }
        }
    }
    for path in dockerfiles.into_iter().filter(|path| !built.contains(path)) {
        let recipe = Recipe::read(&fs::read_to_string(path).unwrap_or_default(), None);
        let container = Container::new(&recipe, path.parent().unwrap_or(root), shown(&inside(root, path)), root);
        let holds = container.holds(root, found).filter(|holds| holds.is_given);
        let new = holds.filter(|new| plans.iter().all(|(_, known)| !is_same(known, &new.plan)));
        plans.extend(new.map(|new| (container.name, new.plan)));
    }
    plans
}

/// Whether two containers are described alike.
fn is_same(known: &Plan, plan: &Plan) -> bool {
    let networks = match (&known.network, &plan.network) {
        (Some(known), Some(network)) => known.is_like(network),
        (known, network) => known.is_none() && network.is_none(),
    };
    known.maps == plan.maps && networks
}

impl Compose {
    /// The container of a service. `built` takes the Dockerfiles that are read for it.
    fn container(&self, root: &Path, service: &Service, built: &mut Vec<PathBuf>) -> Container {
        let directory = self.path.parent().unwrap_or(root);
        let recipe = service.build.as_ref().and_then(|build| {
            let context = normalize(&directory.join(&build.context));
            let path = normalize(&context.join(&build.dockerfile));
            let text = fs::read_to_string(&path).ok().filter(|_| path.starts_with(root))?;
            built.push(path);
            Some((Recipe::read(&text, build.target.as_deref()), context))
        });
        let name = format!("service {} of {}", service.name, shown(&inside(root, &self.path)));
        Container::of_service(service, recipe, name, root, directory)
    }

    /// The plans of its containers: each nginx with the PHP-FPMs that it may dial, and the PHP-FPMs of which no
    /// nginx is in view.
    fn plans(&self, root: &Path, found: &Found, containers: &[Container], composes: &[Compose]) -> Vec<(String, Plan)> {
        let holds: Vec<Option<Holds>> = containers.iter().map(|container| container.holds(root, found)).collect();
        let is_front = |holds: &Holds| holds.has_nginx && holds.is_given;
        let has_front = holds.iter().flatten().any(is_front);
        let project = self.project(root, composes);
        let mut plans = Vec::new();
        for (number, holds) in holds.into_iter().enumerate() {
            let container = &containers[number];
            let Some(Holds { mut plan, is_given: true, has_nginx, .. }) = holds else { continue };
            if has_nginx {
                // A network counts the services without the container's own.
                let others = || containers.iter().enumerate().filter(|(other, _)| *other != number).map(|(_, it)| it);
                let mut network = project.network(number, container.is_nginx() && !container.runs_more);
                for (service, other) in network.services.iter_mut().zip(others()) {
                    service.filled.extend(other.maps.iter().map(|map| map.to.clone()));
                    service.is_bare = other.is_bare();
                }
                plan.network = Some(network);
                let held = others().map(|other| other.holds(root, found).filter(|holds| holds.has_fpm)).enumerate();
                plan.neighbours = held.filter_map(|(service, holds)| Some((service, holds?.plan))).collect();
            } else if has_front {
                continue;
            }
            plans.push((container.name.clone(), plan));
        }
        plans
    }

    /// The project, with what the other compose files of the repository say besides.
    fn project<'a>(&'a self, root: &Path, composes: &'a [Compose]) -> Project<'a> {
        let others = || composes.iter().filter(|other| other.path != self.path);
        let beside = others().filter(|other| other.path.parent() == self.path.parent());
        let services = others().flat_map(|other| &other.file.services);
        let elsewhere: BTreeSet<&String> =
            services.flat_map(|service| std::iter::once(&service.name).chain(&service.aliases)).collect();
        Project {
            path: shown(&inside(root, &self.path)),
            text: &self.text,
            file: &self.file,
            beside: beside.map(|other| &other.file).collect(),
            elsewhere: elsewhere.into_iter().cloned().collect(),
        }
    }
}

impl Container {
    fn new(recipe: &Recipe, context: &Path, name: String, root: &Path) -> Self {
        let maps = recipe.copies.iter().flat_map(|(from, to)| copied(from, to, context, root));
        Container {
            name,
            base: recipe.base.clone(),
            maps: maps.collect(),
            is_changed: recipe.commands.iter().any(|command| changes_files(command)),
            runs_more: recipe.commands.iter().any(|command| command.contains("php") || command.contains("supervis")),
            has_foreign_files: recipe.has_foreign_files,
            fpm_main: None,
        }
    }

    fn of_service(
        service: &Service,
        built: Option<(Recipe, PathBuf)>,
        name: String,
        root: &Path,
        directory: &Path,
    ) -> Self {
        let mut container = match &built {
            Some((recipe, context)) => Container::new(recipe, context, name, root),
            None => {
                let base = service.image.clone().unwrap_or_default();
                let recipe = Recipe { base, ..Recipe::default() };
                // How an image is built that no Dockerfile here describes, nobody knows.
                let is_unknown = service.build.is_some();
                let container = Container::new(&recipe, directory, name, root);
                Container { is_changed: is_unknown, runs_more: is_unknown, ..container }
            }
        };
        // What is mounted covers what was copied.
        let binds = service.binds.iter().filter_map(|(from, to)| {
            let from = normalize(&directory.join(from));
            let is_here = from.starts_with(root) && from.exists();
            is_here.then(|| PathMap { from: inside(root, &from), to: normalize(Path::new(to)) })
        });
        container.maps.splice(0..0, binds.collect::<Vec<_>>());
        let command = service.command.as_deref().filter(|_| !service.has_entrypoint);
        container.fpm_main = command.and_then(fpm_main);
        let has_command = service.command.is_some() || service.has_entrypoint;
        container.is_changed |= has_command && container.is_php() && container.fpm_main.is_none();
        container.runs_more |= service.has_entrypoint;
        container
    }

    /// The image without its registry: `php` of `docker.io/library/php:8.2-fpm`, and the tag.
    fn image(&self) -> (&str, &str) {
        let base = self.base.trim_start_matches("docker.io/").trim_start_matches("library/");
        base.split('@').next().unwrap_or_default().split_once(':').unwrap_or((base, ""))
    }

    fn is_php(&self) -> bool {
        PHP_IMAGES.contains(&self.image().0) && self.image().1.contains("fpm")
    }

    fn is_nginx(&self) -> bool {
        matches!(self.image().0, "nginx" | "nginxinc/nginx-unprivileged")
    }

    /// Whether its image brings no scripts: the one of PHP alone, with nothing that is copied from elsewhere.
    fn is_bare(&self) -> bool {
        self.image().0 == "php" && !self.has_foreign_files
    }

    /// What it holds that can be checked; nothing where that cannot be told from the files.
    fn holds(&self, root: &Path, found: &Found) -> Option<Holds> {
        let files = [&found.nginx, &found.fragments, &found.fpm_mains, &found.fpm_pools];
        let is_mapped = |path: &PathBuf| self.maps.iter().any(|map| inside(root, path).starts_with(&map.from));
        let is_given = files.into_iter().flatten().any(is_mapped);
        let profile = match () {
            () if self.is_php() => Some(Profile::DockerPhp),
            () if self.is_nginx() => Some(Profile::DockerNginx),
            () => None,
        };
        let added = profile.map(Profile::files).unwrap_or_default();
        let host = Overlay::of_maps(Disk::new(root).ok()?, &self.maps, &added);
        let has_nginx = layout::NGINX_MAINS.iter().any(|main| host.entry(Path::new(main)).is_ok());
        let main = self.fpm_main.clone().filter(|main| host.entry(main).is_ok());
        let has_fpm = main.is_some() || !layout::masters(&host).is_empty();
        // Which pools an unknown image brings, or what a command makes of them, cannot be told.
        let is_known = !self.is_changed
            && match &main {
                // A main file that includes nothing is all that its PHP-FPM reads, whatever the image.
                Some(main) if profile.is_none() => host.read(main).is_ok_and(|text| !has_include(&text)),
                _ => profile.is_some() || is_distribution(self.image().0),
            };
        if !(has_nginx || has_fpm) || has_fpm && !is_known {
            return None;
        }
        let selection = Selection { fpm_mains: main.into_iter().collect(), ..Selection::default() };
        let plan = Plan {
            in_container: true,
            maps: self.maps.clone(),
            only_maps: true,
            added,
            facts: vec![FactsFile { versions: Some(self.versions(profile)), ..FactsFile::default() }],
            ..Plan::new(root.to_owned(), View::Overlay, selection)
        };
        Some(Holds { plan, is_given, has_nginx, has_fpm })
    }

    /// The versions that the tag of its image names.
    fn versions(&self, profile: Option<Profile>) -> Versions {
        let (image, tag) = self.image();
        let version = |text: &str| Version::parse(text).map(|_| text.to_owned());
        match profile {
            Some(Profile::DockerNginx) => Versions { nginx: version(tag), php: None },
            Some(_) if image == "php" => Versions { nginx: None, php: version(tag) },
            // `wordpress:6.5-php8.2-fpm`
            Some(_) => Versions { nginx: None, php: tag.split_once("php").and_then(|(_, tag)| version(tag)) },
            None => Versions::default(),
        }
    }
}

/// Official images that are made from `php`; with a tag `fpm` they run PHP-FPM as that does.
const PHP_IMAGES: [&str; 12] = [
    "php",
    "backdrop",
    "drupal",
    "friendica",
    "joomla",
    "matomo",
    "mediawiki",
    "monica",
    "nextcloud",
    "phpmyadmin",
    "wordpress",
    "yourls",
];

/// The main file that PHP-FPM reads when it is started by a command: the one behind `-y`, or that of the builds
/// whose program is called `php-fpm`.
fn fpm_main(command: &[String]) -> Option<PathBuf> {
    let program = command.first()?.rsplit('/').next()?;
    if program != "php-fpm" {
        return None;
    }
    let at = command.iter().position(|word| word == "-y" || word == "--fpm-config");
    let named = at.map(|at| command.get(at + 1));
    let glued = command.iter().find_map(|word| word.strip_prefix("--fpm-config=").or(word.strip_prefix("-y")));
    match (named, glued) {
        (Some(named), _) => named.map(PathBuf::from),
        (None, Some(named)) => Some(PathBuf::from(named)),
        (None, None) => Some(PathBuf::from("/usr/local/etc/php-fpm.conf")),
    }
}

/// Whether a main file of PHP-FPM includes others.
fn has_include(text: &[u8]) -> bool {
    String::from_utf8_lossy(text).lines().any(|line| line.trim_start().starts_with("include"))
}

/// Where `COPY` puts files of the context, which is the Dockerfile's directory or the repository.
fn copied(sources: &[String], to: &str, context: &Path, root: &Path) -> Vec<PathMap> {
    let is_directory = to.ends_with('/') || to.ends_with("/.") || sources.len() > 1;
    let Ok(host) = Disk::new(root) else { return Vec::new() };
    let mut maps = Vec::new();
    for source in sources {
        let source = source.trim_start_matches("./").trim_start_matches('/');
        let in_context = [context, root].into_iter().find_map(|context| {
            let pattern = inside(root, &normalize(&context.join(source)));
            let found = match glob::is_pattern(source) {
                true => glob::expand(&host, &pattern.to_string_lossy()),
                false => Some(pattern).filter(|path| host.entry(path).is_ok()).into_iter().collect(),
            };
            Some(found).filter(|found| !found.is_empty())
        });
        for from in in_context.unwrap_or_default() {
            let is_file = host.entry(&from).is_ok_and(|entry| entry.kind != crate::host::Kind::Directory);
            let name = from.file_name().filter(|_| is_file && (is_directory || glob::is_pattern(source)));
            let to = name.map_or_else(|| PathBuf::from(to), |name| Path::new(to).join(name));
            maps.push(PathMap { to: normalize(&to), from });
        }
    }
    maps
}

/// Whether a command may change what PHP-FPM reads: it edits files of that name, starts it with another main file,
/// or is a script.
fn changes_files(command: &str) -> bool {
    let has = |words: &[&str]| words.iter().any(|word| command.contains(word));
    let edits = has(&["sed ", "rm ", "mv ", "cp ", "ln ", "tee", "echo", "envsubst", "printf", "cat "]);
    let names_main = command.contains("php-fpm") && has(&[" -y", "\"-y", "--fpm-config"]);
    edits && has(&["fpm", "www.conf", "pool"]) || names_main || has(&[".sh", "/init", "entrypoint"])
}

/// Whether an image holds a distribution and nothing else.
fn is_distribution(image: &str) -> bool {
    let known = ["alpine", "debian", "ubuntu", "fedora", "rockylinux", "almalinux", "centos", "archlinux"];
    known.contains(&image)
}
