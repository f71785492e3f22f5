//! What a single `map`, `geo` or `split_clients` gives for a key.

use std::collections::HashMap;
use std::net::Ipv4Addr;

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
    let keys = config.level(block).settings.iter().map(|record| record.name());
    match name {
        "geo" => {
            let mut networks: Vec<(u32, u32)> = keys.filter_map(network).collect();
            networks.sort_unstable();
            // The first address that none of them holds; none when there is none.
            let free = networks.into_iter().try_fold(0, |free, (first, last)| match first <= free {
                true => last.max(free.saturating_sub(1)).checked_add(1),
                false => Some(free),
            });
            free.is_none()
        }
        "split_clients" => keys.filter_map(share).sum::<f64>() > 99.995,
        _ => false,
    }
}

/// The first and the last address of a network of IPv4, written with its length or as a range.
fn network(key: &str) -> Option<(u32, u32)> {
    let address = |text: &str| text.parse::<Ipv4Addr>().ok().map(u32::from);
    if let Some((first, last)) = key.split_once('-') {
        return Some((address(first)?, address(last)?));
    }
    let (start, length) = key.split_once('/').unwrap_or((key, "32"));
    let length: u32 = length.parse().ok().filter(|length| *length <= 32)?;
    let hosts = u32::MAX.checked_shr(length).unwrap_or(0);
    let first = address(start)? & !hosts;
    Some((first, first | hosts))
}

/// The share of clients that a key of `split_clients` stands for, in percent.
fn share(key: &str) -> Option<f64> {
    key.strip_suffix('%')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::network;

    #[test]
    fn networks_have_a_first_and_a_last_address() {
        assert_eq!(network("0.0.0.0/0"), Some((0, u32::MAX)));
        assert_eq!(network("128.0.0.0/1"), Some((1 << 31, u32::MAX)));
        assert_eq!(network("0.0.1.0-0.0.1.9"), Some((256, 265)));
        assert_eq!(network("0.0.0.7"), Some((7, 7)));
        assert_eq!(network("0.0.0.7/31"), Some((6, 7)));
        assert_eq!([network("::/0"), network("default"), network("1.2.3.4/33")], [None, None, None]);
    }
}
