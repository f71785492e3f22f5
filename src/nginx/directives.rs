//! Every directive of nginx: where it may stand, how many arguments it takes, and how they are read.
//!
//! The data is in `directives.tsv` and, for modules that are not nginx's own, in `modules.tsv`. The test
//! `nginx_directives` asks a real nginx whether it agrees.

use std::ops::{BitOr, Range};
use std::sync::OnceLock;

use super::ast::Key;
use crate::values::version::Version;

/// A set of blocks in which statements may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Places(u16);

impl Places {
    /// The names of the blocks, in the order of their bits.
    pub const NAMES: [&'static str; 14] = [
        "main",
        "events",
        "http",
        "server",
        "location",
        "upstream",
        "server_if",
        "location_if",
        "limit_except",
        "stream",
        "stream_server",
        "stream_upstream",
        "mail",
        "mail_server",
    ];
    /// No block: of what is inside, nothing is known.
    pub const NONE: Places = Places(0);
    /// Any block.
    pub const ANY: Places = Places((1 << 14) - 1);
    /// The top of the main file.
    pub const MAIN: Places = Places(1);
    /// `events`
    pub const EVENTS: Places = Places(1 << 1);
    /// `http`
    pub const HTTP: Places = Places(1 << 2);
    /// `server` of `http`
    pub const SERVER: Places = Places(1 << 3);
    /// `location`
    pub const LOCATION: Places = Places(1 << 4);
    /// `upstream` of `http`
    pub const UPSTREAM: Places = Places(1 << 5);
    /// `if` in a server
    pub const SERVER_IF: Places = Places(1 << 6);
    /// `if` in a location
    pub const LOCATION_IF: Places = Places(1 << 7);
    /// `limit_except`
    pub const LIMIT_EXCEPT: Places = Places(1 << 8);
    /// `stream`
    pub const STREAM: Places = Places(1 << 9);
    /// `server` of `stream`
    pub const STREAM_SERVER: Places = Places(1 << 10);
    /// `upstream` of `stream`
    pub const STREAM_UPSTREAM: Places = Places(1 << 11);
    /// `mail`
    pub const MAIL: Places = Places(1 << 12);
    /// `server` of `mail`
    pub const MAIL_SERVER: Places = Places(1 << 13);

    /// The place of a name.
    pub fn named(name: &str) -> Places {
        match Self::NAMES.iter().position(|known| *known == name) {
            Some(bit) => Places(1 << bit),
            None if name == "any" => Places::ANY,
            None => Places::NONE,
        }
    }

    /// What is in both sets.
    pub fn and(self, other: Places) -> Places {
        Places(self.0 & other.0)
    }

    /// Whether there is none.
    pub fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Whether only blocks of `stream` are meant.
    pub fn is_stream(self) -> bool {
        self.is_among(Self::STREAM | Self::STREAM_SERVER | Self::STREAM_UPSTREAM)
    }

    /// Whether only blocks of `mail` are meant.
    pub fn is_mail(self) -> bool {
        self.is_among(Self::MAIL | Self::MAIL_SERVER)
    }

    fn is_among(self, all: Places) -> bool {
        !self.is_none() && self.and(all) == self
    }

    /// Whether this is one place and no other can be meant.
    pub fn is_one(self) -> bool {
        self.0.count_ones() == 1
    }

    /// Each place on its own.
    pub fn each(self) -> impl Iterator<Item = Places> {
        (0..14).map(|bit| Places(1 << bit)).filter(move |place| !place.and(self).is_none())
    }

    /// The places in words, as people name them.
    pub fn shown(self) -> String {
        let name = |place: Places| match Self::NAMES[place.0.trailing_zeros() as usize] {
            "main" => "the top level".to_owned(),
            "server_if" => "`if` in `server`".to_owned(),
            "location_if" => "`if` in `location`".to_owned(),
            "stream_server" => "`server` of `stream`".to_owned(),
            "stream_upstream" => "`upstream` of `stream`".to_owned(),
            "mail_server" => "`server` of `mail`".to_owned(),
            name => format!("`{name}`"),
        };
        let mut names: Vec<_> = self.each().map(name).collect();
        match names.pop() {
            Some(last) if names.is_empty() => last,
            Some(last) => format!("{} or {last}", names.join(", ")),
            None => "no block".to_owned(),
        }
    }
}

impl BitOr for Places {
    type Output = Places;
    fn bitor(self, other: Places) -> Places {
        Places(self.0 | other.0)
    }
}

/// How many arguments a directive takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arguments {
    /// The smallest number.
    pub least: usize,
    /// The largest number; none where there is no end.
    pub most: Option<usize>,
}

impl Arguments {
    /// Whether a number of arguments is taken.
    pub fn allow(self, count: usize) -> bool {
        count >= self.least && self.most.is_none_or(|most| count <= most)
    }

    /// The number in words.
    pub fn shown(self) -> String {
        let noun = |count| if count == 1 { "argument" } else { "arguments" };
        match (self.least, self.most) {
            (0, Some(0)) => "no arguments".to_owned(),
            (least, Some(most)) if least == most => format!("{least} {}", noun(least)),
            (least, Some(most)) if least + 1 == most => format!("{least} or {most} arguments"),
            (least, Some(most)) => format!("{least} to {most} arguments"),
            (least, None) => format!("at least {least} {}", noun(least)),
        }
    }

    fn parse(text: &str) -> Self {
        let number = |text: &str| text.parse().unwrap_or(0);
        match (text.strip_suffix('+'), text.split_once('-')) {
            (Some(least), _) => Arguments { least: number(least), most: None },
            (None, Some((least, most))) => Arguments { least: number(least), most: Some(number(most)) },
            (None, None) => Arguments { least: number(text), most: Some(number(text)) },
        }
    }
}

/// How the arguments of a directive are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// `on` or `off`.
    Flag,
    /// A size.
    Size,
    /// A size that is one of some words.
    SizeOf(&'static str),
    /// The size of a memory pool: at least 112 and a multiple of 16.
    Pool,
    /// A size, or an offset in gigabytes.
    Offset,
    /// A time in milliseconds.
    Msec,
    /// A time in seconds.
    Sec,
    /// A number.
    Number,
    /// A number between two others.
    NumberIn(u64, u64),
    /// A power of two.
    Power,
    /// One of some words.
    One(&'static str),
    /// Several of some words.
    Some(&'static str),
    /// Any text.
    Text,
    /// Any text, one of many.
    List,
    /// Text in which variables count.
    Vars,
    /// Several texts in which variables count.
    VarsList,
    /// A name and a value.
    Pair,
    /// A number and a size.
    Buffers,
    /// A size in which variables count.
    SizeVars,
    /// A local address.
    Bind,
    /// MIME types.
    Types,
    /// A directory with up to three levels.
    Path,
    /// Access by user, group and all.
    Access,
    /// Statuses and a time.
    CacheValid,
    /// A directory with a zone.
    CachePath,
    /// A parameter for the back end.
    Param,
    /// A grammar of its own.
    Own,
}

impl Value {
    fn parse(text: &'static str) -> Self {
        let (name, inside) = match text.split_once('(') {
            Some((name, inside)) => (name, inside.trim_end_matches(')')),
            None => (text, ""),
        };
        match (name, inside) {
            ("flag", _) => Value::Flag,
            ("size", "") => Value::Size,
            ("size", "pool") => Value::Pool,
            ("size", words) => Value::SizeOf(words),
            ("offset", _) => Value::Offset,
            ("msec", _) => Value::Msec,
            ("sec", _) => Value::Sec,
            ("number", "") => Value::Number,
            ("number", "power") => Value::Power,
            ("number", bounds) => {
                let (least, most) = bounds.split_once("..").unwrap_or_default();
                Value::NumberIn(least.parse().unwrap_or(0), most.parse().unwrap_or(u64::MAX))
            }
            ("one", words) => Value::One(words),
            ("some", words) => Value::Some(words),
            ("text", _) => Value::Text,
            ("list", _) => Value::List,
            ("vars", _) => Value::Vars,
            ("vars+", _) => Value::VarsList,
            ("pair", _) => Value::Pair,
            ("buffers", _) => Value::Buffers,
            ("size_vars", _) => Value::SizeVars,
            ("bind", _) => Value::Bind,
            ("types", _) => Value::Types,
            ("path", _) => Value::Path,
            ("access", _) => Value::Access,
            ("cache_valid", _) => Value::CacheValid,
            ("cache_path", _) => Value::CachePath,
            ("param", _) => Value::Param,
            _ => Value::Own,
        }
    }

    /// Whether a second one of its kind on a level is refused.
    fn is_single(self) -> bool {
        !matches!(
            self,
            Value::Some(_)
                | Value::List
                | Value::VarsList
                | Value::Pair
                | Value::Types
                | Value::CacheValid
                | Value::CachePath
                | Value::Param
                | Value::Own
        )
    }
}

/// A directive, in the blocks that read it alike.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The name.
    pub name: &'static str,
    /// The blocks it may stand in.
    pub places: Places,
    /// How many arguments it takes.
    pub arguments: Arguments,
    /// Whether a block follows.
    pub is_block: bool,
    /// How the arguments are read.
    pub value: Value,
    /// Whether a level may hold it once only.
    pub once: bool,
    /// The module that brings it.
    pub module: &'static str,
    /// Whether the module is there only when nginx was built with it.
    pub optional: bool,
    /// The first release that has it, where that is not the oldest.
    pub since: Option<Version>,
    /// Whether distributions bring it to earlier releases too, as they do with what mends a weakness.
    pub is_backported: bool,
    /// The last release that has it, where it is gone.
    pub until: Option<Version>,
    /// What has taken its place.
    pub instead: &'static str,
    /// The lines of its name in the table.
    lines: Range<u16>,
}

impl Entry {
    /// All lines of its name.
    pub fn of_name(&self) -> &'static [Entry] {
        &all()[usize::from(self.lines.start)..usize::from(self.lines.end)]
    }

    fn parse(line: &'static str) -> Option<Self> {
        let mut columns = line.split('\t');
        let name = columns.next()?;
        let places = columns.next()?.split(',').map(Places::named).fold(Places::NONE, BitOr::bitor);
        let arguments = columns.next()?;
        let value = columns.next()?;
        let module = columns.next()?;
        let (since, until) = match columns.next()? {
            versions if versions.contains("..") => versions.split_once("..")?,
            since => (since, ""),
        };
        let (value, once) = (Value::parse(value.trim_end_matches('!')), value.ends_with('!'));
        Some(Entry {
            name,
            places,
            arguments: Arguments::parse(arguments.trim_end_matches("{}")),
            is_block: arguments.ends_with("{}"),
            value,
            once: once || value.is_single(),
            module: module.trim_end_matches('?'),
            optional: module.ends_with('?'),
            since: Version::parse(since.trim_end_matches('~')),
            is_backported: since.ends_with('~'),
            until: Version::parse(until),
            instead: columns.next().unwrap_or_default(),
            lines: 0..0,
        })
    }

    /// Whether a release of nginx may have it.
    pub fn is_in(&self, version: Version) -> bool {
        self.is_backported
            || self.since.is_none_or(|since| since <= version) && self.until.is_none_or(|until| version <= until)
    }

    /// The options of nginx's build that bring the module, as `--with-…` names them; none where every
    /// build has it.
    pub fn options(&self) -> impl Iterator<Item = &'static str> {
        let family = ["mail", "stream"].into_iter().find(|family| self.module.starts_with(family));
        let own = match self.module {
            "http_grpc" => Some("http_v2"),
            "openssl" => Some("http_ssl"),
            "mail_ssl" | "stream_ssl" | "stream_realip" | "stream_geoip" | "stream_ssl_preread" => Some(self.module),
            module => Some(module).filter(|_| family.is_none()),
        };
        family.into_iter().chain(own).filter(|_| self.optional)
    }

    /// The blocks that its own statements stand in, when it stands in `place`; none for records.
    pub fn inside(&self, place: Places) -> Places {
        let of = |from: Places, to: Places| if place.and(from).is_none() { Places::NONE } else { to };
        match self.name {
            "location" => Places::LOCATION,
            "server" => {
                of(Places::HTTP, Places::SERVER)
                    | of(Places::STREAM, Places::STREAM_SERVER)
                    | of(Places::MAIL, Places::MAIL_SERVER)
            }
            "upstream" => of(Places::HTTP, Places::UPSTREAM) | of(Places::STREAM, Places::STREAM_UPSTREAM),
            "if" => of(Places::SERVER, Places::SERVER_IF) | of(Places::LOCATION, Places::LOCATION_IF),
            "events" => Places::EVENTS,
            "http" => Places::HTTP,
            "stream" => Places::STREAM,
            "mail" => Places::MAIL,
            "limit_except" => Places::LIMIT_EXCEPT,
            _ => Places::NONE,
        }
    }
}

struct Table {
    lines: Vec<Entry>,
    /// Where the first line of each name stands, by its key; a name whose slot is taken has the next free one. Every
    /// statement is looked up, several times.
    slots: Vec<Option<(Key, u16)>>,
}

/// There are nearly three times as many slots as names.
const SLOTS: u32 = 2048;

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| {
        let lines = include_str!("directives.tsv").lines().filter(|line| !line.starts_with('#'));
        let mut lines: Vec<Entry> = lines.filter_map(Entry::parse).collect();
        let mut slots = vec![None; SLOTS as usize];
        let mut from = 0;
        for same in lines.chunk_by_mut(|one, next| one.name == next.name) {
            let key = Key::of(same[0].name);
            let free = slots_from(key).find(|at| slots[*at].is_none());
            if let Some(at) = free {
                slots[at] = Some((key, from));
            }
            let until = from + same.len() as u16;
            same.iter_mut().for_each(|line| line.lines = from..until);
            from = until;
        }
        Table { lines, slots }
    })
}

/// Every line of the table.
pub fn all() -> &'static [Entry] {
    &table().lines
}

/// The lines of a name; none where nginx has never had it.
pub fn entries(name: &str) -> &'static [Entry] {
    first_of(Key::of(name), name).map_or(&[], Entry::of_name)
}

/// The first line of a name whose key is known.
pub fn first_of(key: Key, name: &str) -> Option<&'static Entry> {
    let table = table();
    for at in slots_from(key) {
        let (known, line) = table.slots[at]?;
        let line = &table.lines[usize::from(line)];
        if known == key && line.name == name {
            return Some(line);
        }
    }
    None
}

/// The slots in which a key may be, the likeliest first.
fn slots_from(key: Key) -> impl Iterator<Item = usize> {
    (0..SLOTS).map(move |next| ((key.below(SLOTS) + next) % SLOTS) as usize)
}

/// Whether the body of a block is records and not directives.
pub fn holds_records(name: &str) -> bool {
    matches!(name, "types" | "map" | "geo" | "split_clients" | "charset_map")
}

/// A module that is not nginx's own, or that is loaded at run time.
#[derive(Clone, Debug)]
pub struct Module {
    /// What people call it.
    pub name: &'static str,
    /// Whether it is part of nginx's commercial edition.
    pub is_commercial: bool,
    /// The shared object that `load_module` names, without `.so`.
    pub object: &'static str,
    names: Vec<&'static str>,
}

impl Module {
    /// Whether it brings a directive of exactly this name.
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(&name)
    }

    /// Whether the name looks like one of its own.
    pub fn may_have(&self, name: &str) -> bool {
        self.names.iter().any(|known| match known.split_once('*') {
            Some((before, after)) => name.len() >= known.len() && name.starts_with(before) && name.ends_with(after),
            None => *known == name,
        })
    }
}

/// The modules of `modules.tsv`.
pub fn modules() -> &'static [Module] {
    static MODULES: OnceLock<Vec<Module>> = OnceLock::new();
    MODULES.get_or_init(|| {
        let lines = include_str!("modules.tsv").lines().filter(|line| !line.starts_with('#'));
        let module = |line: &'static str| {
            let mut columns = line.split('\t');
            Some(Module {
                name: columns.next()?,
                is_commercial: columns.next()? == "commercial",
                object: columns.next()?,
                names: columns.next()?.split(' ').collect(),
            })
        };
        lines.filter_map(module).collect()
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::collections::{BTreeSet, HashSet};

    #[test]
    fn the_table_is_read_whole() {
        let lines = include_str!("directives.tsv").lines().filter(|line| !line.starts_with('#'));
        let known_places = |places: &str| places.split(',').all(|place| !Places::named(place).is_none());
        for line in lines.clone() {
            let columns: Vec<_> = line.split('\t').collect();
            assert!((6..=7).contains(&columns.len()) && known_places(columns[1]), "{line}");
            let own = columns[3].trim_end_matches('!') == "own";
            assert!(own || Value::parse(columns[3]) != Value::Own, "{line}");
        }
        assert_eq!(all().len(), lines.count());
        assert!(all().is_sorted_by_key(|entry| entry.name));
        // A key stands for its name.
        let names: BTreeSet<_> = all().iter().map(|entry| entry.name).collect();
        assert_eq!(names.iter().map(|name| Key::of(name)).collect::<HashSet<_>>().len(), names.len());
        let modules_lines = include_str!("modules.tsv").lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(modules().len(), modules_lines);
    }

    #[test]
    fn places_and_versions() {
        let pass = &entries("fastcgi_pass")[0];
        assert_eq!(pass.places.shown(), "`location` or `if` in `location`");
        let ssl = &entries("ssl")[0];
        assert!(ssl.is_in(Version(1, 22, 1)) && !ssl.is_in(Version(1, 25, 1)));
        assert!(ssl.options().eq(["http_ssl"]));
        assert!(entries("max_headers")[0].is_in(Version(1, 22, 1)));
        assert!(entries("ssl_preread")[0].options().eq(["stream", "stream_ssl_preread"]));
        let server = entries("server").iter().find(|entry| entry.is_block).unwrap();
        assert_eq!(server.inside(Places::HTTP), Places::SERVER);
        assert!(modules().iter().any(|module| module.may_have("content_by_lua_block")));
        assert!(entries("nosuch").is_empty());
    }
}
