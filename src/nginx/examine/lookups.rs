//! Names of hosts that nginx looks up when it starts: where one is not found, it does not start.

use std::collections::BTreeMap;

use super::names::Family;
use super::url::{self, Kind};
use super::{Examiner, Level};
use crate::nginx::ast::Directive;

/// The names, each with whose groups of servers may have it instead.
#[derive(Debug, Default)]
pub(super) struct Lookups(BTreeMap<String, Option<Family>>);

impl Examiner<'_> {
    /// Notes the names that a directive has nginx look up.
    pub(super) fn look_up(&mut self, directive: &Directive, level: &Level) {
        let name = directive.name();
        let value = directive.arg(0).unwrap_or_default();
        let is_later = directive.args.iter().any(|word| word.text == "resolve");
        let without_scheme = |text: &str| text.split_once("://").map_or(text.to_owned(), |(_, rest)| rest.to_owned());
        let dials = Kind { listens: false, has_uri: true };
        let servers =
            |text: &str| text.split(',').filter_map(|part| part.strip_prefix("server=")).map(str::to_owned).collect();
        let (texts, kind, may_be_group): (Vec<String>, Kind, bool) = match name {
            "server" if !directive.is_block() && !is_later => (vec![value.to_owned()], dials, false),
            "proxy_pass" | "fastcgi_pass" | "uwsgi_pass" | "scgi_pass" | "grpc_pass" | "memcached_pass" => {
                (vec![without_scheme(value)], dials, true)
            }
            "auth_http" => (vec![without_scheme(value)], dials, false),
            "listen" => (vec![value.to_owned()], Kind { listens: true, has_uri: false }, false),
            "resolver" if value != "off" => {
                let names = directive.args.iter().filter(|word| !word.text.contains('='));
                (names.map(|word| word.text.to_string()).collect(), Kind::default(), false)
            }
            "access_log" | "error_log" => match value.strip_prefix("syslog:") {
                Some(parameters) => (servers(parameters), Kind::default(), false),
                None => return,
            },
            _ => return,
        };
        let family = may_be_group.then(|| Family::of(level.place));
        for text in texts.iter().filter(|text| !text.contains('$')) {
            let Ok(url) = url::parse(text, kind) else { continue };
            if let Some(host) = url.name {
                // Who names it without the possibility of a group decides.
                let known = self.lookups.0.entry(host).or_insert(family);
                *known = known.and(family);
            }
        }
    }

    /// The names that are no groups.
    pub(super) fn looked_up(&mut self) -> Vec<String> {
        let names = std::mem::take(&mut self.lookups.0).into_iter();
        let is_group = |name: &str, family: Family| self.upstreams.contains_key(&(family, name.to_ascii_lowercase()));
        let hosts = names.filter(|(name, family)| family.is_none_or(|family| !is_group(name, family)));
        hosts.map(|(name, _)| name).collect()
    }
}
