//! The files of a configuration: the main file and everything it includes.
//!
//! Each file is read and parsed once; an include is an edge to the trees it names. The rules for
//! names and patterns are those of `ngx_conf_include`: relative to the directory of the main file,
//! `glob(3)` when a pattern character is in the full path, no match is fine for a pattern only.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::ast::{Directive, Tree};
use super::parse::parse;
use crate::host::{Host, ReadError, glob, is_outside_tree, names, normalize};
use crate::source::{FileId, Sources, Span};

/// Files that include each other deeper than this are not followed. nginx itself ends at its limit
/// of open files.
pub const MAX_INCLUDE_DEPTH: usize = 100;

/// The parsed files of a configuration.
#[derive(Debug, Default)]
pub struct Files {
    /// Main files in the order in which they were loaded.
    pub mains: Vec<FileId>,
    /// What is wrong with includes, in the order in which it was met.
    pub problems: Vec<IncludeProblem>,
    trees: BTreeMap<FileId, Tree>,
    includes: HashMap<Span, Vec<FileId>>,
    by_path: HashMap<PathBuf, FileId>,
    patterns: Vec<(Span, String)>,
    /// The arguments of includes that bring less than they say, a pattern without a match among them.
    unread: HashSet<Span>,
}

/// An include that does not bring what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IncludeProblem {
    /// The argument of the include.
    pub span: Span,
    /// The file or pattern, absolute inside the root.
    pub path: PathBuf,
    /// What is wrong.
    pub kind: IncludeProblemKind,
}

/// What can be wrong with an include.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IncludeProblemKind {
    /// A file named literally, or matched by a pattern, cannot be read.
    Unreadable {
        /// Why.
        error: ReadError,
        /// Whether a pattern matched it.
        by_pattern: bool,
    },
    /// The file is being read already: it includes itself, perhaps through others.
    Cycle,
    /// Includes nested deeper than [`MAX_INCLUDE_DEPTH`].
    TooDeep,
    /// The pattern matches nothing. nginx accepts that silently.
    NoMatch,
    /// The file or pattern lies in a part of the host that the tree does not hold.
    OutsideTree,
    /// A file that the dump of a configuration names and does not hold.
    NotInDump,
    /// The pattern matches more files than are followed.
    TooManyMatches,
}

impl Files {
    /// Loads a main file and what it includes. An error means that the main file cannot be read.
    pub fn load(&mut self, host: &dyn Host, sources: &mut Sources, main: &Path) -> Result<FileId, ReadError> {
        let main = normalize(main);
        let prefix = main.parent().unwrap_or(Path::new("/")).to_owned();
        let mut loader = Loader { files: self, host, sources, prefix, open: Vec::new() };
        let id = loader.load(&main)?;
        self.mains.push(id);
        Ok(id)
    }

    /// The tree of a file.
    pub fn tree(&self, file: FileId) -> &Tree {
        &self.trees[&file]
    }

    /// The tree of a file, if it belongs to this configuration.
    pub fn get(&self, file: FileId) -> Option<&Tree> {
        self.trees.get(&file)
    }

    /// All trees in the order in which their files were read.
    pub fn trees(&self) -> impl Iterator<Item = (FileId, &Tree)> {
        self.trees.iter().map(|(file, tree)| (*file, tree))
    }

    /// The files an `include` brings in, in order.
    pub fn included_by(&self, include: &Directive) -> &[FileId] {
        self.includes.get(&include.span).map_or(&[], Vec::as_slice)
    }

    /// Whether an `include` names files that are not known.
    pub fn is_unread(&self, include: &Directive) -> bool {
        include.args.first().is_some_and(|argument| self.unread.contains(&argument.span))
    }

    /// The includes that name a pattern: the argument's place and the absolute pattern.
    pub fn patterns(&self) -> &[(Span, String)] {
        &self.patterns
    }

    /// The number under which a path was read.
    pub fn file_at(&self, path: &Path) -> Option<FileId> {
        self.by_path.get(path).copied()
    }
}

struct Loader<'a> {
    files: &'a mut Files,
    host: &'a dyn Host,
    sources: &'a mut Sources,
    /// The directory of the main file, where relative includes begin.
    prefix: PathBuf,
    /// The files that are being read, outermost first.
    open: Vec<FileId>,
}

impl Loader<'_> {
    fn load(&mut self, path: &Path) -> Result<FileId, ReadError> {
        let bytes = self.host.read(path)?;
        let (shown, real) = names(self.host, path);
        let id = self.sources.add(shown, real, bytes);
        let tree = parse(id, self.sources.get(id).bytes());
        self.files.by_path.insert(path.to_owned(), id);
        let mut includes = Vec::new();
        collect_includes(&tree.directives, &mut includes);
        self.files.trees.insert(id, tree);
        self.open.push(id);
        for include in includes {
            let found = self.follow(&include);
            self.files.includes.insert(include.span, found);
        }
        self.open.pop();
        Ok(id)
    }

    fn follow(&mut self, include: &Directive) -> Vec<FileId> {
        let argument = &include.args[0];
        let full = self.prefix.join(&argument.text);
        let pattern = full.to_string_lossy().into_owned();
        let by_pattern = glob::is_pattern(&pattern);
        let paths = if by_pattern { glob::expand(self.host, &pattern) } else { vec![normalize(&full)] };
        if by_pattern {
            self.files.patterns.push((argument.span, pattern));
        }
        let outside = !self.host.is_dump() && is_outside_tree(self.host, &full);
        let directory = full.parent().unwrap_or(Path::new("/"));
        if paths.is_empty() && self.host.is_closed(directory) {
            let error = ReadError::PermissionDenied;
            self.problem(argument.span, directory, IncludeProblemKind::Unreadable { error, by_pattern });
        } else if paths.is_empty() {
            let kind = if outside { IncludeProblemKind::OutsideTree } else { IncludeProblemKind::NoMatch };
            self.problem(argument.span, &full, kind);
        } else if paths.len() == glob::MAX_MATCHES {
            self.problem(argument.span, &full, IncludeProblemKind::TooManyMatches);
        }
        let mut found = Vec::new();
        for path in paths {
            match self.files.file_at(&path) {
                Some(known) if self.open.contains(&known) => {
                    self.problem(argument.span, &path, IncludeProblemKind::Cycle);
                }
                Some(known) => found.push(known),
                None if self.open.len() >= MAX_INCLUDE_DEPTH => {
                    self.problem(argument.span, &path, IncludeProblemKind::TooDeep);
                }
                None => match self.load(&path) {
                    Ok(id) => found.push(id),
                    Err(_) if self.host.is_dump() => self.problem(argument.span, &path, IncludeProblemKind::NotInDump),
                    Err(_) if outside => self.problem(argument.span, &path, IncludeProblemKind::OutsideTree),
                    Err(error) => {
                        self.problem(argument.span, &path, IncludeProblemKind::Unreadable { error, by_pattern });
                    }
                },
            }
        }
        found
    }

    fn problem(&mut self, span: Span, path: &Path, kind: IncludeProblemKind) {
        self.files.unread.insert(span);
        self.files.problems.push(IncludeProblem { span, path: path.to_owned(), kind });
    }
}

/// The includes of a file, at any depth. In `split_clients` and `charset_map` the word means nothing.
fn collect_includes(directives: &[Arc<Directive>], found: &mut Vec<Arc<Directive>>) {
    for directive in directives {
        match directive.name() {
            "include" if directive.args.len() == 1 && directive.block().is_empty() => found.push(directive.clone()),
            "split_clients" | "charset_map" => {}
            _ => collect_includes(directive.block(), found),
        }
    }
}

/// Whether nginx's package brings the file, so that a tree without it may be laid over the package. None of these
/// files has a location or a handler in it.
pub fn is_packaged(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let packaged = ["mime.types", "fastcgi_params", "fastcgi.conf", "scgi_params", "uwsgi_params", "proxy_params"];
    packaged.contains(&name.as_ref()) || ["koi-utf", "koi-win", "win-utf"].contains(&name.as_ref())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::host::memory::Memory;

    fn load(files: &[(&str, &str)]) -> (Files, Vec<IncludeProblemKind>) {
        let mut host = Memory::default();
        for (path, text) in files {
            host.add(path, *text);
        }
        let mut files = Files::default();
        files.load(&host, &mut Sources::default(), Path::new("/etc/nginx/nginx.conf")).unwrap();
        let kinds = files.problems.iter().map(|problem| problem.kind.clone()).collect();
        (files, kinds)
    }

    #[test]
    fn relative_names_begin_at_the_main_file() {
        let (files, problems) = load(&[
            ("/etc/nginx/nginx.conf", "include conf.d/*.conf; include /etc/nginx/none/*.conf;"),
            ("/etc/nginx/conf.d/a.conf", "include snippets/x;"),
            ("/etc/nginx/snippets/x", "y;"),
        ]);
        assert_eq!(files.trees().count(), 3);
        assert_eq!(problems, [IncludeProblemKind::NoMatch]);
    }

    #[test]
    fn a_circle_ends_with_one_problem() {
        let (files, problems) = load(&[
            ("/etc/nginx/nginx.conf", "include a; include a;"),
            ("/etc/nginx/a", "include b;"),
            ("/etc/nginx/b", "include a;"),
        ]);
        assert_eq!(files.trees().count(), 3);
        assert_eq!(problems, [IncludeProblemKind::Cycle]);
    }

    #[test]
    fn a_missing_file_is_a_problem_where_it_is_named() {
        let (_, problems) = load(&[("/etc/nginx/nginx.conf", "http { include mime.types; }")]);
        let missing = IncludeProblemKind::Unreadable { error: ReadError::NotFound, by_pattern: false };
        assert_eq!(problems, [missing]);
    }

    #[test]
    fn a_long_chain_of_files_is_bounded() {
        let files: Vec<_> = (0..300).map(|n| (format!("/etc/nginx/{n}"), format!("include {};", n + 1))).collect();
        let mut files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        files.push(("/etc/nginx/nginx.conf", "include 0;"));
        assert_eq!(load(&files).1, [IncludeProblemKind::TooDeep]);
    }
}
