//! What compose files take from each other: `extends`, `include`, and the override file that `docker compose` lays
//! over the file beside it.

use std::path::{Component, Path, PathBuf};

use super::Compose;
use super::compose::{MAX_SERVICES, Networks, Service, has_too_many_variables};

/// Services extend each other no further than this.
const MAX_EXTENDED: usize = 20;

/// How the files are called that `docker compose` reads without being told, and how the one is that it lays over.
const DEFAULTS: [&str; 2] = ["compose", "docker-compose"];

/// Puts into each file what it takes from others. Files that are a part of another one are none of their own.
pub(super) fn merged(composes: Vec<Compose>) -> Vec<Compose> {
    let is_part = |path: &Path| {
        composes.iter().any(|compose| {
            let mut included = compose.file.includes.iter().filter_map(|other| compose.find(other, &composes));
            compose.override_path(&composes) == Some(path) || included.any(|other| other.path == path)
        })
    };
    let own = composes.iter().filter(|compose| !compose.is_part && !is_part(&compose.path));
    own.map(|compose| compose.with_others(&composes)).collect()
}

impl Compose {
    fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    /// The file beside this one that is laid over it.
    fn override_path<'a>(&self, composes: &'a [Compose]) -> Option<&'a Path> {
        let stem = self.path.file_stem()?.to_str().filter(|stem| DEFAULTS.contains(stem))?;
        let is_over = |other: &&Compose| {
            let beside = other.path.parent() == self.path.parent();
            beside && other.path.file_stem().is_some_and(|name| name == format!("{stem}.override").as_str())
        };
        composes.iter().find(is_over).map(|other| other.path.as_path())
    }

    fn with_others(&self, all: &[Compose]) -> Compose {
        let mut file = self.file.clone();
        let services = self.file.services.iter();
        file.services = services.map(|service| self.extended(service, all, MAX_EXTENDED)).collect();
        let mut taken = Vec::new();
        file.includes.retain(|path| match self.find(path, all) {
            Some(other) => {
                taken.push(other);
                false
            }
            None => true,
        });
        for other in taken {
            // What is included there is not followed any further.
            file.includes.extend(other.file.includes.iter().cloned());
            file.external.extend(other.file.external.iter().cloned());
            for service in &other.file.services {
                let service = other.extended(service, all, MAX_EXTENDED).moved(&other.path, self);
                if file.services.iter().all(|own| own.name != service.name) {
                    file.services.push(service);
                }
            }
        }
        let over = self.override_path(all).and_then(|path| all.iter().find(|other| other.path == path));
        if let Some(other) = over {
            file.includes.extend(other.file.includes.iter().cloned());
            file.external.extend(other.file.external.iter().cloned());
            for service in &other.file.services {
                let service = other.extended(service, all, MAX_EXTENDED).moved(&other.path, self);
                match file.services.iter_mut().find(|own| own.name == service.name) {
                    Some(own) => *own = service.over(own),
                    None => file.services.push(service),
                }
            }
        }
        file.is_cut |= file.services.len() > MAX_SERVICES || has_too_many_variables(&file.services);
        if file.is_cut {
            file.services.clear();
        }
        Compose { path: self.path.clone(), text: self.text.clone(), env: self.env.clone(), file, is_part: self.is_part }
    }

    /// The files that it names: those that it includes, and those of the services that it extends.
    pub(super) fn named(&self) -> impl Iterator<Item = PathBuf> {
        let extended = self.file.services.iter().filter_map(|service| service.extends.as_ref()?.0.as_ref());
        let paths = self.file.includes.iter().chain(extended).filter(|path| !path.is_empty());
        paths.map(|path| crate::host::normalize(&self.directory().join(path)))
    }

    /// Another file that is named in this one.
    fn find<'a>(&self, path: &str, all: &'a [Compose]) -> Option<&'a Compose> {
        let path = crate::host::normalize(&self.directory().join(path));
        all.iter().find(|other| other.path == path)
    }

    /// A service with what it extends; it still says what it extends where that is not found.
    fn extended(&self, service: &Service, all: &[Compose], depth: usize) -> Service {
        let Some((file, name)) = service.extends.as_ref().filter(|_| depth > 0) else { return service.clone() };
        let other = match file {
            Some(path) => self.find(path, all),
            None => Some(self),
        };
        let base = other.and_then(|other| Some((other, other.file.services.iter().find(|base| base.name == *name)?)));
        let Some((other, base)) = base else { return service.clone() };
        let base = other.extended(base, all, depth - 1);
        let base = if other.path == self.path { base } else { base.moved(&other.path, self) };
        let extends = base.extends.clone();
        Service { extends, ..service.over(&base) }
    }
}

impl Service {
    /// A service of another file as it is in `to`: paths begin there, and lines are none of that file's.
    fn moved(&self, from: &Path, to: &Compose) -> Service {
        let mut moved = Service { line: 0, networks_line: 0, ..self.clone() };
        let prefix = from.parent().and_then(|directory| relative(directory, to.directory()));
        let Some(prefix) = prefix.filter(|prefix| !prefix.as_os_str().is_empty()) else { return moved };
        let shift = |path: &mut String| {
            if path.starts_with('.') {
                *path = cleaned(&prefix.join(&*path));
            }
        };
        moved.binds.iter_mut().chain(&mut moved.mounts).for_each(|(source, _)| shift(source));
        moved.env_files.iter_mut().for_each(|path| *path = cleaned(&prefix.join(&*path)));
        if let Some(build) = &mut moved.build {
            build.context = cleaned(&prefix.join(&build.context));
        }
        moved
    }

    /// This service laid over another one, as compose does it (compose specification, "Merge").
    fn over(&self, base: &Service) -> Service {
        let mut merged = self.clone();
        if merged.image.is_none() && merged.build.is_none() {
            (merged.image, merged.build) = (base.image.clone(), base.build.clone());
        } else {
            merged.build = merged.build.or_else(|| base.build.clone());
        }
        let is_free = |target: &str| !self.mounts.iter().any(|(_, own)| own == target);
        merged.binds.extend(base.binds.iter().filter(|(_, target)| is_free(target)).cloned());
        merged.mounts.extend(base.mounts.iter().filter(|(_, target)| is_free(target)).cloned());
        merged.read_only.extend(base.read_only.iter().filter(|target| is_free(target)).cloned());
        merged.volumes_from.extend(base.volumes_from.iter().cloned());
        merged.command = merged.command.or_else(|| base.command.clone());
        merged.has_entrypoint |= base.has_entrypoint;
        merged.has_user |= base.has_user;
        merged.is_filled |= base.is_filled;
        merged.environment = base.environment.iter().chain(&self.environment).cloned().collect();
        merged.env_files = base.env_files.iter().chain(&self.env_files).cloned().collect();
        merged.aliases.extend(base.aliases.iter().cloned());
        merged.links.extend(base.links.iter().cloned());
        merged.extra_hosts.extend(base.extra_hosts.iter().cloned());
        merged.knows_others |= base.knows_others;
        merged.published.extend(base.published.iter().copied());
        merged.exposed.extend(base.exposed.iter().copied());
        (merged.networks, merged.networks_line) = match (&self.networks, &base.networks) {
            (_, Networks::Default) => (self.networks.clone(), self.networks_line),
            (Networks::Default, _) => (base.networks.clone(), base.networks_line),
            (Networks::Named(own), Networks::Named(others)) => {
                let others = others.iter().filter(|other| !own.contains(other));
                (Networks::Named(own.iter().chain(others).cloned().collect()), self.networks_line)
            }
            (own, _) => (own.clone(), self.networks_line),
        };
        if merged.line == 0 {
            merged.line = base.line;
        }
        merged
    }
}

/// The way from a directory to another one.
fn relative(directory: &Path, from: &Path) -> Option<PathBuf> {
    let common = directory.ancestors().find(|above| from.starts_with(above))?;
    let up = from.strip_prefix(common).ok()?.components().map(|_| Component::ParentDir);
    Some(up.chain(directory.strip_prefix(common).ok()?.components()).collect())
}

/// A relative path that begins with a dot, without detours.
fn cleaned(path: &Path) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.components() {
        match (part, parts.last()) {
            (Component::Normal(name), _) => parts.extend(name.to_str()),
            (Component::ParentDir, None | Some(&"..")) => parts.push(".."),
            (Component::ParentDir, Some(_)) => drop(parts.pop()),
            _ => {}
        }
    }
    let is_above = parts.first() == Some(&"..");
    let joined = parts.join("/");
    if is_above { joined } else { format!("./{joined}") }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::compose;
    use super::super::env::Env;
    use super::*;

    fn compose(path: &str, text: &str) -> Compose {
        let text = (path.to_owned(), text.into());
        let file = compose::read(&text, &Env::default());
        Compose { path: path.into(), text, file, env: Env::default(), is_part: false }
    }

    fn service<'a>(merged: &'a [Compose], path: &str, name: &str) -> &'a Service {
        let compose = merged.iter().find(|compose| compose.path == Path::new(path)).unwrap();
        compose.file.services.iter().find(|service| service.name == name).unwrap()
    }

    #[test]
    fn services_extend_others() {
        let merged = merged(vec![
            compose(
                "/r/compose.yaml",
                "services:\n  a: {extends: b, image: y, environment: [X=2]}\n  b: {extends: {file: ../c/base.yml, service: z}}\n  \
                 d: {extends: gone}\n  e: {extends: f}\n  f: {extends: e}\n",
            ),
            compose(
                "/c/base.yml",
                "services:\n  z: {image: x, volumes: ['./p:/p', 'v:/v'], env_file: e.env, environment: {X: 1}, networks: [n]}\n",
            ),
        ]);
        let a = service(&merged, "/r/compose.yaml", "a");
        assert_eq!((a.image.as_deref(), &a.extends), (Some("y"), &None));
        assert_eq!(
            (a.env_files.as_slice(), &a.networks),
            (&["../c/e.env".to_owned()][..], &Networks::Named(vec!["n".into()]))
        );
        let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        assert_eq!((&a.binds[..], &a.mounts[1]), (&[pair("../c/p", "/p")][..], &pair("v", "/v")));
        let values: Vec<_> = a.environment.iter().map(|(_, variable)| variable.value.as_deref().unwrap()).collect();
        assert_eq!(values, ["1", "2"]);
        // What is not there, and what goes in a circle, stays open.
        for open in ["d", "e"] {
            assert!(service(&merged, "/r/compose.yaml", open).extends.is_some(), "{open}");
        }
    }

    #[test]
    fn an_override_file_is_laid_over_the_file_beside_it() {
        let merged = merged(vec![
            compose("/r/compose.yaml", "services:\n  a: {image: x, volumes: ['./p:/p'], networks: [n]}\n"),
            compose(
                "/r/compose.override.yaml",
                "services:\n  a: {volumes: ['./o:/p'], networks: [m]}\n  b: {image: y}\n",
            ),
            compose("/r/compose.prod.yaml", "services:\n  a: {image: z}\n"),
        ]);
        assert_eq!(merged.len(), 2);
        let a = service(&merged, "/r/compose.yaml", "a");
        assert_eq!((a.image.as_deref(), a.line, &*a.binds[0].0, a.binds.len()), (Some("x"), 2, "./o", 1));
        assert_eq!(a.networks, Networks::Named(vec!["m".into(), "n".into()]));
        assert_eq!(service(&merged, "/r/compose.yaml", "b").line, 0);
        assert_eq!(service(&merged, "/r/compose.prod.yaml", "a").image.as_deref(), Some("z"));
    }

    #[test]
    fn included_files_are_a_part() {
        let merged = merged(vec![
            compose("/r/compose.yaml", "include: [php/compose.yaml, gone.yaml]\nservices:\n  a: {image: x}\n"),
            compose("/r/php/compose.yaml", "services:\n  b: {build: ., volumes: ['../app:/app']}\n"),
        ]);
        let b = service(&merged, "/r/compose.yaml", "b");
        assert_eq!((&*b.binds[0].0, &*b.build.as_ref().unwrap().context), ("./app", "./php"));
        assert_eq!(merged[0].file.includes, ["gone.yaml"]);
    }
}
