//! What a single `map`, `geo` or `split_clients` gives for a key.

use std::collections::HashMap;

use super::names::spellings;
use crate::nginx::ast::Word;
use crate::nginx::levels::{Config, LevelId};
use crate::nginx::regex::{Captures, Patterns};

/// A `map`, `geo` or `split_clients`, ready to be asked.
pub(super) struct Table<'a> {
    /// Each key with its value, as written.
    pub(super) records: Vec<(&'a str, &'a Word)>,
    /// Values of a `map` may hold variables.
    pub(super) is_map: bool,
    /// Keys with an asterisk mean something.
    hostnames: bool,
    /// The keys that are no expressions, in small letters.
    exact: HashMap<String, usize>,
    /// The keys that are expressions, with whether case means nothing.
    pub(super) expressions: Vec<(usize, &'a str, bool)>,
    pub(super) default: Option<usize>,
}

/// What a table gives for a key.
pub(super) enum Found {
    /// The record of this number, with the groups where its key is an expression.
    Record(usize, Option<Captures>),
    /// No key fits, and there is no default.
    Nothing,
    /// An expression cannot be tried.
    Unknown,
}

impl<'a> Table<'a> {
    /// What a block of records says.
    pub(super) fn new(config: &'a Config, block: LevelId) -> Self {
        let level = config.level(block);
        let name = level.opener.as_ref().map(|opener| opener.name()).unwrap_or_default();
        let is_rest_taken = is_rest_taken(config, block, name);
        let mut table = Table {
            records: Vec::new(),
            is_map: name == "map",
            hostnames: config.own(block, "hostnames").any(|parameter| parameter.args.is_empty()),
            exact: HashMap::new(),
            expressions: Vec::new(),
            default: None,
        };
        for record in level.settings.iter() {
            let parameter = matches!(record.name(), "include" | "delete" | "proxy");
            let never = match name {
                "split_clients" => share(record.name()) == Some(0.0) || is_rest_taken && record.name() == "*",
                "geo" => is_rest_taken && record.name() == "default",
                _ => false,
            };
            let Some(value) = record.args.first().filter(|_| !parameter && !never) else { continue };
            let (at, key) = (table.records.len(), record.name());
            table.records.push((key, value));
            match key {
                "default" => table.default = Some(at),
                key if key.starts_with('~') => {
                    let (expression, caseless) = match key[1..].strip_prefix('*') {
                        Some(rest) => (rest, true),
                        None => (&key[1..], false),
                    };
                    table.expressions.push((at, expression, caseless));
                }
                key => {
                    // A backslash takes a special meaning away.
                    let plain = key.strip_prefix('\\').unwrap_or(key);
                    table.exact.entry(plain.to_ascii_lowercase()).or_insert(at);
                }
            }
        }
        table
    }

    /// The record for a key that needs no expression.
    fn plain(&self, subject: &str) -> Option<usize> {
        let lower = subject.to_ascii_lowercase();
        let exact = self.exact.get(&lower);
        let by_host = || spellings(lower.trim_end_matches('.')).find_map(|key| self.exact.get(&key));
        exact.or_else(|| self.hostnames.then(by_host).flatten()).copied()
    }

    /// The expression of a record, and whether case means nothing to it.
    pub(super) fn own_expression(&self, at: usize) -> Option<(&'a str, bool)> {
        let own = self.expressions.binary_search_by_key(&at, |(number, ..)| *number).ok()?;
        Some((self.expressions[own].1, self.expressions[own].2))
    }

    /// How many expressions are tried for a key at most.
    pub(super) fn tries(&self, subject: &str) -> usize {
        if self.plain(subject).is_some() { 0 } else { self.expressions.len() }
    }

    /// The record for a key: exact, then with an asterisk, then the first expression, then the default.
    pub(super) fn find(&self, subject: &str, patterns: &Patterns) -> Found {
        if let Some(at) = self.plain(subject) {
            return Found::Record(at, None);
        }
        for (at, expression, caseless) in self.expressions.iter().copied() {
            match patterns.get(expression, caseless).captures(subject) {
                Some(Some(captures)) => return Found::Record(at, Some(captures)),
                Some(None) => {}
                None => return Found::Unknown,
            }
        }
        self.default.map_or(Found::Nothing, |at| Found::Record(at, None))
    }
}

/// Whether the records of a block leave nobody for the one that takes the rest: networks that hold every address, or
/// shares that are all clients.
fn is_rest_taken(config: &Config, block: LevelId, name: &str) -> bool {
    let mut keys = config.level(block).settings.iter().map(|record| record.name());
    match name {
        "geo" => keys.any(|key| matches!(key, "0.0.0.0/0" | "0.0.0.0-255.255.255.255")),
        "split_clients" => keys.filter_map(share).sum::<f64>() > 99.995,
        _ => false,
    }
}

/// The share of clients that a key of `split_clients` stands for, in percent.
fn share(key: &str) -> Option<f64> {
    key.strip_suffix('%')?.parse().ok()
}
