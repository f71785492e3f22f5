//! Files that look like part of the configuration and that no include reaches.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use super::{Master, Nginx};
use crate::host::{Host, Kind, glob, name, shown};
use crate::nginx::parse::parse;
use crate::php::ast::Item;
use crate::php::parse::parse_fpm;
use crate::source::{FileId, Sources, Span};
use crate::values::address::{Endpoint, Listen};

/// A file that nothing loads.
#[derive(Debug)]
pub struct Unloaded {
    /// Its path.
    pub path: PathBuf,
    /// Its text.
    pub file: FileId,
    /// What it holds.
    pub holds: Holds,
    /// The include that takes other files of the same directory.
    pub include: Option<Span>,
    /// The pattern of that include.
    pub pattern: String,
}

/// What a file that nothing loads holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Pools: where they would listen, and the lines that say so.
    Pool(Vec<(Endpoint, Span)>),
    /// Server blocks; the opening lines and names.
    Servers(Vec<(Span, Vec<String>)>),
}

/// The names of the files that are loaded.
struct Loaded {
    paths: HashSet<String>,
    /// What stands before the paths of this deployment.
    prefix: String,
}

impl Loaded {
    fn has(&self, name: &str) -> bool {
        self.paths.contains(&format!("{}{name}", self.prefix))
    }
}

/// Files that hold something are not larger than this.
const MAX_SIZE: usize = 1 << 20;

/// Looks beside the files that masters include.
pub fn pools(host: &dyn Host, sources: &mut Sources, masters: &[Master]) -> Vec<Unloaded> {
    let mut found = Vec::new();
    for master in masters {
        let paths = master.configuration.files.iter().map(|file| sources.get(*file).path.clone()).collect();
        let loaded = Loaded { paths, prefix: sources.prefix.clone() };
        // Thousands of lines may include the same pattern.
        let mut seen = HashSet::new();
        for (span, pattern) in master.configuration.includes.clone() {
            let Some(pattern) = pattern.filter(|pattern| seen.insert(pattern.clone())) else { continue };
            for (path, bytes) in others(host, &pattern, true, &loaded) {
                let file = sources.add(shown(&path), None, bytes);
                let listens = listens(file, sources, &master.prefix);
                if !listens.is_empty() {
                    let (holds, include) = (Holds::Pool(listens), Some(span));
                    found.push(Unloaded { path, file, holds, include, pattern: pattern.clone() });
                }
            }
        }
    }
    found
}

/// Looks beside the files that nginx includes, and in `sites-available`.
pub fn servers(host: &dyn Host, sources: &mut Sources, nginx: &Nginx, main: &Path) -> Vec<Unloaded> {
    // Where the main file is empty, that is what is wrong.
    if nginx.files.mains.iter().all(|main| nginx.files.tree(*main).directives.is_empty()) {
        return Vec::new();
    }
    let directory = main.parent().unwrap_or(Path::new("/"));
    let paths = nginx.files.trees().map(|(file, _)| sources.get(file));
    let loaded: HashSet<String> =
        paths.flat_map(|source| std::iter::once(&source.path).chain(&source.real_path)).cloned().collect();
    let loaded = Loaded { paths: loaded, prefix: sources.prefix.clone() };
    let mut found = Vec::new();
    // Many servers include the same pattern.
    let mut seen = BTreeSet::new();
    for (include, pattern) in nginx.files.patterns().iter().filter(|(_, pattern)| seen.insert(pattern)) {
        found.extend(server_files(host, sources, &loaded, pattern, Some(*include)));
    }
    let available = directory.join("sites-available/*");
    let mut off = server_files(host, sources, &loaded, &available.to_string_lossy(), None);
    found.append(&mut off);
    found
}

fn server_files(
    host: &dyn Host,
    sources: &mut Sources,
    loaded: &Loaded,
    pattern: &str,
    include: Option<Span>,
) -> Vec<Unloaded> {
    let mut found = Vec::new();
    for (path, bytes) in others(host, pattern, include.is_some(), loaded) {
        let file = sources.add(shown(&path), None, bytes);
        let tree = parse(file, sources.get(file).bytes());
        let servers =
            tree.directives.iter().filter(|directive| directive.name() == "server" && !directive.block().is_empty());
        let names = |block: &[std::sync::Arc<crate::nginx::ast::Directive>]| {
            let named = block.iter().filter(|directive| directive.name() == "server_name");
            named.flat_map(|directive| directive.args.iter().map(|word| word.text.to_string())).collect::<Vec<_>>()
        };
        let servers: Vec<_> = servers.map(|server| (server.head, names(server.block()))).collect();
        if tree.problems.is_empty() && !servers.is_empty() {
            found.push(Unloaded { path, file, holds: Holds::Servers(servers), include, pattern: pattern.to_owned() });
        }
    }
    found
}

/// The regular files of a pattern's directory that are not loaded and no package manager's or
/// editor's leftovers. What an include's own pattern takes is not missed by it: where it is not loaded, that is told
/// of the include, and a pattern that takes too many files is no reason to read them here.
fn others(host: &dyn Host, pattern: &str, is_include: bool, loaded: &Loaded) -> Vec<(PathBuf, Vec<u8>)> {
    let Some((directory, _)) = pattern.rsplit_once('/') else { return Vec::new() };
    if glob::is_pattern(directory) {
        return Vec::new();
    }
    let directory = Path::new(directory);
    let names = host.list(directory).into_iter().map(|entry| directory.join(entry));
    let files = names.filter_map(|path| {
        let is_taken = is_include && glob::matches_path(pattern, &path);
        if is_taken || loaded.has(&name(host, &path)) || is_leftover(&path) {
            return None;
        }
        let entry = host.entry(&path).ok()?;
        let candidate = entry.kind == Kind::File && !loaded.has(&shown(&entry.real));
        let bytes = candidate.then(|| host.read(&path).ok()).flatten()?;
        (bytes.len() <= MAX_SIZE).then_some((path, bytes))
    });
    files.collect()
}

/// Whether editors and package managers give this name to what is not meant to be loaded.
pub fn is_leftover(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let endings = [
        "~",
        ".bak",
        ".old",
        ".orig",
        ".save",
        ".swp",
        ".tmp",
        ".disabled",
        ".off",
        ".example",
        ".sample",
        ".dist",
        ".default",
        ".rpmnew",
        ".rpmsave",
        ".rpmorig",
        ".template",
        ".tpl",
        ".tmpl",
        ".j2",
        ".erb",
        ".md",
        ".txt",
    ];
    let infixes = [".dpkg-", ".ucf-", ".pacnew", ".pacsave", ".apk-new"];
    name.starts_with('.')
        || endings.iter().any(|ending| name.ends_with(ending))
        || infixes.iter().any(|infix| name.contains(infix))
}

/// Where the pools of a file would listen.
fn listens(file: FileId, sources: &Sources, prefix: &Path) -> Vec<(Endpoint, Span)> {
    let document = parse_fpm(file, sources.get(file).bytes());
    let mut pool = None;
    let mut found = Vec::new();
    for item in &document.items {
        match item {
            Item::Section(section) => pool = section.name.text(),
            Item::Setting(setting) if setting.key.eq_ignore_ascii_case("listen") => {
                let value = setting.value.as_ref().and_then(|value| Some((value.text()?, value.span)));
                if let (Some(pool), Some((text, span))) = (&pool, value) {
                    let listen = Listen::parse(&text.replace("$pool", pool), prefix);
                    found.extend(listen.endpoint().map(|endpoint| (endpoint, span)));
                }
            }
            Item::Setting(_) => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::memory::Memory;

    #[test]
    fn what_an_include_takes_is_not_looked_for_beside_it() {
        let mut host = Memory::default();
        for file in ["a.conf", "b.conf", "c"] {
            host.add(format!("/sites/{file}"), "");
        }
        let none = Loaded { paths: HashSet::new(), prefix: String::new() };
        let found = |is_include| {
            others(&host, "/sites/*.conf", is_include, &none).into_iter().map(|(path, _)| path).collect::<Vec<_>>()
        };
        assert_eq!(found(true), [Path::new("/sites/c")]);
        assert_eq!(found(false).len(), 3);
    }
}
