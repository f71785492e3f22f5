//! The files of a configuration: the main file and everything it includes.
//!
//! Each file is read and parsed once; an include is an edge to the trees it names. The rules for
//! names and patterns are those of `ngx_conf_include`: relative to the directory of the main file,
//! `glob(3)` when a pattern character is in the full path, no match is fine for a pattern only.

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ecow::EcoString;

use super::ast::{Directive, Tree};
use super::parse::{MAX_LENGTH, parse_filled};
use crate::host::{Host, Opened, ReadError, glob, is_outside_tree, normalize};
use crate::parallel;
use crate::source::{FileId, Sources, Span};

/// Files that include each other deeper than this are not followed. nginx itself ends at its limit
/// of open files.
pub const MAX_INCLUDE_DEPTH: usize = 100;

/// So many files are worth the start of a thread.
const MANY: usize = 32;

/// So many bytes are parsed at a time before it is looked at whether there are too many words in all.
const PARSED_AT_ONCE: usize = 8 << 20;

/// The parsed files of a configuration.
#[derive(Debug, Default)]
pub struct Files {
    /// Main files in the order in which they were loaded.
    pub mains: Vec<FileId>,
    /// What is wrong with includes, in the order in which it was met.
    pub problems: Vec<IncludeProblem>,
    /// Behind the number of its file, counted from the first one.
    files: Vec<Option<File>>,
    first: usize,
    by_path: HashMap<OsString, FileId>,
    patterns: Vec<(Span, String)>,
    /// How many words and marks the files have, and whether that was too many to read all.
    length: usize,
    is_cut: bool,
    /// The arguments of includes that bring less than they say, a pattern without a match among them.
    unread: HashSet<Span>,
}

/// A parsed file.
#[derive(Debug)]
struct File {
    id: FileId,
    tree: Tree,
    /// What each of the tree's includes brings in.
    included: Vec<Arc<[FileId]>>,
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
    /// The file has more words than are read, or would bring more into the configuration.
    TooManyWords,
}

impl Files {
    /// Loads a main file and what it includes. An error means that the main file cannot be read.
    pub fn load(&mut self, host: &dyn Host, sources: &mut Sources, main: &Path) -> Result<FileId, ReadError> {
        let main = normalize(main);
        self.load_from(host, sources, &main, main.parent().unwrap_or(Path::new("/")))
    }

    /// Loads a file whose relative includes begin at `prefix`, and what it includes.
    pub fn load_from(
        &mut self,
        host: &dyn Host,
        sources: &mut Sources,
        file: &Path,
        prefix: &Path,
    ) -> Result<FileId, ReadError> {
        let mut loader = Loader {
            files: self,
            host,
            sources,
            prefix: prefix.to_owned(),
            open: Vec::new(),
            followed: HashMap::new(),
            ahead: HashMap::new(),
        };
        let id = loader.load(&normalize(file))?;
        self.mains.push(id);
        Ok(id)
    }

    /// The tree of a file.
    pub fn tree(&self, file: FileId) -> &Tree {
        self.get(file).expect("a file of this configuration")
    }

    /// The tree of a file, if it belongs to this configuration.
    pub fn get(&self, file: FileId) -> Option<&Tree> {
        self.file(file).map(|file| &file.tree)
    }

    fn file(&self, file: FileId) -> Option<&File> {
        self.files.get(file.number().checked_sub(self.first)?)?.as_ref()
    }

    /// The room for a file. The first one that is asked for has the smallest number.
    fn room(&mut self, file: FileId) -> &mut Option<File> {
        if self.files.is_empty() {
            self.first = file.number();
        }
        let at = file.number() - self.first;
        if at >= self.files.len() {
            self.files.resize_with(at + 1, || None);
        }
        &mut self.files[at]
    }

    /// All trees in the order in which their files were read.
    pub fn trees(&self) -> impl Iterator<Item = (FileId, &Tree)> {
        self.files.iter().flatten().map(|file| (file.id, &file.tree))
    }

    /// The files an `include` brings in, in order.
    pub fn included_by(&self, include: &Directive) -> &[FileId] {
        let included = self.file(include.head.file).and_then(|file| {
            let at = file.tree.includes.binary_search_by_key(&include.head.start, |known| known.head.start).ok()?;
            file.included.get(at)
        });
        included.map_or(&[], |files| &files[..])
    }

    /// Whether an `include` names files that are not known.
    pub fn is_unread(&self, include: &Directive) -> bool {
        include.args.first().is_some_and(|argument| self.unread.contains(&argument.span))
    }

    /// Whether all files are known that bring statements to the top level of a file.
    pub fn knows_top(&self, file: FileId) -> bool {
        let (mut seen, mut pending) = (HashSet::from([file]), vec![file]);
        while let Some(file) = pending.pop() {
            for include in self.tree(file).directives.iter().filter(|directive| directive.is_include()) {
                if self.is_unread(include) {
                    return false;
                }
                pending.extend(self.included_by(include).iter().filter(|file| seen.insert(**file)));
            }
        }
        true
    }

    /// The includes that name a pattern: the argument's place and the absolute pattern.
    pub fn patterns(&self) -> &[(Span, String)] {
        &self.patterns
    }

    /// The number under which a path was read.
    pub fn file_at(&self, path: &Path) -> Option<FileId> {
        self.by_path.get(path.as_os_str()).copied()
    }
}

/// What an include brought.
struct Followed {
    files: Arc<[FileId]>,
    /// The same in the order of their numbers.
    sorted: Vec<FileId>,
    /// The absolute pattern, if it is one.
    pattern: Option<String>,
}

struct Loader<'a> {
    files: &'a mut Files,
    host: &'a dyn Host,
    sources: &'a mut Sources,
    /// The directory of the main file, where relative includes begin.
    prefix: PathBuf,
    /// The files that are being read, outermost first.
    open: Vec<FileId>,
    /// What includes brought without problems, by the argument: thousands of sites include the same files.
    followed: HashMap<EcoString, Followed>,
    /// What was read ahead of being included.
    ahead: HashMap<OsString, Result<(FileId, Tree), ReadError>>,
}

impl Loader<'_> {
    fn load(&mut self, path: &Path) -> Result<FileId, ReadError> {
        let (id, tree) = match self.ahead.remove(path.as_os_str()) {
            Some(read) => read?,
            None => {
                let opened = self.host.open(path)?;
                let id = self.take_in(path, opened);
                (id, parsed(self.host, self.sources, path, id))
            }
        };
        self.files.by_path.insert(path.into(), id);
        self.files.room(id);
        let tree = self.within_bounds(tree, id, path);
        let mut included = Vec::with_capacity(tree.includes.len());
        self.open.push(id);
        for include in &tree.includes {
            let argument = &include.args[0];
            let found = match self.followed.get(&argument.text) {
                Some(known) if !self.open.iter().any(|file| known.sorted.binary_search(file).is_ok()) => {
                    let pattern = known.pattern.clone().map(|pattern| (argument.span, pattern));
                    self.files.patterns.extend(pattern);
                    known.files.clone()
                }
                _ => self.follow(include),
            };
            included.push(found);
        }
        self.open.pop();
        *self.files.room(id) = Some(File { id, tree, included });
        Ok(id)
    }

    /// Takes a file in that was read.
    fn take_in(&mut self, path: &Path, opened: Opened) -> FileId {
        let (shown, real) = opened.names(self.host, path);
        let id = self.sources.add(shown, real, opened.bytes);
        let environment = self.host.environment().filter(|_| self.host.is_template(path));
        self.sources.fill_in(id, environment);
        id
    }

    /// The tree of a file, or one without statements where all files together have more than is read.
    fn within_bounds(&mut self, tree: Tree, id: FileId, path: &Path) -> Tree {
        let is_full = self.files.is_cut || self.files.length + tree.length > MAX_LENGTH;
        let tree = if is_full && tree.cut.is_none() { beyond(id) } else { tree };
        self.files.length += tree.length;
        if let (Some(at), false) = (tree.cut, self.files.is_cut) {
            self.files.is_cut = true;
            self.problem(at, path, IncludeProblemKind::TooManyWords);
        }
        tree
    }

    fn follow(&mut self, include: &Directive) -> Arc<[FileId]> {
        let argument = &include.args[0];
        let full = self.prefix.join(argument.text.as_str());
        let pattern = full.to_string_lossy().into_owned();
        let by_pattern = glob::is_pattern(&pattern);
        let glob::Matches { paths, has_more } = match by_pattern {
            true => glob::matching(self.host, &pattern),
            false => glob::Matches { paths: vec![normalize(&full)], has_more: false },
        };
        if by_pattern {
            self.files.patterns.push((argument.span, pattern.clone()));
        }
        let outside = || !self.host.is_dump() && is_outside_tree(self.host, &full);
        let directory = full.parent().unwrap_or(Path::new("/"));
        if paths.is_empty() && self.host.is_closed(directory) {
            let error = ReadError::PermissionDenied;
            self.problem(argument.span, directory, IncludeProblemKind::Unreadable { error, by_pattern });
        } else if paths.is_empty() {
            let kind = if outside() { IncludeProblemKind::OutsideTree } else { IncludeProblemKind::NoMatch };
            self.problem(argument.span, &full, kind);
        } else if has_more {
            self.problem(argument.span, &full, IncludeProblemKind::TooManyMatches);
        }
        if paths.len() >= 2 * MANY && self.open.len() < MAX_INCLUDE_DEPTH {
            self.read_ahead(&paths);
        }
        let problems = self.files.problems.len();
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
                    Err(_) if outside() => self.problem(argument.span, &path, IncludeProblemKind::OutsideTree),
                    Err(error) => {
                        self.problem(argument.span, &path, IncludeProblemKind::Unreadable { error, by_pattern });
                    }
                },
            }
        }
        let found: Arc<[FileId]> = found.into();
        if self.files.problems.len() == problems && !found.is_empty() {
            let mut sorted = found.to_vec();
            sorted.sort();
            let known = Followed { files: found.clone(), sorted, pattern: by_pattern.then_some(pattern) };
            self.followed.insert(argument.text.clone(), known);
        }
        found
    }

    /// Reads and parses many files, on all processors.
    fn read_ahead(&mut self, paths: &[PathBuf]) {
        let host = self.host;
        let new: Vec<&PathBuf> = paths.iter().filter(|path| self.files.file_at(path).is_none()).collect();
        let opened = parallel::map(&new, MANY, |path| host.open(path));
        let mut ids = Vec::new();
        for (path, opened) in new.into_iter().zip(opened) {
            match opened {
                Ok(opened) => ids.push((path, self.take_in(path, opened))),
                Err(error) => {
                    self.ahead.insert(path.into(), Err(error));
                }
            }
        }
        let sources = &*self.sources;
        let size = |(_, id): &(&PathBuf, FileId)| sources.get(*id).bytes().len();
        let (mut length, mut rest) = (self.files.length, &ids[..]);
        while !rest.is_empty() {
            let mut bytes = 0;
            let mut fits = |one: &(&PathBuf, FileId)| {
                bytes += size(one);
                bytes <= PARSED_AT_ONCE
            };
            let (now, later) = rest.split_at(rest.iter().take_while(|one| fits(one)).count().max(1));
            let is_full = length > MAX_LENGTH;
            let trees = parallel::map(
                now,
                MANY,
                |(path, id)| if is_full { beyond(*id) } else { parsed(host, sources, path, *id) },
            );
            length += trees.iter().map(|tree| tree.length).sum::<usize>();
            self.ahead.extend(now.iter().zip(trees).map(|((path, id), tree)| (path.into(), Ok((*id, tree)))));
            rest = later;
        }
    }

    fn problem(&mut self, span: Span, path: &Path, kind: IncludeProblemKind) {
        self.files.unread.insert(span);
        self.files.problems.push(IncludeProblem { span, path: path.to_owned(), kind });
    }
}

/// The tree of a file, with what the environment fills into a template.
fn parsed(host: &dyn Host, sources: &Sources, path: &Path, file: FileId) -> Tree {
    let environment = host.environment().filter(|_| host.is_template(path));
    parse_filled(file, sources.get(file).bytes(), environment.map(|environment| &**environment))
}

/// What is known of a file that is not parsed for the words of those before it.
fn beyond(file: FileId) -> Tree {
    Tree { cut: Some(Span::new(file, 0, 0)), ..Tree::default() }
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
        let chain = |length: usize| {
            let next = |n| if n + 1 < length { format!("include {};", n + 1) } else { String::new() };
            let files: Vec<_> = (0..length).map(|n| (format!("/etc/nginx/{n}"), next(n))).collect();
            let mut files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
            files.push(("/etc/nginx/nginx.conf", "include 0;"));
            load(&files).1
        };
        assert_eq!(chain(MAX_INCLUDE_DEPTH - 1), []);
        assert_eq!(chain(MAX_INCLUDE_DEPTH), [IncludeProblemKind::TooDeep]);
        assert_eq!(chain(300), [IncludeProblemKind::TooDeep]);
    }

    #[test]
    fn so_many_words_are_read_of_all_files_together() {
        let part = "a;".repeat(MAX_LENGTH / 100);
        let kinds = |last: &str, is_pattern: bool| {
            let names: Vec<_> = (0..50).map(|n| format!("/etc/nginx/d/{n:02}.conf")).collect();
            let main = if is_pattern {
                "include d/*;".into()
            } else {
                names.iter().map(|name| format!("include {name};")).collect::<String>()
            };
            let cut = &part[..part.len() - 2 * if is_pattern { 2 } else { 76 }];
            let mut all: Vec<_> = names.iter().map(|name| (name.as_str(), part.as_str())).collect();
            let last = format!("{cut}{last}");
            all[49].1 = &last;
            all.push(("/etc/nginx/nginx.conf", &main));
            let (files, kinds) = load(&all);
            let count = |at: usize| files.trees().nth(at).map(|(_, tree)| tree.directives.len());
            (kinds, count(49), count(50))
        };
        let whole = MAX_LENGTH / 100;
        assert_eq!(kinds("a", true), (vec![], Some(whole), Some(whole - 1)));
        let too_many = || vec![IncludeProblemKind::TooManyWords];
        assert_eq!(kinds("a;a", true), (too_many(), Some(whole), Some(0)));
        assert_eq!(kinds("a;a", false), (too_many(), Some(whole), Some(0)));
    }
}
