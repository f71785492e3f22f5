//! The files of a repository that `COPY` and links put into an image.

use std::path::{Path, PathBuf};

use super::super::root::inside;
use super::Repository;
use super::dockerfile::Recipe;
use crate::host::overlay::PathMap;
use crate::host::{Host, Kind, glob, normalize};

/// So many links of a Dockerfile are looked at.
const MAX_LINKS: usize = 100;

impl Repository<'_> {
    /// Where `COPY` puts files of the context, which is the Dockerfile's directory or the repository; none where
    /// these are more than may still be looked at.
    pub(super) fn copied(&mut self, sources: &[String], to: &str, context: &Path) -> Option<Vec<PathMap>> {
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
                let is_file = self.disk.entry(&from).is_ok_and(|entry| entry.kind != Kind::Directory);
                let name = from.file_name().filter(|_| is_file && (is_directory || glob::is_pattern(source)));
                let to = name.map_or_else(|| PathBuf::from(to), |name| Path::new(to).join(name));
                maps.push(PathMap { to: normalize(&to), from });
            }
        }
        Some(maps)
    }
}

/// The files that are found behind links, of those that were copied.
pub(super) fn linked<'a>(recipe: &Recipe, copied: impl Iterator<Item = &'a PathMap> + Clone) -> Vec<PathMap> {
    recipe.links.iter().take(MAX_LINKS).filter_map(|link| behind(link, copied.clone())).collect()
}

/// The file of the repository that is at a path of the image.
pub(super) fn behind_copies(path: &str, copied: &[PathMap]) -> Option<PathBuf> {
    copied_to(&normalize(Path::new(path)), copied.iter())
}

fn copied_to<'a>(target: &Path, mut maps: impl Iterator<Item = &'a PathMap>) -> Option<PathBuf> {
    let (map, rest) = maps.find_map(|map| Some((map, target.strip_prefix(&map.to).ok()?)))?;
    Some(if rest.as_os_str().is_empty() { map.from.clone() } else { map.from.join(rest) })
}

/// The file that is found behind a link.
fn behind<'a>((to, at): &(String, String), maps: impl Iterator<Item = &'a PathMap>) -> Option<PathMap> {
    let target = normalize(Path::new(to));
    let from = copied_to(&target, maps)?;
    let is_directory = at.ends_with('/') || at.ends_with("/sites-enabled") || at.ends_with("/conf.d");
    let place = if is_directory { Path::new(at).join(target.file_name()?) } else { PathBuf::from(at) };
    Some(PathMap { from, to: normalize(&place) })
}
