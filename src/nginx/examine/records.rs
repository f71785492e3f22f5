//! Blocks whose lines are records and not directives: `map`, `geo`, `types`, `split_clients`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::own::is_network;
use super::values::compiles;
use super::{Examiner, Flaw, Refusal, Refused};
use crate::nginx::ast::Directive;
use crate::nginx::directives::Places;
use crate::nginx::pcre;
use crate::source::Span;

impl Examiner<'_> {
    pub(super) fn records(&mut self, opener: &Directive, records: &[Arc<Directive>], place: Places) {
        let mut keys = BTreeMap::new();
        self.each_record(opener, records, place, &mut keys);
    }

    fn each_record(
        &mut self,
        opener: &Directive,
        records: &[Arc<Directive>],
        place: Places,
        keys: &mut BTreeMap<String, Span>,
    ) {
        let block = opener.name();
        for record in records {
            self.statements += 1;
            let includes = matches!(block, "map" | "geo" | "types");
            if includes && record.name() == "include" && record.args.len() == 1 {
                for file in self.files.included_by(record) {
                    self.each_record(opener, &self.files.tree(*file).directives, place, keys);
                }
                continue;
            }
            if record.is_block() {
                let refusal = "unexpected \"{\"".to_owned();
                self.refuse_record(opener, record, 0, "records, and no block", refusal);
                return;
            }
            if record.flawed {
                continue;
            }
            let before = self.found.len();
            match block {
                "map" => self.map(opener, record, place, keys),
                "geo" => self.geo(opener, record),
                "split_clients" => self.split_clients(opener, record),
                _ => {}
            }
            // Directives got in here: the block begins or ends elsewhere, and the first one says so.
            if self.found.len() > before && !record.entries().is_empty() {
                return;
            }
        }
    }

    fn map(&mut self, opener: &Directive, record: &Directive, place: Places, keys: &mut BTreeMap<String, Span>) {
        let key = record.name();
        match &record.args[..] {
            [] if matches!(key, "hostnames" | "volatile") => {}
            [value] => {
                self.names.used(value, &[]);
                if let (Err(refused), true) = (compiles(0, &value.text), place == Places::HTTP) {
                    return self.refuse_record(opener, record, 1, &refused.wanted, refused.refusal);
                }
                let first = keys.get(&key.to_ascii_lowercase()).copied();
                let is_regex = key.starts_with('~');
                if let Some(pattern) = key.strip_prefix("~*").or(key.strip_prefix('~')) {
                    self.names.define_all(pcre::names(pattern));
                }
                match first {
                    Some(first) if first != record.head && !is_regex => {
                        let refusal = match key {
                            "default" => "duplicate default map parameter".to_owned(),
                            _ => format!("conflicting parameter \"{key}\""),
                        };
                        self.refuse_directive(record, Flaw::Duplicate { first }, refusal);
                    }
                    _ => drop(keys.insert(key.to_ascii_lowercase(), record.head)),
                }
            }
            _ => {
                let refusal = "invalid number of the map parameters".to_owned();
                self.refuse_record(opener, record, 0, "two words to a record: a key and a value", refusal);
            }
        }
    }

    fn geo(&mut self, opener: &Directive, record: &Directive) {
        let words = 1 + record.args.len();
        let alone = matches!(record.name(), "ranges" | "proxy_recursive");
        if words > 2 || words == 1 && !alone {
            let refusal = "invalid number of the geo parameters".to_owned();
            self.refuse_record(opener, record, 0, "two words to a record: a network and a value", refusal);
            return;
        }
        // With `ranges` the keys are of another kind.
        let has_ranges = opener.block().iter().any(|record| record.name() == "ranges");
        let network = match record.name() {
            "default" | "proxy_recursive" | "ranges" => return,
            "delete" | "proxy" => record.arg(0).unwrap_or_default(),
            key => key,
        };
        if !has_ranges && network != "255.255.255.255" && !is_network(network) {
            let word = usize::from(network != record.name());
            let refusal = format!("invalid network \"{network}\"");
            self.refuse_record(opener, record, word, "a network such as `10.0.0.0/8`", refusal);
        }
    }

    fn split_clients(&mut self, opener: &Directive, record: &Directive) {
        let percent = |text: &str| {
            let digits = text.strip_suffix('%')?;
            let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
            let all_digits = whole.chars().chain(part.chars()).all(|char| char.is_ascii_digit());
            (all_digits && !digits.is_empty() && part.len() <= 2).then_some(())
        };
        if record.name() != "*" && percent(record.name()).is_none() {
            let refusal = format!("invalid percent value \"{}\"", record.name());
            self.refuse_record(opener, record, 0, "a share such as `0.5%` or `*`", refusal);
        }
    }

    /// Refuses a word of a record; 0 is the first one.
    fn refuse_record(&mut self, opener: &Directive, record: &Directive, word: usize, wanted: &str, refusal: String) {
        let words: Vec<_> = record.words().collect();
        let Some(word) = words.get(word) else { return };
        let refused = Refused { argument: 0, wanted: wanted.to_owned(), refusal: refusal.clone() };
        self.refuse(Refusal {
            flaw: Flaw::Value(Box::new(refused)),
            name: opener.name().to_owned(),
            span: word.span,
            noticed: Some(record.ender()),
            refusal,
        });
    }
}
