//! Servers of `stream` and `mail`: where they listen, who answers, and their certificates.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::url::{self, Kind};
use super::{Examiner, Flaw, Level, Refusal, Refused, Taken};
use crate::nginx::ast::Directive;
use crate::nginx::directives::{Places, entries};
use crate::nginx::literals;
use crate::source::Span;
use crate::values::version::Version;

/// With this release servers of `stream` began to share addresses.
const STREAM_NAMES: Version = Version(1, 25, 5);

/// What is known of `stream` or of `mail` when one of its servers closes.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    /// The addresses of `stream` and `mail`, and who listens there.
    listens: BTreeMap<(bool, String), Span>,
    /// What the block around says for all of its servers.
    common: BTreeMap<(bool, &'static str), Arc<Directive>>,
}

/// What a server may have from the block around it.
const INHERITED: [&str; 5] = ["ssl_certificate", "ssl_certificate_key", "auth_http", "ssl", "starttls"];

impl Examiner<'_> {
    /// Notes the directives that stand for all servers of `stream` or `mail`.
    pub(super) fn note_common(&mut self, inside: &[Arc<Directive>], place: Places) {
        let mut statements = Vec::new();
        self.flatten(inside, &mut statements, 0);
        for directive in statements {
            if let Some(name) = INHERITED.into_iter().find(|name| *name == directive.name()) {
                self.sessions.common.insert((place.is_mail(), name), directive);
            }
        }
    }

    /// Goes through a server of `stream` or `mail` that has been read.
    pub(super) fn session(&mut self, server: &Directive, inside: &[Arc<Directive>], level: &Level) {
        let mut statements = Vec::new();
        self.flatten(inside, &mut statements, 0);
        let is_mail = level.place.is_mail();
        let listens = statements.iter().filter(|directive| directive.name() == "listen");
        for listen in listens.clone() {
            self.session_listen(listen, is_mail);
        }
        let is_known = |directive: &&Arc<Directive>| !directive.flawed && !entries(directive.name()).is_empty();
        let is_inside =
            |at: Span| at.file == server.head.file && (server.span().start..server.span().end).contains(&at.start);
        if self.found.iter().any(|refusal| is_inside(refusal.span)) {
            return;
        }
        if !self.build.is_whole || !statements.iter().all(|directive| is_known(&directive)) {
            return;
        }
        let has = |names: &[&str]| statements.iter().any(|directive| names.contains(&directive.name()));
        let ports: Vec<u16> = listens.clone().filter_map(|listen| port(listen)).collect();
        let common = |name| self.sessions.common.get(&(is_mail, name)).cloned();
        if listens.clone().next().is_none() {
            return self.refuse_server(server, "a `listen`", "no \"listen\" is defined for server");
        }
        if is_mail {
            // The usual ports tell the protocol.
            let tells = |port: &u16| [25, 110, 143, 465, 587, 993, 995].contains(port);
            if !has(&["protocol"]) && !ports.iter().any(tells) {
                return self.refuse_server(server, "a `protocol`", "unknown mail protocol for server");
            }
            if !has(&["auth_http"]) && common("auth_http").is_none() {
                return self.refuse_server(server, "an `auth_http`", "no \"auth_http\" is defined for server");
            }
        } else if !has(&["proxy_pass", "return", "pass"]) && !self.has_foreign_modules {
            return self.refuse_server(server, "a `proxy_pass` or `return`", "no handler for server");
        }
        let of = |name: &'static str| {
            let own = statements.iter().find(|directive| directive.name() == name).cloned();
            own.or_else(|| common(name))
        };
        let is_on = |directive: &Arc<Directive>| directive.arg(0).and_then(literals::flag) == Some(true);
        let speaks = |listen: &&Arc<Directive>| listen.args.iter().skip(1).any(|word| word.text == "ssl");
        let starts = |directive: &Arc<Directive>| {
            directive.arg(0).is_some_and(|mode| mode.eq_ignore_ascii_case("on") || mode.eq_ignore_ascii_case("only"))
        };
        let mode = of("ssl").filter(|directive| is_mail && is_on(directive)).map(|at| (at, "ssl"));
        let mode = mode.or_else(|| of("starttls").filter(|at| is_mail && starts(at)).map(|at| (at, "starttls")));
        let mode =
            mode.or_else(|| listens.clone().rev().find(|at| speaks(at)).map(|at| (at.clone(), "listen ... ssl")));
        let Some((at, mode)) = mode else { return };
        let missing = ["ssl_certificate", "ssl_certificate_key"].into_iter().find(|name| of(name).is_none());
        if let Some(missing) = missing {
            self.refuse(Refusal {
                flaw: Flaw::NoCertificate,
                name: missing.to_owned(),
                span: at.head,
                noticed: None,
                refusal: format!("no \"{missing}\" is defined for the \"{mode}\" directive"),
            });
        }
    }

    /// A group of `stream` without a server.
    pub(super) fn empty_group(&mut self, group: &Directive, inside: &[Arc<Directive>]) {
        let mut statements = Vec::new();
        self.flatten(inside, &mut statements, 0);
        let is_known = |directive: &Arc<Directive>| !directive.flawed && !entries(directive.name()).is_empty();
        let has_server = statements.iter().any(|directive| directive.name() == "server");
        if has_server || !self.build.is_whole || !statements.iter().all(is_known) {
            return;
        }
        let (needs, end) = ("a `server`".to_owned(), group.span());
        self.refuse(Refusal {
            flaw: Flaw::Incomplete { needs },
            name: "upstream".to_owned(),
            span: group.head,
            noticed: Some(Span { start: end.end.saturating_sub(1), ..end }),
            refusal: "no servers are inside upstream".to_owned(),
        });
    }

    /// `valid_referers` with words for requests without a usable referer needs a name beside them.
    pub(super) fn referers(&mut self, inside: &[Arc<Directive>]) {
        let is_referers = |directive: &&Arc<Directive>| directive.name() == "valid_referers";
        let Some(first) = inside.iter().find(is_referers).filter(|_| self.build.is_whole) else { return };
        let mut statements = Vec::new();
        self.flatten(inside, &mut statements, 0);
        let all = || statements.iter().filter(is_referers).flat_map(|directive| directive.args.iter());
        let is_bare = |text: &str| matches!(text, "none" | "blocked");
        if all().any(|word| is_bare(&word.text)) && all().all(|word| is_bare(&word.text) || word.text.starts_with('~'))
        {
            let refusal = "the \"none\" or \"blocked\" referers are specified in the \"valid_referers\" directive \
                           without any valid referer";
            let wanted = "a name as well, such as `server_names`; regexes alone do not count".to_owned();
            let refused = Refused { argument: 0, wanted, refusal: refusal.to_owned() };
            let (span, name) = (first.args.first().map_or(first.head, |word| word.span), first.name().to_owned());
            self.refuse(Refusal {
                flaw: Flaw::Value(Box::new(refused)),
                name,
                span,
                noticed: None,
                refusal: refusal.into(),
            });
        }
    }

    /// The statements of a block and of what it includes.
    fn flatten(&self, statements: &[Arc<Directive>], found: &mut Vec<Arc<Directive>>, depth: usize) {
        for directive in statements.iter().take(10_000) {
            if directive.name() == "include" && directive.args.len() == 1 && depth < 10 {
                for file in self.files.included_by(directive) {
                    self.flatten(&self.files.tree(*file).directives, found, depth + 1);
                }
            } else {
                found.push(directive.clone());
            }
        }
    }

    /// Refuses an address at which another server listens, or this one already.
    fn session_listen(&mut self, listen: &Directive, is_mail: bool) {
        let shares = !is_mail && self.build.version.is_none_or(|version| version >= STREAM_NAMES);
        let address = listen.arg(0).unwrap_or_default();
        let Ok(url) = url::parse(address, Kind { listens: true, has_uri: false }) else { return };
        if shares || url.name.is_some() || address.contains('-') {
            return;
        }
        let shown = url.port.map_or(url.host.clone(), |port| format!("{}:{port}", url.host));
        let udp = if listen.args.iter().any(|word| word.text == "udp") { " udp" } else { "" };
        let first = *self.sessions.listens.entry((is_mail, format!("{shown}{udp}"))).or_insert(listen.head);
        if first != listen.head {
            let refusal = format!("duplicate \"{shown}\" address and port pair");
            self.refuse_directive(listen, Flaw::Taken(Taken::Listen(first)), refusal);
        }
    }

    fn refuse_server(&mut self, server: &Directive, needed: &str, refusal: &str) {
        self.refuse(Refusal {
            flaw: Flaw::Incomplete { needs: needed.to_owned() },
            name: "server".to_owned(),
            span: server.head,
            noticed: None,
            refusal: refusal.to_owned(),
        });
    }
}

/// The port of a `listen`.
fn port(listen: &Directive) -> Option<u16> {
    url::parse(listen.arg(0)?, Kind { listens: true, has_uri: false }).ok()?.port
}
