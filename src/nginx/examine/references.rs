//! Names that must be defined elsewhere: log formats, zones, certificates' keys, groups of servers.

use std::collections::{BTreeMap, BTreeSet};

use ecow::EcoString;

use super::names::Family;
use super::{Examiner, Flaw, Level, Refusal, Refused, own};
use crate::nginx::ast::{Directive, Word};
use crate::source::Span;
use crate::values::address::{Address, AddressError};

/// What is defined and what is named.
#[derive(Debug, Default)]
pub(super) struct References {
    formats: BTreeMap<(Family, EcoString), Span>,
    /// Their names in lower case, as `access_log` looks for them.
    format_names: BTreeSet<(Family, EcoString)>,
    cache_zones: BTreeSet<EcoString>,
    caches: Vec<(String, Word)>,
    passes: Vec<(String, String, Span, Span)>,
    cache_paths: BTreeMap<String, Span>,
    charsets: BTreeMap<(EcoString, EcoString), Span>,
    /// The pools of threads, and where one is named.
    pools: BTreeMap<EcoString, Span>,
    threads: Vec<(String, Span)>,
    stream_passes: Vec<(EcoString, Span, Span)>,
    http: Option<Span>,
}

impl References {
    /// The block `http`, once it has opened.
    pub(super) fn http(&self) -> Option<Span> {
        self.http
    }
}

impl Examiner<'_> {
    /// Notes what a directive whose words are right defines or names.
    pub(super) fn refer(&mut self, directive: &Directive, level: &Level) {
        let (name, family, args) = (directive.name(), Family::of(level.place), &directive.args[..]);
        if name == "http" {
            self.references.http = Some(directive.span());
        }
        let Some(first) = args.first() else { return };
        let references = &mut self.references;
        match name {
            "log_format" if level.place.is_one() => self.log_format(directive, first, family),
            "access_log" if first.text != "off" => self.log_in_format(directive, family),
            "proxy_cache_path" | "fastcgi_cache_path" | "uwsgi_cache_path" | "scgi_cache_path" => {
                let zones = args.iter().filter_map(|word| word.text.strip_prefix("keys_zone="));
                references.cache_zones.extend(zones.filter_map(|zone| zone.split(':').next()).map(EcoString::from));
                let path = first.text.strip_suffix('/').unwrap_or(&first.text);
                let before = *references.cache_paths.entry(path.to_owned()).or_insert(directive.head);
                self.refuse_second(directive, before, || format!("the same path name \"{path}\" used in"));
            }
            "proxy_cache" | "fastcgi_cache" | "uwsgi_cache" | "scgi_cache"
                if first.text != "off" && !first.text.contains('$') =>
            {
                references.caches.push((name.to_owned(), first.clone()));
            }
            "thread_pool" => {
                let before = *references.pools.entry(first.text.clone()).or_insert(directive.head);
                self.refuse_second(directive, before, || format!("duplicate thread pool \"{}\"", first.text));
            }
            "aio" => {
                let pool = first.text.strip_prefix("threads=").filter(|pool| !pool.contains('$'));
                references.threads.extend(pool.map(|pool| (pool.to_owned(), first.span)));
            }
            "charset_map" => {
                let [from, to] = args else { return };
                let pair = (from.text.to_ascii_lowercase(), to.text.to_ascii_lowercase());
                let before = *references.charsets.entry(pair).or_insert(directive.head);
                let refusal = || format!("duplicate \"charset_map\" between \"{}\" and \"{}\"", from.text, to.text);
                self.refuse_second(directive, before, refusal);
            }
            "fastcgi_pass" | "uwsgi_pass" | "scgi_pass" | "grpc_pass" | "memcached_pass" => {
                let bare = without_scheme(&first.text);
                // Most are right by themselves.
                if !bare.contains('$') && Address::parse(bare, None).is_err() {
                    references.passes.push((name.to_owned(), bare.to_owned(), first.span, directive.ender()));
                }
            }
            "proxy_pass" if family == Family::Stream && !first.text.contains('$') => {
                references.stream_passes.push((first.text.clone(), first.span, directive.ender()));
            }
            _ => {}
        }
    }

    /// Refuses what another directive says already; `before` is the head of the first that does.
    fn refuse_second(&mut self, directive: &Directive, before: Span, refusal: impl FnOnce() -> String) {
        if before != directive.head {
            self.refuse_directive(directive, Flaw::Duplicate { first: before }, refusal());
        }
    }

    fn log_format(&mut self, directive: &Directive, name: &Word, family: Family) {
        if family == Family::Http && name.text == "combined" {
            let wanted = "another name: nginx has a format `combined`".to_owned();
            let refusal = "duplicate \"log_format\" name \"combined\"".to_owned();
            return self.refuse_value(directive, Refused { argument: 0, wanted, refusal });
        }
        let references = &mut self.references;
        references.format_names.insert((family, name.text.to_ascii_lowercase()));
        let before = *references.formats.entry((family, name.text.clone())).or_insert(directive.head);
        self.refuse_second(directive, before, || format!("duplicate \"log_format\" name \"{}\"", name.text));
    }

    /// An `access_log` names a format that stands before it.
    fn log_in_format(&mut self, directive: &Directive, family: Family) {
        let Some(format) = directive.args.get(1) else { return };
        let known = format.text.eq_ignore_ascii_case("combined") && family == Family::Http
            || self.references.format_names.contains(&(family, format.text.to_ascii_lowercase()));
        if !known && self.build.is_whole && !self.lost.may_define(&format.text) {
            let refusal = format!("unknown log format \"{}\"", format.text);
            let wanted = "the name of a `log_format` that stands before it".to_owned();
            self.refuse_value(directive, Refused { argument: 1, wanted, refusal });
        }
    }

    pub(super) fn end_references(&mut self) {
        let references = std::mem::take(&mut self.references);
        self.passes(references.passes);
        for (address, span, ender) in references.stream_passes {
            let is_group = self.upstreams.contains_key(&(Family::Stream, address.to_ascii_lowercase().to_string()));
            let Err(refused) = own::dialled(&address, is_group || !self.build.is_whole) else { continue };
            self.refuse_reference("proxy_pass".to_owned(), span, Some(ender), &refused.wanted, refused.refusal);
        }
        if !self.build.is_whole {
            return;
        }
        for (pool, span) in references.threads {
            if pool != "default" && !references.pools.contains_key(pool.as_str()) && !self.lost.may_define(&pool) {
                let refusal = format!("unknown thread pool \"{pool}\"");
                let wanted = "`threads`, or the name of a `thread_pool`";
                self.refuse_reference("aio".to_owned(), span, None, wanted, refusal);
            }
        }
        // These are noticed when the whole block is read.
        let end = references.http.map(|http| Span { start: http.end.saturating_sub(1), ..http });
        for (name, zone) in references.caches {
            if !references.cache_zones.contains(&zone.text) && !self.lost.may_define(&zone.text) {
                let refusal = format!("\"{name}\" zone \"{}\" is unknown", zone.text);
                self.refuse_reference(name, zone.span, end, "the name of a zone that a `…_cache_path` has", refusal);
            }
        }
        self.end_zones();
    }

    /// The addresses that requests are handed to, which must have a port unless they are groups.
    fn passes(&mut self, passes: Vec<(String, String, Span, Span)>) {
        for (name, address, span, ender) in passes {
            let error = match Address::parse(&address, None) {
                Ok(_) => continue,
                Err(AddressError::NoPort)
                    if self.upstreams.contains_key(&(Family::Http, address.to_ascii_lowercase()))
                        || !self.build.is_whole =>
                {
                    continue;
                }
                Err(error) => error,
            };
            let refusal = error.nginx_message(&address);
            self.refuse_reference(name, span, Some(ender), "an address with a port, a socket or an upstream", refusal);
        }
    }

    fn refuse_reference(&mut self, name: String, span: Span, noticed: Option<Span>, wanted: &str, refusal: String) {
        let refused = Refused { argument: 0, wanted: wanted.to_owned(), refusal: refusal.clone() };
        self.refuse(Refusal { flaw: Flaw::Value(Box::new(refused)), name, span, noticed, refusal });
    }
}

/// An address without the scheme that `uwsgi_pass` and `grpc_pass` take before it.
fn without_scheme(address: &str) -> &str {
    let schemes = ["suwsgi://", "uwsgi://", "grpcs://", "grpc://"];
    let strip = |scheme: &str| {
        let start = address.get(..scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then(|| &address[scheme.len()..])
    };
    schemes.into_iter().find_map(strip).unwrap_or(address)
}
