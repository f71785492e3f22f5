//! The parameters that a hand-over sends to FastCGI.
//!
//! One `fastcgi_param` on a level wipes all that outer levels set. nginx sends a parameter that stands twice twice, and
//! PHP keeps the last one.

use std::collections::hash_map::Entry::{Occupied, Vacant};
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::host::glob;
use crate::nginx::ast::{Directive, Key};
use crate::nginx::levels::{Config, Context, LevelId};
use crate::source::Span;

/// The parameters of a hand-over.
#[derive(Debug, Default)]
pub struct Params {
    /// What stands on the level that decides, in order.
    entries: Box<[Entry]>,
    /// Of the parameters without which no script runs, those that an outer level sets and that are therefore not sent.
    wiped: Box<[Param]>,
    /// The places of the parameters that are sent again under the same name, each with the place of the last of these.
    repeated: Box<[(u32, u32)]>,
}

/// The parameters of all levels, each level looked at once: they are the same few for thousands of hand-overs.
#[derive(Default)]
pub struct AllParams(Mutex<KnownParams>);

#[derive(Default)]
struct KnownParams {
    by_level: HashMap<LevelId, Arc<Params>>,
    all: HashSet<Arc<Params>>,
}

impl AllParams {
    /// The parameters in force on a level. `is_partial`: a pattern that matches nothing may match on the host.
    pub fn of(&self, config: &Config, level: LevelId, is_partial: bool) -> Arc<Params> {
        // A thread that panicked has left what is whole all the same.
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known().by_level.get(&level) {
            return known.clone();
        }
        let entries = entries(config, level, is_partial);
        let outer = config.level(level).parent.map(|parent| self.of(config, parent, is_partial));
        let params = match outer {
            Some(outer) if entries.is_empty() => {
                known().by_level.insert(level, outer.clone());
                return outer;
            }
            // What is not in view may or may not wipe the outer ones: then nothing is known of any.
            Some(outer) => Params { wiped: outer.when_wiped(), ..Params::of(entries) },
            // What includes a fragment may set them.
            None if entries.is_empty() && config.level(level).context != Context::Main => {
                Params::of(vec![Entry::Unknown(None)])
            }
            None => Params::of(entries),
        };
        let mut known = known();
        let params = match known.all.get(&params) {
            Some(same) => same.clone(),
            None => {
                let params = Arc::new(params.with_repeated());
                known.all.insert(params.clone());
                params
            }
        };
        known.by_level.insert(level, params.clone());
        params
    }
}

/// The parameters without which no script runs, beside the path of the script in its old form.
const NEEDED: [&str; 2] = ["REQUEST_METHOD", "SCRIPT_FILENAME"];

/// A parameter without which no script runs, and which is not sent.
#[derive(Debug)]
pub struct Lack<'a> {
    /// Its name.
    pub name: &'static str,
    /// What an outer level sets, where one does.
    pub wiped: Option<&'a Param>,
}

/// One of the parameters, or a place where some may come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Entry {
    /// It is sent.
    Param(Param),
    /// A file that is not in view: it may bring this parameter, or any (`None`).
    Unknown(Option<&'static str>),
}

/// A parameter. Every hand-over has twenty or so, so that it holds no text of its own.
#[derive(Clone, Debug)]
pub struct Param {
    /// The short form of its name.
    key: Key,
    /// Where it comes from: the `fastcgi_param`, or the `include`.
    directive: Arc<Directive>,
    /// Its name and value, where it comes with a packaged file that is not in view.
    packaged: Option<&'static (&'static str, &'static str)>,
}

/// What is sent under a name.
#[derive(Debug)]
pub enum Sent<'a> {
    /// This: the last one of the name.
    Yes(&'a Param),
    /// Nothing.
    No,
    /// It hangs on a file that is not in view.
    Unknown,
}

/// What every version of `fastcgi_params` sets, as far as it matters here.
static PACKAGED: [(&str, &str); 10] = [
    ("QUERY_STRING", "$query_string"),
    ("REQUEST_METHOD", "$request_method"),
    ("CONTENT_TYPE", "$content_type"),
    ("CONTENT_LENGTH", "$content_length"),
    ("SCRIPT_NAME", "$fastcgi_script_name"),
    ("REQUEST_URI", "$request_uri"),
    ("DOCUMENT_URI", "$document_uri"),
    ("DOCUMENT_ROOT", "$document_root"),
    ("SERVER_PROTOCOL", "$server_protocol"),
    ("SERVER_NAME", "$server_name"),
];

/// What `fastcgi.conf` sets besides.
static PACKAGED_SCRIPT: (&str, &str) = ("SCRIPT_FILENAME", "$document_root$fastcgi_script_name");

impl Params {
    fn of(entries: Vec<Entry>) -> Self {
        Params { entries: entries.into(), ..Params::default() }
    }

    /// The same, with the parameters that are sent again.
    fn with_repeated(self) -> Self {
        let mut last: HashMap<&str, u32> = HashMap::new();
        let mut repeated = Vec::new();
        for (entry, at) in self.entries.iter().zip(0_u32..).collect::<Vec<_>>().into_iter().rev() {
            let Entry::Param(param) = entry else { continue };
            match last.entry(param.name()) {
                Occupied(last) => repeated.push((at, *last.get())),
                Vacant(place) => _ = place.insert(at),
            }
        }
        repeated.reverse();
        Params { repeated: repeated.into(), ..self }
    }

    /// Of these parameters, and of those that they wipe, the needed ones as an inner level wipes them.
    fn when_wiped(&self) -> Box<[Param]> {
        let first = |name: &&str| self.sent().chain(&self.wiped).find(|param| param.name() == *name).cloned();
        NEEDED.iter().filter_map(first).collect()
    }

    /// What is sent under a name.
    pub fn get(&self, name: &str) -> Sent<'_> {
        let key = Key::of(name);
        for entry in self.entries.iter().rev() {
            match entry {
                Entry::Param(param) if param.key == key && param.name() == name => return Sent::Yes(param),
                Entry::Unknown(only) if only.is_none_or(|only| only == name) => {
                    // What the site sets itself is kept, unless the file is one of the few that set it too.
                    let own = self.sent().rfind(|param| param.name() == name);
                    return own.filter(|_| only.is_some()).map_or(Sent::Unknown, Sent::Yes);
                }
                Entry::Param(_) | Entry::Unknown(_) => {}
            }
        }
        Sent::No
    }

    /// Whether nothing is sent under a name, for certain.
    pub fn lacks(&self, name: &str) -> bool {
        matches!(self.get(name), Sent::No)
    }

    /// What PHP-FPM needs and does not get: `REQUEST_METHOD`, without which any page is blank, or the script.
    pub fn lack(&self) -> Option<Lack<'_>> {
        let lacks_script = self.lacks("SCRIPT_FILENAME") && self.lacks("PATH_TRANSLATED");
        let name = match () {
            () if self.lacks(NEEDED[0]) => NEEDED[0],
            () if lacks_script => NEEDED[1],
            () => return None,
        };
        Some(Lack { name, wiped: self.wiped(name) })
    }

    /// The parameter of this name, one of the needed ones, that an outer level sets and that is therefore not sent.
    pub fn wiped(&self, name: &str) -> Option<&Param> {
        self.wiped.iter().find(|param| param.name() == name)
    }

    /// Each parameter that is sent again under the same name, with the last of these.
    pub fn repeated(&self) -> impl Iterator<Item = (&Param, &Param)> {
        let param = |at: u32| match &self.entries[at as usize] {
            Entry::Param(param) => Some(param),
            Entry::Unknown(_) => None,
        };
        self.repeated.iter().filter_map(move |(first, last)| Some((param(*first)?, param(*last)?)))
    }

    /// What is known to be sent, in order.
    pub fn sent(&self) -> impl DoubleEndedIterator<Item = &Param> {
        self.entries.iter().filter_map(|entry| match entry {
            Entry::Param(param) => Some(param),
            Entry::Unknown(_) => None,
        })
    }
}

/// What is sent again follows from the rest.
impl PartialEq for Params {
    fn eq(&self, other: &Self) -> bool {
        self.entries == other.entries && self.wiped == other.wiped
    }
}

impl Eq for Params {}

impl Hash for Params {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.entries.hash(state);
        self.wiped.hash(state);
    }
}

/// A parameter is what one statement sets: thousands of hand-overs include the same few statements.
impl PartialEq for Param {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.directive, &other.directive) && self.packaged == other.packaged
    }
}

impl Eq for Param {}

impl Hash for Param {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.directive).hash(state);
    }
}

impl Param {
    fn read(directive: &Arc<Directive>) -> Option<Self> {
        let [name, _, ..] = &directive.args[..] else { return None };
        Some(Param { key: Key::of(&name.text), directive: directive.clone(), packaged: None })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        self.packaged.map_or_else(|| self.directive.arg(0).unwrap_or_default(), |(name, _)| name)
    }

    /// Its value as written.
    pub fn value(&self) -> &str {
        self.packaged.map_or_else(|| self.directive.arg(1).unwrap_or_default(), |(_, value)| value)
    }

    /// Whether it is left out when the value is empty.
    pub fn if_not_empty(&self) -> bool {
        !self.is_packaged() && self.directive.arg(2) == Some("if_not_empty")
    }

    /// Where it is written; for a packaged file that is not in view, the include.
    pub fn span(&self) -> Span {
        match (self.packaged, self.directive.args.first()) {
            (Some(_), Some(file)) => file.span,
            _ => self.directive.head,
        }
    }

    /// Whether it comes with a packaged file that is not in view.
    pub fn is_packaged(&self) -> bool {
        self.packaged.is_some()
    }
}

/// The parameters that stand on one level.
fn entries(config: &Config, level: LevelId, is_partial: bool) -> Vec<Entry> {
    let here = config.level(level);
    if here.unread().is_empty() {
        return config.own(level, "fastcgi_param").filter_map(Param::read).map(Entry::Param).collect();
    }
    let mut found = Vec::new();
    let mut unread = here.unread().iter().peekable();
    for at in 0..=here.settings.len() {
        while let Some((_, include)) = unread.next_if(|(before, _)| *before == at) {
            found.extend(brought(include, is_partial));
        }
        let setting = here.settings.get(at).filter(|setting| setting.name() == "fastcgi_param");
        found.extend(setting.and_then(Param::read).map(Entry::Param));
    }
    found
}

/// What an include brings whose files are not in view.
///
/// Every nginx package has `fastcgi.conf` with `SCRIPT_FILENAME` and `fastcgi_params`, in which only distributions of
/// before 2015 have it.
fn brought(include: &Arc<Directive>, is_partial: bool) -> Vec<Entry> {
    let Some(argument) = include.args.first() else { return Vec::new() };
    let name = Path::new(argument.text.as_str()).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let param = |packaged: &'static (&'static str, &'static str)| {
        let (key, directive) = (Key::of(packaged.0), include.clone());
        Entry::Param(Param { key, directive, packaged: Some(packaged) })
    };
    let packaged = PACKAGED.iter().map(param);
    match name.as_str() {
        "fastcgi.conf" => packaged.chain([param(&PACKAGED_SCRIPT)]).collect(),
        "fastcgi_params" => packaged.chain([Entry::Unknown(Some(PACKAGED_SCRIPT.0))]).collect(),
        _ if glob::is_pattern(&argument.text) && !is_partial => Vec::new(),
        _ => vec![Entry::Unknown(None)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::memory::Memory;
    use crate::nginx::load::Files;
    use crate::source::Sources;

    /// What the first location sends under a name: the value, `-` or `?`.
    fn sent(server: &str, name: &str) -> String {
        let mut host = Memory::default();
        host.add("/c/nginx.conf", format!("http {{ server {{ {server} }} }}"));
        host.add("/c/own", "fastcgi_param A own;");
        let mut files = Files::default();
        let main = files.load(&host, &mut Sources::default(), Path::new("/c/nginx.conf")).unwrap();
        let config = Config::resolve(&files, main, Context::Main);
        let location = config.levels(Context::Location).next().unwrap();
        match AllParams::default().of(&config, location, false).get(name) {
            Sent::Yes(param) => param.value().to_owned(),
            Sent::No => "-".into(),
            Sent::Unknown => "?".into(),
        }
    }

    #[test]
    fn one_parameter_wipes_what_outer_levels_set() {
        assert_eq!(sent("fastcgi_param A 1; location / { }", "A"), "1");
        assert_eq!(sent("fastcgi_param A 1; location / { fastcgi_param B 2; }", "A"), "-");
        assert_eq!(sent("fastcgi_param A 1; location / { include own; }", "A"), "own");
        assert_eq!(sent("location / { fastcgi_param A 1; include own; }", "A"), "own");
        assert_eq!(sent("location / { include own; fastcgi_param A 1; }", "A"), "1");
    }

    #[test]
    fn files_that_are_not_in_view() {
        assert_eq!(sent("location / { include gone; }", "A"), "?");
        assert_eq!(sent("location / { fastcgi_param A 1; include gone; }", "A"), "?");
        assert_eq!(sent("location / { include gone; fastcgi_param A 1; }", "A"), "1");
        assert_eq!(sent("location / { include gone/*; }", "A"), "-");
        assert_eq!(sent("location / { include fastcgi_params; }", "A"), "-");
        assert_eq!(sent("location / { include fastcgi_params; }", "REQUEST_METHOD"), "$request_method");
        assert_eq!(sent("location / { include fastcgi_params; }", "SCRIPT_FILENAME"), "?");
        let own = "location / { fastcgi_param SCRIPT_FILENAME /x; include fastcgi_params; }";
        assert_eq!(sent(own, "SCRIPT_FILENAME"), "/x");
        let own = "location / { fastcgi_param SCRIPT_FILENAME /x; include fastcgi.conf; }";
        assert_eq!(sent(own, "SCRIPT_FILENAME"), "$document_root$fastcgi_script_name");
    }
}
