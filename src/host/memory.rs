//! A host's files in memory: what the tests and the rule documents lay out.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{Access, Entry, Host, Kind, ReadError, normalize};

/// Files by their absolute path. There are no links, and everything belongs to root.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    files: BTreeMap<PathBuf, Vec<u8>>,
}

impl Memory {
    /// Lays a file out, with the directories above it.
    pub fn add(&mut self, path: impl AsRef<Path>, text: impl Into<Vec<u8>>) {
        self.files.insert(normalize(path.as_ref()), text.into());
    }

    /// The paths at or below a path: paths are ordered by their components, so these stand together.
    fn below(&self, path: &Path) -> impl Iterator<Item = &PathBuf> {
        let path = path.to_owned();
        self.files.range(path.clone()..).map(|(file, _)| file).take_while(move |file| file.starts_with(&path))
    }
}

impl Host for Memory {
    fn read(&self, path: &Path) -> Result<Vec<u8>, ReadError> {
        match self.entry(path)?.kind {
            Kind::File => Ok(self.files[&normalize(path)].clone()),
            _ => Err(ReadError::Directory),
        }
    }

    fn list(&self, directory: &Path) -> Vec<OsString> {
        let directory = normalize(directory);
        let inside =
            |path: &PathBuf| Some(path.strip_prefix(&directory).ok()?.components().next()?.as_os_str().to_owned());
        let mut names: Vec<_> = self.below(&directory).filter_map(inside).collect();
        names.dedup();
        names
    }

    fn entry(&self, path: &Path) -> Result<Entry, ReadError> {
        let real = normalize(path);
        let kind = match () {
            () if self.files.contains_key(&real) => Kind::File,
            () if self.below(&real).next().is_some() => Kind::Directory,
            () => return Err(ReadError::NotFound),
        };
        Ok(Entry { real, kind, access: Access { mode: 0o755, ..Access::default() }, has_acl: false, by_text: false })
    }

    fn is_closed(&self, _directory: &Path) -> bool {
        false
    }

    fn link_target(&self, _path: &Path) -> Option<PathBuf> {
        None
    }

    fn is_live(&self) -> bool {
        false
    }
}
