//! Which location of a server takes a URI: nginx's own search (`ngx_http_core_find_location`).
//!
//! On each level an exact location wins at once; else the longest prefix is remembered, whatever the order, and its
//! nested locations are searched; then, unless the prefix is `^~`, the level's expressions are tried in the order of
//! the file, and the first that matches wins. A nested hit of an expression ends the search.

use std::sync::Arc;

use ecow::EcoString;

use super::ast::Directive;
use super::levels::{Config, Context, LevelId};
use super::regex::{Captures, Pattern, Patterns};

/// The locations of one level: of a server or, nested, of a location. In nearly all locations there are none.
#[derive(Debug, Default)]
pub struct Locations(Option<Box<Order>>);

/// Locations, and in which order they are tried.
#[derive(Debug)]
struct Order {
    places: Box<[Location]>,
    /// Whether no request is followed into them.
    is_left_out: bool,
    exact: ByText,
    prefixes: ByText,
    /// How long the prefixes are: each length once, the longest first.
    lengths: Box<[usize]>,
    regexes: Box<[usize]>,
    named: ByText,
}

/// Some of the places, in the order of their texts, each text once. There is one of these for every location, so that
/// it holds no text of its own.
#[derive(Debug, Default)]
struct ByText(Box<[usize]>);

impl ByText {
    /// Of places in the order of the file; of several with one text, the first counts.
    fn new(mut found: Vec<usize>, places: &[Location]) -> Self {
        found.sort_by(|one, other| places[*one].text.cmp(&places[*other].text));
        found.dedup_by(|later, first| places[*later].text == places[*first].text);
        ByText(found.into())
    }

    fn get<'a>(&self, places: &'a [Location], text: &str) -> Option<&'a Location> {
        let at = self.0.binary_search_by(|at| places[*at].text.as_str().cmp(text)).ok()?;
        Some(&places[self.0[at]])
    }
}

/// A location.
#[derive(Debug)]
pub struct Location {
    /// Its level.
    pub level: LevelId,
    /// How it takes URIs.
    pub takes: Takes,
    /// The text without the modifier.
    pub text: EcoString,
    /// The locations inside.
    pub nested: Locations,
}

/// How a location takes URIs.
#[derive(Clone, Debug)]
pub enum Takes {
    /// `= /x`
    Exact,
    /// `/x`
    Prefix,
    /// `^~ /x`
    FinalPrefix,
    /// `~ x` and `~* x`
    Regex(Arc<Pattern>),
    /// `@x`, reached by name only.
    Named,
}

/// What a search found.
#[derive(Debug)]
pub enum Found<'a> {
    /// This location, with the groups of the last expression that matched.
    At(&'a Location, Captures),
    /// No location: the server itself.
    Server,
    /// An expression on the way is not understood.
    Unknown,
}

/// The modifier and the text of a `location` statement.
pub fn parts(opener: &Directive) -> Option<(&str, &str)> {
    let first = opener.arg(0)?;
    if let Some(text) = opener.arg(1) {
        return Some((first, text));
    }
    let modifier = ["~*", "^~", "~", "="].into_iter().find(|modifier| first.starts_with(modifier)).unwrap_or("");
    Some((modifier, &first[modifier.len()..]))
}

impl Locations {
    /// The locations on a level.
    pub fn new(config: &Config, level: LevelId, patterns: &Patterns) -> Self {
        let mut places: Vec<Location> = Vec::new();
        let (mut exact, mut prefixes, mut regexes, mut named) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for block in &config.level(level).blocks {
            let here = config.level(*block);
            let Some(opener) = here.opener.as_ref().filter(|_| here.context == Context::Location) else { continue };
            let Some((modifier, text)) = parts(opener) else { continue };
            // A word of its own is shared.
            let own = opener.args.iter().find(|word| word.text == text);
            let (at, text) = (places.len(), own.map_or_else(|| text.into(), |word| word.text.clone()));
            let takes = match modifier {
                "=" => Takes::Exact,
                "^~" => Takes::FinalPrefix,
                "~" | "~*" => Takes::Regex(patterns.get(&text, modifier == "~*")),
                _ if text.starts_with('@') => Takes::Named,
                _ => Takes::Prefix,
            };
            match takes {
                Takes::Exact => exact.push(at),
                Takes::Prefix | Takes::FinalPrefix => prefixes.push(at),
                Takes::Regex(_) => regexes.push(at),
                Takes::Named => named.push(at),
            }
            let nested = Locations::new(config, *block, patterns);
            places.push(Location { level: *block, takes, text, nested });
        }
        if places.is_empty() {
            return Locations::default();
        }
        let mut lengths: Vec<usize> = prefixes.iter().map(|at| places[*at].text.len()).collect();
        lengths.sort_unstable_by(|one, other| other.cmp(one));
        lengths.dedup();
        let by_text = |found| ByText::new(found, &places);
        let (exact, prefixes, named) = (by_text(exact), by_text(prefixes), by_text(named));
        let (places, lengths, regexes) = (places.into(), lengths.into(), regexes.into());
        Locations(Some(Box::new(Order { places, is_left_out: false, exact, prefixes, lengths, regexes, named })))
    }

    fn places(&self) -> &[Location] {
        self.0.as_ref().map_or(&[], |order| &order.places)
    }

    /// How many expressions a search may try, those of nested locations among them.
    pub fn expressions(&self) -> usize {
        let own = self.0.as_ref().map_or(0, |order| order.regexes.len());
        own + self.places().iter().map(|place| place.nested.expressions()).sum::<usize>()
    }

    /// Whether no request is followed into them, for there are too many expressions.
    pub fn is_left_out(&self) -> bool {
        self.0.as_ref().is_some_and(|order| order.is_left_out)
    }

    /// From here on every search ends in [`Found::Unknown`].
    pub fn leave_out(&mut self) {
        if let Some(order) = &mut self.0 {
            order.is_left_out = true;
        }
    }

    /// Searches the location of a URI: decoded, without arguments.
    pub fn find(&self, uri: &str) -> Found<'_> {
        if self.is_left_out() {
            return Found::Unknown;
        }
        match self.search(uri) {
            Ok(Some((location, captures, _))) => Found::At(location, captures),
            Ok(None) => Found::Server,
            Err(NotKnown) => Found::Unknown,
        }
    }

    /// The named location.
    pub fn named(&self, name: &str) -> Option<LevelId> {
        let order = self.0.as_ref()?;
        order.named.get(&order.places, name).map(|location| location.level)
    }

    /// The location of a literal URI, or the one of a name.
    pub fn place(&self, target: &str) -> Option<LevelId> {
        if target.starts_with('@') {
            return self.named(target);
        }
        match self.find(target) {
            Found::At(location, _) if !target.contains('$') => Some(location.level),
            _ => None,
        }
    }

    /// All locations, with those inside behind each.
    pub fn all(&self) -> impl Iterator<Item = &Location> {
        let mut open = vec![self.places().iter()];
        std::iter::from_fn(move || {
            loop {
                match open.last_mut()?.next() {
                    Some(place) => {
                        open.push(place.nested.places().iter());
                        return Some(place);
                    }
                    None => _ = open.pop(),
                }
            }
        })
    }

    /// The location, its groups, and whether the search ends with it.
    fn search(&self, uri: &str) -> Result<Option<(&Location, Captures, bool)>, NotKnown> {
        let Some(order) = &self.0 else { return Ok(None) };
        if let Some(exact) = order.exact.get(&order.places, uri) {
            return Ok(Some((exact, Captures::default(), true)));
        }
        let starts = order.lengths.iter().filter_map(|length| uri.get(..*length));
        let longest = starts.into_iter().find_map(|start| order.prefixes.get(&order.places, start));
        let mut remembered = None;
        if let Some(prefix) = longest {
            let nested = prefix.nested.search(uri)?;
            match nested {
                Some((_, _, true)) => return Ok(nested),
                other => remembered = other.or(Some((prefix, Captures::default(), false))),
            }
            if matches!(prefix.takes, Takes::FinalPrefix) {
                return Ok(remembered);
            }
        }
        for at in &order.regexes {
            let place = &order.places[*at];
            let Takes::Regex(pattern) = &place.takes else { continue };
            let Some(captures) = pattern.captures(uri).ok_or(NotKnown)? else { continue };
            return Ok(Some(match place.nested.search(uri)? {
                // A nested expression has groups of its own.
                Some((inner, own, _)) if matches!(inner.takes, Takes::Regex(_)) => (inner, own, true),
                Some((inner, _, _)) => (inner, captures, true),
                None => (place, captures, true),
            }));
        }
        Ok(remembered)
    }
}

/// An expression is not understood.
struct NotKnown;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::memory::Memory;
    use crate::nginx::load::Files;
    use crate::source::Sources;
    use std::path::Path;

    /// The argument of `mark` in the location that takes the URI.
    fn taken(server: &str, uri: &str) -> String {
        let mut host = Memory::default();
        host.add("/c", format!("http {{ server {{ {server} }} }}"));
        let mut files = Files::default();
        let main = files.load(&host, &mut Sources::default(), Path::new("/c")).unwrap();
        let config = Config::resolve(&files, main, Context::Main);
        let server = config.levels(Context::Server).next().unwrap();
        let locations = Locations::new(&config, server, &Patterns::default());
        match locations.find(uri) {
            Found::At(location, captures) => {
                let mark = config.own(location.level, "mark").next();
                let mark = mark.and_then(|mark| mark.arg(0)).unwrap_or("-");
                format!("{mark}{}", captures.get("1").unwrap_or_default())
            }
            Found::Server => "server".into(),
            Found::Unknown => "unknown".into(),
        }
    }

    #[test]
    fn exact_then_longest_prefix_then_expressions_in_order() {
        let server = r"location ~ ^/s { mark first; } location / { mark root; } location = /shop { mark exact; }
            location /shop/ { mark shop; } location ~ \.(php)$ { mark php; } location ^~ /static/ { mark static; }";
        assert_eq!(taken(server, "/shop"), "exact");
        assert_eq!(taken(server, "/shop/x"), "first");
        assert_eq!(taken(server, "/x"), "root");
        assert_eq!(taken(server, "/x.php"), "phpphp");
        assert_eq!(taken(server, "/x.PHP"), "root");
        assert_eq!(taken(server, "/static/x.php"), "static");
        assert_eq!(taken("location /a { mark a; }", "/b"), "server");
        assert_eq!(taken("location ~*\\.php$ { mark glued; }", "/B.PHP"), "glued");
    }

    #[test]
    fn nested_locations() {
        let server = r"location ~ \.php$ { mark outer; }
            location /a/ { mark a; location ~ ^/a/in { mark in; } location /a/b/ { mark b; } }
            location ^~ /f/ { mark f; location ~ \.php$ { mark fphp; } }";
        assert_eq!(taken(server, "/a/in.php"), "in");
        assert_eq!(taken(server, "/a/b/x"), "b");
        assert_eq!(taken(server, "/a/b/x.php"), "outer");
        assert_eq!(taken(server, "/f/x.php"), "fphp");
        assert_eq!(taken(server, "/f/x"), "f");
    }

    #[test]
    fn named_ones_and_expressions_that_are_not_understood() {
        assert_eq!(taken("location @x { mark named; }", "@x"), "server");
        assert_eq!(taken("location ~ ( { mark odd; } location / { mark root; }", "/x"), "unknown");
        assert_eq!(taken("location ~ ( { mark odd; } location = /x { mark exact; }", "/x"), "exact");
    }
}
