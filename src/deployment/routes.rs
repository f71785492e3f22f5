//! Where the requests of a server end: its locations, the PHP files of its tree, and the scripts that its own lines
//! name.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use ecow::{EcoString, eco_format};

use super::pages::Pages;
use super::scripts::{ROOTS, Root};
use super::{HandOver, Nginx, Protocol};
use crate::host::{Host, Kind, normalize};
use crate::nginx::ast::{Directive, Key};
use crate::nginx::flow::{End, Router, Way};
use crate::nginx::levels::{Config, Context, LevelId};
use crate::nginx::locations::{Found, Location, Locations, Takes, parts};
use crate::nginx::regex::Pattern;
use crate::nginx::variables::{cut, evaluate};
use crate::parallel;
use crate::source::Span;

/// So many PHP files of one directory tree are followed, so many folders of a directory are looked into, and so deep:
/// a front controller lies at the top, and what lies beside it shows how its neighbours are served.
const MAX_FILES: usize = 40;
const MAX_DEPTH: usize = 3;

/// So many directories are listed for all servers together: two for each of ten thousand sites.
const MAX_LISTED: usize = 20_000;

/// Where requests end is followed while the searches of all servers together try no more expressions than
/// this, as far as can be told before. Servers of ten expressions, ten thousand of them, are well below it.
pub const MAX_TRIES: usize = 2_000_000;

/// So many searches a server costs besides those for its hand-overs.
const SEARCHES: usize = 10;

/// So many servers are work enough for a thread to be asked.
pub(super) const BATCH: usize = 16;

/// So many scripts that lines name, and so many locations, are followed in one server: most have some ten.
const MAX_NAMED: usize = 60;

/// What is known of a server's requests.
#[derive(Debug, Default)]
pub struct Site {
    /// The server's number.
    pub number: usize,
    /// Its locations.
    pub locations: Locations,
    /// The locations that `auth_request` and `mirror` ask for beside a request of the client, each with the directive.
    pub asked: BTreeSet<(LevelId, &'static str)>,
    /// Its error pages.
    pub pages: Pages,
    /// The scripts that `try_files`, `error_page` and `rewrite` name, with the place.
    pub named: Box<[(EcoString, Span)]>,
    /// Requests, followed.
    pub visits: Box<[Visit]>,
    /// The request for `/`, and whether the tree has one of the files of `index` for it.
    pub front: Option<(Way, bool)>,
    server: Option<LevelId>,
}

/// A request and where it ends.
#[derive(Debug)]
pub struct Visit {
    /// The URI that the client asks for.
    pub uri: EcoString,
    /// What it asks for.
    pub asks: Asks,
    /// Where it ends.
    pub way: Way,
}

/// What a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asks {
    /// A PHP file of the tree.
    File,
    /// A script that this line names.
    Named(Span),
    /// A page that is no file, below the location that opens here.
    Page(Span),
}

/// The expression of a location that has one.
pub(super) fn expression(nginx: &Nginx, level: LevelId) -> Option<Arc<Pattern>> {
    let here = nginx.config.level(level);
    let opener = here.opener.as_ref().filter(|_| here.context == Context::Location)?;
    let (modifier, text) = parts(opener).filter(|(modifier, _)| matches!(*modifier, "~" | "~*"))?;
    Some(nginx.patterns.get(text, modifier == "~*"))
}

/// The sites of an nginx, one for each server.
pub fn sites(nginx: &Nginx, host: &dyn Host) -> Vec<Site> {
    // What nginx refuses to read takes no request.
    if nginx.files.trees().any(|(_, tree)| !tree.problems.is_empty()) {
        return Vec::new();
    }
    let numbers: Vec<usize> = (0..nginx.servers.len()).collect();
    let mut sites = parallel::map(&numbers, BATCH, |number| Site::new(nginx, *number));
    let mut left = MAX_TRIES;
    for site in &mut sites {
        let asks = asks(&nginx.config, nginx.servers[site.number].level);
        let searches = nginx.hand_overs_of(site.number).count() + asks.len() + SEARCHES;
        match left.checked_sub(searches * site.locations.expressions()) {
            Some(rest) => left = rest,
            None => site.locations.leave_out(),
        }
        let place = |(uri, name)| Some((site.locations.place(uri)?, name));
        site.asked = asks.into_iter().filter_map(place).collect();
    }
    for site in &mut sites {
        site.pages = Pages::new(nginx, site, nginx.servers[site.number].level, host);
    }
    // How much is listed is bounded for all servers together, the first ones first.
    let mut shelf = Shelf::new(host, MAX_LISTED);
    let files = |site: &Site| if site.serves_php(nginx) { site.files(nginx, &mut shelf) } else { Vec::new() };
    let files: Vec<Vec<EcoString>> = sites.iter().map(files).collect();
    let asked: Vec<_> = sites.iter().zip(files).collect();
    let followed = parallel::map(&asked, BATCH, |(site, files)| site.follow_all(nginx, host, files));
    for (site, (visits, front)) in sites.iter_mut().zip(followed) {
        (site.visits, site.front) = (visits, front);
    }
    sites
}

impl Site {
    fn new(nginx: &Nginx, number: usize) -> Self {
        let level = nginx.servers[number].level;
        let locations = Locations::new(&nginx.config, level, &nginx.patterns);
        let named = named(&nginx.config, level);
        let (asked, pages, visits) = Default::default();
        Site { number, locations, asked, pages, named, visits, front: None, server: Some(level) }
    }

    /// Whether all of the server is in view, and something in it is PHP.
    fn serves_php(&self, nginx: &Nginx) -> bool {
        self.is_whole(nginx) && nginx.hand_overs_of(self.number).any(|it| it.protocol == Protocol::Fastcgi)
    }

    /// Whether no other locations may come in: those around a fragment are not in view.
    fn is_whole(&self, nginx: &Nginx) -> bool {
        self.server != Some(nginx.config.main())
    }

    /// The requests that are worth following, and the one for `/`; `files` are the PHP files of the tree.
    fn follow_all(&self, nginx: &Nginx, host: &dyn Host, files: &[EcoString]) -> (Box<[Visit]>, Option<(Way, bool)>) {
        match self.is_whole(nginx) && (self.serves_php(nginx) || !self.named.is_empty()) {
            true => (self.visit(nginx, host, files), Some(self.front(nginx, host))),
            false => (Box::default(), None),
        }
    }

    /// Whether a level, or one inside of it, hands over to PHP.
    pub fn hands_over(&self, nginx: &Nginx, level: LevelId) -> bool {
        let mut own = nginx.hand_overs_of(self.number).filter(|hand_over| hand_over.serves_php);
        own.any(|hand_over| nginx.config.outwards(hand_over.level).any(|around| around == level))
    }

    /// Whether the expression of a location for PHP takes a URI, did no other location come first.
    pub fn is_meant(&self, nginx: &Nginx, uri: &str) -> bool {
        let config = &nginx.config;
        let opens = |id: LevelId| config.level(id).opener.as_deref().and_then(parts);
        // Inside another location an expression is asked for that one's URIs only.
        let admits = |id: LevelId| match opens(id) {
            Some(("" | "^~", text)) => uri.starts_with(text),
            _ => true,
        };
        if self.locations.is_left_out() {
            return false;
        }
        let takes = |level: LevelId| {
            let by_regex = |pattern: Arc<Pattern>| pattern.matches(uri) == Some(true);
            expression(nginx, level).is_some_and(by_regex) && config.outwards(level).all(admits)
        };
        nginx.hand_overs_of(self.number).any(|hand_over| hand_over.serves_php && takes(hand_over.level))
    }

    /// Follows requests of this server. A script that its lines name counts as there.
    pub fn router<'a>(&'a self, nginx: &'a Nginx, host: &'a dyn Host) -> Following<'a> {
        Following { site: self, nginx, host, is_partial: nginx.is_partial, known: RefCell::default() }
    }

    /// The URIs of the PHP files in the server's directories, and of those that an exact location asks for.
    fn files(&self, nginx: &Nginx, shelf: &mut Shelf) -> Vec<EcoString> {
        let is_script = |it: &&Location| matches!(it.takes, Takes::Exact) && it.text.ends_with(".php");
        let exact = self.locations.all().filter(is_script).take(MAX_NAMED);
        let exact = exact.filter(|it| self.has_file(nginx, shelf.host, it.level, &it.text));
        let mut found: Vec<EcoString> = exact.map(|location| location.text.clone()).collect();
        for (directory, prefix) in self.directories(&nginx.config) {
            found.extend(shelf.scripts(&directory).iter().map(|file| eco_format!("{prefix}{file}")));
        }
        found
    }

    fn visit(&self, nginx: &Nginx, host: &dyn Host, files: &[EcoString]) -> Box<[Visit]> {
        let router = self.router(nginx, host);
        let visit = |(uri, asks): (EcoString, Asks)| {
            let way = if matches!(asks, Asks::Page(_)) { router.follow_page(&uri) } else { router.way(&uri, true) };
            Visit { uri, asks, way }
        };
        let mut asked: Vec<(EcoString, Asks)> = files.iter().map(|file| (file.clone(), Asks::File)).collect();
        asked.extend(self.named.iter().map(|(uri, span)| (uri.clone(), Asks::Named(*span))));
        let prefixes = self.locations.all().filter(|location| !location.text.contains(".php"));
        let prefixes = prefixes.filter(|it| matches!(it.takes, Takes::Prefix | Takes::FinalPrefix));
        asked.extend(prefixes.take(MAX_NAMED).filter_map(|location| {
            let opener = nginx.config.level(location.level).opener.as_ref()?;
            Some((eco_format!("{}/page", location.text.trim_end_matches('/')), Asks::Page(opener.head)))
        }));
        asked.into_iter().map(visit).collect()
    }

    /// The request for `/`.
    fn front(&self, nginx: &Nginx, host: &dyn Host) -> (Way, bool) {
        let way = self.router(nginx, host).way("/", true);
        let has_index = match way.end {
            End::File(level) => {
                let names = nginx.config.effective_list(level, "index");
                let names = names.iter().flat_map(|index| index.args.iter().map(|name| name.text.to_string()));
                let names: Vec<String> = names.collect();
                let usual = if names.is_empty() { vec!["index.html".to_owned()] } else { names };
                usual.iter().any(|name| {
                    name.contains('$')
                        || self.has_file(nginx, host, level, &format!("/{}", name.trim_start_matches('/')))
                })
            }
            _ => true,
        };
        (way, has_index)
    }

    /// The directories that hold the server's files, each with the start of their URIs.
    fn directories(&self, config: &Config) -> Vec<(PathBuf, String)> {
        let Some(server) = self.server else { return Vec::new() };
        let mut found = Vec::new();
        let mut add = |level: LevelId, text: &str| {
            let own = config.last_of(level, &ROOTS);
            let Some(root) = own.and_then(|_| Root::of(config, level)) else { return };
            let Some(written) = evaluate(config, level, &root.written).text().map(str::to_owned) else { return };
            let (directory, prefix) = match root.alias {
                Some(usize::MAX) => return,
                Some(_) => (written, text.to_owned()),
                None => (format!("{written}{text}"), text.to_owned()),
            };
            let prefix = prefix.strip_suffix('/').unwrap_or(&prefix).to_owned();
            if directory.starts_with('/')
                && !found.iter().any(|(known, start)| *known == *directory && *start == prefix)
            {
                found.push((directory, prefix));
            }
        };
        add(server, "");
        for location in self.locations.all() {
            if matches!(location.takes, Takes::Prefix | Takes::FinalPrefix) {
                add(location.level, &location.text);
            }
        }
        found.into_iter().map(|(directory, prefix)| (normalize(Path::new(&directory)), prefix)).collect()
    }
}

/// Follows the requests of one site.
pub struct Following<'a> {
    site: &'a Site,
    nginx: &'a Nginx,
    host: &'a dyn Host,
    is_partial: bool,
    /// The requests for files that were followed before.
    known: RefCell<HashMap<String, Rc<Way>>>,
}

impl Following<'_> {
    /// Follows a request for a file, which counts as there.
    pub fn follow(&self, uri: &str) -> Rc<Way> {
        if let Some(known) = self.known.borrow().get(uri) {
            return known.clone();
        }
        let way = Rc::new(self.way(uri, true));
        self.known.borrow_mut().insert(uri.to_owned(), way.clone());
        way
    }

    /// Follows a request for a page that is no file.
    pub fn follow_page(&self, uri: &str) -> Way {
        self.way(uri, false)
    }

    fn way(&self, uri: &str, is_there: bool) -> Way {
        let config = &self.nginx.config;
        let is_file = |level: LevelId, candidate: &str| {
            let named = self.site.named.iter().any(|(named, _)| named == candidate);
            let asked = is_there && candidate == uri;
            Some(named || asked || self.site.has_file(self.nginx, self.host, level, candidate))
        };
        let server = self.site.server.unwrap_or(config.main());
        let (locations, patterns) = (&self.site.locations, &self.nginx.patterns);
        Router { config, server, locations, patterns, is_partial: self.is_partial, is_file: &is_file }.follow(uri)
    }
}

impl Site {
    /// Whether the tree has a file under a URI.
    pub fn has_file(&self, nginx: &Nginx, host: &dyn Host, level: LevelId, uri: &str) -> bool {
        let Some(root) = Root::of(&nginx.config, level) else { return false };
        let written = evaluate(&nginx.config, level, &root.written);
        let path = nginx.absolute(written, root.alias.is_none()).and_then(|base| root.map(&base, uri));
        let path = path.as_ref().and_then(|path| path.text());
        path.is_some_and(|path| host.entry(Path::new(path)).is_ok_and(|entry| entry.kind == Kind::File))
    }
}

/// Whether the location of a hand-over takes a URI.
pub fn takes(nginx: &Nginx, hand_over: &HandOver, uri: &str) -> bool {
    let found = nginx.sites.get(hand_over.server).map(|site| site.locations.find(uri));
    matches!(found, Some(Found::At(location, _)) if location.level == hand_over.level)
}

/// The PHP files of directories, each listed once.
struct Shelf<'a> {
    host: &'a dyn Host,
    /// How many directories may still be listed.
    left: usize,
    known: HashMap<PathBuf, Vec<String>>,
}

impl<'a> Shelf<'a> {
    fn new(host: &'a dyn Host, left: usize) -> Self {
        Shelf { host, left, known: HashMap::new() }
    }

    /// The files ending in `.php` below a directory, each with a leading slash.
    fn scripts(&mut self, directory: &Path) -> &[String] {
        if !self.known.contains_key(directory) {
            let mut found = Vec::new();
            self.walk(directory, "", 0, &mut found);
            self.known.insert(directory.to_owned(), found);
        }
        &self.known[directory]
    }

    fn walk(&mut self, directory: &Path, below: &str, depth: usize, found: &mut Vec<String>) {
        if depth >= MAX_DEPTH || self.left == 0 {
            return;
        }
        self.left -= 1;
        let mut folders = Vec::new();
        for name in self.host.list(directory) {
            let path = directory.join(&name);
            let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else { continue };
            match self.host.entry(&path).map(|entry| entry.kind) {
                Ok(Kind::File) if name.ends_with(".php") && found.len() < MAX_FILES => {
                    found.push(format!("{below}/{name}"));
                }
                Ok(Kind::Directory) if folders.len() < MAX_FILES => folders.push((path, format!("{below}/{name}"))),
                _ => {}
            }
        }
        for (path, below) in folders {
            self.walk(&path, &below, depth + 1, found);
        }
    }
}

/// What lines of a server and of the levels around it ask for beside a request: the URI, and the directive.
fn asks(config: &Config, server: LevelId) -> BTreeSet<(&str, &'static str)> {
    let own = |level: LevelId| {
        ["auth_request", "mirror"].into_iter().flat_map(move |name| {
            let uris = config.own(level, name).filter_map(|asks| asks.arg(0)?.split('?').next());
            uris.map(move |uri| (uri, name))
        })
    };
    // Those around hold for each of thousands of servers.
    let mut found: BTreeSet<_> = config.outwards(server).skip(1).flat_map(own).take(MAX_NAMED).collect();
    let mut pending = vec![server];
    while let Some(level) = pending.pop() {
        found.extend(own(level));
        pending.extend(&config.level(level).blocks);
    }
    found
}

/// The scripts that the lines of a server name: the URI and the statement.
fn named(config: &Config, server: LevelId) -> Box<[(EcoString, Span)]> {
    let mut found: Vec<(EcoString, Span)> = Vec::new();
    let mut pending = vec![server];
    while let Some(level) = pending.pop() {
        for setting in config.each_of(level, &NAMING) {
            let Some(uri) = script_in(setting) else { continue };
            if found.len() < MAX_NAMED && !found.iter().any(|(known, _)| *known == uri) {
                found.push((uri, setting.head));
            }
        }
        pending.extend(config.level(level).blocks.iter().rev());
    }
    found.into()
}

/// The directives that may name a script.
const NAMING: [(Key, &str); 3] =
    [(Key::of("try_files"), "try_files"), (Key::of("error_page"), "error_page"), (Key::of("rewrite"), "rewrite")];

fn script_in(setting: &Directive) -> Option<EcoString> {
    let target = match setting.name() {
        "rewrite" if matches!(setting.arg(2), Some("redirect" | "permanent")) => return None,
        "rewrite" => setting.arg(1)?,
        _ => setting.args.last()?.text.as_str(),
    };
    let text = target.split('?').next()?;
    let text = text.strip_suffix("$is_args$args").unwrap_or(text);
    let is_whole = || cut(text).all(|(_, variable)| variable.is_none());
    (text.starts_with('/') && text.ends_with(".php") && is_whole()).then(|| text.into())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::host::memory::Memory;
    use crate::nginx::load::Files;
    use crate::source::Sources;

    /// How many PHP files are found below `/srv` among these, when so many directories may be listed.
    fn found(files: impl IntoIterator<Item = String>, left: usize) -> usize {
        let mut host = Memory::default();
        files.into_iter().for_each(|file| host.add(format!("/srv/{file}"), ""));
        Shelf::new(&host, left).scripts(Path::new("/srv")).len()
    }

    #[test]
    fn so_many_files_of_a_tree_are_looked_up() {
        let beside = |count: usize| found((0..count).map(|n| format!("{n}.php")), MAX_LISTED);
        assert_eq!([beside(MAX_FILES), beside(MAX_FILES + 1)], [MAX_FILES, MAX_FILES]);
        // The last folder by its name is the one that has a file.
        let last_folder = |count: usize| {
            let folder = |n: usize| format!("{n:03}/{}", if n + 1 == count { "a.php" } else { "a" });
            found((0..count).map(folder), MAX_LISTED)
        };
        assert_eq!([last_folder(MAX_FILES), last_folder(MAX_FILES + 1)], [1, 0]);
        let deep = |depth: usize| found(["a/".repeat(depth - 1) + "a.php"], MAX_LISTED);
        assert_eq!([deep(MAX_DEPTH), deep(MAX_DEPTH + 1)], [1, 0]);
    }

    #[test]
    fn so_many_directories_are_listed() {
        let listed = |left| found((0..9).map(|n| format!("{n}/a.php")), left);
        assert_eq!([listed(10), listed(9), listed(0)], [9, 8, 0]);
    }

    #[test]
    fn so_many_scripts_that_lines_name_are_followed() {
        let count = |lines: usize| {
            let text: String = (0..lines).map(|n| format!("rewrite ^/{n} /{n}.php last;")).collect();
            let mut host = Memory::default();
            host.add("/c", format!("http {{ server {{ {text} }} }}"));
            let mut files = Files::default();
            let main = files.load(&host, &mut Sources::default(), Path::new("/c")).unwrap();
            let config = Config::resolve(&files, main, Context::Main);
            named(&config, config.levels(Context::Server).next().unwrap()).len()
        };
        assert_eq!([count(MAX_NAMED), count(MAX_NAMED + 1)], [MAX_NAMED, MAX_NAMED]);
    }
}
