//! Regular expressions as nginx's PCRE reads them, as far as a bounded engine follows.
//!
//! What does not compile here, and what takes too many steps, is not known: PCRE may still take it. An answer is
//! `None` then, and callers stay silent.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};

use ecow::{EcoString, eco_format};
use fancy_regex::{Regex, RegexBuilder};

/// Longer expressions are not compiled.
pub const MAX_PATTERN: usize = 4096;

/// One match backtracks no more often.
pub const MAX_STEPS: usize = 20_000;

/// Bytes that a compiled expression may take.
const MAX_SIZE: usize = 1 << 20;

/// An expression, compiled when it is first used.
#[derive(Debug)]
pub struct Pattern {
    text: String,
    caseless: bool,
    compiled: OnceLock<Option<Regex>>,
}

/// What the groups of a match hold, by number and by name; none but those that took part.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captures {
    groups: Box<[(EcoString, EcoString)]>,
}

impl Captures {
    /// What a group holds: `1` or a name.
    pub fn get(&self, group: &str) -> Option<&str> {
        self.groups.iter().find(|(name, _)| name == group).map(|(_, text)| text.as_str())
    }
}

impl Pattern {
    /// An expression; `caseless` for `~*`.
    pub fn new(text: &str, caseless: bool) -> Self {
        Pattern { text: text.to_owned(), caseless, compiled: OnceLock::new() }
    }

    /// The expression as written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a text matches; `None` where it is not known.
    pub fn matches(&self, subject: &str) -> Option<bool> {
        self.regex()?.is_match(subject).ok()
    }

    /// The groups where a text matches, `Some(None)` where it does not, `None` where it is not known.
    pub fn captures(&self, subject: &str) -> Option<Option<Captures>> {
        let regex = self.regex()?;
        // Whether a text matches is told sooner than what its groups hold, and most do not.
        if !regex.is_match(subject).ok()? {
            return Some(None);
        }
        // Most expressions have no groups; the whole match is none to nginx.
        if regex.captures_len() == 1 {
            return Some(Some(Captures::default()));
        }
        let Some(found) = regex.captures(subject).ok()? else { return Some(None) };
        let numbered = (1..found.len()).filter_map(|at| Some((eco_format!("{at}"), found.get(at)?.as_str().into())));
        let named = regex.capture_names().flatten();
        let named = named.filter_map(|name| Some((name.into(), found.name(name)?.as_str().into())));
        Some(Some(Captures { groups: numbered.chain(named).collect() }))
    }

    fn regex(&self) -> Option<&Regex> {
        let compile = || {
            let mut builder = RegexBuilder::new(&self.text);
            builder.case_insensitive(self.caseless).backtrack_limit(MAX_STEPS).delegate_size_limit(MAX_SIZE);
            builder.build().ok().filter(|_| self.text.len() <= MAX_PATTERN)
        };
        match self.text.len() > MAX_PATTERN {
            true => None,
            false => self.compiled.get_or_init(compile).as_ref(),
        }
    }
}

/// The expressions of a configuration, each once: thousands of servers include the same few.
#[derive(Debug, Default)]
pub struct Patterns {
    cased: Known,
    caseless: Known,
}

/// Expressions by their texts; several threads ask for them.
type Known = RwLock<HashMap<String, Arc<Pattern>>>;

impl Patterns {
    /// The expression of a text.
    pub fn get(&self, text: &str, caseless: bool) -> Arc<Pattern> {
        let known = if caseless { &self.caseless } else { &self.cased };
        if let Some(pattern) = known.read().unwrap_or_else(PoisonError::into_inner).get(text) {
            return pattern.clone();
        }
        let mut known = known.write().unwrap_or_else(PoisonError::into_inner);
        let pattern = known.entry(text.to_owned()).or_insert_with(|| Arc::new(Pattern::new(text, caseless)));
        pattern.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, subject: &str) -> Option<bool> {
        Pattern::new(pattern, false).matches(subject)
    }

    #[test]
    fn the_usual_locations() {
        assert_eq!(matches(r"\.php$", "/index.php"), Some(true));
        assert_eq!(matches(r"\.php$", "/index.PHP"), Some(false));
        assert_eq!(Pattern::new(r"\.php$", true).matches("/index.PHP"), Some(true));
        assert_eq!(matches(r"[^/]\.php(/|$)", "/a.php/b"), Some(true));
        assert_eq!(matches(r"^/(?!admin).*\.php$", "/admin/a.php"), Some(false));
        assert_eq!(matches(r"^/index\.php(?:$|\/)", "/index.php/x"), Some(true));
    }

    #[test]
    fn groups_by_number_and_name() {
        let found = Pattern::new(r"^(.+\.php)(?<rest>/.*)?$", false).captures("/a.php/b");
        let found = found.unwrap().unwrap();
        assert_eq!((found.get("1"), found.get("rest"), found.get("3")), (Some("/a.php"), Some("/b"), None));
        assert_eq!(Pattern::new("^x", false).captures("/a"), Some(None));
    }

    #[test]
    fn what_cannot_be_compiled_is_unknown() {
        assert_eq!(matches("(", "/"), None);
        assert_eq!(matches(&"a".repeat(MAX_PATTERN), "/"), Some(false));
        assert_eq!(matches(&"a".repeat(MAX_PATTERN + 1), "/"), None);
        assert_eq!(matches("(((a{1000}){1000}){1000})", "/"), None);
    }

    #[test]
    fn what_takes_too_long_is_unknown() {
        let slow = r"^(a|aa)+(?=b)\1$";
        assert_eq!(matches(slow, &"a".repeat(12)), Some(false));
        assert_eq!(matches(slow, &"a".repeat(60)), None);
    }
}
