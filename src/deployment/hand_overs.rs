//! The places where nginx hands a request over: in which protocol, to which addresses, and whether to PHP.

use std::collections::HashMap;
use std::sync::Arc;

use super::frontend::{Branch, Nginx, Peer, Upstream};
use super::limits::NginxLimits;
use crate::nginx::ast::Directive;
use crate::nginx::branches::Variables;
use crate::nginx::flow::PASSES;
use crate::nginx::levels::{Config, Context, LevelId};
use crate::nginx::variables::{Evaluated, Piece, evaluate};
use crate::source::Span;

/// What a hand-over speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// `fastcgi_pass`
    Fastcgi,
    /// `proxy_pass`
    Http,
    /// `uwsgi_pass`
    Uwsgi,
    /// `scgi_pass`
    Scgi,
    /// `grpc_pass`
    Grpc,
    /// `memcached_pass`
    Memcached,
}

impl Protocol {
    /// The protocol of a `*_pass` directive.
    pub fn of(directive: &str) -> Option<Self> {
        Some(match directive {
            "fastcgi_pass" => Protocol::Fastcgi,
            "proxy_pass" => Protocol::Http,
            "uwsgi_pass" => Protocol::Uwsgi,
            "scgi_pass" => Protocol::Scgi,
            "grpc_pass" => Protocol::Grpc,
            "memcached_pass" => Protocol::Memcached,
            _ => return None,
        })
    }

    /// How the protocol's directives begin.
    pub fn prefix(self) -> &'static str {
        match self {
            Protocol::Fastcgi => "fastcgi",
            Protocol::Http => "proxy",
            Protocol::Uwsgi => "uwsgi",
            Protocol::Scgi => "scgi",
            Protocol::Grpc => "grpc",
            Protocol::Memcached => "memcached",
        }
    }

    /// The directives that say when another peer is asked, and how many are.
    pub fn next_upstream(self) -> (&'static str, &'static str) {
        match self {
            Protocol::Fastcgi => ("fastcgi_next_upstream", "fastcgi_next_upstream_tries"),
            Protocol::Http => ("proxy_next_upstream", "proxy_next_upstream_tries"),
            Protocol::Uwsgi => ("uwsgi_next_upstream", "uwsgi_next_upstream_tries"),
            Protocol::Scgi => ("scgi_next_upstream", "scgi_next_upstream_tries"),
            Protocol::Grpc => ("grpc_next_upstream", "grpc_next_upstream_tries"),
            Protocol::Memcached => ("memcached_next_upstream", "memcached_next_upstream_tries"),
        }
    }

    /// The protocol as people call it.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Fastcgi => "FastCGI",
            Protocol::Http => "HTTP",
            Protocol::Uwsgi => "uwsgi",
            Protocol::Scgi => "SCGI",
            Protocol::Grpc => "gRPC",
            Protocol::Memcached => "memcached",
        }
    }
}

/// A place where a request is handed over.
#[derive(Debug)]
pub struct HandOver {
    /// What it speaks.
    pub protocol: Protocol,
    /// The `*_pass`.
    pub directive: Arc<Directive>,
    /// Where its argument stands.
    pub span: Span,
    /// The level it stands on.
    pub level: LevelId,
    /// The number of its server.
    pub server: usize,
    /// Where it leads.
    pub target: Target,
    /// The argument with known variables replaced, where it has variables.
    pub evaluated: Option<Box<Evaluated>>,
    /// Whether it serves PHP.
    pub serves_php: bool,
    /// The limits of nginx in force there.
    pub limits: NginxLimits,
    /// Whether no request comes to it.
    pub is_idle: bool,
}

/// Where a hand-over leads.
#[derive(Clone, Debug)]
pub enum Target {
    /// An upstream group, by number.
    Upstream(usize),
    /// One address.
    Direct(Peer),
    /// One of several addresses, as a variable decides, the members of groups last; some values may not
    /// be known.
    Branches(Vec<Peer>),
    /// It depends on the request.
    Unknown,
}

impl HandOver {
    /// Whether its argument holds a variable.
    pub fn has_variables(&self) -> bool {
        self.evaluated.is_some()
    }

    /// The values of the `set`s that lead to its argument.
    pub fn via(&self) -> &[Span] {
        self.evaluated.as_ref().map_or(&[], |evaluated| &evaluated.via)
    }

    /// The addresses that its argument names itself: one, or one for each branch of a variable.
    pub fn named(&self) -> &[Peer] {
        match &self.target {
            Target::Direct(peer) => std::slice::from_ref(peer),
            Target::Branches(peers) => &peers[..peers.partition_point(|peer| !peer.is_of_named_group())],
            Target::Upstream(_) | Target::Unknown => &[],
        }
    }

    /// The addresses it may dial.
    pub fn peers<'a>(&'a self, nginx: &'a Nginx) -> &'a [Peer] {
        match &self.target {
            Target::Upstream(index) => &nginx.upstreams[*index].peers,
            Target::Direct(peer) => std::slice::from_ref(peer),
            Target::Branches(peers) => peers,
            Target::Unknown => &[],
        }
    }
}

/// What is known when hand-overs are read.
pub(super) struct Reader<'a> {
    pub(super) config: &'a Config,
    pub(super) variables: Variables<'a>,
    pub(super) upstreams: &'a [Upstream],
    pub(super) by_name: &'a HashMap<String, usize>,
    /// Bytes of a memory page.
    pub(super) page: u64,
}

impl Reader<'_> {
    /// Adds the hand-overs of a level and of the levels inside it.
    pub(super) fn collect(&self, level: LevelId, server: usize, found: &mut Vec<HandOver>) {
        // Of several handlers in one location the last one in the file is in force.
        let config = self.config;
        // Elsewhere nginx refuses it.
        let context = config.level(level).context;
        let has_place = !matches!(context, Context::Main | Context::Http | Context::Server | Context::IfInServer);
        let pass = config.last_of(level, &PASSES).filter(|_| has_place && !is_answered_before(config, level));
        if let Some((directive, argument)) = pass.and_then(|directive| Some((directive, directive.args.first()?))) {
            if let Some(protocol) = Protocol::of(directive.name()) {
                let evaluated = evaluate(config, level, &argument.text);
                let target = self.target(level, protocol, &evaluated, argument.span);
                let serves_php = protocol == Protocol::Fastcgi && serves_php(config, level, &argument.text);
                let (directive, span) = (directive.clone(), argument.span);
                let limits = NginxLimits::of(config, level, protocol, span, self.page);
                found.push(HandOver {
                    protocol,
                    directive,
                    span,
                    level,
                    server,
                    target,
                    evaluated: evaluated.has_variables.then(|| Box::new(evaluated)),
                    serves_php,
                    limits,
                    is_idle: false,
                });
            }
        }
        for block in &config.level(level).blocks {
            self.collect(*block, server, found);
        }
    }

    fn target(&self, level: LevelId, protocol: Protocol, evaluated: &Evaluated, span: Span) -> Target {
        let Some((host, default_port)) = authority(protocol, evaluated) else {
            return match self.branches(level, protocol, evaluated, span) {
                peers if peers.is_empty() => Target::Unknown,
                peers => Target::Branches(peers),
            };
        };
        match self.by_name.get(&host.to_ascii_lowercase()) {
            Some(group) => Target::Upstream(*group),
            None => Target::Direct(Peer::new(&host, span, default_port)),
        }
    }

    /// The addresses that variables can choose: those that they name, then the members of groups.
    fn branches(&self, level: LevelId, protocol: Protocol, evaluated: &Evaluated, span: Span) -> Vec<Peer> {
        let (mut peers, mut members) = (Vec::new(), Vec::new());
        for (number, branch) in self.variables.branches(level, evaluated, span).into_iter().enumerate() {
            let whole = Evaluated { pieces: vec![Piece::Text(branch.text)], ..Evaluated::default() };
            let Some((host, default_port)) = authority(protocol, &whole) else { continue };
            let group = self.by_name.get(&host.to_ascii_lowercase()).copied();
            let via = branch.via.into_iter().chain(group.map(|_| branch.span)).collect();
            let by = Some(Arc::new(Branch { key: branch.key, via, group, number }));
            match group {
                Some(group) => {
                    let of_group = self.upstreams[group].peers.iter();
                    members.extend(of_group.map(|peer| Peer { branch: by.clone(), ..peer.clone() }));
                }
                None => peers.push(Peer { branch: by, ..Peer::new(&host, branch.span, default_port) }),
            }
        }
        peers.append(&mut members);
        peers
    }
}

/// Whether every request is answered before a handler is asked: `return` on the level itself or in the
/// server, or `deny all` with nobody allowed.
fn is_answered_before(config: &Config, level: LevelId) -> bool {
    let is_place = |id: &LevelId| *id == level || config.level(*id).context == Context::Server;
    let returns = |id: LevelId| config.own(id, "return").next().is_some() || redirects_all(config, id);
    let returns = config.outwards(level).filter(is_place).any(returns);
    let here = |id: &LevelId, name| config.own(*id, name).next().is_some();
    let ruled = config.outwards(level).find(|id| here(id, "deny") || here(id, "allow"));
    let denies =
        ruled.is_some_and(|id| !here(&id, "allow") && config.own(id, "deny").any(|rule| rule.arg(0) == Some("all")));
    returns || denies && config.effective(level, "satisfy").is_none()
}

/// Whether the first thing that a level does with every request is to send the client elsewhere.
fn redirects_all(config: &Config, level: LevelId) -> bool {
    let code = |directive: &&Arc<Directive>| matches!(directive.name(), "rewrite" | "return" | "break");
    let Some(first) = config.level(level).settings.iter().find(code) else { return false };
    let takes_all = matches!(
        first.arg(0),
        Some("^" | "^/" | "^.*" | ".*" | "^.*$" | "^(.*)$" | "^/(.*)$" | "^(.*)" | "^/(.*)" | "(.*)")
    );
    let absolute = |target: &str| ["http://", "https://", "$scheme"].iter().any(|start| target.starts_with(start));
    let leaves = matches!(first.arg(2), Some("redirect" | "permanent")) || first.arg(1).is_some_and(absolute);
    let before =
        |id: &LevelId| config.level(*id).opener.as_ref().is_some_and(|opener| opener.span().start < first.span().start);
    first.name() == "rewrite" && takes_all && leaves && !config.level(level).conditions().iter().any(before)
}

/// The address of a pass without scheme and URI, and the port the scheme implies; `None` where it
/// depends on the request.
fn authority(protocol: Protocol, evaluated: &Evaluated) -> Option<(String, Option<u16>)> {
    if protocol != Protocol::Http {
        let text = evaluated.text()?;
        let schemes: &[&str] = match protocol {
            Protocol::Uwsgi => &["uwsgi://", "suwsgi://"],
            Protocol::Grpc => &["grpc://", "grpcs://"],
            _ => &[],
        };
        let bare =
            schemes.iter().find_map(|scheme| starts_with(text, scheme).then(|| &text[scheme.len()..])).unwrap_or(text);
        return Some((bare.to_owned(), None));
    }
    // What comes behind the first variable may still be the URI only.
    let Some(Piece::Text(known)) = evaluated.pieces.first() else { return None };
    let (rest, port) = match known {
        text if starts_with(text, "http://") => (&text[7..], 80),
        text if starts_with(text, "https://") => (&text[8..], 443),
        _ => return None,
    };
    let ends_here = evaluated.pieces.get(1).is_none_or(Piece::begins_uri);
    if let Some(path) = rest.get(..5).filter(|scheme| scheme.eq_ignore_ascii_case("unix:")).map(|_| &rest[5..]) {
        let end = path.find(':');
        let whole = ends_here || end.is_some();
        return whole.then(|| (format!("unix:{}", &path[..end.unwrap_or(path.len())]), Some(port)));
    }
    let end = rest.find(['/', '?']);
    let whole = ends_here || end.is_some();
    whole.then(|| (rest[..end.unwrap_or(rest.len())].to_owned(), Some(port)))
}

fn starts_with(text: &str, scheme: &str) -> bool {
    text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme))
}

/// Whether a FastCGI hand-over evidently serves PHP: its location, its parameters or its address
/// speak of PHP. Other FastCGI programs (fcgiwrap, mailman, munin) are told apart by that.
fn serves_php(config: &Config, level: LevelId, argument: &str) -> bool {
    let php = |text: &str| has_word(text, &["php", "fpm"]);
    if php(argument) {
        return !has_word(argument, &["fcgiwrap"]);
    }
    let locations = config.outwards(level).filter_map(|id| config.level(id).opener.as_ref());
    let locations: Vec<String> =
        locations.filter(|opener| opener.name() == "location").map(|opener| opener.text()).collect();
    let cgi = |text: &str| has_word(text, &["fcgiwrap", "cgi-bin", ".cgi", ".pl", ".py", "munin", "mailman"]);
    if cgi(argument) || locations.iter().any(|location| cgi(location) && !php(location)) {
        return false;
    }
    // What a server sets for all its locations says nothing of this one.
    let named =
        |directive| config.own(level, directive).any(|found| found.args.iter().any(|word| is_script(&word.text)));
    locations.iter().any(|location| php(location)) || ["fastcgi_index", "fastcgi_param", "index"].into_iter().any(named)
}

/// Whether a value names a PHP file.
fn is_script(text: &str) -> bool {
    text.to_ascii_lowercase().contains(".php")
}

fn has_word(text: &str, words: &[&str]) -> bool {
    let text = text.to_ascii_lowercase();
    words.iter().any(|word| text.contains(word))
}
