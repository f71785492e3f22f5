//! A tree whose files lie elsewhere than on the host they are for, with texts that are on no disk.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::Disk;
use super::{Access, Entry, Host, Kind, Opened, ReadError, normalize, shown};
use crate::values::environment::Environment;

/// A file or directory of the tree, and where it is when it is deployed. Both are absolute inside the root.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PathMap {
    /// Where it lies.
    pub from: PathBuf,
    /// Where it belongs.
    pub to: PathBuf,
}

/// A text that is on no disk: what was read from the standard input, what an image brings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Added {
    /// The path at which it is found.
    pub path: PathBuf,
    /// What it is called in reports.
    pub shown: String,
    /// The text.
    pub text: Vec<u8>,
}

/// The tree. A path is looked up where maps lead, then among the added texts, then as it is.
#[derive(Debug)]
pub struct Overlay {
    disk: Disk,
    /// Where things lie, by where they belong; of two that belong to one place, the first counts.
    maps: BTreeMap<PathBuf, Vec<PathBuf>>,
    added: BTreeMap<PathBuf, Added>,
    /// Whether a path leads nowhere but where maps lead.
    only_maps: bool,
    environment: Option<Arc<Environment>>,
    /// The files of nginx that the environment is filled into.
    templates: BTreeSet<PathBuf>,
    /// Files of the tree that are as good as not there.
    without: Vec<PathBuf>,
}

impl Overlay {
    /// Lays maps and texts over a tree.
    pub fn new(disk: Disk, maps: &[PathMap], added: &[Added]) -> Self {
        let mut by_place: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
        for map in maps {
            by_place.entry(map.to.clone()).or_default().push(map.from.clone());
        }
        let added = added.iter().map(|added| (normalize(&added.path), added.clone())).collect();
        Overlay {
            disk,
            maps: by_place,
            added,
            only_maps: false,
            environment: None,
            templates: BTreeSet::new(),
            without: Vec::new(),
        }
    }

    /// What maps and texts alone make up: a container, of whose files a repository holds some.
    pub fn of_maps(disk: Disk, maps: &[PathMap], added: &[Added]) -> Self {
        Overlay { only_maps: true, ..Overlay::new(disk, maps, added) }
    }

    /// The same with an environment, and the files of nginx that it is filled into.
    pub fn filled_by(self, environment: Option<Arc<Environment>>, templates: BTreeSet<PathBuf>) -> Self {
        Overlay { environment, templates, ..self }
    }

    /// The same without some files of the tree. A pattern still finds their names, so that what they bring counts
    /// as not known.
    pub fn without(mut self, files: &[PathBuf]) -> Self {
        self.without.extend_from_slice(files);
        self
    }

    /// What is at a path that no map leads to.
    fn own(&self, path: &Path) -> Result<Entry, ReadError> {
        if self.only_maps || self.lacks(path) { Err(ReadError::NotFound) } else { self.disk.entry(path) }
    }

    fn lacks(&self, path: &Path) -> bool {
        !self.without.is_empty() && self.without.contains(&normalize(path))
    }

    /// Where maps put a path without `..`. The map of the deepest directory says most about it and comes first.
    fn mapped<'a>(&'a self, path: &'a Path) -> impl Iterator<Item = PathBuf> + 'a {
        let mapped = path.ancestors().filter_map(|to| Some((self.maps.get(to)?, path.strip_prefix(to).ok()?)));
        mapped.flat_map(|(places, rest)| places.iter().map(move |from| joined(from, rest)))
    }

    /// The mapped place at which something is.
    fn found(&self, path: &Path) -> Option<PathBuf> {
        let path = normalize(path);
        let own = Some(path.clone()).filter(|_| !self.only_maps);
        for place in self.mapped(&path).chain(own.clone()) {
            match self.disk.entry(&place) {
                Err(ReadError::NotFound) => {}
                // A link names what it leads to as it is called where it is deployed.
                Err(ReadError::Dangling { .. }) => {
                    let target = self.disk.link_target(&place).map(|target| normalize(&target));
                    let mut places = target.iter().flat_map(|target| self.mapped(target));
                    let led = places.find(|place| self.disk.entry(place).is_ok());
                    return led.or(Some(place).filter(|place| Some(place) != own.as_ref()));
                }
                _ => return Some(place).filter(|place| Some(place) != own.as_ref()),
            }
        }
        None
    }

    /// The paths at and below a directory that exist here and perhaps not on the disk. Paths are ordered by their
    /// components, so these stand together.
    fn virtual_paths<'a>(&'a self, directory: &'a Path) -> impl Iterator<Item = &'a PathBuf> {
        let maps = self.maps.range(directory.to_owned()..).map(|(to, _)| to);
        let added = self.added.range(directory.to_owned()..).map(|(path, _)| path);
        let below = move |path: &&PathBuf| path.starts_with(directory);
        maps.take_while(below).chain(added.take_while(below))
    }
}

/// A path below another, which itself stays as it is.
fn joined(directory: &Path, rest: &Path) -> PathBuf {
    if rest.as_os_str().is_empty() { directory.to_owned() } else { directory.join(rest) }
}

impl Host for Overlay {
    fn open(&self, path: &Path) -> Result<Opened, ReadError> {
        match (self.found(path), self.added.get(&normalize(path))) {
            (Some(place), _) => self.disk.open(&place),
            (None, Some(added)) if self.own(path).is_err() => {
                Ok(Opened { bytes: added.text.clone(), real: normalize(path), by_text: false })
            }
            (None, _) if self.only_maps || self.lacks(path) => Err(ReadError::NotFound),
            (None, _) => self.disk.open(path),
        }
    }

    fn list(&self, directory: &Path) -> Vec<OsString> {
        let directory = normalize(directory);
        let below =
            |path: &PathBuf| Some(path.strip_prefix(&directory).ok()?.components().next()?.as_os_str().to_owned());
        let own = if self.only_maps { Vec::new() } else { self.disk.list(&directory) };
        let mut names: BTreeSet<OsString> = own.into_iter().collect();
        names.extend(self.virtual_paths(&directory).filter_map(below));
        names.extend(self.mapped(&directory).flat_map(|place| self.disk.list(&place)));
        names.into_iter().collect()
    }

    fn is_closed(&self, directory: &Path) -> bool {
        match self.found(directory) {
            Some(place) => self.disk.is_closed(&place),
            None => !self.only_maps && self.disk.is_closed(directory),
        }
    }

    fn entry(&self, path: &Path) -> Result<Entry, ReadError> {
        if let Some(place) = self.found(path) {
            return self.disk.entry(&place);
        }
        let own = self.own(path);
        let real = normalize(path);
        let kind = match () {
            () if own.is_ok() => return own,
            () if self.added.contains_key(&real) => Kind::File,
            () if self.virtual_paths(&real).any(|path| *path != real) => Kind::Directory,
            () => return own,
        };
        Ok(Entry { real, kind, access: Access::default(), has_acl: false, by_text: false })
    }

    fn link_target(&self, path: &Path) -> Option<PathBuf> {
        match self.found(path) {
            Some(place) => self.disk.link_target(&place),
            None if self.only_maps => None,
            None => self.disk.link_target(path),
        }
    }

    fn is_exhausted(&self) -> bool {
        self.disk.is_exhausted()
    }

    fn environment(&self) -> Option<&Arc<Environment>> {
        self.environment.as_ref()
    }

    fn is_template(&self, path: &Path) -> bool {
        self.templates.contains(path)
    }

    fn known_as(&self, path: &Path) -> Option<String> {
        match (self.found(path), self.added.get(&normalize(path))) {
            (Some(place), _) => Some(shown(&place)),
            (None, Some(added)) if self.own(path).is_err() => Some(added.shown.clone()),
            (None, _) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::disallowed_methods)]
    use super::*;
    use crate::host::{glob, name};
    use std::fs;

    #[test]
    fn links_lead_to_where_files_belong() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("nginx/available")).unwrap();
        fs::create_dir_all(directory.path().join("nginx/enabled")).unwrap();
        fs::write(directory.path().join("nginx/available/a"), "a").unwrap();
        let link = |to: &str, name: &str| {
            std::os::unix::fs::symlink(to, directory.path().join("nginx/enabled").join(name)).unwrap();
        };
        link("/etc/nginx/available/a", "a");
        link("/etc/nginx/available/gone", "gone");
        let map = |name: &str| PathMap { from: Path::new("/nginx").join(name), to: Path::new("/etc/nginx").join(name) };
        let host = Overlay::new(Disk::new(directory.path()).unwrap(), &[map("enabled"), map("available")], &[]);
        for path in ["/etc/nginx/enabled/a", "/nginx/enabled/a"] {
            assert_eq!(host.read(Path::new(path)).unwrap(), b"a", "{path}");
        }
        assert!(matches!(host.entry(Path::new("/etc/nginx/enabled/gone")), Err(ReadError::Dangling { .. })));
    }

    #[test]
    fn files_are_found_where_they_belong_and_named_as_they_lie() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir_all(directory.path().join("docker/nginx")).unwrap();
        fs::write(directory.path().join("docker/nginx/a.conf"), "a").unwrap();
        fs::write(directory.path().join("docker/b.conf"), "b").unwrap();
        let map = |from: &str, to: &str| PathMap { from: from.into(), to: to.into() };
        let maps = [map("/docker/nginx", "/etc/nginx/conf.d"), map("/docker/b.conf", "/etc/nginx/conf.d/b.conf")];
        let added = Added { path: "/etc/nginx/nginx.conf".into(), shown: "image:nginx".into(), text: b"c".to_vec() };
        let host = Overlay::new(Disk::new(directory.path()).unwrap(), &maps, &[added]);
        let found = glob::expand(&host, "/etc/nginx/conf.d/*.conf");
        assert_eq!(found, [Path::new("/etc/nginx/conf.d/a.conf"), Path::new("/etc/nginx/conf.d/b.conf")]);
        let shown: Vec<_> = found.iter().map(|path| host.open(path).unwrap().names(&host, path)).collect();
        assert_eq!(shown, [("docker/nginx/a.conf".into(), None), ("docker/b.conf".into(), None)]);
        assert_eq!(host.read(&found[1]).unwrap(), b"b");
        assert_eq!(host.read(Path::new("/etc/nginx/nginx.conf")).unwrap(), b"c");
        assert_eq!(name(&host, Path::new("/etc/nginx/nginx.conf")), "image:nginx");
        assert_eq!(host.entry(Path::new("/etc/nginx")).unwrap().kind, Kind::Directory);
        assert_eq!(host.entry(Path::new("/etc/php")), Err(ReadError::NotFound));
    }
}
