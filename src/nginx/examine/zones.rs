//! Zones of shared memory: each has one name in all of nginx, one user, and one size.

use std::collections::BTreeMap;

use ecow::EcoString;

use super::names::Family;
use super::{Examiner, Flaw, Level, Refusal, Refused, Taken};
use crate::nginx::ast::{Directive, Word};
use crate::nginx::literals;
use crate::source::Span;

/// The zones so far.
#[derive(Debug, Default)]
pub(super) struct Zones {
    zones: BTreeMap<EcoString, Zone>,
}

#[derive(Clone, Debug)]
struct Zone {
    user: String,
    /// None where it is only named so far.
    size: Option<u64>,
    directive: String,
    /// The directive that has it first, and the word that names it first.
    head: Span,
    word: Span,
}

impl Examiner<'_> {
    /// Notes the zones that a directive has or names.
    pub(super) fn zones(&mut self, directive: &Directive, level: &Level) {
        let name = directive.name();
        let family = match () {
            () if level.place.is_mail() => "mail",
            () if Family::of(level.place) == Family::Stream => "stream",
            () => "http",
        };
        let words = directive.args.iter();
        let sized = |text: &str| {
            let (name, size) = text.split_once(':').unwrap_or((text, ""));
            // A cache's path has more behind the size.
            (EcoString::from(name), literals::size(size.split(':').next().unwrap_or_default()))
        };
        match name {
            "limit_req_zone" | "limit_conn_zone" => {
                for (word, zone) in words.filter_map(|word| Some((word, word.text.strip_prefix("zone=")?))) {
                    let (zone, size) = sized(zone);
                    self.zone(directive, word, zone, size, &format!("{family} {}", &name[..name.len() - 5]));
                }
            }
            "limit_req" => {
                for (word, zone) in words.filter_map(|word| Some((word, word.text.strip_prefix("zone=")?))) {
                    self.zone(directive, word, zone.into(), None, &format!("{family} {name}"));
                }
            }
            "limit_conn" => {
                let Some(word) = directive.args.first() else { return };
                self.zone(directive, word, word.text.clone(), None, &format!("{family} {name}"));
            }
            "zone" => {
                let Some(word) = directive.args.first() else { return };
                let size = directive.arg(1).and_then(literals::size);
                self.zone(directive, word, word.text.clone(), size, &format!("{family} upstream"));
            }
            "proxy_cache_path" | "fastcgi_cache_path" | "uwsgi_cache_path" | "scgi_cache_path" => {
                for (word, zone) in words.filter_map(|word| Some((word, word.text.strip_prefix("keys_zone=")?))) {
                    let (zone, size) = sized(zone);
                    self.zone(directive, word, zone, size, &name[..name.len() - 5]);
                }
            }
            "proxy_cache" | "fastcgi_cache" | "uwsgi_cache" | "scgi_cache" => {
                let Some(word) = directive.args.first().filter(|word| word.text != "off") else { return };
                if !word.text.contains('$') {
                    self.zone(directive, word, word.text.clone(), None, name);
                }
            }
            "ssl_session_cache" | "ssl_ocsp_cache" => {
                for (word, zone) in words.filter_map(|word| Some((word, word.text.strip_prefix("shared:")?))) {
                    let (zone, size) = sized(zone);
                    self.zone(directive, word, zone, size, &format!("{family} {name}"));
                }
            }
            _ => {}
        }
    }

    fn zone(&mut self, directive: &Directive, word: &Word, name: EcoString, size: Option<u64>, user: &str) {
        let Some(first) = self.zones.zones.get_mut(&name) else {
            let (user, directive, head) = (user.to_owned(), directive.name().to_owned(), directive.head);
            let zone = Zone { user, size, directive, head, word: word.span };
            return drop(self.zones.zones.insert(name, zone));
        };
        let is_other = first.head != directive.head;
        let conflict = first.size.zip(size).filter(|(first, size)| first != size);
        first.size = first.size.or(size);
        let defines = size.is_some() && !matches!(directive.name(), "zone" | "ssl_session_cache" | "ssl_ocsp_cache");
        let first = first.clone();
        let refusal = match conflict {
            _ if first.user != user => {
                format!("the shared memory zone \"{name}\" is already declared for a different use")
            }
            Some((first, size)) => {
                format!("the size {size} of shared memory zone \"{name}\" conflicts with already declared size {first}")
            }
            None if is_other && defines && first.directive == directive.name() => match user.ends_with("_cache") {
                true => format!("duplicate zone \"{name}\""),
                false => format!("{} \"{name}\" is already bound to key", directive.name()),
            },
            None => return,
        };
        let (flaw, span) = (Flaw::Taken(Taken::Zone(name.to_string(), first.word)), word.span);
        let name = directive.name().to_owned();
        self.refuse(Refusal { flaw, name, span, noticed: Some(directive.ender()), refusal });
    }

    /// Refuses the zones that are named and that nobody gives a size.
    pub(super) fn end_zones(&mut self) {
        let zones = std::mem::take(&mut self.zones.zones);
        // Caches say so in other words, and elsewhere.
        let is_cache = |zone: &Zone| zone.user.ends_with("_cache");
        for (name, zone) in zones.into_iter().filter(|(_, zone)| zone.size.is_none() && !is_cache(zone)) {
            if self.lost.may_define(&name) {
                continue;
            }
            let wanted = match zone.directive.as_str() {
                "zone" => "a name and a size: `zone app 64k`".to_owned(),
                name => format!("the name of a zone that a `{name}_zone` has"),
            };
            let refusal = format!("zero size shared memory zone \"{name}\"");
            let refused = Refused { argument: 0, wanted, refusal: refusal.clone() };
            let flaw = Flaw::Value(Box::new(refused));
            self.refuse(Refusal { flaw, name: zone.directive, span: zone.word, noticed: None, refusal });
        }
    }
}
