//! Pods of Kubernetes: containers with one network between them, whose files come out of ConfigMaps and volumes.
//!
//! A pod is to its containers what a compose file with one network namespace is to services: they have one loopback,
//! files of their own, and the volumes that several of them mount (Kubernetes' manual, "Pods" and "Volumes").

use std::path::{Path, PathBuf};

use super::compose::{File, Networks, Service};
use super::config_maps::{ConfigMap, ConfigMaps, Content, documents};
use super::container::{Container, Holds};
use super::networks::Project;
use super::variables::{self, Text};
use super::yaml::{Entry, Value};
use super::{Repository, join};
use crate::deployment::Plan;
use crate::host::overlay::Added;

/// What describes pods.
const KINDS: [&str; 7] =
    ["Pod", "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job", "ReplicationController"];

/// Of a pod with more containers nothing is read.
const MAX_CONTAINERS: usize = 50;

/// So many files are looked through for pods and ConfigMaps.
const MAX_FILES: usize = 500;

/// Images of which none speaks FastCGI or HTTP at a port that nginx may dial.
const QUIET: [&str; 8] = ["busybox", "memcached", "mariadb", "mysql", "postgres", "redis", "valkey", "fluent-bit"];

/// A pod: its containers, and those that run before them.
struct Pod {
    services: Vec<Service>,
    containers: Vec<Container>,
    /// Whether something in it may listen or write files that is not in view.
    is_open: bool,
}

/// The plans of the containers of all pods, with the files that they take out of ConfigMaps.
pub(super) fn plans(repository: &mut Repository<'_>, files: &[PathBuf]) -> Vec<(String, Plan)> {
    let files: Vec<(&PathBuf, Text)> = files.iter().take(MAX_FILES).map(|path| (path, repository.text(path))).collect();
    let mut maps = ConfigMaps::default();
    files.iter().for_each(|(path, text)| maps.read(path, text));
    let mut described = Vec::new();
    for (path, text) in &files {
        for document in documents(&text.1).iter().filter(|document| document.contains("containers:")) {
            let Some(value) = Value::read(document) else { continue };
            let Some(spec) = value.text("kind").filter(|kind| KINDS.contains(kind)).and_then(|_| spec(&value)) else {
                continue;
            };
            let name = value.get("metadata").and_then(|metadata| metadata.text("name")).unwrap_or_default();
            let pod = Pod::read(name, spec, path, text, &maps, repository);
            described.extend(pod.into_iter().flat_map(|pod| pod.plans(text, repository)));
        }
    }
    described
}

/// What a document says of its pods.
fn spec(document: &Value) -> Option<&Value> {
    let spec = document.get("spec")?;
    spec.get("template").and_then(|template| template.get("spec")).or(Some(spec))
}

impl Pod {
    fn read(
        name: &str,
        spec: &Value,
        path: &Path,
        text: &Text,
        maps: &ConfigMaps,
        repository: &mut Repository<'_>,
    ) -> Option<Self> {
        let all: Vec<&Value> = spec.get("containers")?.members().collect();
        if all.len() > MAX_CONTAINERS || text.1.contains("{{") {
            return None;
        }
        let volumes: Vec<&Value> = spec.get("volumes").into_iter().flat_map(Value::members).collect();
        let is_secured = spec.get("securityContext").is_some();
        let mut pod = Pod { services: Vec::new(), containers: Vec::new(), is_open: false };
        for own in all {
            let mut service = service(own, is_secured);
            let mut mounted = Mounted::default();
            for mount in own.get("volumeMounts").into_iter().flat_map(Value::members) {
                mounted.take_in(mount, &volumes, maps, path, &mut service)?;
            }
            let label = format!("container {} of {name} in {}", service.name, text.0);
            let directory = path.parent().unwrap_or(repository.root);
            let mut container = Container::of_service(&service, None, label, directory, repository);
            container.lay(mounted.added, mounted.hidden);
            container.environment = variables::of_pod(own, text);
            pod.services.push(service);
            pod.containers.push(container);
        }
        pod.is_open = !pod.is_whole(repository);
        Some(pod)
    }

    /// Whether it is known of each container what listens there.
    fn is_whole(&self, repository: &Repository<'_>) -> bool {
        self.containers.iter().zip(&self.services).all(|(container, service)| {
            let has_fpm = || container.holds(repository).is_some_and(|holds| holds.has_fpm);
            container.is_nginx() || is_quiet(service.image.as_deref().unwrap_or_default()) || has_fpm()
        })
    }

    fn plans(self, text: &Text, repository: &mut Repository<'_>) -> Vec<(String, Plan)> {
        let holds: Vec<Option<Holds>> = self.containers.iter().map(|container| container.holds(repository)).collect();
        let file = File { services: self.services, ..File::default() };
        let project =
            Project { path: text.0.clone(), text: &text.1, file: &file, beside: Vec::new(), elsewhere: Vec::new() };
        let has_front = holds.iter().flatten().any(|holds| holds.has_nginx && holds.is_given);
        let mut plans = Vec::new();
        for (number, (container, held)) in self.containers.iter().zip(&holds).enumerate() {
            let Some(own) = held.as_ref().filter(|own| own.is_given) else { continue };
            let mut plan = own.plan.clone();
            if !own.has_nginx && has_front && !self.is_open {
                continue;
            }
            if own.has_nginx && self.is_open {
                plan.unpaired = Some(format!("not all of the containers beside {} are in view", container.name));
            } else if own.has_nginx {
                let others = holds.iter().flatten().filter(|held| held.has_fpm).count();
                let Some(left) = repository.joined.checked_sub(others) else { continue };
                repository.joined = left;
                join(&mut plan, number, &project, &self.containers, &holds);
            }
            plans.push((container.name.clone(), plan));
        }
        plans
    }
}

/// What a container takes out of ConfigMaps.
#[derive(Default)]
struct Mounted {
    /// Their texts.
    added: Vec<Added>,
    /// The directories that they hide.
    hidden: Vec<PathBuf>,
}

impl Mounted {
    /// Takes in a mount of a container in the file `path`; other volumes go to its service. Nothing where the mount
    /// lacks a name or a path.
    fn take_in(
        &mut self,
        mount: &Value,
        volumes: &[&Value],
        maps: &ConfigMaps,
        path: &Path,
        service: &mut Service,
    ) -> Option<()> {
        let (volume, target) = (mount.text("name")?, mount.text("mountPath")?);
        let part = mount.text("subPath");
        let source = volumes.iter().find(|one| one.text("name") == Some(volume));
        let config = source.and_then(|source| source.get("configMap"));
        let map = config.and_then(|config| maps.find(config.text("name")?, path));
        let Some((config, map)) = config.zip(map) else {
            // What is below a part of a volume is none of the same part elsewhere.
            let source = part.map_or_else(|| volume.to_owned(), |part| format!("{volume}/{part}"));
            service.mounts.push((source, target.to_owned()));
            return Some(());
        };
        if part.is_none() {
            self.hidden.push(target.into());
        }
        for (target, content) in laid(config, map, target, part) {
            match content {
                Content::Text((shown, _), text) => self.added.push(Added { path: target.into(), shown, text }),
                Content::File(file) => {
                    let from = file.strip_prefix(path.parent()?).map(|from| Path::new(".").join(from));
                    let from = from.unwrap_or_else(|_| file.clone());
                    service.binds.push((from.to_string_lossy().into_owned(), target));
                }
                Content::Open => service.mounts.push((String::new(), target)),
            }
        }
        Some(())
    }
}

/// A container as compose would say it: with the loopback of the others of its pod.
fn service(container: &Value, is_secured: bool) -> Service {
    let text = |key| container.text(key).map(str::to_owned);
    let args = container.get("args").map(|args| args.texts().into_iter().map(str::to_owned).collect());
    Service {
        name: text("name").unwrap_or_default(),
        line: container.entry("name").map_or(0, |entry: &Entry| entry.line),
        image: text("image"),
        command: args,
        has_entrypoint: container.get("command").is_some(),
        // Containers that run before it may fill what it sees.
        is_filled: true,
        has_user: is_secured || container.get("securityContext").is_some(),
        networks: Networks::Mode("pod".to_owned()),
        ..Service::default()
    }
}

/// Where the keys of a ConfigMap come to lie: all or those that `items` names, below a directory or one as a file.
fn laid(config: &Value, map: &ConfigMap, target: &str, part: Option<&str>) -> Vec<(String, Content)> {
    let items: Vec<&Value> = config.get("items").into_iter().flat_map(Value::members).collect();
    let named = map.keys.iter().filter_map(|(key, content)| {
        let item = items.iter().find(|item| item.text("key") == Some(key));
        let path = match item {
            Some(item) => item.text("path")?,
            None if items.is_empty() => key,
            None => return None,
        };
        Some((path.to_owned(), content.clone()))
    });
    match part {
        Some(part) => named.filter(|(path, _)| path == part).map(|(_, content)| (target.to_owned(), content)).collect(),
        None => named.map(|(path, content)| (format!("{}/{path}", target.trim_end_matches('/')), content)).collect(),
    }
}

/// Whether an image listens at nothing that nginx dials.
fn is_quiet(image: &str) -> bool {
    let name = image.rsplit('/').next().unwrap_or(image).split([':', '@']).next().unwrap_or(image);
    QUIET.contains(&name) || name.contains("exporter")
}
