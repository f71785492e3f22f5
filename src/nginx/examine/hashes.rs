//! Hash tables that nginx builds when it has read all: an entry must fit into a bucket.
//!
//! A bucket is of whole lines of the processor's cache. Where the tables of `map` and of the servers' names have the
//! sizes that nginx gives them, that is one line of 64 bytes.

use std::collections::BTreeMap;

use super::names::Family;
use super::{Examiner, Flaw, Level, Refusal, Refused};
use crate::nginx::ast::Directive;
use crate::nginx::directives::{Entry, Value};
use crate::nginx::literals;
use crate::source::Span;

/// A line of the cache, and what a bucket has where nothing says so.
const LINE: u64 = 64;

/// No bucket may reach this size.
const MOST: u64 = 65_536;

/// The tables, and the directives with the size of their buckets.
const TABLES: [(&str, &str); 4] = [
    ("map_hash", "map_hash_bucket_size"),
    ("proxy_headers_hash", "proxy_headers_hash_bucket_size"),
    ("server_names_hash", "server_names_hash_bucket_size"),
    ("variables_hash", "variables_hash_bucket_size"),
];

/// The sizes of the tables, and the entries that would not fit into a bucket of the usual size.
#[derive(Debug, Default)]
pub(super) struct Hashes {
    /// By table; the largest where several levels say so.
    sizes: BTreeMap<(Family, &'static str), (u64, Span)>,
    long: Vec<Long>,
    has_map: bool,
}

#[derive(Debug)]
struct Long {
    family: Family,
    table: &'static str,
    bytes: u64,
    directive: String,
    span: Span,
}

/// What a bucket must have for an entry: a pointer, the length, the name, and the pointer that ends it.
fn needed(name: usize) -> u64 {
    8 + (name as u64 + 2).next_multiple_of(8) + 8
}

impl Hashes {
    /// Notes an entry of a table.
    pub(super) fn note(&mut self, table: &'static str, family: Family, directive: &str, length: usize, span: Span) {
        self.has_map |= table == "map_hash";
        let bytes = needed(length);
        if bytes > LINE {
            self.long.push(Long { family, table, bytes, directive: directive.to_owned(), span });
        }
    }
}

impl Examiner<'_> {
    /// Notes what a directive says of tables, or enters into them.
    pub(super) fn hashes(&mut self, entry: &Entry, directive: &Directive, level: &Level) {
        let family = Family::of(level.place);
        if let Some((table, _)) = TABLES.iter().find(|(_, size)| *size == entry.name) {
            if let Some((size, word)) = directive.arg(0).and_then(literals::size).zip(directive.args.first()) {
                let known = self.hashes.sizes.entry((family, *table)).or_insert((size, word.span));
                *known = (*known).max((size, word.span));
            }
        }
        if entry.name == "variables_hash_max_size" && directive.arg(0).and_then(literals::number) == Some(0) {
            let wanted = "a number such as 1024".to_owned();
            let refusal = "could not build variables_hash, you should increase variables_hash_max_size: 0".to_owned();
            self.refuse_value(directive, Refused { argument: 0, wanted, refusal });
        }
        let entered = match entry.name {
            "proxy_set_header" => directive.args.get(..1).map(|words| ("proxy_headers_hash", words)),
            "set" | "auth_request_set" => directive.args.get(..1).map(|words| ("variables_hash", words)),
            "map" | "geo" | "split_clients" => {
                let words = directive.args.get(directive.args.len().saturating_sub(1)..);
                words.map(|words| ("variables_hash", words))
            }
            _ if entry.value == Value::Types => Some(("test_types_hash", &directive.args[..])),
            _ => None,
        };
        let Some((table, words)) = entered else { return };
        for word in words {
            // A variable is entered without its `$`.
            let name = if table == "variables_hash" { word.text.trim_start_matches('$') } else { &word.text };
            self.hashes.note(table, family, entry.name, name.len(), word.span);
        }
    }

    /// Refuses the entries that do not fit, and sizes that no table can have.
    pub(super) fn end_hashes(&mut self) {
        let hashes = std::mem::take(&mut self.hashes);
        for ((_, table), (size, span)) in &hashes.sizes {
            let is_built = *table == "variables_hash" || *table == "map_hash" && hashes.has_map;
            let size = size.next_multiple_of(LINE);
            if is_built && size > MOST - LINE {
                let refusal = format!("could not build {table}, too large {table}_bucket_size: {size}");
                self.refuse_entry(format!("{table}_bucket_size"), *span, "less than 64k".to_owned(), refusal);
            }
        }
        for long in hashes.long {
            let size = hashes.sizes.get(&(long.family, long.table)).map_or(LINE, |(size, _)| *size);
            let size = size.next_multiple_of(LINE);
            if long.bytes <= size {
                continue;
            }
            let (table, most) = (long.table, size.saturating_sub(18));
            let refusal = format!("could not build {table}, you should increase {table}_bucket_size: {size}");
            let wanted = match table {
                "test_types_hash" => format!("a type of at most {most} letters, or `*`"),
                _ => {
                    let enough = long.bytes.next_power_of_two();
                    format!("at most {most} letters, unless `http` has `{table}_bucket_size {enough};`")
                }
            };
            self.refuse_entry(long.directive, long.span, wanted, refusal);
        }
    }

    fn refuse_entry(&mut self, name: String, span: Span, wanted: String, refusal: String) {
        let refused = Refused { argument: 0, wanted, refusal: refusal.clone() };
        self.refuse(Refusal { flaw: Flaw::Value(Box::new(refused)), name, span, noticed: None, refusal });
    }
}
