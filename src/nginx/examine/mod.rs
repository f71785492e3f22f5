//! What `nginx -t` refuses: the configuration, gone through in nginx's own order.
//!
//! nginx stops at the first thing it refuses; here all of them are found. Each is data
//! ([`Refusal`]); the rules of the category `syntax` make findings of them. What is not known — a module,
//! a release, the block that a fragment is included into — is taken as nginx would take it at best.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::ast::{Body, Directive, ProblemKind, Tree};
use super::directives::{Entry, Places, all, holds_records};
use super::levels::MAX_STATEMENTS;
use super::load::Files;
use crate::source::{FileId, Sources, Span};
use crate::values::spelling::Nearest;
use crate::values::version::Version;

mod duplicates;
mod hashes;
mod known;
mod level;
mod loading;
mod lookups;
mod lost;
mod names;
mod own;
mod pairs;
mod records;
mod references;
mod refusal;
mod scopes;
mod servers;
mod sessions;
mod swallowed;
mod tls;
mod url;
mod values;
mod words;
mod zones;

use level::Level;
pub use refusal::{Flaw, Refusal, Taken, Unknown};
pub use servers::shown_address;
pub(in crate::nginx) use servers::{Location, misnested};
pub use values::Refused;

/// What is known of the nginx that is to read a configuration.
#[derive(Clone, Debug, Default)]
pub struct Build {
    /// Its release, where facts say it.
    pub version: Option<Version>,
    /// The optional modules it was built with, where facts say it.
    pub modules: Option<BTreeSet<String>>,
    /// Directives that the user declares: modules of their own bring them.
    pub declared: BTreeSet<String>,
    /// Whether everything that it reads was read.
    pub is_whole: bool,
    /// Whether every place that may load a module was read.
    pub knows_modules: bool,
    /// Whether it brings modules that stock nginx lacks, as OpenResty does.
    pub is_bundle: bool,
}

impl Build {
    /// Whether it is known to have nothing but nginx's own modules, for all that is compiled into it.
    pub fn is_stock(&self) -> bool {
        const OTHERS: &str = "threads file-aio pcre pcre-jit debug compat select poll http_v3 libatomic";
        let of_directives = |module: &str| all().iter().any(|entry| entry.options().any(|option| option == module));
        let is_own = |module: &String| OTHERS.split(' ').any(|other| other == module) || of_directives(module);
        self.modules.as_ref().is_some_and(|modules| modules.iter().all(is_own))
    }
}

/// What came of going through a configuration.
#[derive(Clone, Debug, Default)]
pub struct Examined {
    /// What nginx refuses, or what is not meant so.
    pub refusals: Vec<Refusal>,
    /// The names of hosts that nginx looks up when it starts, in order.
    pub looked_up: Vec<String>,
}

/// Goes through a configuration that begins with a file; `top` is where the file's statements stand.
pub fn examine(files: &Files, sources: &Sources, main: FileId, top: Places, build: &Build) -> Examined {
    let mut examiner = Examiner::new(files, sources, build);
    examiner.find_modules();
    let tree = files.tree(main);
    let top = if top.is_one() { top } else { common_places(files, tree, top) };
    let mut level = Level::new(top);
    if is_binary(tree) {
        return Examined::default();
    }
    examiner.statements(&tree.directives, &mut level);
    examiner.end();
    let looked_up = examiner.looked_up();
    let mut refusals = examiner.found;
    refusals.sort_by_key(|refusal| (refusal.span, refusal.noticed));
    Examined { refusals, looked_up }
}

/// Whether a file is no configuration at all.
fn is_binary(tree: &Tree) -> bool {
    tree.problems.iter().any(|problem| problem.kind == ProblemKind::Binary)
}

/// The blocks that all statements of a fragment may stand in; where there is none, those that most may
/// stand in.
fn common_places(files: &Files, tree: &Tree, top: Places) -> Places {
    let mut wanted = Vec::new();
    gather(files, &tree.directives, &mut wanted, 0, &mut { MAX_GATHERED });
    let common = wanted.iter().fold(top, |common, places: &Places| common.and(*places));
    if !common.is_none() {
        return common;
    }
    let count = |place: &Places| wanted.iter().filter(|places| !places.and(*place).is_none()).count();
    let most = top.each().map(|place| count(&place)).max().unwrap_or(0);
    top.each().filter(|place| count(place) == most).fold(Places::NONE, |all, place| all | place)
}

/// So many statements tell what a fragment is for. Files that include each other multiply.
const MAX_GATHERED: usize = 10_000;

/// The places of the statements at the top of a file and of what it includes.
fn gather(files: &Files, directives: &[Arc<Directive>], wanted: &mut Vec<Places>, depth: usize, left: &mut usize) {
    for directive in directives {
        let Some(less) = left.checked_sub(1) else { return };
        *left = less;
        if directive.name() == "include" && depth < 10 {
            for file in files.included_by(directive) {
                gather(files, &files.tree(*file).directives, wanted, depth + 1, left);
            }
            continue;
        }
        let fitting = directive.entries().iter().filter(|entry| entry.is_block == directive.is_block());
        let places = fitting.fold(Places::NONE, |places, entry| places | entry.places);
        if !places.is_none() {
            wanted.push(places);
        }
    }
}

struct Examiner<'a> {
    files: &'a Files,
    sources: &'a Sources,
    build: &'a Build,
    found: Vec<Refusal>,
    seen: BTreeSet<(Span, &'static str)>,
    statements: usize,
    /// The files that were gone through, and where their statements stood.
    gone_through: BTreeSet<(FileId, Places)>,
    /// Whether a file is gone through where it was before: thousands of servers include the same few.
    is_repeated: bool,
    /// The shared objects that are loaded.
    loaded: BTreeSet<String>,
    loading: loading::Loading,
    lost: lost::Lost,
    lookups: lookups::Lookups,
    zones: zones::Zones,
    pairs: pairs::Pairs,
    scopes: scopes::Scopes,
    hashes: hashes::Hashes,
    /// Whether modules are in force whose directives are not known.
    has_unknown_modules: bool,
    /// Whether modules are in force that are not nginx's own: they may define variables and more directives.
    has_foreign_modules: bool,
    is_stock: bool,
    names: names::Names,
    nearest: Nearest,
    /// What is wrong in `http`, by directive, if a server takes it from there.
    late: Vec<(&'static str, Refusal)>,
    servers: servers::Servers,
    sessions: sessions::Sessions,
    upstreams: BTreeMap<(names::Family, String), Span>,
    references: references::References,
    /// The record with which the `split_clients` at hand comes to more than the whole.
    beyond_whole: Option<Span>,
}

impl<'a> Examiner<'a> {
    fn new(files: &'a Files, sources: &'a Sources, build: &'a Build) -> Self {
        Examiner {
            files,
            sources,
            build,
            found: Vec::new(),
            seen: BTreeSet::new(),
            statements: 0,
            gone_through: BTreeSet::new(),
            is_repeated: false,
            loaded: BTreeSet::new(),
            loading: loading::Loading::default(),
            lost: lost::Lost::default(),
            lookups: lookups::Lookups::default(),
            zones: zones::Zones::default(),
            pairs: pairs::Pairs::default(),
            scopes: scopes::Scopes::default(),
            hashes: hashes::Hashes::default(),
            has_unknown_modules: !build.knows_modules,
            has_foreign_modules: false,
            is_stock: build.is_stock(),
            names: names::Names::default(),
            nearest: Nearest::default(),
            late: Vec::new(),
            servers: servers::Servers::default(),
            sessions: sessions::Sessions::default(),
            upstreams: BTreeMap::new(),
            references: references::References::default(),
            beyond_whole: None,
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        let kind = match &refusal.flaw {
            Flaw::Unknown(_) => "unknown",
            Flaw::Misplaced { .. } | Flaw::Late { .. } => "misplaced",
            Flaw::Count { .. } => "count",
            Flaw::Value(_) | Flaw::Placeholder => "value",
            Flaw::Duplicate { .. } => "duplicate",
            Flaw::Taken(Taken::Name(..)) => "name",
            Flaw::Taken(_) => "taken",
            Flaw::Variable => "variable",
            Flaw::NoCertificate => "certificate",
            Flaw::Incomplete { .. } => "incomplete",
            Flaw::Swallowed { .. } => "swallowed",
        };
        if self.seen.insert((refusal.span, kind)) {
            self.found.push(refusal);
        }
    }

    /// Refuses a directive as a whole.
    fn refuse_directive(&mut self, directive: &Directive, flaw: Flaw, refusal: String) {
        self.refuse(Refusal {
            flaw,
            name: directive.name().to_owned(),
            span: directive.name_word().span,
            noticed: Some(directive.ender()),
            refusal,
        });
    }

    fn statements(&mut self, statements: &[Arc<Directive>], level: &mut Level) {
        for directive in statements {
            self.statements += 1;
            if self.statements > MAX_STATEMENTS {
                return;
            }
            if directive.name() == "include" && directive.args.len() == 1 && !directive.is_block() {
                for file in self.files.included_by(directive) {
                    let tree = self.files.tree(*file);
                    if is_binary(tree) {
                        self.has_unknown_modules = true;
                    } else {
                        let around = self.is_repeated;
                        self.is_repeated |= !self.gone_through.insert((*file, level.place));
                        self.statements(&tree.directives, level);
                        self.is_repeated = around;
                    }
                }
                continue;
            }
            self.statement(directive, level);
        }
    }

    fn statement(&mut self, directive: &Arc<Directive>, level: &mut Level) {
        // A block without a name has been told.
        if directive.name().is_empty() && !directive.name_word().quoted {
            return;
        }
        let Some(entry) = self.entry(directive, level) else {
            self.lose(directive);
            return;
        };
        self.check(entry, directive, level);
        if let Body::Block(inside) = directive.body() {
            self.block(entry, directive, inside, level);
        }
    }

    fn block(&mut self, entry: &Entry, directive: &Directive, inside: &[Arc<Directive>], level: &mut Level) {
        if holds_records(entry.name) {
            return self.records(directive, inside, level.place);
        }
        if level.place == Places::MAIN {
            self.counts_modules(directive);
        }
        let mut block = level.block(entry.inside(level.place));
        block.scope = Some(self.scopes.open(level.scope));
        match entry.name {
            "server" if block.place == Places::SERVER => {
                block.server = Some(self.servers.open(directive));
            }
            "location" => self.location(directive, level, &mut block),
            "upstream" => self.upstream(directive, names::Family::of(level.place)),
            _ => {}
        }
        // Servers take these from the block around them, before or behind them.
        if block.place == Places::STREAM || block.place == Places::MAIL {
            self.note_common(inside, block.place);
        }
        self.statements(inside, &mut block);
        if block.place == Places::SERVER {
            let inherited = names::COMPILED_LATE.into_iter().filter(|name| !block.compiled.contains(name));
            self.names.inherited.extend(inherited);
        }
        self.referers(inside);
        if block.place == Places::STREAM_UPSTREAM {
            self.empty_group(directive, inside);
        }
        if block.place == Places::STREAM_SERVER || block.place == Places::MAIL_SERVER {
            self.session(directive, inside, &block);
        }
    }

    fn upstream(&mut self, directive: &Directive, family: names::Family) {
        let name = directive.arg(0).unwrap_or_default();
        let key = (family, name.to_ascii_lowercase());
        match self.upstreams.get(&key) {
            Some(first) if *first != directive.head => {
                let taken = Flaw::Taken(Taken::Upstream(*first));
                self.refuse_directive(directive, taken, format!("duplicate upstream \"{name}\""));
            }
            _ => drop(self.upstreams.insert(key, directive.head)),
        }
    }

    fn end(&mut self) {
        // What was not gone through may define what is missing here.
        if self.statements > MAX_STATEMENTS {
            return;
        }
        let late = std::mem::take(&mut self.late).into_iter();
        let inherited = late.filter(|(name, _)| self.names.inherited.contains(name));
        self.found.extend(inherited.map(|(_, refusal)| refusal).collect::<Vec<_>>());
        self.end_servers();
        self.end_references();
        if self.build.is_whole {
            self.end_hashes();
            self.end_scopes();
        }
        self.end_names();
    }
}
