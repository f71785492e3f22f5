//! Which requests are sure to come to a level: one is made up that fits what is asked, and followed there.
//!
//! Where none can be made up it is not known whether one may come, and nothing is said of it.

use std::rc::Rc;

use super::names::Names;
use super::sample::samples;
use super::{HOST, Rest, Value, Values, Variables, is_group};
use crate::nginx::flow::{End, Router};
use crate::nginx::groups;
use crate::nginx::levels::{Context, LevelId};
use crate::nginx::locations::{Locations, parts};
use crate::nginx::variables::names;

/// Values that are tried, one behind the other.
pub(super) type Likes<'a> = Box<dyn Iterator<Item = String> + 'a>;

/// Texts that stand for any, where everything but a few would do.
pub(super) const ANY: [&str; 5] = ["x", "a", "1", "x1", "x.test"];

/// What is put behind a URI, so that a location takes it.
const ENDS: [&str; 6] = ["", "/", "/index.php", "index.php", ".php", "x.php"];

/// The variables that hold the URI of a request.
const URI: [&str; 3] = ["uri", "document_uri", "request_uri"];

/// What it costs to make a text up, in expressions that are tried.
const COST: usize = 8;

/// Variables that are followed one behind the other.
const MAX_DEPTH: usize = 4;

impl<'a> Variables<'a> {
    /// Whether a request may bring any value of a variable, wherever it comes.
    pub(super) fn is_free(&self, level: LevelId, variable: &str) -> bool {
        let is_own = self.blocks().contains_key(variable) || !self.sets(level, variable).is_empty();
        let by_request = HOST.contains(&variable) || URI.contains(&variable);
        let by_address = matches!(variable, "scheme" | "https" | "server_port");
        let is_group = self.has_server_group(level, variable) || self.expression(level, variable).is_some();
        self.server(level).is_none() || !(is_own || by_request || by_address || is_group)
    }

    /// Whether a request that brings any value of a variable is sure to come to a level.
    pub(super) fn is_let_in(&self, level: LevelId, variable: &str) -> bool {
        self.is_free(level, variable) && !self.is_asked_for(level, variable)
    }

    /// Whether a request is sure to come to a level for which a variable has a value that `fits`. `likes` are values
    /// that might.
    pub(super) fn arrives(
        &self,
        level: LevelId,
        variable: &str,
        likes: Likes<'_>,
        fits: &mut dyn FnMut(&str) -> bool,
    ) -> bool {
        // Where there are too many values already, no more are looked for.
        !self.has_more.get()
            && self.arrives_behind(level, variable, Box::new(likes.take_while(|_| self.may_try(COST))), fits, 0)
    }

    fn arrives_behind(
        &self,
        level: LevelId,
        variable: &str,
        mut likes: Likes<'_>,
        fits: &mut dyn FnMut(&str) -> bool,
        depth: usize,
    ) -> bool {
        let Some(server) = self.server(level).filter(|_| !self.is_free(level, variable)) else {
            return likes.any(|like| fits(&like) && !self.is_sent_away(level, variable, &like));
        };
        if matches!(variable, "host" | "http_host") {
            let mut hosts = likes.flat_map(|like| self.hosts_like(server, &like)).chain(self.hosts_of(server));
            return hosts.any(|host| fits(&host) && self.comes(level, server, &host).is_some());
        }
        if URI.contains(&variable) {
            return likes.any(|like| self.a_uri_arrives(level, server, (variable, &like), fits));
        }
        if self.has_server_group(level, variable) {
            let Some(expression) = self.server_regex(server, variable) else { return false };
            return likes.any(|like| {
                samples(expression, Some((variable, &like))).any(|host| {
                    let host = host.to_ascii_lowercase();
                    let captured = self.captured(expression, &host, variable).filter(|text| fits(text));
                    captured.is_some() && self.comes(level, server, &host) == Some(Some(expression))
                })
            });
        }
        if let (Some([block]), true) = (self.blocks().get(variable).map(Vec::as_slice), depth < MAX_DEPTH) {
            return self.arrives_through(level, *block, likes, fits, depth);
        }
        let Some((expression, caseless, _)) = self.expression(level, variable) else { return false };
        likes.any(|like| {
            samples(&expression, Some((variable, &like))).any(|uri| {
                self.a_uri_arrives(level, server, ("uri", &uri), &mut |uri| {
                    let found = self.patterns.get(&expression, caseless).captures(uri);
                    found.flatten().as_ref().and_then(|found| found.get(variable)).is_some_and(&mut *fits)
                })
            })
        })
    }

    /// Whether a request comes for which a `map` gives a group of one of its keys.
    fn arrives_through(
        &self,
        level: LevelId,
        block: LevelId,
        mut likes: Likes<'_>,
        fits: &mut dyn FnMut(&str) -> bool,
        depth: usize,
    ) -> bool {
        let table = self.table(block);
        let source = self.config.level(block).opener.as_ref().and_then(|opener| opener.arg(0)).unwrap_or_default();
        let Some(source) = only_variable(source).filter(|_| table.is_map) else { return false };
        likes.any(|like| {
            table.expressions.iter().any(|(at, expression, _)| {
                let (key, word) = table.records[*at];
                let Some(group) = only_variable(&word.text).filter(|group| is_group(key, group)) else { return false };
                let subjects = samples(expression, Some((group, &like)));
                let mut holds = |subject: &str| match self.find(&table, subject) {
                    Some((found, Some(captures))) if found == *at => captures.get(group).is_some_and(&mut *fits),
                    _ => false,
                };
                self.arrives_behind(level, source, Box::new(subjects), &mut holds, depth + 1)
            })
        })
    }

    /// Whether a request for a host comes to a level, and the expression among the names of its server that took it.
    pub(super) fn comes(&self, level: LevelId, server: LevelId, host: &str) -> Option<Option<&'a str>> {
        let is_name = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
        let is_host = is_name && !host.is_empty() && !host.starts_with('.') && !host.ends_with('.');
        if !is_host || host.contains("..") {
            return None;
        }
        let names = self.names.get_or_init(|| Names::new(self.config));
        let taken = names.taken_by(server, host, &self.patterns)?;
        let asked = Values::only(vec![Value { text: host.to_owned(), ..Value::default() }]);
        let let_in = self.let_in(level, &HOST, asked);
        (let_in.rest == Rest::Nothing && !let_in.all.is_empty()).then_some(taken)
    }

    /// Hosts that a server's names take and that are made of a text.
    fn hosts_like(&self, server: LevelId, like: &str) -> Vec<String> {
        if !self.may_try(COST) {
            return Vec::new();
        }
        let like = like.to_ascii_lowercase();
        // Of names, an expression often has the beginning or the end only.
        let whole = format!(
            "{}{like}{}",
            if like.starts_with('.') { "x" } else { "" },
            if like.ends_with('.') { "test" } else { "" }
        );
        let mut hosts = vec![whole];
        for word in self.server_names(server) {
            let name = word.text.to_ascii_lowercase();
            if let Some(expression) = word.text.strip_prefix('~') {
                let count = groups::count(expression).min(9);
                let held = (1..=count).flat_map(|group| samples(expression, Some((&group.to_string(), &like))).next());
                hosts.extend(held.map(|host| host.to_ascii_lowercase()));
            } else if let Some(suffix) = name.strip_prefix('*').or(Some(&*name).filter(|name| name.starts_with('.'))) {
                hosts.push(format!("{}{suffix}", like.trim_end_matches('.')));
            } else if let Some(start) = name.strip_suffix('*') {
                hosts.push(format!("{start}{}", like.trim_start_matches('.')));
            }
        }
        hosts
    }

    /// Hosts that the expressions among a server's names take.
    fn hosts_of(&self, server: LevelId) -> impl Iterator<Item = String> {
        let names = self.server_names(server).into_iter();
        let hosts =
            names.filter_map(|word| word.text.strip_prefix('~')).flat_map(|name| samples(name, None).take(COST));
        hosts.map(|host| host.to_ascii_lowercase())
    }

    /// Whether a request for a URI that is made of a text comes to a level. Which files there are nobody knows: it is
    /// asked with all of them, with none, and with those of PHP alone.
    fn a_uri_arrives(
        &self,
        level: LevelId,
        server: LevelId,
        (variable, like): (&str, &str),
        fits: &mut dyn FnMut(&str) -> bool,
    ) -> bool {
        let locations = self.locations(server);
        let files: [fn(&str) -> bool; 3] = [|_| true, |_| false, |uri| uri.ends_with(".php")];
        let starts = self.starts(level);
        let begun = starts.iter().map(|start| match like.starts_with('/') {
            true => like.to_owned(),
            false => format!("{start}{like}"),
        });
        let inside = starts.iter().map(|start| format!("{start}{}", like.trim_start_matches('/')));
        let mut tried: Vec<String> = Vec::new();
        for uri in begun.chain(inside).flat_map(|uri| ENDS.map(|end| format!("{uri}{end}"))) {
            if tried.contains(&uri) || uri.contains(char::is_whitespace) || !fits(&uri) {
                continue;
            }
            let path = uri.split('?').next().unwrap_or_default();
            for is_there in files {
                if !self.may_try(locations.expressions() + 1) {
                    return false;
                }
                let (config, patterns, is_partial) = (self.config, &self.patterns, false);
                let is_file = &|_, uri: &str| Some(is_there(uri));
                let router = Router { config, server, locations: &locations, patterns, is_partial, is_file };
                let way = router.follow(path);
                let is_here = matches!(way.end, End::Passed(end) if end == level);
                if is_here && (variable == "request_uri" || fits(&way.uri)) {
                    return true;
                }
            }
            tried.push(uri);
        }
        false
    }

    /// How the URIs begin that a level takes: with the prefixes on the way to it.
    fn starts(&self, level: LevelId) -> Vec<String> {
        let mut starts = vec!["/".to_owned()];
        let openers = self.config.outwards(level).filter_map(|id| self.config.level(id).opener.as_ref());
        for opener in openers.filter(|opener| opener.name() == "location") {
            match parts(opener) {
                Some(("~" | "~*", expression)) => starts.extend(samples(expression, None).take(1)),
                Some((_, text)) => starts.push(text.to_owned()),
                None => {}
            }
        }
        starts.retain(|start| start.starts_with('/'));
        starts.dedup();
        starts
    }

    pub(super) fn locations(&self, server: LevelId) -> Rc<Locations> {
        let known = self.locations.borrow().get(&server).cloned();
        known.unwrap_or_else(|| {
            let new = Rc::new(Locations::new(self.config, server, &self.patterns));
            self.locations.borrow_mut().insert(server, new.clone());
            new
        })
    }

    fn has_server_group(&self, level: LevelId, group: &str) -> bool {
        let server = self.config.outwards(level).find(|id| self.config.level(*id).context == Context::Server);
        server.is_some_and(|server| self.server_names(server).iter().any(|word| groups::has(&word.text, group)))
    }
}

/// The name of the only variable of a text that holds nothing else.
pub(super) fn only_variable(text: &str) -> Option<&str> {
    let mut all = names(text);
    let name = all.next().filter(|name| text == format!("${name}") || text == format!("${{{name}}}"))?;
    all.next().is_none().then_some(name)
}
