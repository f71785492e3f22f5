//! A host's files in memory: what the tests and the rule documents lay out.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::{Access, Entry, Host, Kind, Opened, ReadError, normalize};

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
    fn open(&self, path: &Path) -> Result<Opened, ReadError> {
        let real = normalize(path);
        match self.files.get(&real) {
            Some(bytes) => Ok(Opened { bytes: bytes.clone(), real, by_text: false }),
            None => Err(self.entry(path).map_or_else(|error| error, |_| ReadError::Directory)),
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
            () if self.files.range(real.clone()..).next().is_some_and(|(file, _)| file.starts_with(&real)) => {
                Kind::Directory
            }
            () => return Err(ReadError::NotFound),
        };
        Ok(Entry { real, kind, access: Access { mode: 0o755, ..Access::default() }, has_acl: false, by_text: false })
    }
}
