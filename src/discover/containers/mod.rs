//! Containers: which files of a repository Dockerfiles and compose files put where.
//!
//! Each container is looked at with its files in the places that they have inside of it. An nginx is joined with
//! the PHP-FPMs of the services that its compose file describes, as far as images and commands leave no doubt
//! about what those read.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use super::root::inside;
use super::walk::{Found, is_dockerfile};
use crate::deployment::{Network, Plan};
use crate::host::disk::Disk;
use crate::host::{normalize, shown};

mod compose;
mod config_maps;
mod container;
mod copies;
mod dockerfile;
mod effects;
mod env;
mod images;
mod instructions;
mod merge;
mod mounts;
mod networks;
mod packages;
mod pods;
mod repository;
mod scripts;
mod templates;
mod variables;
mod yaml;

use compose::Service;
use container::{Container, Holds};
use dockerfile::Recipe;
use env::Env;
use networks::Project;
use repository::{Built, Repository, filled};
use variables::Text;

/// Containers are looked at while no more files than this go into all of them together: a pattern may name many
/// files, and many containers the same ones.
const MAX_MAPS: usize = 100_000;

/// Of all compose files together so many services are read.
const MAX_SERVICES: usize = 3000;

/// So many PHP-FPMs are joined with nginx, counted again for each nginx that they stand beside: the model of each such
/// container holds all of them.
const MAX_JOINED: usize = 2000;

/// What a repository says of containers.
#[derive(Default)]
pub(super) struct Described {
    /// The plans of the containers, with a note on each.
    pub plans: Vec<(String, Plan)>,
    /// The compose files with more services than are read.
    pub beyond: Vec<PathBuf>,
    /// The templates into which nothing is filled in that is not known.
    pub filled: BTreeSet<PathBuf>,
}

/// A compose file that was read.
struct Compose {
    path: PathBuf,
    text: Text,
    file: compose::File,
    /// What its variables are filled in with.
    env: Env,
    /// Whether it was read only because another one names it.
    is_part: bool,
}

/// The containers that a repository describes.
pub(super) fn plans(root: &Path, found: &Found) -> Described {
    let Ok(disk) = Disk::new(root) else { return Described::default() };
    let files = [&found.nginx, &found.fragments, &found.fpm_mains, &found.fpm_pools, &found.by_environment];
    let files = files.into_iter().flatten().map(|path| inside(root, path)).collect();
    let templates = found.by_environment.iter().map(|path| inside(root, path)).collect();
    let mut repository = Repository {
        root,
        disk: &disk,
        files,
        templates,
        recipes: HashMap::new(),
        left: MAX_MAPS,
        services: MAX_SERVICES,
        joined: MAX_JOINED,
    };
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let (dockerfiles, composes): (Vec<_>, Vec<_>) =
        found.containers.iter().partition(|path| is_dockerfile(&name(path)));
    let composes = composes.into_iter().map(|path| repository.compose(path)).collect();
    let composes = merge::merged(repository.with_named(composes));
    let mut described = Vec::new();
    for compose in &composes {
        let services = compose.file.services.iter();
        let containers: Vec<Container> =
            services.map(|service| compose.container(service, &composes, &mut repository)).collect();
        described.extend(compose.plans(&mut repository, &containers, &composes));
    }
    for path in dockerfiles {
        if repository.recipes.get(path).is_some_and(|recipes| recipes.values().any(Option::is_some)) {
            continue;
        }
        let file = repository.text(path);
        let recipe = Recipe::read(&file.1, None, &BTreeMap::new());
        let context = path.parent().unwrap_or(root);
        let mut container = Container::new(&recipe, context, file.0.clone(), &mut repository);
        container.environment = variables::of_image(&recipe, &file);
        let holds = container.holds(&repository).filter(|holds| holds.is_given);
        described.extend(holds.map(|holds| (container.name, holds.plan)));
    }
    described.extend(pods::plans(&mut repository, &found.kubernetes));
    // Several compose files often describe the same containers.
    let mut known: HashMap<_, Vec<(Option<Network>, _)>> = HashMap::new();
    described.retain(|(_, plan)| {
        let alike = known.entry((plan.maps.clone(), plan.added.clone())).or_default();
        let is_same = |(network, environment): &(Option<Network>, _)| {
            is_like(network.as_ref(), plan.network.as_ref()) && *environment == plan.environment
        };
        let is_new = !alike.iter().any(is_same);
        if is_new {
            alike.push((plan.network.clone(), plan.environment.clone()));
        }
        is_new
    });
    let beyond = composes.into_iter().filter(|compose| compose.file.is_cut).map(|compose| compose.path).collect();
    let filled = filled(&repository, described.iter().map(|(_, plan)| plan));
    Described { plans: described, beyond, filled }
}

/// Whether a file of another name is a compose file, such as the `stack.yml` of a swarm: all of its services have an
/// image or a build.
pub(super) fn is_compose(text: &str) -> bool {
    let has_words = (text.starts_with("services:") || text.contains("\nservices:")) && text.contains("image:");
    let Some(file) = has_words.then(|| yaml::Value::read(text)).flatten() else { return false };
    let services = file.get("services").map(yaml::Value::entries).unwrap_or_default();
    let is_service =
        |entry: &yaml::Entry| ["image", "build", "extends"].iter().any(|key| entry.value.get(key).is_some());
    !services.is_empty() && services.iter().all(is_service)
}

/// Whether containers with the same files meet the same services.
fn is_like(known: Option<&Network>, network: Option<&Network>) -> bool {
    match (known, network) {
        (Some(known), Some(network)) => known.is_like(network),
        (known, network) => known.is_none() && network.is_none(),
    }
}

/// Tells the plan of nginx's container, by its number in the project, of the containers around it.
fn join(plan: &mut Plan, own: usize, project: &Project, containers: &[Container], holds: &[Option<Holds>]) {
    let is_alone = containers[own].is_nginx() && !containers[own].runs_more;
    let mut network = project.network(own, is_alone);
    // A network counts the services without the container's own.
    let others = containers.iter().zip(holds).enumerate().filter(|(number, _)| *number != own);
    for (service, (_, (other, held))) in others.enumerate() {
        let seen = &mut network.services[service];
        seen.filled.extend(other.maps.iter().map(|map| map.to.clone()));
        seen.is_bare = other.is_bare();
        seen.is_plain = other.is_plain;
        let fpm = held.as_ref().filter(|held| held.has_fpm);
        plan.neighbours.extend(fpm.map(|held| (service, held.plan.clone())));
    }
    network.has_unseen_files = plan.has_unseen_files;
    plan.network = Some(network);
}

impl Compose {
    /// The container of a service.
    fn container(&self, service: &Service, composes: &[Compose], repository: &mut Repository<'_>) -> Container {
        let directory = self.path.parent().unwrap_or(repository.root);
        let built = repository.built(service, directory);
        let name = format!("service {} of {}", service.name, shown(&inside(repository.root, &self.path)));
        let mut container = Container::of_service(service, built.as_ref(), name, directory, repository);
        let image = built.map(|built| variables::of_image(&built.recipe, &built.file)).unwrap_or_default();
        let files: Vec<_> = service.env_files.iter().map(|file| normalize(&directory.join(file))).collect();
        let files: Vec<_> =
            files.iter().map(|file| repository.read(file).is_some().then(|| repository.text(file))).collect();
        container.environment = service.environment_over(image, &files, &self.env);
        container.environment.is_whole &= service.extends.is_none() && container.knows_environment();
        let is_beside = |other: &&Compose| other.path != self.path && other.path.parent() == self.path.parent();
        let beside = composes.iter().filter(is_beside);
        let same = beside.flat_map(|other| &other.file.services).filter(|other| other.name == service.name);
        for other in same {
            other.leave_open(&mut container.environment);
            container.is_plain &= other.mounts.is_empty() && other.build.is_none() && other.extends.is_none();
        }
        container
    }

    /// The plans of its containers: each nginx with the PHP-FPMs that it may dial, and the PHP-FPMs of which no
    /// nginx is in view.
    fn plans(
        &self,
        repository: &mut Repository<'_>,
        containers: &[Container],
        composes: &[Compose],
    ) -> Vec<(String, Plan)> {
        let holds: Vec<Option<Holds>> = containers.iter().map(|container| container.holds(repository)).collect();
        let has_front = holds.iter().flatten().any(|holds| holds.has_nginx && holds.is_given);
        let project = self.project(repository.root, composes);
        let mut plans = Vec::new();
        for (number, (container, held)) in containers.iter().zip(&holds).enumerate() {
            let Some(own) = held.as_ref().filter(|own| own.is_given) else { continue };
            let mut plan = own.plan.clone();
            match own.has_nginx {
                true => {
                    let others = holds.iter().enumerate().filter(|(other, _)| *other != number);
                    let pools = others.filter(|(_, held)| held.as_ref().is_some_and(|held| held.has_fpm)).count();
                    match repository.joined.checked_sub(pools) {
                        Some(left) => {
                            repository.joined = left;
                            join(&mut plan, number, &project, containers, &holds);
                        }
                        None => plan.unpaired = Some(format!("more than {MAX_JOINED} PHP-FPMs stand beside an nginx")),
                    }
                }
                false if has_front => continue,
                false => {}
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
            text: &self.text.1,
            file: &self.file,
            beside: beside.map(|other| &other.file).collect(),
            elsewhere: elsewhere.into_iter().cloned().collect(),
        }
    }
}
