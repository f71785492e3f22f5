//! The configuration as nginx has it after reading: levels with includes followed, and the setting
//! that is in force at each.
//!
//! nginx keeps a configuration per level (`http`, `server`, `location`, nested `location`, `if`)
//! and merges them outside-in. [`Config::effective`] is that merge for a directive with one value,
//! [`Config::effective_list`] the one for a directive that may be repeated: a level with at least
//! one entry of its own inherits none.

use std::collections::{HashMap, HashSet};
use std::num::NonZero;
use std::ops::Deref;
use std::sync::Arc;

use super::assignments::Assignments;
use super::ast::{Body, Directive, Key, Tree};
use super::load::Files;
use crate::source::{FileId, Span};

/// Includes of includes may multiply; more statements than this are not expanded.
pub const MAX_STATEMENTS: usize = 4_000_000;

/// Files are brought so often into a block that has them already; beyond this they are not expanded.
pub const MAX_REPEATED: usize = 20_000;

/// Blocks and includes nested deeper than this, counted together, are not expanded.
pub const MAX_DEPTH: usize = 300;

/// The number of a level in its [`Config`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LevelId(NonZero<u32>);

impl LevelId {
    const MAIN: Self = LevelId(NonZero::<u32>::MIN);

    /// The number of the level that so many others come before.
    fn behind(levels: usize) -> Self {
        LevelId(Self::MAIN.0.saturating_add(levels as u32))
    }

    fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// What kind of block a level is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// The top of the main file.
    Main,
    /// `events`
    Events,
    /// `http`
    Http,
    /// `server` of `http`
    Server,
    /// `location`
    Location,
    /// `if` in a server: runs rewrite code and changes no settings.
    IfInServer,
    /// `if` in a location: an anonymous nested location.
    IfInLocation,
    /// `limit_except`
    LimitExcept,
    /// `upstream` of `http`
    Upstream,
    /// `map`, `geo`, `types` and the like: records, not directives.
    Records,
    /// `stream` or `mail` and what is in them, and blocks that are not known.
    Other,
}

/// How many kinds of levels there are.
const CONTEXTS: usize = Context::Other as usize + 1;
impl Context {
    /// The context of a path of blocks, outermost first: `http,server,location`, `main` for none.
    pub fn of_path(path: &str) -> Option<Self> {
        if path == "main" {
            return Some(Context::Main);
        }
        let mut words = path.split(',').map(str::trim).peekable();
        // `server` alone is that of `http`; a path may begin anywhere.
        let outside = match *words.peek()? {
            "server" | "upstream" | "map" | "geo" | "types" => Context::Http,
            "location" => Context::Server,
            "if" | "limit_except" => Context::Location,
            _ => Context::Main,
        };
        words.try_fold(outside, |context, word| match context_of(context, word) {
            Context::Other if !matches!(word, "stream" | "mail") && context != Context::Other => None,
            inside => Some(inside),
        })
    }
}

/// A block with its includes followed.
#[derive(Debug)]
pub struct Level {
    /// What kind of block.
    pub context: Context,
    /// The statement that opens it; none for the main level.
    pub opener: Option<Arc<Directive>>,
    /// The level around it.
    pub parent: Option<LevelId>,
    /// The statements without a block, in order.
    pub settings: Arc<Settings>,
    /// The blocks, in order.
    pub blocks: Box<[LevelId]>,
    /// What few levels have.
    rest: Option<Box<Rest>>,
    /// The names of the settings here and on the levels around.
    names: Names<4>,
}

#[derive(Debug, Default)]
struct Rest {
    conditions: Vec<LevelId>,
    unread: Vec<(usize, Arc<Directive>)>,
}

/// The statements of a level that open no block, in order. Thousands of servers include the same blocks, and share
/// what is in them.
#[derive(Debug, Default)]
pub struct Settings {
    /// What assigns variables here; none where nothing does.
    pub assignments: Option<Box<Assignments>>,
    all: Box<[Arc<Directive>]>,
    keys: Box<[Key]>,
    /// Where the keys of a long list stand.
    positions: Option<Box<Positions>>,
}

/// Where settings stand in a list, by their keys.
#[derive(Debug, Default)]
struct Positions(HashMap<Key, Vec<u32>>);

/// A list of settings that is longer than this is not searched from end to end.
const LONG_LIST: usize = 64;

/// The names that may be in a set: a name that is in it is never denied, another one seldom admitted.
/// Most settings are not written anywhere, and this tells so at once.
#[derive(Clone, Copy, Debug)]
struct Names<const WORDS: usize>([u64; WORDS]);

impl<const WORDS: usize> Names<WORDS> {
    const NONE: Self = Names([0; WORDS]);

    fn add(&mut self, key: Key) {
        let bit = key.below(64 * WORDS as u32) as usize;
        self.0[bit / 64] |= 1 << (bit % 64);
    }

    fn may_have(&self, key: Key) -> bool {
        let bit = key.below(64 * WORDS as u32) as usize;
        self.0[bit / 64] >> (bit % 64) & 1 == 1
    }
}

/// What the levels hold that are being filled, outermost first: each takes its own when it is done.
#[derive(Default)]
struct Open {
    settings: Vec<Arc<Directive>>,
    blocks: Vec<LevelId>,
    unread: Vec<(usize, Arc<Directive>)>,
    /// What the blocks hold that were opened again.
    known: HashMap<Span, Arc<Settings>>,
    /// The files that were followed, and whether one is followed again: only its blocks open more than once.
    followed: HashSet<FileId>,
    is_again: bool,
    /// The files that each level has, and how often one came again.
    brought: HashSet<(LevelId, FileId)>,
    repeated: usize,
}

impl Open {
    /// Takes the settings from `first` on, which are those of the block that a statement opens.
    fn take_settings(&mut self, first: usize, opener: Option<&Directive>) -> Arc<Settings> {
        let shared = opener.filter(|_| self.is_again);
        let known = shared.and_then(|opener| self.known.get(&opener.head));
        if let Some(known) = known.filter(|known| known.are(&self.settings[first..])) {
            self.settings.truncate(first);
            return known.clone();
        }
        let settings = Arc::new(Settings::new(self.settings.drain(first..).collect(), opener));
        self.known.extend(shared.map(|opener| (opener.head, settings.clone())));
        settings
    }
}

impl Level {
    fn new(context: Context, opener: Option<Arc<Directive>>, parent: Option<LevelId>) -> Self {
        Level {
            context,
            opener,
            parent,
            settings: Arc::default(),
            blocks: Box::default(),
            rest: None,
            names: Names::NONE,
        }
    }

    /// Those of the blocks that are an `if`.
    pub fn conditions(&self) -> &[LevelId] {
        self.rest.as_ref().map_or(&[], |rest| &rest.conditions)
    }

    /// Includes whose files are not known, each with the number of settings before it.
    pub fn unread(&self) -> &[(usize, Arc<Directive>)] {
        self.rest.as_ref().map_or(&[], |rest| &rest.unread)
    }
}

impl Deref for Settings {
    type Target = [Arc<Directive>];

    fn deref(&self) -> &[Arc<Directive>] {
        &self.all
    }
}

impl Settings {
    fn new(all: Box<[Arc<Directive>]>, opener: Option<&Directive>) -> Self {
        let assignments = Assignments::of(opener, &all);
        let keys: Box<[Key]> = all.iter().map(|directive| directive.key).collect();
        let positions = (keys.len() > LONG_LIST).then(|| {
            let mut positions = Positions::default();
            for (position, key) in keys.iter().enumerate() {
                positions.0.entry(*key).or_default().push(position as u32);
            }
            Box::new(positions)
        });
        Settings { assignments, all, keys, positions }
    }

    /// Whether these are the same statements.
    fn are(&self, others: &[Arc<Directive>]) -> bool {
        self.all.len() == others.len() && self.all.iter().zip(others).all(|(one, other)| Arc::ptr_eq(one, other))
    }
}

/// A whole configuration.
#[derive(Debug)]
pub struct Config {
    levels: Vec<Level>,
    /// The levels of each kind.
    by_context: [Vec<LevelId>; CONTEXTS],
    /// Whether [`MAX_STATEMENTS`], [`MAX_REPEATED`] or [`MAX_DEPTH`] was reached and the rest left out.
    pub truncated: bool,
    statements: usize,
    /// The names of the settings of all levels.
    names: Names<64>,
}

impl Config {
    /// The configuration that begins with a file whose statements belong into `context`: the main
    /// context for a main file, another one for a fragment.
    pub fn resolve(files: &Files, main: FileId, context: Context) -> Self {
        let top = Level::new(context, None, None);
        let by_context = Default::default();
        let mut config = Config { levels: vec![top], by_context, truncated: false, statements: 0, names: Names::NONE };
        let mut open = Open::default();
        config.fill(files, &files.tree(main).directives, config.main(), 0, &mut open);
        config.index();
        config
    }

    /// Prepares the levels for being asked.
    fn index(&mut self) {
        self.levels.shrink_to_fit();
        for at in 0..self.levels.len() {
            // The level around was opened before, so it is ready.
            let around = self.levels[at].parent.map(|parent| self.level(parent).names);
            let is_condition =
                |id: &LevelId| matches!(self.level(*id).context, Context::IfInServer | Context::IfInLocation);
            let conditions: Vec<LevelId> = self.levels[at].blocks.iter().copied().filter(is_condition).collect();
            let level = &mut self.levels[at];
            if !conditions.is_empty() {
                level.rest.get_or_insert_default().conditions = conditions;
            }
            level.names = around.unwrap_or(Names::NONE);
            for key in &level.settings.keys {
                level.names.add(*key);
                self.names.add(*key);
            }
            self.by_context[level.context as usize].push(LevelId::behind(at));
        }
    }

    /// Follows the statements of a level.
    fn fill(&mut self, files: &Files, directives: &[Arc<Directive>], level: LevelId, depth: usize, open: &mut Open) {
        let (settings, blocks, unread) = (open.settings.len(), open.blocks.len(), open.unread.len());
        self.expand(files, directives, level, depth, open, settings);
        let here = &mut self.levels[level.index()];
        here.settings = open.take_settings(settings, here.opener.as_deref());
        here.blocks = open.blocks.drain(blocks..).collect();
        if open.unread.len() > unread {
            here.rest.get_or_insert_default().unread = open.unread.split_off(unread);
        }
    }

    /// Follows statements of a level, whose own settings are those from `first` on.
    fn expand(
        &mut self,
        files: &Files,
        directives: &[Arc<Directive>],
        level: LevelId,
        depth: usize,
        open: &mut Open,
        first: usize,
    ) {
        for directive in directives {
            self.statements += 1;
            if self.statements > MAX_STATEMENTS || depth > MAX_DEPTH {
                self.truncated = true;
                return;
            }
            if directive.is_include() {
                if files.is_unread(directive) {
                    let before = open.settings.len() - first;
                    open.unread.push((before, directive.clone()));
                }
                for file in files.included_by(directive) {
                    open.repeated += usize::from(!open.brought.insert((level, *file)));
                    if open.repeated > MAX_REPEATED {
                        self.truncated = true;
                        return;
                    }
                    let around = open.is_again;
                    open.is_again |= !open.followed.insert(*file);
                    self.expand(files, &files.tree(*file).directives, level, depth + 1, open, first);
                    open.is_again = around;
                }
                continue;
            }
            match directive.body() {
                Body::Block(inside) => {
                    let id = LevelId::behind(self.levels.len());
                    let context = context_of(self.level(level).context, directive.name());
                    self.levels.push(Level::new(context, Some(directive.clone()), Some(level)));
                    open.blocks.push(id);
                    self.fill(files, inside, id, depth + 1, open);
                }
                Body::None | Body::Lua(_) => open.settings.push(directive.clone()),
            }
        }
    }

    /// The main level.
    pub fn main(&self) -> LevelId {
        LevelId::MAIN
    }

    /// A level by its number.
    pub fn level(&self, id: LevelId) -> &Level {
        &self.levels[id.index()]
    }

    /// All levels of a kind, in the order in which they open.
    pub fn levels(&self, context: Context) -> impl Iterator<Item = LevelId> {
        self.by_context[context as usize].iter().copied()
    }

    /// A level and the levels around it, innermost first.
    pub fn outwards(&self, level: LevelId) -> impl Iterator<Item = LevelId> {
        std::iter::successors(Some(level), |id| self.level(*id).parent)
    }

    /// The statements of a name that stand on the level itself.
    // Here and below, what is inlined works the key of a literal out once and for all.
    #[inline]
    pub fn own<'a>(&'a self, level: LevelId, name: &'a str) -> impl Iterator<Item = &'a Arc<Directive>> {
        self.keyed(level, Key::of(name), name)
    }

    fn keyed<'a>(
        &'a self,
        level: LevelId,
        key: Key,
        name: &'a str,
    ) -> impl DoubleEndedIterator<Item = &'a Arc<Directive>> {
        let settings = &self.level(level).settings;
        self.with_key(level, key).map(|at| &settings[at]).filter(move |directive| directive.name() == name)
    }

    /// Whether a name may be written on a level: most are written nowhere.
    fn may_have(&self, level: LevelId, key: Key) -> bool {
        self.names.may_have(key) && self.level(level).names.may_have(key)
    }

    /// The positions of the settings of a level with a key.
    fn with_key(&self, level: LevelId, key: Key) -> impl DoubleEndedIterator<Item = usize> {
        let settings = &self.level(level).settings;
        let (listed, searched) = match &settings.positions {
            _ if !self.may_have(level, key) => (&[][..], &[][..]),
            Some(positions) => (positions.0.get(&key).map_or(&[][..], Vec::as_slice), &[][..]),
            None => (&[][..], &settings.keys[..]),
        };
        let searched = searched.iter().enumerate().filter(move |(_, found)| **found == key).map(|(at, _)| at);
        listed.iter().map(|at| *at as usize).chain(searched)
    }

    /// Whether one of the names may be written anywhere; where not, nobody needs to look.
    pub fn may_have_any(&self, names: &[(Key, &str)]) -> bool {
        names.iter().any(|(key, _)| self.names.may_have(*key))
    }

    /// The last statement on the level itself that has one of the names.
    pub fn last_of(&self, level: LevelId, names: &[(Key, &str)]) -> Option<&Arc<Directive>> {
        self.each_of(level, names).next_back()
    }

    /// The statements on the level itself that have one of the names, in order.
    pub fn each_of(&self, level: LevelId, names: &[(Key, &str)]) -> impl DoubleEndedIterator<Item = &Arc<Directive>> {
        let settings = &self.level(level).settings;
        let is_one = move |at: &usize| {
            let named = |(key, name): &(Key, &str)| settings.keys[*at] == *key && settings[*at].name() == *name;
            names.iter().any(named)
        };
        let is_written = || names.iter().any(|(key, _)| self.may_have(level, *key));
        let (mut listed, searched) = match &settings.positions {
            Some(_) => (names.iter().flat_map(|(key, _)| self.with_key(level, *key)).collect::<Vec<_>>(), 0..0),
            None if is_written() => (Vec::new(), 0..settings.len()),
            None => (Vec::new(), 0..0),
        };
        listed.sort_unstable();
        listed.dedup();
        listed.into_iter().chain(searched).filter(is_one).map(|at| &settings[at])
    }

    /// The statement in force for a directive with one value.
    #[inline]
    pub fn effective(&self, level: LevelId, name: &str) -> Option<&Arc<Directive>> {
        self.last_around(level, Key::of(name), name)
    }

    fn last_around<'a>(&'a self, level: LevelId, key: Key, name: &str) -> Option<&'a Arc<Directive>> {
        let last = |id| {
            let settings = &self.level(id).settings;
            self.with_key(id, key).map(|at| &settings[at]).rfind(|directive| directive.name() == name)
        };
        self.named_around(level, key).find_map(last)
    }

    /// The statements in force for a directive that is repeated.
    #[inline]
    pub fn effective_list<'a>(&'a self, level: LevelId, name: &'a str) -> Vec<&'a Arc<Directive>> {
        self.list_around(level, Key::of(name), name)
    }

    fn list_around<'a>(&'a self, level: LevelId, key: Key, name: &'a str) -> Vec<&'a Arc<Directive>> {
        let mut lists = self.named_around(level, key).map(|id| self.keyed(id, key, name).collect::<Vec<_>>());
        lists.find(|list| !list.is_empty()).unwrap_or_default()
    }

    /// A level and the levels around it, as far out as the name may be written.
    fn named_around(&self, level: LevelId, key: Key) -> impl Iterator<Item = LevelId> {
        self.outwards(level).take_while(move |id| self.level(*id).names.may_have(key))
    }
}

fn context_of(parent: Context, name: &str) -> Context {
    match (parent, name) {
        (_, "types" | "map" | "geo" | "split_clients" | "charset_map") => Context::Records,
        (Context::Main, "events") => Context::Events,
        (Context::Main, "http") => Context::Http,
        (Context::Http, "server") => Context::Server,
        (Context::Http, "upstream") => Context::Upstream,
        (Context::Server | Context::Location, "location") => Context::Location,
        (Context::Server, "if") => Context::IfInServer,
        (Context::Location, "if") => Context::IfInLocation,
        (Context::Location, "limit_except") => Context::LimitExcept,
        _ => Context::Other,
    }
}

/// The context that nginx statements belong into, by what only stands there.
pub fn context_of_tree(tree: &Tree) -> Option<Context> {
    let has = |names: &[&str]| tree.directives.iter().any(|directive| names.contains(&directive.name()));
    let blocks = |name: &str| tree.directives.iter().any(|found| found.name() == name && found.is_block());
    match () {
        () if blocks("http") || blocks("events") || blocks("stream") || has(&["worker_processes", "pid"]) => {
            Some(Context::Main)
        }
        () if blocks("server") || blocks("upstream") || blocks("map") || blocks("geo") => Some(Context::Http),
        () if blocks("location") || has(&["listen", "server_name"]) => Some(Context::Server),
        () if has(&["fastcgi_pass", "proxy_pass", "uwsgi_pass", "fastcgi_param", "try_files"]) => {
            Some(Context::Location)
        }
        () => None,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::host::memory::Memory;
    use crate::source::Sources;
    use std::path::Path;

    fn config(files: &[(&str, &str)]) -> Config {
        let mut host = Memory::default();
        for (path, text) in files {
            host.add(path, *text);
        }
        let mut files = Files::default();
        let main = files.load(&host, &mut Sources::default(), Path::new("/c/nginx.conf")).unwrap();
        Config::resolve(&files, main, Context::Main)
    }

    #[test]
    fn inner_values_win_and_lists_are_replaced_whole() {
        let config = config(&[
            (
                "/c/nginx.conf",
                "http { a 1; b 1; l 1; l 2; server { include s; location / { a 3; location /x { l 3; if (x) { } } } } }",
            ),
            ("/c/s", "a 2;"),
        ]);
        let value = |level, name| config.effective(level, name).and_then(|found| found.arg(0).map(str::to_owned));
        let list = |level| config.effective_list(level, "l").len();
        let locations: Vec<_> = config.levels(Context::Location).collect();
        let server = config.levels(Context::Server).next().unwrap();
        assert_eq!(value(server, "a").as_deref(), Some("2"));
        assert_eq!(value(locations[0], "a").as_deref(), Some("3"));
        assert_eq!(value(locations[1], "b").as_deref(), Some("1"));
        assert_eq!((list(server), list(locations[0]), list(locations[1])), (2, 2, 1));
        let condition = config.levels(Context::IfInLocation).next().unwrap();
        assert_eq!((value(condition, "a").as_deref(), list(condition)), (Some("3"), 1));
    }

    #[test]
    fn contexts_are_named_by_their_blocks() {
        for (path, want) in [
            ("http,server", Some(Context::Server)),
            ("server,location,if", Some(Context::IfInLocation)),
            ("http", Some(Context::Http)),
            ("main", Some(Context::Main)),
            ("stream,server", Some(Context::Other)),
            ("location", Some(Context::Location)),
            ("http,location", None),
            ("", None),
        ] {
            assert_eq!(Context::of_path(path), want, "{path}");
        }
    }

    #[test]
    fn statements_files_that_come_again_and_depth_are_bounded() {
        let blocks = "b { include s; }".repeat(1000);
        let truncated = |main: &str, snippet: &str| config(&[("/c/nginx.conf", main), ("/c/s", snippet)]).truncated;
        // Each block is a statement, an include, and what that brings.
        assert!(!truncated(&blocks, &"x;".repeat(MAX_STATEMENTS / 1000 - 2)));
        assert!(truncated(&format!("{blocks} x;"), &"x;".repeat(MAX_STATEMENTS / 1000 - 2)));
        assert!(!truncated(&"include s;".repeat(MAX_REPEATED + 1), ""));
        assert!(truncated(&"include s;".repeat(MAX_REPEATED + 2), ""));
        let deep = |depth: usize| {
            // Four files of blocks, each of which but the last brings the next one: 1 + 3 × (74 + 1) levels, and more.
            let file = |n: usize| {
                let (blocks, next) =
                    if n < 3 { (74, format!("include {};", n + 1)) } else { (depth - 226, "x;".to_owned()) };
                (format!("/c/{n}"), "b {".repeat(blocks) + &next + &"}".repeat(blocks))
            };
            let files: Vec<_> = (0..4).map(file).collect();
            let files = files.iter().map(|(path, text)| (path.as_str(), text.as_str()));
            config(&files.chain([("/c/nginx.conf", "include 0;")]).collect::<Vec<_>>()).truncated
        };
        assert_eq!((deep(MAX_DEPTH), deep(MAX_DEPTH + 1)), (false, true));
    }

    #[test]
    fn includes_that_multiply_are_bounded() {
        let mut files = vec![("/c/nginx.conf".to_owned(), "include 0;".to_owned())];
        for n in 0..40 {
            files.push((format!("/c/{n}"), format!("include {};", n + 1).repeat(2)));
        }
        files.push(("/c/40".to_owned(), "x;".to_owned()));
        let files: Vec<_> = files.iter().map(|(path, text)| (path.as_str(), text.as_str())).collect();
        assert!(config(&files).truncated);
    }
}
