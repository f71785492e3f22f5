//! Blocks whose lines are records and not directives: `map`, `geo`, `types`, `split_clients`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::names::Family;
use super::own::{captures, is_network, is_wildcard_name};
use super::values::{compiles, regex};
use super::{Examiner, Flaw, Refusal, Refused};
use crate::nginx::ast::{Directive, Word};
use crate::nginx::directives::Places;
use crate::nginx::pcre;
use crate::source::Span;

impl Examiner<'_> {
    pub(super) fn records(&mut self, opener: &Directive, records: &[Arc<Directive>], place: Places) {
        let mut keys = BTreeMap::new();
        self.beyond_whole = if opener.name() == "split_clients" { beyond_whole(records) } else { None };
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
                "charset_map" => self.charset_map(opener, record),
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
        let has_hostnames = keys.contains_key("hostnames");
        match &record.args[..] {
            [] if key == "hostnames" => drop(keys.insert(key.to_owned(), record.head)),
            [] if key == "volatile" => {}
            [value] => {
                self.names.used(value, Family::of(place));
                if let Err(refused) = compiles(0, &value.text) {
                    return self.refuse_record(opener, record, 1, &refused.wanted, refused.refusal);
                }
                let entered = entries_of(key, has_hostnames);
                let first = entered.iter().find_map(|entry| keys.get(entry).copied());
                if !key.starts_with('~')
                    && key != "default"
                    && !(has_hostnames && (key.starts_with('.') || key.contains('*')))
                {
                    let name = key.strip_prefix('\\').unwrap_or(key);
                    self.hashes.note("map_hash", Family::of(place), "map", name.len(), record.name_word().span);
                }
                let is_regex = key.starts_with('~');
                if let Some(pattern) = key.strip_prefix("~*").or(key.strip_prefix('~')) {
                    self.names.define_all(pcre::names(pattern), Family::of(place));
                    let is_http = Family::of(place) == Family::Http;
                    let named = || if is_http { captures(0, pattern) } else { Ok(()) };
                    if let Err(refused) = regex(0, pattern).and_then(|()| named()) {
                        return self.refuse_record(opener, record, 0, &refused.wanted, refused.refusal);
                    }
                } else if has_hostnames && !is_wildcard_name(key.strip_prefix('\\').unwrap_or(key)) {
                    let refusal = format!("invalid hostname or wildcard \"{key}\"");
                    return self.refuse_record(
                        opener,
                        record,
                        0,
                        "a name, or a wildcard such as `*.example.com`",
                        refusal,
                    );
                }
                match first {
                    Some(first) if first != record.head && !is_regex => {
                        let refusal = match key {
                            "default" => "duplicate default map parameter".to_owned(),
                            _ => format!("conflicting parameter \"{key}\""),
                        };
                        self.refuse_directive(record, Flaw::Duplicate { first }, refusal);
                    }
                    _ => keys.extend(entered.into_iter().map(|entry| (entry, record.head))),
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
        // Behind `ranges` the keys are of another kind.
        let before = || opener.block().iter().take_while(|other| other.head != record.head);
        let has_ranges = before().any(|record| record.name() == "ranges");
        let decides = |other: &Arc<Directive>| !matches!(other.name(), "include" | "proxy" | "proxy_recursive");
        if record.name() == "ranges" && !has_ranges && before().any(decides) {
            let refusal = "the \"ranges\" directive must be the first directive inside \"geo\" block".to_owned();
            return self.refuse_record(opener, record, 0, "`ranges` before all others", refusal);
        }
        let network = match record.name() {
            "default" | "proxy_recursive" | "ranges" => return,
            "delete" | "proxy" => record.arg(0).unwrap_or_default(),
            key => key,
        };
        if has_ranges {
            // Statements of other kinds are read alike.
            let is_key = !matches!(record.name(), "proxy" | "include");
            if is_key && !is_range(network) {
                let word = usize::from(network != record.name());
                let refusal = format!("invalid range \"{network}\"");
                self.refuse_record(opener, record, word, "a range such as `10.0.0.0-10.0.0.255`", refusal);
            }
        } else if network != "255.255.255.255" && !is_network(network) {
            let word = usize::from(network != record.name());
            let refusal = format!("invalid network \"{network}\"");
            self.refuse_record(opener, record, word, "a network such as `10.0.0.0/8`", refusal);
        }
    }

    fn split_clients(&mut self, opener: &Directive, record: &Directive) {
        if record.name() != "*" && percent(record.name()).is_none() {
            let refusal = format!("invalid percent value \"{}\"", record.name());
            return self.refuse_record(opener, record, 0, "a share such as `0.5%` or `*`", refusal);
        }
        // nginx looks at the sum when the block ends.
        if self.beyond_whole == Some(record.head) {
            let refusal = "percent total is greater than 100%".to_owned();
            let end = Span { start: opener.span().end.saturating_sub(1), ..opener.span() };
            self.refuse_word(
                opener,
                &record.name_word(),
                end,
                "shares of 100% together; with this one they are more",
                refusal,
            );
        }
    }

    fn charset_map(&mut self, opener: &Directive, record: &Directive) {
        let [value] = &record.args[..] else {
            let refusal = "invalid parameters number".to_owned();
            return self.refuse_record(opener, record, 0, "two codes to a record", refusal);
        };
        let is_code = |text: &str, most: usize| {
            let is_hex = text.bytes().all(|byte| byte.is_ascii_hexdigit());
            is_hex && !text.is_empty() && text.trim_start_matches('0').len() <= most
        };
        let is_utf8 = opener.arg(1).is_some_and(|name| name.eq_ignore_ascii_case("utf-8"));
        let wrong = match () {
            () if !is_code(record.name(), 2) => 0,
            () if !is_code(&value.text, if is_utf8 { 8 } else { 2 }) => 1,
            () if is_utf8 && value.text.len() % 2 > 0 => 1,
            () => return,
        };
        let refusal = format!("invalid value \"{}\"", if wrong == 0 { record.name() } else { &value.text });
        self.refuse_record(opener, record, wrong, "codes of two hexadecimal digits", refusal);
    }

    /// Refuses a word of a record; 0 is the first one.
    fn refuse_record(&mut self, opener: &Directive, record: &Directive, word: usize, wanted: &str, refusal: String) {
        let words: Vec<_> = record.words().collect();
        if let Some(word) = words.get(word) {
            self.refuse_word(opener, word, record.ender(), wanted, refusal);
        }
    }

    fn refuse_word(&mut self, opener: &Directive, word: &Word, noticed: Span, wanted: &str, refusal: String) {
        let refused = Refused { argument: 0, wanted: wanted.to_owned(), refusal: refusal.clone() };
        self.refuse(Refusal {
            flaw: Flaw::Value(Box::new(refused)),
            name: opener.name().to_owned(),
            span: word.span,
            noticed: Some(noticed),
            refusal,
        });
    }
}

/// What a key of a `map` enters into its tables: with `hostnames` a name with a dot before it stands for itself and for
/// all names that end so.
fn entries_of(key: &str, has_hostnames: bool) -> Vec<String> {
    let key = key.to_ascii_lowercase();
    match (key.strip_prefix('.'), key.strip_prefix("*.")) {
        _ if !has_hostnames => vec![key],
        (Some(name), _) => vec![name.to_owned(), format!("*.{name}")],
        _ => vec![key],
    }
}

/// The whole of the clients that `split_clients` splits, in hundredths of a percent.
const WHOLE: u64 = 10_000;

/// The record with which shares come to more than the whole.
fn beyond_whole(records: &[Arc<Directive>]) -> Option<Span> {
    let mut sum = 0;
    let beyond = |record: &&Arc<Directive>| {
        sum += percent(record.name()).unwrap_or(0);
        sum > WHOLE
    };
    records.iter().find(beyond).map(|record| record.head)
}

/// A share in hundredths of a percent; none where nginx refuses it.
fn percent(text: &str) -> Option<u64> {
    let digits = text.strip_suffix('%')?;
    let (whole, part) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = whole.chars().chain(part.chars()).all(|char| char.is_ascii_digit());
    if !all_digits || digits.is_empty() || part.len() > 2 {
        return None;
    }
    let share: u64 = format!("{whole}{part:0<2}").parse().ok()?;
    // nginx keeps 32 bits of it.
    Some(share).filter(|share| *share > 0).map(|share| share & u64::from(u32::MAX))
}

/// Two addresses, the second one not before the first.
fn is_range(text: &str) -> bool {
    let address = |text: &str| is_network(text).then(|| text.parse::<std::net::Ipv4Addr>().ok());
    let Some((first, last)) = text.split_once('-') else { return false };
    match (address(first), address(last)) {
        (Some(first), Some(last)) if !text.contains('/') => first.zip(last).is_none_or(|(first, last)| first <= last),
        _ => false,
    }
}
