//! Hand-overs that no request comes to: what stands there fails nobody.
//!
//! A server whose names all belong to others of its addresses, a named location that nothing names, and a location
//! whose requests others take first. For the last one requests are made up that fit its text: only where all of them
//! end elsewhere does it count as idle.

use std::cell::{LazyCell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;

use ecow::{EcoString, eco_format};

use super::candidates::candidates;
use super::pages::{Mentions, settings};
use super::{HandOver, Nginx, Site};
use crate::nginx::ast::Directive;
use crate::nginx::branches;
use crate::nginx::levels::{Config, Context, LevelId};
use crate::nginx::locations::{Found, parts};
use crate::nginx::regex::Pattern;

/// So many requests are made up for a location.
const MAX_TRIED: usize = 40;

/// What may follow the text of a location, so that others beside it let the address pass.
const BEHIND: [&str; 5] = ["", "x", "/x", "x.php", "/index.php"];

/// The numbers of the hand-overs that no request comes to.
pub(super) fn idle(nginx: &Nginx) -> Vec<usize> {
    let unasked = branches::unasked_servers(&nginx.config);
    let (mut found, known) = (Vec::new(), Known::default());
    for site in &nginx.sites {
        let server = nginx.servers[site.number].level;
        let is_unasked = unasked.contains(&server);
        let mentions = LazyCell::new(|| Mentions::of(&settings(&nginx.config, server)));
        let is_unnamed = |name: &str| !nginx.is_open(server) && !mentions.may_name(name);
        let is_idle =
            |number: &usize| is_unasked || is_passed_by(nginx, site, &nginx.hand_overs[*number], is_unnamed, &known);
        found.extend(nginx.numbers_of(site.number).filter(is_idle));
    }
    found
}

/// Whether no request comes to the location of a hand-over; `is_unnamed` says so of a named one.
fn is_passed_by<'a>(
    nginx: &'a Nginx,
    site: &Site,
    hand_over: &HandOver,
    is_unnamed: impl Fn(&str) -> bool,
    known: &Known<'a>,
) -> bool {
    let config = &nginx.config;
    let Some((place, opener)) = location(config, hand_over.level) else { return false };
    let Some((modifier, text)) = parts(opener) else { return false };
    if modifier.is_empty() && text.starts_with('@') {
        return is_unnamed(text);
    }
    // PHP and other programs send requests there that are not in view.
    if modifier == "=" || config.effective(place, "internal").is_some() {
        return false;
    }
    let around = Around::of(nginx, place);
    let tried = candidates(nginx, hand_over, site).chain(around.samples(known));
    let mut is_met = false;
    for uri in tried.filter(|uri| around.fits(uri)).take(MAX_TRIED) {
        match site.locations.find(&uri) {
            Found::At(found, _) if found.level != place => is_met = true,
            _ => return false,
        }
    }
    is_met
}

/// The location that a level is or is in.
fn location(config: &Config, level: LevelId) -> Option<(LevelId, &Directive)> {
    let is_location = |id: &LevelId| config.level(*id).context == Context::Location;
    let place = config.outwards(level).find(is_location)?;
    Some((place, config.level(place).opener.as_deref().filter(|opener| opener.name() == "location")?))
}

/// Texts that expressions match: thousands of servers have the same few.
type Known<'a> = RefCell<HashMap<&'a str, Vec<String>>>;

/// A location and those that it stands in, the innermost first.
struct Around<'a> {
    /// The modifier and the text of each; of an expression also the pattern.
    texts: Vec<(&'a str, &'a str, Option<Arc<Pattern>>)>,
}

impl<'a> Around<'a> {
    fn of(nginx: &'a Nginx, place: LevelId) -> Self {
        let config = &nginx.config;
        let openers = config.outwards(place).filter_map(|id| location(config, id).filter(|(at, _)| *at == id));
        let texts = openers.filter_map(|(_, opener)| parts(opener)).map(|(modifier, text)| {
            let is_expression = modifier.starts_with('~');
            (modifier, text, is_expression.then(|| nginx.patterns.get(text, modifier == "~*")))
        });
        Around { texts: texts.collect() }
    }

    /// Whether an address fits them all.
    fn fits(&self, uri: &str) -> bool {
        let fits = |text: &str, pattern: &Option<Arc<Pattern>>| match pattern {
            Some(pattern) => pattern.matches(uri) == Some(true),
            None => uri.starts_with(text),
        };
        uri.starts_with('/') && self.texts.iter().all(|(_, text, pattern)| fits(text, pattern))
    }

    /// Addresses that are made of their texts.
    fn samples(&self, known: &Known<'a>) -> impl Iterator<Item = EcoString> {
        let prefixes = self.texts.iter().map(|(_, text, pattern)| if pattern.is_some() { "/" } else { *text });
        let prefix = prefixes.max_by_key(|text| text.len()).unwrap_or("/");
        let texts = self.texts.iter().flat_map(|(_, text, pattern)| match pattern {
            Some(_) => {
                let mut known = known.borrow_mut();
                known.entry(text).or_insert_with(|| branches::samples(text, None).collect()).clone()
            }
            None => vec![(*text).to_owned()],
        });
        texts.flat_map(move |text| {
            let starts = [text.clone(), format!("{}/{text}", prefix.trim_end_matches('/')), format!("{prefix}x{text}")];
            starts.into_iter().flat_map(|start| {
                let behind = BEHIND.map(|end| eco_format!("{start}{end}"));
                behind.into_iter().chain([start.to_ascii_uppercase().into()])
            })
        })
    }
}
