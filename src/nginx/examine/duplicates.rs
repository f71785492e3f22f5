//! Directives that a block may hold once, and lists that an `off` ends.

use super::{Examiner, Flaw, Level, Refused};
use crate::nginx::ast::{Directive, Key};
use crate::nginx::directives::{Entry, Places};

impl Examiner<'_> {
    /// Whether a block holds a directive a second time that it may hold once.
    pub(super) fn once(&mut self, entry: &'static Entry, directive: &Directive, level: &mut Level) -> bool {
        // `root` and `alias` are one setting.
        const ROOT: Key = Key::of("root");
        let key = if entry.name == "alias" { ROOT } else { directive.key };
        if !level.place.is_one() {
            return false;
        }
        // The first `map` sizes the hash tables.
        if matches!(entry.name, "map_hash_max_size" | "map_hash_bucket_size") && level.holds("map") {
            let wanted = "its place before the first `map`".to_owned();
            let refusal = format!("\"{}\" directive is duplicate", entry.name);
            self.refuse_value(directive, Refused { argument: 0, wanted, refusal });
            return true;
        }
        if entry.name == "map" && !level.holds("map") {
            level.held.push((directive.key, directive.head));
        }
        // Each zone counts once on a level.
        let limits = match entry.name {
            "limit_conn" => directive.arg(0).filter(|_| directive.args.len() == 2),
            "limit_req" => directive.args.iter().find_map(|word| word.text.strip_prefix("zone=")),
            _ => None,
        };
        if let Some(zone) = limits {
            let zone = format!("{} {zone}", entry.name);
            let first = *level.counted.entry(zone).or_insert(directive.head);
            if first != directive.head {
                let refusal = format!("\"{}\" directive is duplicate", entry.name);
                self.refuse_directive(directive, Flaw::Duplicate { first }, refusal);
                return true;
            }
        }
        if !entry.once {
            return self.switched(entry, directive, level);
        }
        match level.held.iter().find(|(held, _)| *held == key) {
            // A file that is included twice into one block repeats all it says.
            Some((_, first)) if level.place != Places::NONE => {
                let first = *first;
                let refusal = format!("\"{}\" directive is duplicate", entry.name);
                self.refuse_directive(directive, Flaw::Duplicate { first }, refusal);
                true
            }
            _ => {
                level.held.push((key, directive.head));
                false
            }
        }
    }

    /// Whether a list goes on behind its `off`, or an `off` stands behind a list.
    pub(super) fn switched(&mut self, entry: &'static Entry, directive: &Directive, level: &mut Level) -> bool {
        let lists = [
            "proxy_redirect",
            "proxy_cookie_domain",
            "proxy_cookie_path",
            "proxy_cookie_flags",
            "mirror",
            "http2_push",
        ];
        if !lists.contains(&entry.name) {
            return false;
        }
        let is_off = directive.args.len() == 1 && directive.arg(0) == Some("off");
        match level.switched.get(entry.name) {
            Some((was_off, first)) if *was_off || is_off => {
                let flaw = Flaw::Duplicate { first: *first };
                self.refuse_directive(directive, flaw, format!("\"{}\" directive is duplicate", entry.name));
                true
            }
            _ => {
                level.switched.insert(entry.name, (is_off, directive.head));
                false
            }
        }
    }
}
