//! What `nginx -t` refuses: the configuration, gone through in nginx's own order.
//!
//! nginx stops at the first thing it refuses; here all of them are found. Each is data
//! ([`Refusal`]); the rules of the category `syntax` make findings of them. What is not known — a module,
//! a release, the block that a fragment is included into — is taken as nginx would take it at best.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ecow::EcoString;

use super::ast::{Body, Directive, Key, ProblemKind, Tree};
use super::directives::{self, Arguments, Entry, Places, Value, entries, holds_records, modules};
use super::levels::MAX_STATEMENTS;
use super::load::{Files, IncludeProblemKind};
use crate::source::{FileId, Sources, Span};
use crate::values::placeholder::is_placeholder;
use crate::values::version::Version;

mod names;
mod own;
mod records;
mod references;
mod servers;
mod sessions;
mod swallowed;
mod url;
mod values;

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

/// Something that nginx refuses, or that is not what was meant.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// What is wrong.
    pub flaw: Flaw,
    /// The directive it is wrong with.
    pub name: String,
    /// The text that is wrong.
    pub span: Span,
    /// Where nginx notices, where it names a line.
    pub noticed: Option<Span>,
    /// nginx's words; empty where it does not refuse.
    pub refusal: String,
}

/// What nginx refuses.
#[derive(Clone, Debug)]
pub enum Flaw {
    /// A name that nginx does not know.
    Unknown(Unknown),
    /// A directive that may not stand in its block.
    Misplaced {
        /// Where it may stand.
        allowed: Places,
    },
    /// A number of arguments that the directive does not take.
    Count {
        /// The numbers that it takes.
        allowed: Arguments,
        /// How many there are.
        given: usize,
    },
    /// An argument that the directive does not take.
    Value(Box<Refused>),
    /// An argument that a template should have filled in.
    Placeholder,
    /// A directive that the block holds already.
    Duplicate {
        /// The first one.
        first: Span,
    },
    /// A second location of a name, a listener or a default server that another one is already.
    Taken(Taken),
    /// A variable that nothing defines.
    Variable,
    /// A server that is to speak TLS has no certificate.
    NoCertificate,
    /// A block that lacks a directive without which it cannot be.
    Incomplete {
        /// What it lacks, as a noun phrase.
        needs: String,
    },
    /// A next line that became arguments, which nginx accepts.
    Swallowed {
        /// The name at the start of the next line.
        next: Span,
    },
}

/// What is there once only.
#[derive(Clone, Debug)]
pub enum Taken {
    /// A location's path, by an earlier location.
    Location(Span),
    /// An address, by a `listen` of the same server.
    Listen(Span),
    /// The options of an address, by an earlier `listen`.
    Options(Span),
    /// The place of the default server of an address, by another server.
    Default(String, Span),
    /// A name on an address, by an earlier server: nginx warns only.
    Name(String, String, Span),
    /// The name of an upstream group.
    Upstream(Span),
}

/// Why a name is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// No nginx has it; a name that is spelled nearly so may be meant.
    Never(Option<&'static str>),
    /// A module brings it, by this name, that is not loaded.
    Module(&'static str, bool),
    /// It is gone since the release after this one; what has become of it.
    Removed(Version, &'static str),
    /// It came with this release.
    Newer(Version),
    /// The build lacks an optional module.
    NotBuilt(&'static str),
    /// A module that is not in view may bring it; the one that does, where it is known.
    Perhaps(Option<&'static str>),
}

impl Refusal {
    /// Whether nginx refuses for certain: it reads all of this, and nothing that is not known decides.
    pub fn is_refused(&self) -> bool {
        !self.refusal.is_empty()
    }
}

/// Goes through a configuration that begins with a file; `top` is where the file's statements stand.
pub fn examine(files: &Files, sources: &Sources, main: FileId, top: Places, build: &Build) -> Vec<Refusal> {
    let mut examiner = Examiner::new(files, sources, build);
    examiner.find_modules();
    let tree = files.tree(main);
    let top = if top.is_one() { top } else { common_places(files, tree, top) };
    let mut level = Level::new(top);
    if is_binary(tree) {
        return Vec::new();
    }
    examiner.statements(&tree.directives, &mut level);
    examiner.end();
    let mut found = examiner.found;
    found.sort_by_key(|refusal| (refusal.span, refusal.noticed));
    found
}

/// Whether a file is no configuration at all.
fn is_binary(tree: &Tree) -> bool {
    tree.problems.iter().any(|problem| problem.kind == ProblemKind::Binary)
}

/// The blocks that all statements of a fragment may stand in; where there is none, those that most may
/// stand in.
fn common_places(files: &Files, tree: &Tree, top: Places) -> Places {
    let mut wanted = Vec::new();
    gather(files, &tree.directives, &mut wanted, 0);
    let common = wanted.iter().fold(top, |common, places: &Places| common.and(*places));
    if !common.is_none() {
        return common;
    }
    let count = |place: &Places| wanted.iter().filter(|places| !places.and(*place).is_none()).count();
    let most = top.each().map(|place| count(&place)).max().unwrap_or(0);
    top.each().filter(|place| count(place) == most).fold(Places::NONE, |all, place| all | place)
}

/// The places of the statements at the top of a file and of what it includes.
fn gather(files: &Files, directives: &[Arc<Directive>], wanted: &mut Vec<Places>, depth: usize) {
    for directive in directives.iter().take(10_000) {
        if directive.name() == "include" && depth < 10 {
            for file in files.included_by(directive) {
                gather(files, &files.tree(*file).directives, wanted, depth + 1);
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

/// A block that is being gone through, with its includes.
struct Level {
    /// Where its statements stand, or may stand in a fragment.
    place: Places,
    /// The directives that it may hold once and holds.
    held: Vec<(Key, Span)>,
    /// Its locations: whether exact, path, and where.
    locations: BTreeMap<(bool, EcoString), Span>,
    /// The locations around it, outermost first.
    inside: Vec<servers::Location>,
    /// The server that it is or is in.
    server: Option<usize>,
    /// What was found to be in the wrong place here: what follows it came there with it.
    astray: Option<Span>,
    /// The directives here whose words nginx compiles for the servers that have none of their own.
    compiled: BTreeSet<&'static str>,
    /// The zones of its `limit_conn`.
    counted: BTreeMap<String, Span>,
    /// Whether its `proxy_pass` has variables.
    has_varying_pass: bool,
    /// Lists that end with `off`, or that nothing can follow because they are: whether so, and the last of each.
    switched: BTreeMap<&'static str, (bool, Span)>,
    /// The balancing method that it named last.
    method: Option<&'static str>,
}

impl Level {
    fn new(place: Places) -> Self {
        Level {
            place,
            held: Vec::new(),
            locations: BTreeMap::new(),
            inside: Vec::new(),
            server: None,
            astray: None,
            compiled: BTreeSet::new(),
            counted: BTreeMap::new(),
            has_varying_pass: false,
            switched: BTreeMap::new(),
            method: None,
        }
    }

    /// Whether a directive that may stand here once, or a `map`, stands here already.
    fn holds(&self, name: &str) -> bool {
        let key = Key::of(name);
        self.held.iter().any(|(held, _)| *held == key)
    }

    fn block(&self, place: Places) -> Self {
        Level { inside: self.inside.clone(), server: self.server, ..Level::new(place) }
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
    /// Whether modules are in force whose directives are not known.
    has_unknown_modules: bool,
    /// Whether modules are in force that are not nginx's own: they may define variables and more directives.
    has_foreign_modules: bool,
    names: names::Names,
    /// What is wrong in `http`, by directive, if a server takes it from there.
    late: Vec<(&'static str, Refusal)>,
    servers: servers::Servers,
    sessions: sessions::Sessions,
    upstreams: BTreeMap<(names::Family, String), Span>,
    references: references::References,
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
            has_unknown_modules: !build.knows_modules,
            has_foreign_modules: false,
            names: names::Names::default(),
            late: Vec::new(),
            servers: servers::Servers::default(),
            sessions: sessions::Sessions::default(),
            upstreams: BTreeMap::new(),
            references: references::References::default(),
        }
    }

    /// The modules that any file loads: wherever it stands, the directives of a module are then known.
    fn find_modules(&mut self) {
        let is_module = |path: &std::path::Path| {
            path.components().any(|part| matches!(part.as_os_str().to_str(), Some("modules" | "modules-enabled")))
        };
        let unread = self.files.problems.iter().filter(|problem| problem.kind != IncludeProblemKind::NoMatch);
        self.has_unknown_modules |= unread.into_iter().any(|problem| is_module(&problem.path));
        let statements = self.files.trees().flat_map(|(_, tree)| &tree.directives);
        for load in statements.filter(|directive| directive.name() == "load_module") {
            let path = load.arg(0).unwrap_or_default();
            let object = path.rsplit('/').next().unwrap_or_default().trim_end_matches(".so");
            let own = |entry: &Entry| entry.optional && object == format!("ngx_{}_module", entry.module);
            let is_own = directives::all().iter().any(own)
                || matches!(object, "ngx_stream_module" | "ngx_mail_module" | "ngx_http_xslt_filter_module");
            self.has_foreign_modules |= !is_own;
            self.has_unknown_modules |= !is_own && modules().iter().all(|module| module.object != object);
            self.loaded.insert(object.to_owned());
        }
    }

    fn refuse(&mut self, refusal: Refusal) {
        let kind = match &refusal.flaw {
            Flaw::Unknown(_) => "unknown",
            Flaw::Misplaced { .. } => "misplaced",
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
            self.names.leave_open(directive);
            return;
        };
        self.check(entry, directive, level);
        if let Body::Block(inside) = &directive.body {
            self.block(entry, directive, inside, level);
        }
    }

    fn block(&mut self, entry: &Entry, directive: &Directive, inside: &[Arc<Directive>], level: &mut Level) {
        if holds_records(entry.name) {
            return self.records(directive, inside, level.place);
        }
        let mut block = level.block(entry.inside(level.place));
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

    /// The line of the table that reads a directive where it stands; none where nginx refuses it or does
    /// not know it.
    fn entry(&mut self, directive: &Directive, level: &mut Level) -> Option<&'static Entry> {
        let (name, place) = (directive.name(), level.place);
        let (opens, given) = (directive.is_block(), directive.args.len());
        let known = directive.entries();
        // Mostly nothing is wrong.
        let fits = |entry: &&Entry| {
            entry.is_block == opens && entry.arguments.allow(given) && !entry.places.and(place).is_none()
        };
        if let Some(entry) = known.iter().filter(fits).find(|entry| self.lacks(entry).is_none()) {
            return Some(entry);
        }
        let wrong = match known.iter().filter_map(|entry| self.lacks(entry)).next() {
            Some(why) if known.iter().all(|entry| self.lacks(entry).is_some()) => Some(why),
            _ if known.is_empty() => self.unknown(name),
            _ => None,
        };
        if let Some(why) = wrong {
            let refusal = match why {
                Unknown::Perhaps(_) | Unknown::Module(..) => String::new(),
                _ => format!("unknown directive \"{name}\""),
            };
            let is_nothing = why == Unknown::Never(None);
            // Of several names in a row that mean nothing here, the first one stands for all.
            let is_told = is_nothing && level.astray.is_some();
            if !directive.flawed && !is_told {
                self.refuse_directive(directive, Flaw::Unknown(why), refusal);
            }
            if is_nothing {
                level.astray.get_or_insert(directive.head);
            }
        }
        let known: Vec<_> = known.iter().filter(|entry| self.lacks(entry).is_none()).collect();
        let here: Vec<_> = known.iter().copied().filter(|entry| !entry.places.and(place).is_none()).collect();
        if here.is_empty() {
            // In a block that is not known anything may stand.
            if !known.is_empty() && !place.is_none() {
                let allowed = known.iter().fold(Places::NONE, |places, entry| places | entry.places);
                // A block that stands elsewhere is gone through where it belongs.
                let refusal = format!("\"{name}\" directive is not allowed here");
                if level.astray.is_none() {
                    self.refuse_directive(directive, Flaw::Misplaced { allowed }, refusal);
                }
                level.astray.get_or_insert(directive.head);
            }
            return None;
        }
        let of_kind: Vec<_> = here.iter().copied().filter(|entry| entry.is_block == opens).collect();
        let Some(first) = of_kind.first().copied() else {
            if !directive.flawed {
                let allowed = here[0].arguments;
                let flaw = Flaw::Count { allowed, given: directive.args.len() };
                let refusal = match opens {
                    true => format!("directive \"{name}\" is not terminated by \";\""),
                    false => format!("directive \"{name}\" has no opening \"{{\""),
                };
                self.refuse_directive(directive, flaw, refusal);
            }
            return None;
        };
        let taken = of_kind.iter().copied().find(|entry| entry.arguments.allow(given));
        if taken.is_none() && !directive.flawed {
            // `<your domain>` and the like: a template's place for a value of several words.
            if directive.args.iter().any(|word| word.text.starts_with('<') || word.text.contains("{{")) {
                let refusal = format!("invalid number of arguments in \"{name}\" directive");
                self.refuse_directive(directive, Flaw::Placeholder, refusal);
                return Some(first).filter(|_| opens);
            }
            let flaw = Flaw::Count { allowed: first.arguments, given };
            self.refuse_directive(directive, flaw, format!("invalid number of arguments in \"{name}\" directive"));
            // What is in a block is looked at all the same.
            return Some(first).filter(|_| opens);
        }
        taken.or(Some(first).filter(|_| opens))
    }

    /// Why nginx does not have a directive that is in the table.
    fn lacks(&self, entry: &Entry) -> Option<Unknown> {
        let lacking = |option: &&'static str| {
            let built = self.build.modules.as_ref().is_none_or(|modules| modules.contains(*option));
            !built && !self.has_unknown_modules && !self.loaded.contains(&format!("ngx_{option}_module"))
        };
        // Mostly nothing is said of the build, and it may have all.
        let needed = self.build.modules.as_ref().and_then(|_| entry.options().find(lacking));
        if let Some(option) = needed {
            return Some(Unknown::NotBuilt(option));
        }
        match (self.build.version, entry.since, entry.until) {
            (Some(version), Some(since), _) if version < since && !entry.is_backported => Some(Unknown::Newer(since)),
            (Some(version), _, Some(until)) if version > until => Some(Unknown::Removed(until, entry.instead)),
            // Whoever says nothing of the release may have any that is still in use.
            (None, _, Some(until)) if until < Version(1, 18, 0) => Some(Unknown::Removed(until, entry.instead)),
            _ => None,
        }
    }

    /// Why a name is not in the table; none where a module that is not known may bring it.
    fn unknown(&mut self, name: &str) -> Option<Unknown> {
        if self.build.declared.contains(name) {
            return None;
        }
        let brings = modules().iter().find(|module| module.has(name));
        let close = names::closest(name);
        let brings = brings.or_else(|| modules().iter().find(|module| close.is_none() && module.may_have(name)));
        let Some(module) = brings else {
            let perhaps =
                close.is_none() && (self.has_unknown_modules || self.has_foreign_modules || self.build.is_bundle);
            return Some(if perhaps { Unknown::Perhaps(None) } else { Unknown::Never(close) });
        };
        match self.loaded.contains(module.object) || self.build.is_bundle {
            true => None,
            false if self.has_unknown_modules => Some(Unknown::Perhaps(Some(module.name))),
            false => Some(Unknown::Module(module.name, module.is_commercial)),
        }
    }

    fn check(&mut self, entry: &'static Entry, directive: &Directive, level: &mut Level) {
        if directive.flawed || !entry.arguments.allow(directive.args.len()) {
            return;
        }
        let place = level.place.and(entry.places);
        let is_gone = || entries(entry.name).iter().all(|entry| entry.until.is_some());
        if let Some(until) = entry.until.filter(|_| self.build.version.is_none() && is_gone()) {
            self.refuse_directive(directive, Flaw::Unknown(Unknown::Removed(until, entry.instead)), String::new());
        }
        if names::COMPILED_LATE.contains(&entry.name) {
            level.compiled.insert(entry.name);
        }
        if self.once(entry, directive, level) {
            return;
        }
        // What is wrong with the words of these hangs on the blocks around.
        let hangs = entry.once || matches!(entry.name, "listen" | "proxy_pass" | "proxy_redirect" | "server");
        let is_right = self.is_repeated && !hangs || self.check_words(entry, directive, level);
        self.refer(directive, level);
        match entry.name {
            "proxy_pass" => level.has_varying_pass = directive.arg(0).is_some_and(|url| url.contains('$')),
            "listen" if place == Places::SERVER && is_right => self.listen(directive, level),
            "ssl_certificate" | "ssl_certificate_key" | "ssl_reject_handshake" | "ssl"
                if place == Places::SERVER || place == Places::HTTP =>
            {
                self.servers.tls(directive, level.server);
            }
            "server_name" if place == Places::SERVER => self.servers.name(directive, level.server),
            "hash" | "ip_hash" | "least_conn" | "random" => level.method = Some(entry.name),
            _ => {}
        }
    }

    /// Checks the words of a directive by themselves; whether its values are right.
    fn check_words(&mut self, entry: &'static Entry, directive: &Directive, level: &Level) -> bool {
        let place = level.place.and(entry.places);
        // In a fragment several readings are possible; what one of them takes is taken.
        let reads =
            |other: &&Entry| !other.places.and(level.place).is_none() && other.arguments.allow(directive.args.len());
        let is_one = level.place.is_one() || entries(entry.name).iter().filter(reads).count() <= 1;
        let swallowed = self.swallowed(entry, directive, level.place);
        let value = self.value(entry, directive, place).and_then(|()| match entry.name {
            "proxy_pass" => servers::uri_part(directive, level),
            "server" => own::spare(directive, level.method),
            "proxy_redirect" if self.build.is_whole => {
                own::redirect(directive, level.holds("proxy_pass"), level.has_varying_pass)
            }
            _ => Ok(()),
        });
        let is_right = value.is_ok();
        match (value, swallowed) {
            (Err(refused), Some(next)) if is_one && refused.argument + 1 >= next => {
                self.lose_line(directive, next, refused.refusal);
            }
            (Err(refused), _) if is_one && names::COMPILED_LATE.contains(&entry.name) && refused.argument < 2 => {
                self.refuse_late(directive, *refused, place);
            }
            (Err(refused), _) if is_one => self.refuse_value(directive, *refused),
            (_, Some(next)) => self.lose_line(directive, next, String::new()),
            _ => {}
        }
        let patterns = directive.args.iter().enumerate().filter_map(|(at, word)| match entry.name {
            "server_name" => Some((at, word.text.strip_prefix('~')?)),
            "rewrite" if at == 0 => Some((at, word.text.as_str())),
            _ => None,
        });
        patterns.for_each(|(at, pattern)| self.check_regex(directive, at, pattern));
        self.names.note(entry, directive, place, is_right);
        is_right
    }

    fn value(&self, entry: &Entry, directive: &Directive, place: Places) -> values::Read {
        match entry.value {
            Value::Own => own::check(directive, place, self.build.version),
            _ => values::check(entry, directive, self.build.version),
        }
    }

    fn refuse_value(&mut self, directive: &Directive, refused: Refused) {
        let Some(word) = directive.args.get(refused.argument).or(directive.args.last()) else { return };
        let braces = word.text.contains("{{") || word.text.contains("${") || word.text.contains("<%");
        let refusal = refused.refusal.clone();
        // `@NAME@` and `%NAME%` inside of a longer word.
        let is_name = |part: &str| part.len() > 1 && part.bytes().all(|byte| byte == b'_' || byte.is_ascii_uppercase());
        let slot = |sign: char| word.text.split(sign).skip(1).any(is_name) && word.text.matches(sign).count() > 1;
        let flaw = match is_placeholder(&word.text) || braces || slot('@') || slot('%') {
            true => Flaw::Placeholder,
            false => Flaw::Value(Box::new(refused)),
        };
        let (name, span) = (directive.name().to_owned(), word.span);
        self.refuse(Refusal { flaw, name, span, noticed: Some(directive.ender()), refusal });
    }

    /// Refuses words that nginx compiles when all of `http` is read.
    fn refuse_late(&mut self, directive: &Directive, refused: Refused, place: Places) {
        let end = self.references.http().map(|http| Span { start: http.end.saturating_sub(1), ..http });
        let before = self.found.len();
        self.refuse_value(directive, refused);
        if self.found.len() > before {
            let Some(mut refusal) = self.found.pop() else { return };
            refusal.noticed = end;
            match place == Places::HTTP {
                true => {
                    let name = names::COMPILED_LATE.into_iter().find(|name| *name == directive.name());
                    self.late.extend(name.map(|name| (name, refusal)));
                }
                false => self.found.push(refusal),
            }
        }
    }

    /// Whether a block holds a directive a second time that it may hold once.
    fn once(&mut self, entry: &'static Entry, directive: &Directive, level: &mut Level) -> bool {
        // `root` and `alias` are one setting.
        const ROOT: Key = Key::of("root");
        let key = if entry.name == "alias" { ROOT } else { directive.key };
        if !level.place.is_one() {
            return false;
        }
        // The first `map` sizes the hash tables.
        if matches!(entry.name, "map_hash_max_size" | "map_hash_bucket_size") && level.holds("map") {
            let wanted = "its place before the first `map`".to_owned();
            let refusal = format!("\"{}\" directive is duplicate", entry.name);
            self.refuse_value(directive, Refused { argument: 0, wanted, refusal });
            return true;
        }
        if entry.name == "map" && !level.holds("map") {
            level.held.push((directive.key, directive.head));
        }
        // Each zone counts once on a level.
        if entry.name == "limit_conn" && directive.args.len() == 2 {
            let zone = directive.arg(0).unwrap_or_default().to_owned();
            let first = *level.counted.entry(zone).or_insert(directive.head);
            if first != directive.head {
                let refusal = "\"limit_conn\" directive is duplicate".to_owned();
                self.refuse_directive(directive, Flaw::Duplicate { first }, refusal);
                return true;
            }
        }
        if !entry.once {
            return self.switched(entry, directive, level);
        }
        match level.held.iter().find(|(held, _)| *held == key) {
            // A file that is included twice into one block repeats all it says.
            Some((_, first)) if level.place != Places::NONE => {
                let first = *first;
                let refusal = format!("\"{}\" directive is duplicate", entry.name);
                self.refuse_directive(directive, Flaw::Duplicate { first }, refusal);
                true
            }
            _ => {
                level.held.push((key, directive.head));
                false
            }
        }
    }

    /// Whether a list goes on behind its `off`, or an `off` stands behind a list.
    fn switched(&mut self, entry: &'static Entry, directive: &Directive, level: &mut Level) -> bool {
        let lists = ["proxy_redirect", "proxy_cookie_domain", "proxy_cookie_path", "proxy_cookie_flags", "mirror"];
        if !lists.contains(&entry.name) {
            return false;
        }
        let is_off = directive.args.len() == 1 && directive.arg(0) == Some("off");
        match level.switched.get(entry.name) {
            Some((was_off, first)) if *was_off || is_off => {
                let flaw = Flaw::Duplicate { first: *first };
                self.refuse_directive(directive, flaw, format!("\"{}\" directive is duplicate", entry.name));
                true
            }
            _ => {
                level.switched.insert(entry.name, (is_off, directive.head));
                false
            }
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
        self.end_names();
    }
}
