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
use crate::deployment::Plan;
use crate::host::{normalize, shown};

mod compose;
mod container;
mod dockerfile;
mod env;
mod networks;
mod yaml;

use compose::Service;
use container::{Container, Holds};
use dockerfile::Recipe;
use env::Env;
use networks::Project;

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
        let fpm = held.as_ref().filter(|held| held.has_fpm);
        plan.neighbours.extend(fpm.map(|held| (service, held.plan.clone())));
    }
    plan.network = Some(network);
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
        let has_front = holds.iter().flatten().any(|holds| holds.has_nginx && holds.is_given);
        let project = self.project(root, composes);
        let mut plans = Vec::new();
        for (number, (container, held)) in containers.iter().zip(&holds).enumerate() {
            let Some(own) = held.as_ref().filter(|own| own.is_given) else { continue };
            let mut plan = own.plan.clone();
            match own.has_nginx {
                true => join(&mut plan, number, &project, containers, &holds),
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
            text: &self.text,
            file: &self.file,
            beside: beside.map(|other| &other.file).collect(),
            elsewhere: elsewhere.into_iter().cloned().collect(),
        }
    }
}
