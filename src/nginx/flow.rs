//! The way of a request through a server, as far as the configuration alone decides it: rewrite code, the search for
//! the location, access rules, `try_files`, and the handler.
//!
//! What hangs on the request's headers, on Lua or on an expression that is not understood ends in [`End::Unknown`].

use std::path::Path;
use std::sync::Arc;

use ecow::EcoString;

use super::ast::{Directive, Key};
use super::levels::{Config, Context, LevelId};
use super::load::is_packaged;
use super::locations::{Found, Locations};
use super::regex::{Captures, Pattern, Patterns};
use super::variables::cut;
use crate::host::glob;
use crate::source::Span;

/// nginx gives up after so many changes of the URI.
const MAX_CHANGES: usize = 10;

/// Where a request ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// A `*_pass` on this level gets it.
    Passed(LevelId),
    /// It is answered with the file itself.
    File(LevelId),
    /// It is answered without a file: `return`, a redirect, a refusal.
    Answered,
    /// nginx goes round in a circle; the place that sends it back.
    Cycle(Span),
    /// It cannot be told.
    Unknown,
}

/// A request on its way.
#[derive(Clone, Debug)]
pub struct Way {
    /// Where it ends.
    pub end: End,
    /// The URI that it has there.
    pub uri: EcoString,
    /// The groups of the last expression that matched.
    pub captures: Captures,
}

/// A server and what is there of files.
pub struct Router<'a> {
    /// The configuration.
    pub config: &'a Config,
    /// The server's level.
    pub server: LevelId,
    /// The server's locations.
    pub locations: &'a Locations,
    /// The expressions that were met before.
    pub patterns: &'a Patterns,
    /// Whether a pattern that matches nothing here may match where it runs.
    pub is_partial: bool,
    /// Whether a URI names a file that is there: `None` where it is not known.
    pub is_file: &'a dyn Fn(LevelId, &str) -> Option<bool>,
}

/// What rewrite code makes of a request.
enum Rewritten {
    /// It goes on, on this level.
    Stays(LevelId),
    /// Its URI is another, and the location is searched again.
    Again(Span),
    /// It has ended.
    End(End),
}

impl Router<'_> {
    /// Follows a request for a URI.
    pub fn follow(&self, uri: &str) -> Way {
        let mut way = Way { end: End::Unknown, uri: uri.into(), captures: Captures::default() };
        way.end = self.end(&mut way);
        way
    }

    fn end(&self, way: &mut Way) -> End {
        if let Rewritten::End(end) = self.rewrite(self.server, way) {
            return end;
        }
        let (mut named, mut is_internal, mut last) = (None, false, None);
        for _ in 0..=MAX_CHANGES {
            let place = match named.take() {
                Some(level) => level,
                None => match self.locations.find(&way.uri) {
                    Found::At(location, captures) => {
                        way.captures = captures;
                        location.level
                    }
                    Found::Server => self.server,
                    Found::Unknown => return End::Unknown,
                },
            };
            // The server's code has run, and the server has no handler.
            let rewritten = if place == self.server { Rewritten::Stays(place) } else { self.rewrite(place, way) };
            let level = match rewritten {
                Rewritten::Stays(level) => level,
                Rewritten::Again(span) => {
                    last = Some(span);
                    continue;
                }
                Rewritten::End(end) => return end,
            };
            if self.is_refused(level, is_internal) {
                return End::Answered;
            }
            let Some(tries) = self.config.own(level, "try_files").next() else { return self.handler(level) };
            match self.try_files(level, tries, way) {
                Tried::Here => return self.handler(level),
                Tried::Named(level) => named = Some(level),
                Tried::Again => (is_internal, last) = (true, Some(tries.head)),
                Tried::End(end) => return end,
            }
        }
        last.map_or(End::Unknown, End::Cycle)
    }

    /// Whether access rules turn everybody away.
    fn is_refused(&self, level: LevelId, is_internal: bool) -> bool {
        let has = |id: LevelId, name| self.config.own(id, name).next().is_some();
        let ruled = self.config.outwards(level).find(|id| has(*id, "allow") || has(*id, "deny"));
        let denied = ruled.filter(|id| !has(*id, "allow")).is_some_and(|id| {
            let mut denials = self.config.own(id, "deny");
            denials.any(|rule| rule.arg(0) == Some("all"))
        });
        denied || !is_internal && self.config.effective(level, "internal").is_some()
    }

    fn handler(&self, level: LevelId) -> End {
        let here = self.config.level(level);
        let in_location = here.parent.filter(|_| here.context == Context::IfInLocation);
        for id in std::iter::once(level).chain(in_location) {
            if self.config.last_of(id, &PASSES).is_some() {
                return End::Passed(id);
            }
            let settings = &self.config.level(id).settings;
            if settings.iter().any(|setting| is_other_handler(setting.name())) {
                return End::Unknown;
            }
        }
        // Of the levels around the server nothing can bring a handler or a location into it.
        let mut inside =
            self.config.outwards(level).take_while(|id| Some(*id) != self.config.level(self.server).parent);
        let brings = |(_, include): &(usize, Arc<Directive>)| {
            let Some(argument) = include.args.first() else { return true };
            !is_packaged(Path::new(argument.text.as_str())) && (self.is_partial || !glob::is_pattern(&argument.text))
        };
        match inside.any(|id| self.config.level(id).unread().iter().any(brings)) {
            true => End::Unknown,
            false => End::File(level),
        }
    }

    fn try_files(&self, level: LevelId, tries: &Directive, way: &mut Way) -> Tried {
        let Some((last, tested)) = tries.args.split_last() else { return Tried::Here };
        for candidate in tested {
            let (text, directory) = match candidate.text.strip_suffix('/') {
                Some(text) if !text.is_empty() => (text, true),
                _ => (candidate.text.as_str(), false),
            };
            // A directory, or a file whose name hangs on what is not known, is not there for these requests: but the
            // one that is asked for is.
            if directory && text == "$uri" && way.uri.ends_with('/') {
                return Tried::Here;
            }
            let Some(uri) = self.fill(text, way).filter(|uri| !directory && !uri.ends_with('/')) else { continue };
            match (self.is_file)(level, &uri) {
                Some(true) => {
                    way.uri = uri;
                    return Tried::Here;
                }
                Some(false) => {}
                None => return Tried::End(End::Unknown),
            }
        }
        if last.text.starts_with('=') {
            return Tried::End(End::Answered);
        }
        if last.text.starts_with('@') {
            return self.locations.named(&last.text).map_or(Tried::End(End::Unknown), Tried::Named);
        }
        let target = last.text.split('?').next().unwrap_or_default();
        // Arguments come last; a target of which only they are unknown is known.
        let target = target.strip_suffix("$is_args$args").unwrap_or(target);
        match self.fill(target, way) {
            Some(uri) => {
                way.uri = uri;
                Tried::Again
            }
            None => Tried::End(End::Unknown),
        }
    }

    /// Runs the rewrite code of a level.
    fn rewrite(&self, level: LevelId, way: &mut Way) -> Rewritten {
        let mut changed = None;
        let mut inside = level;
        match self.run(level, level, way, &mut changed, &mut inside) {
            Some(ended) => ended,
            None => match changed {
                Some(span) => Rewritten::Again(span),
                None => Rewritten::Stays(inside),
            },
        }
    }

    fn run(
        &self,
        place: LevelId,
        level: LevelId,
        way: &mut Way,
        changed: &mut Option<Span>,
        inside: &mut LevelId,
    ) -> Option<Rewritten> {
        let here = self.config.level(level);
        for setting in self.config.each_of(level, &CODE) {
            match setting.name() {
                "return" => return Some(Rewritten::End(self.returned(place))),
                "break" => return Some(Rewritten::Stays(*inside)),
                "rewrite" => {
                    let rewritten = self.rewrite_once(setting, way, changed, *inside);
                    if rewritten.is_some() {
                        return rewritten;
                    }
                }
                _ => return Some(Rewritten::End(End::Unknown)),
            }
        }
        for block in here.conditions() {
            let Some(opener) = &self.config.level(*block).opener else { continue };
            match self.condition(place, opener, way) {
                Some(true) => {
                    if self.config.level(*block).context == Context::IfInLocation {
                        *inside = *block;
                    }
                    if let Some(ended) = self.run(place, *block, way, changed, inside) {
                        return Some(ended);
                    }
                }
                Some(false) => {}
                None if self.decides(*block, way) => return Some(Rewritten::End(End::Unknown)),
                None => {}
            }
        }
        None
    }

    /// What `return` answers: an error page may hand the request on.
    fn returned(&self, level: LevelId) -> End {
        match self.config.effective(level, "error_page") {
            Some(_) => End::Unknown,
            None => End::Answered,
        }
    }

    /// Whether a block that may or may not run can change where the request ends. One that only answers itself is for
    /// other requests.
    fn decides(&self, block: LevelId, way: &Way) -> bool {
        let here = self.config.level(block);
        let touches = |rewrite: &Directive| {
            let pattern = self.pattern(rewrite.arg(0).unwrap_or_default(), false);
            pattern.matches(&way.uri) != Some(false)
        };
        here.settings.iter().any(|setting| match setting.name() {
            "rewrite" => touches(setting),
            name => is_pass(name),
        })
    }

    fn rewrite_once(
        &self,
        rewrite: &Directive,
        way: &mut Way,
        changed: &mut Option<Span>,
        inside: LevelId,
    ) -> Option<Rewritten> {
        let unknown = Some(Rewritten::End(End::Unknown));
        let (Some(pattern), Some(target)) = (rewrite.arg(0), rewrite.arg(1)) else { return unknown };
        let Some(found) = self.pattern(pattern, false).captures(&way.uri) else { return unknown };
        way.captures = found?;
        let flag = rewrite.arg(2).unwrap_or_default();
        let absolute = ["http://", "https://", "$scheme"].iter().any(|start| target.starts_with(start));
        if absolute || matches!(flag, "redirect" | "permanent") {
            return Some(Rewritten::End(End::Answered));
        }
        let target = target.split('?').next().unwrap_or_default();
        let Some(uri) = self.fill(target, way) else { return unknown };
        way.uri = uri;
        match flag {
            "break" => Some(Rewritten::Stays(inside)),
            "last" => Some(Rewritten::Again(rewrite.head)),
            _ => {
                *changed = Some(rewrite.head);
                None
            }
        }
    }

    /// Whether a condition holds, where it speaks of the URI, of its file or of the method of a plain request.
    fn condition(&self, level: LevelId, opener: &Directive, way: &mut Way) -> Option<bool> {
        let words: Vec<&str> = opener.args.iter().map(|word| word.text.as_str()).collect();
        let text = words.join(" ");
        let inner = text.strip_prefix('(')?.strip_suffix(')')?.trim();
        let mut words = inner.splitn(3, ' ').filter(|word| !word.is_empty());
        let (first, second, third) = (words.next()?, words.next(), words.next());
        if let Some(test) = first.strip_prefix('!').or(Some(first)).filter(|test| matches!(*test, "-f" | "-e")) {
            let is_uri =
                matches!(second?, "$request_filename" | "$document_root$uri" | "$document_root$fastcgi_script_name");
            let is_there = (self.is_file)(level, &way.uri).filter(|_| is_uri)?;
            return Some(is_there == (test == first));
        }
        let (operator, operand) = (second?, third?.trim_matches(['"', '\'']));
        let subject = match first {
            "$uri" | "$document_uri" | "$request_uri" | "$fastcgi_script_name" => way.uri.clone(),
            "$request_method" => "GET".into(),
            _ => return None,
        };
        let pattern = self.pattern(operand, operator.contains('*'));
        match operator {
            "=" => Some(subject == operand),
            "!=" => Some(subject != operand),
            "~" | "~*" => {
                let found = pattern.captures(&subject)?;
                let holds = found.is_some();
                way.captures = found.unwrap_or_else(|| way.captures.clone());
                Some(holds)
            }
            "!~" | "!~*" => Some(!pattern.matches(&subject)?),
            _ => None,
        }
    }

    fn pattern(&self, text: &str, caseless: bool) -> Arc<Pattern> {
        self.patterns.get(text, caseless)
    }

    /// A text with the variables of the URI filled in; `None` where others are in it.
    fn fill(&self, text: &str, way: &Way) -> Option<EcoString> {
        let mut filled = EcoString::new();
        for (before, variable) in cut(text) {
            filled.push_str(before);
            filled.push_str(match variable {
                None | Some("args" | "query_string" | "is_args") => "",
                Some("uri" | "document_uri" | "fastcgi_script_name" | "request_uri") => &way.uri,
                Some(group) => way.captures.get(group)?,
            });
        }
        Some(filled)
    }
}

/// What `try_files` makes of a request.
enum Tried {
    /// A file is there.
    Here,
    /// A named location gets it.
    Named(LevelId),
    /// Its URI is another.
    Again,
    /// It has ended.
    End(End),
}

/// Rewrite code; what Lua does in it is not known.
const CODE: [(Key, &str); 9] = [
    (Key::of("return"), "return"),
    (Key::of("break"), "break"),
    (Key::of("rewrite"), "rewrite"),
    (Key::of("rewrite_by_lua"), "rewrite_by_lua"),
    (Key::of("rewrite_by_lua_block"), "rewrite_by_lua_block"),
    (Key::of("rewrite_by_lua_file"), "rewrite_by_lua_file"),
    (Key::of("server_rewrite_by_lua_block"), "server_rewrite_by_lua_block"),
    (Key::of("server_rewrite_by_lua_file"), "server_rewrite_by_lua_file"),
    (Key::of("rewrite_by_lua_no_postpone"), "rewrite_by_lua_no_postpone"),
];

/// The directives that hand a request over.
pub const PASSES: [(Key, &str); 6] = [
    (Key::of("fastcgi_pass"), "fastcgi_pass"),
    (Key::of("proxy_pass"), "proxy_pass"),
    (Key::of("uwsgi_pass"), "uwsgi_pass"),
    (Key::of("scgi_pass"), "scgi_pass"),
    (Key::of("grpc_pass"), "grpc_pass"),
    (Key::of("memcached_pass"), "memcached_pass"),
];

/// Whether a directive hands requests over.
pub fn is_pass(name: &str) -> bool {
    PASSES.iter().any(|(_, pass)| *pass == name)
}

/// Whether a directive answers requests itself, or may: modules that are no part of nginx among them.
fn is_other_handler(name: &str) -> bool {
    name.ends_with("_pass")
        || name.contains("_by_lua")
        || ["echo", "perl", "js_content", "passenger", "nchan", "push_stream", "autoindex_format", "vhost_traffic"]
            .iter()
            .any(|start| name.starts_with(start))
        || matches!(name, "stub_status" | "empty_gif" | "api" | "status" | "upload_pass" | "mp4" | "flv" | "hls")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::memory::Memory;
    use crate::nginx::load::Files;
    use crate::source::Sources;

    /// Where a request for a URI ends, when only `/index.php` and `/old.php` are there.
    fn way(server: &str, uri: &str) -> String {
        let mut host = Memory::default();
        host.add("/c", format!("http {{ server {{ {server} }} }}"));
        let mut files = Files::default();
        let main = files.load(&host, &mut Sources::default(), Path::new("/c")).unwrap();
        let config = Config::resolve(&files, main, Context::Main);
        let server = config.levels(Context::Server).next().unwrap();
        let locations = Locations::new(&config, server, &Patterns::default());
        let is_file = |_, uri: &str| Some(["/index.php", "/old.php"].contains(&uri));
        let patterns = Patterns::default();
        let (config, locations, patterns) = (&config, &locations, &patterns);
        let way = Router { config, server, locations, patterns, is_partial: false, is_file: &is_file };
        let way = way.follow(uri);
        let end = match way.end {
            End::Passed(_) => "passed",
            End::File(_) => "file",
            End::Answered => "answered",
            End::Cycle(_) => "cycle",
            End::Unknown => "unknown",
        };
        format!("{end} {}", way.uri)
    }

    const PHP: &str = r"location ~ \.php$ { fastcgi_pass a; }";

    #[test]
    fn a_front_controller() {
        let server = |root: &str| format!("{PHP} location / {{ {root} }}");
        assert_eq!(way(&server("try_files $uri $uri/ /index.php?$args;"), "/x"), "passed /index.php");
        assert_eq!(way(&server("try_files $uri /index.php$is_args$args;"), "/x"), "passed /index.php");
        assert_eq!(
            way(&server("if (!-e $request_filename) { rewrite ^ /index.php last; }"), "/x"),
            "passed /index.php"
        );
        assert_eq!(way(&server("rewrite ^ /index.php break;"), "/x"), "file /index.php");
        assert_eq!(way(&server("try_files $uri =404;"), "/x"), "answered /x");
        assert_eq!(way(&server("try_files $uri @gone;"), "/x"), "unknown /x");
        assert_eq!(way("location / { try_files $uri @php; } location @php { fastcgi_pass a; }", "/x"), "passed /x");
    }

    #[test]
    fn what_cannot_end() {
        let server = "location / { rewrite ^ /index.php last; }";
        assert_eq!(way(server, "/x"), "cycle /index.php");
        assert_eq!(way("location / { try_files /gone /index.html; }", "/x"), "cycle /index.html");
        assert_eq!(way("rewrite ^ /index.php last; location / { }", "/x"), "file /index.php");
    }

    #[test]
    fn what_other_requests_meet_is_passed_over() {
        let server = format!("if ($scheme = http) {{ return 301 https://x; }} {PHP}");
        assert_eq!(way(&server, "/old.php"), "passed /old.php");
        let server = format!("if ($host = x) {{ rewrite ^ /y last; }} {PHP}");
        assert_eq!(way(&server, "/old.php"), "unknown /old.php");
        let server = format!("if ($uri ~ old) {{ return 403; }} {PHP}");
        assert_eq!(way(&server, "/old.php"), "answered /old.php");
        assert_eq!(way(r"location ~ \.php$ { deny all; fastcgi_pass a; }", "/old.php"), "answered /old.php");
        assert_eq!(way("location / { content_by_lua_file x; }", "/old.php"), "unknown /old.php");
    }

    #[test]
    fn a_uri_changes_so_often() {
        let chain = |changes: usize| {
            let change = |n: usize| format!("location = /{n} {{ rewrite ^ /{} last; }} ", n + 1);
            let last = format!("location = /{changes} {{ fastcgi_pass a; }}");
            way(&((0..changes).map(change).collect::<String>() + &last), "/0")
        };
        assert_eq!(chain(MAX_CHANGES), format!("passed /{MAX_CHANGES}"));
        assert_eq!(chain(MAX_CHANGES + 1), format!("cycle /{}", MAX_CHANGES + 1));
    }
}
