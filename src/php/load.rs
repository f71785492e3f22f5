//! A master's configuration as PHP-FPM has it after reading: the main file with its includes, the
//! global settings, and the pools.
//!
//! FPM reads line by line and keeps the current section across includes in both directions; a
//! section named again is the same pool; the last value of a setting is in force, except for the
//! array settings (`php_value[…]`, `env[…]`), where the first is. Verified with PHP-FPM 8.2.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::ast::{Document, Item, Problem, Section, Setting, Value};
pub use super::parse::MAX_STATEMENTS;
use super::parse::parse_fpm;
use super::settings::{self, Place};
use super::test_output;
use crate::host::{Host, Kind, ReadError, glob, is_outside_tree, normalize, shown};
use crate::source::{FileId, Sources, Span};
use crate::values::environment::Said;

/// FPM gives up when files are nested deeper than this, the main file counted.
const MAX_FILES_DEEP: usize = 5;

/// What one master reads.
#[derive(Debug)]
pub struct Configuration {
    /// The main file.
    pub main: PathBuf,
    /// Whether the main file itself was read, not only the pools that it would include.
    pub has_main: bool,
    /// The files in the order in which they are first read.
    pub files: Vec<FileId>,
    /// Settings outside any pool.
    pub global: Vec<Assigned>,
    /// The pools in the order in which they first appear.
    pub pools: Vec<PoolSettings>,
    /// The include directives: the value and the absolute pattern, where it is known.
    pub includes: Vec<(Span, Option<String>)>,
    /// What is wrong with includes.
    pub include_problems: Vec<IncludeProblem>,
    /// Where the text breaks the dialect.
    pub problems: Vec<Problem>,
}

/// The settings of one pool, in the order in which FPM reads them.
#[derive(Debug)]
pub struct PoolSettings {
    /// The name in the spelling of the first header.
    pub name: String,
    /// The first header.
    pub header: Span,
    /// All assignments.
    pub assigned: Vec<Assigned>,
}

/// One assignment.
#[derive(Clone, Debug)]
pub struct Assigned {
    /// The name as written.
    pub key: String,
    /// Where the name stands.
    pub key_span: Span,
    /// The text in brackets.
    pub index: Option<String>,
    /// Whether the text in brackets depends on nothing outside the file.
    pub index_known: bool,
    /// The value's place; the key's where there is no value.
    pub value_span: Span,
    /// From the key to the value.
    pub span: Span,
    /// The value with `$pool` replaced; `None` where it depends on the environment.
    pub text: Option<String>,
    /// The last header before it in its own file, if it has one: a file without header continues
    /// the section that was open.
    pub header: Option<Span>,
    /// Whether it lands in this section only because an included file left it open: by the headers of
    /// its own file it stands in another one.
    pub leaked: bool,
}

/// An include that does not bring what it says.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct IncludeProblem {
    /// The value of the include.
    pub span: Span,
    /// The pattern, absolute.
    pub pattern: String,
    /// What is wrong.
    pub kind: IncludeProblemKind,
}

/// What can be wrong with an include.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum IncludeProblemKind {
    /// The pattern depends on the environment.
    NotKnown,
    /// The pattern lies in a part of the host that the tree does not hold.
    OutsideTree,
    /// Nothing matches: FPM warns and goes on.
    NoMatch,
    /// The directory before a wildcard is not there: FPM refuses.
    NoDirectory,
    /// Only directories match: FPM skips them without a word.
    OnlyDirectories,
    /// A file cannot be read.
    Unreadable(PathBuf, ReadError),
    /// Nested deeper than FPM goes, perhaps because a file includes itself.
    TooDeep,
    /// The pattern matches more files than are followed.
    TooManyMatches,
    /// The file has more lines than are read, or brings more into the configuration.
    TooManyStatements,
}

impl Assigned {
    /// Whether this sets the setting of one value with this name.
    fn is(&self, key: &str) -> bool {
        self.index.is_none() && self.key.eq_ignore_ascii_case(key)
    }
}

impl IncludeProblemKind {
    /// Whether pools may be in what could not be read.
    pub fn hides_pools(&self) -> bool {
        use IncludeProblemKind::{NotKnown, OutsideTree, TooDeep, TooManyMatches, TooManyStatements, Unreadable};
        matches!(self, NotKnown | OutsideTree | Unreadable(..) | TooDeep | TooManyMatches | TooManyStatements)
    }
}

impl Configuration {
    /// Whether settings may stand in files that could not be read or found.
    pub fn is_cut(&self) -> bool {
        self.include_problems.iter().any(|problem| problem.kind.hides_pools())
    }

    /// The assignment in force for a global setting: the last one.
    pub fn global(&self, key: &str) -> Option<&Assigned> {
        last(&self.global, key)
    }
}

impl PoolSettings {
    /// The assignment in force for a setting that takes one value: the last one.
    pub fn get(&self, key: &str) -> Option<&Assigned> {
        last(&self.assigned, key)
    }

    /// All assignments of a setting, in order.
    pub fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a Assigned> {
        self.assigned.iter().filter(move |assigned| assigned.is(key))
    }

    /// Whether nothing in it belongs to a pool: its header was meant for `[global]`.
    pub fn is_global(&self) -> bool {
        let place = |at: &Assigned| settings::find(&at.key, at.index.is_some()).map(|row| row.section);
        let of_pool = |at: &Assigned| !matches!(place(at), Some(Place::Global | Place::Both));
        let of_global = |at: &Assigned| place(at) == Some(Place::Global);
        self.assigned.iter().any(of_global) && !self.assigned.iter().any(of_pool)
    }

    /// The assignment in force for an entry of an array setting: the first one.
    pub fn get_entry(&self, key: &str, index: &str) -> Option<&Assigned> {
        self.assigned.iter().find(|assigned| assigned.key == key && assigned.index.as_deref() == Some(index))
    }
}

/// Reads what the master with this main file reads. `prefix` is where relative patterns begin.
/// An error means that the main file cannot be read.
pub fn load(host: &dyn Host, sources: &mut Sources, main: &Path, prefix: &Path) -> Result<Configuration, ReadError> {
    let main = normalize(main);
    let mut loader = Loader::new(host, sources, main.clone(), prefix);
    let id = loader.document(&main)?;
    loader.configuration.has_main = true;
    loader.read(id, 1, None);
    Ok(loader.configuration)
}

/// Reads what `php-fpm -tt` has printed into a file, once or for several masters: the settings in force, without
/// includes. An error means that the file cannot be read.
pub fn load_test_output(host: &dyn Host, sources: &mut Sources, file: &Path) -> Result<Vec<Configuration>, ReadError> {
    let text = host.read(file)?;
    let masters = test_output::masters(&text);
    let id = sources.add(shown(file), None, text);
    let load = |(main, part): (PathBuf, Range<usize>)| {
        let mut loader = Loader::new(host, sources, main, Path::new("/"));
        let document = test_output::parse(id, &loader.sources.get(id).bytes()[part.clone()], part.start);
        loader.configuration.files.push(id);
        loader.configuration.has_main = true;
        loader.parsed.insert(id, Rc::new(document));
        loader.read(id, 1, None);
        loader.configuration
    };
    Ok(masters.into_iter().map(load).collect())
}

/// Reads pool files whose packaged main file is not in the tree, as that file would include them.
pub fn load_pools(
    host: &dyn Host,
    sources: &mut Sources,
    main: &Path,
    pools: &[PathBuf],
    prefix: &Path,
) -> Result<Configuration, (PathBuf, ReadError)> {
    let mut loader = Loader::new(host, sources, main.to_owned(), prefix);
    for pool in pools {
        match loader.document(pool) {
            Ok(id) => loader.read(id, 2, None),
            Err(error) => return Err((pool.clone(), error)),
        }
    }
    Ok(loader.configuration)
}

struct Loader<'a> {
    host: &'a dyn Host,
    sources: &'a mut Sources,
    prefix: PathBuf,
    documents: HashMap<PathBuf, FileId>,
    parsed: HashMap<FileId, Rc<Document>>,
    configuration: Configuration,
    /// The numbers of the pools by name, in lower case.
    by_name: HashMap<String, usize>,
    /// The problems that were told.
    told: HashSet<IncludeProblem>,
    /// The pool that is open; none is `[global]`.
    open: Option<usize>,
    /// Whether includes were nested too deeply, where FPM ends, or there is more than is read.
    ended: bool,
    /// How many headers and settings were met. Files that include each other multiply.
    statements: usize,
}

impl<'a> Loader<'a> {
    fn new(host: &'a dyn Host, sources: &'a mut Sources, main: PathBuf, prefix: &Path) -> Self {
        let configuration = Configuration {
            main,
            has_main: false,
            files: Vec::new(),
            global: Vec::new(),
            pools: Vec::new(),
            includes: Vec::new(),
            include_problems: Vec::new(),
            problems: Vec::new(),
        };
        Loader {
            host,
            sources,
            prefix: prefix.to_owned(),
            documents: HashMap::new(),
            parsed: HashMap::new(),
            by_name: HashMap::new(),
            told: HashSet::new(),
            configuration,
            open: None,
            ended: false,
            statements: 0,
        }
    }

    fn document(&mut self, path: &Path) -> Result<FileId, ReadError> {
        if let Some(id) = self.documents.get(path) {
            return Ok(*id);
        }
        let opened = self.host.open(path)?;
        let (shown, real) = opened.names(self.host, path);
        let id = self.sources.add(shown, real, opened.bytes);
        self.sources.fill_in(id, self.host.environment());
        let document = parse_fpm(id, self.sources.get(id).bytes());
        if let Some(at) = document.cut {
            self.problem(at, path.display().to_string(), IncludeProblemKind::TooManyStatements);
        }
        self.configuration.problems.extend(document.problems.iter().cloned());
        self.configuration.files.push(id);
        self.documents.insert(path.to_owned(), id);
        self.parsed.insert(id, Rc::new(document));
        Ok(id)
    }

    /// Reads a file. `own` is the section that is open by the headers of the files above it and its own.
    fn read(&mut self, file: FileId, depth: usize, mut own: Option<usize>) {
        let document = Rc::clone(&self.parsed[&file]);
        let mut header = None;
        for item in &document.items {
            if self.ended && self.statements > MAX_STATEMENTS {
                return;
            }
            self.statements += 1;
            if self.statements > MAX_STATEMENTS {
                self.ended = true;
                let path = self.sources.get(file).path.clone();
                return self.problem(item.span(), path, IncludeProblemKind::TooManyStatements);
            }
            match item {
                Item::Section(section) => {
                    header = Some(section.span);
                    self.open_section(section);
                    own = self.open;
                }
                Item::Setting(setting) if setting.key == "include" && setting.index.is_none() => {
                    self.include(setting, depth, own);
                }
                Item::Setting(setting) => self.assign(setting, header, self.open != own),
            }
        }
    }

    fn open_section(&mut self, section: &Section) {
        // A name from the environment is a pool of its own, whatever it is called.
        let name = section.name.text().unwrap_or_else(|| self.sources.text(section.name.span).into_owned());
        if name.eq_ignore_ascii_case("global") {
            self.open = None;
            return;
        }
        let pools = &mut self.configuration.pools;
        self.open = Some(*self.by_name.entry(name.to_ascii_lowercase()).or_insert_with(|| {
            pools.push(PoolSettings { name, header: section.span, assigned: Vec::new() });
            pools.len() - 1
        }));
    }

    fn assign(&mut self, setting: &Setting, header: Option<Span>, leaked: bool) {
        let pool = self.open.map(|open| self.configuration.pools[open].name.clone());
        let value = setting.value.as_ref();
        let text = value.and_then(|value| self.text(value)).map(|text| match &pool {
            Some(pool) => text.replace("$pool", pool),
            None => text,
        });
        let assigned = Assigned {
            key: setting.key.clone(),
            key_span: setting.key_span,
            index: setting.index.as_ref().map(|index| index.text().unwrap_or_default()),
            index_known: setting.index.as_ref().is_none_or(|index| index.text().is_some()),
            value_span: value.map_or(setting.key_span, |value| value.span),
            span: setting.span,
            text,
            header,
            leaked,
        };
        match self.open {
            Some(open) => self.configuration.pools[open].assigned.push(assigned),
            None => self.configuration.global.push(assigned),
        }
    }

    /// The text of a value, as far as the environment is known.
    fn text(&self, value: &Value) -> Option<String> {
        let environment = self.host.environment();
        value.resolve(&|name| match environment?.get(name) {
            Said::Value(value) => Some(value.to_owned()),
            Said::Unset if !name.contains(':') => Some(String::new()),
            Said::Unset | Said::Unknown => None,
        })
    }

    fn include(&mut self, setting: &Setting, depth: usize, own: Option<usize>) {
        // FPM gives up for good where files are nested too deeply.
        let Some(value) = setting.value.as_ref().filter(|_| !self.ended) else { return };
        let written = self.text(value);
        let pattern = written.map(|written| self.prefix.join(written).to_string_lossy().into_owned());
        self.configuration.includes.push((value.span, pattern.clone()));
        let Some(pattern) = pattern else {
            return self.problem(value.span, String::new(), IncludeProblemKind::NotKnown);
        };
        let glob::Matches { paths: mut matches, has_more } = glob::matching(self.host, &pattern);
        if has_more {
            self.problem(value.span, pattern.clone(), IncludeProblemKind::TooManyMatches);
        }
        matches.retain(|path| !matches!(self.host.entry(path), Err(ReadError::NotFound | ReadError::Io(_))));
        // With a slash at its end a pattern with a wildcard matches directories only.
        let no_files = pattern.ends_with('/') && glob::is_pattern(&pattern);
        let is_file = |path: &&PathBuf| !no_files && !self.is_directory(path);
        let files: Vec<_> = matches.iter().filter(is_file).cloned().collect();
        if files.is_empty() {
            let directory = Path::new(&pattern).parent().unwrap_or(Path::new("/"));
            let kind = match () {
                () if self.host.is_closed(directory) => {
                    IncludeProblemKind::Unreadable(directory.to_owned(), ReadError::PermissionDenied)
                }
                () if is_outside_tree(self.host, directory) => IncludeProblemKind::OutsideTree,
                () if matches.iter().any(|path| self.is_directory(path)) => IncludeProblemKind::OnlyDirectories,
                () if glob::is_pattern(&pattern) && self.is_gone(&glob::fixed_directory(&pattern)) => {
                    IncludeProblemKind::NoDirectory
                }
                () => IncludeProblemKind::NoMatch,
            };
            return self.problem(value.span, pattern, kind);
        }
        if depth >= MAX_FILES_DEEP {
            self.ended = true;
            return self.problem(value.span, pattern, IncludeProblemKind::TooDeep);
        }
        for path in files {
            if self.ended {
                return;
            }
            match self.document(&path) {
                Ok(id) => self.read(id, depth + 1, own),
                Err(ReadError::NotFound) => self.problem(value.span, pattern.clone(), IncludeProblemKind::NoMatch),
                Err(error) => {
                    self.problem(value.span, pattern.clone(), IncludeProblemKind::Unreadable(path, error));
                }
            }
        }
    }

    fn is_directory(&self, path: &Path) -> bool {
        self.host.entry(path).is_ok_and(|entry| entry.kind == Kind::Directory)
    }

    fn is_gone(&self, directory: &Path) -> bool {
        matches!(self.host.entry(directory), Err(ReadError::NotFound | ReadError::Dangling { .. }))
    }

    fn problem(&mut self, span: Span, pattern: String, kind: IncludeProblemKind) {
        let problem = IncludeProblem { span, pattern, kind };
        // A file that includes itself is met once on each of the five levels.
        if self.told.insert(problem.clone()) {
            self.configuration.include_problems.push(problem);
        }
    }
}

/// The assignment in force for a setting that takes one value: the last one.
pub fn last<'a>(assigned: &'a [Assigned], key: &str) -> Option<&'a Assigned> {
    assigned.iter().rfind(|assigned| assigned.is(key))
}

/// Whether a setting that stands in `[global]` belongs into a pool.
pub fn is_pool_setting(assigned: &Assigned) -> bool {
    settings::find(&assigned.key, assigned.index.is_some()).is_some_and(|row| !row.allowed(false))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::host::memory::Memory;

    fn read(files: &[(&str, &str)]) -> Configuration {
        let mut host = Memory::default();
        for (path, text) in files {
            host.add(path, *text);
        }
        load(&host, &mut Sources::default(), Path::new("/f/fpm.conf"), Path::new("/usr")).unwrap()
    }

    fn show(configuration: &Configuration) -> Vec<String> {
        let of = |assigned: &[Assigned]| {
            let texts = assigned.iter().map(|one| format!("{}={}", one.key, one.text.as_deref().unwrap_or("?")));
            texts.collect::<Vec<_>>().join(" ")
        };
        let mut shown = vec![format!("global: {}", of(&configuration.global))];
        shown.extend(configuration.pools.iter().map(|pool| format!("{}: {}", pool.name, of(&pool.assigned))));
        shown
    }

    #[test]
    fn the_section_survives_includes_in_both_directions() {
        let configuration = read(&[
            ("/f/fpm.conf", "[a]\ninclude = /f/d/*.conf\nlisten = 3\n"),
            ("/f/d/1.conf", "user = u\n[b]\nlisten = 1\n"),
            ("/f/d/2.conf", "listen = 2\n"),
        ]);
        assert_eq!(show(&configuration), ["global: ", "a: user=u", "b: listen=1 listen=2 listen=3"]);
        assert_eq!(configuration.pools[1].get("LISTEN").unwrap().text.as_deref(), Some("3"));
    }

    #[test]
    fn a_section_named_again_is_the_same_pool() {
        let configuration =
            read(&[("/f/fpm.conf", "[www]\nlisten=/a/$pool\n[Global]\nx=1\n[WWW]\nlisten=b\nenv[A]=1\nenv[A]=2\n")]);
        assert_eq!(show(&configuration), ["global: x=1", "www: listen=/a/www listen=b env=1 env=2"]);
        assert_eq!(configuration.pools[0].get_entry("env", "A").unwrap().text.as_deref(), Some("1"));
    }

    #[test]
    fn what_comes_from_the_environment_is_unknown() {
        let configuration = read(&[("/f/fpm.conf", "[www]\nlisten=${ADDRESS}\n")]);
        assert_eq!(show(&configuration), ["global: ", "www: listen=?"]);
    }

    #[test]
    fn files_that_multiply_are_read_so_often() {
        let cut = |more: &str| {
            // A header, a thousand includes, and what each brings: 998 settings and one include of nothing more.
            let main = format!("[www]\n{}", "include = /f/a\n".repeat(1000));
            let brought = format!("{}include = /f/b\n", "pm = static\n".repeat(997));
            let configuration = read(&[("/f/fpm.conf", &main), ("/f/a", &brought), ("/f/b", more)]);
            let problems: Vec<_> = configuration.include_problems.into_iter().map(|problem| problem.kind).collect();
            (problems, configuration.pools[0].assigned.len())
        };
        // 1 + 1000 + 1000 × 998, and so they are 999 short of a million.
        assert_eq!(cut(""), (vec![], 997_000));
        assert_eq!(cut("pm = static\n"), (vec![IncludeProblemKind::TooManyStatements], 997_999));
        assert_eq!(cut(&"pm = static\n".repeat(1000)).0, [IncludeProblemKind::TooManyStatements]);
    }

    #[test]
    fn includes_that_bring_nothing_are_told_apart() {
        let kinds = |include: &str| {
            let main = format!("include = {include}\n[www]\n");
            let configuration = read(&[("/f/fpm.conf", &main), ("/f/d/x", "")]);
            configuration.include_problems.into_iter().map(|problem| problem.kind).collect::<Vec<_>>()
        };
        assert_eq!(kinds("/f/d/*.conf"), [IncludeProblemKind::NoMatch]);
        assert_eq!(kinds("/f/none"), [IncludeProblemKind::NoMatch]);
        assert_eq!(kinds("/f/none/*.conf"), [IncludeProblemKind::NoDirectory]);
        assert_eq!(kinds("/f/d"), [IncludeProblemKind::OnlyDirectories]);
        assert_eq!(kinds("/f/fpm.conf"), [IncludeProblemKind::TooDeep]);
        assert_eq!(kinds("/f/d/*"), []);
        assert_eq!(kinds("/f/*/none"), [IncludeProblemKind::NoMatch]);
        assert_eq!(kinds("/f/d/x/*"), [IncludeProblemKind::NoMatch]);
        assert_eq!(kinds("/f/d/*/"), [IncludeProblemKind::NoMatch]);
    }
}
