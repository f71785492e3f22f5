//! Hand-overs that no request comes to: what stands there fails nobody.
//!
//! A server whose names all belong to others of its addresses, a named location that nothing names, and a location
//! whose requests others take first. For the last one requests are made up that fit its text: only where all of them
//! end elsewhere does it count as idle.

use std::sync::Arc;

use ecow::{EcoString, eco_format};

use super::candidates::candidates;
use super::pages::settings;
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
    let is_idle = |hand_over: &HandOver| {
        let Some(site) = nginx.sites.get(hand_over.server) else { return false };
        let server = nginx.servers[hand_over.server].level;
        unasked.contains(&server) || is_passed_by(nginx, hand_over, site, server)
    };
    let numbered = nginx.hand_overs.iter().enumerate();
    numbered.filter(|(_, hand_over)| is_idle(hand_over)).map(|(number, _)| number).collect()
}

/// Whether no request comes to the location of a hand-over.
fn is_passed_by(nginx: &Nginx, hand_over: &HandOver, site: &Site, server: LevelId) -> bool {
    let config = &nginx.config;
    let Some((place, opener)) = location(config, hand_over.level) else { return false };
    let Some((modifier, text)) = parts(opener) else { return false };
    if modifier.is_empty() && text.starts_with('@') {
        return !nginx.is_open(server) && !is_named(config, server, text);
    }
    // PHP and other programs send requests there that are not in view.
    if modifier == "=" || config.effective(place, "internal").is_some() {
        return false;
    }
    let around = Around::of(nginx, place);
    let tried = candidates(nginx, hand_over, site).chain(around.samples());
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

/// Whether a line of a server names a location, or may: code of a module is not in view.
fn is_named(config: &Config, server: LevelId, name: &str) -> bool {
    settings(config, server).into_iter().any(|setting| {
        let is_program = ["_by_lua", "js_", "perl"].iter().any(|part| setting.name().contains(part));
        let by_variable = |text: &str| text.starts_with('@') && text.contains('$');
        is_program || setting.args.iter().any(|word| word.text.contains(name) || by_variable(&word.text))
    })
}

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
    fn samples(&self) -> impl Iterator<Item = EcoString> {
        let prefixes = self.texts.iter().map(|(_, text, pattern)| if pattern.is_some() { "/" } else { *text });
        let prefix = prefixes.max_by_key(|text| text.len()).unwrap_or("/");
        let texts = self.texts.iter().flat_map(|(_, text, pattern)| {
            let samples = pattern.iter().flat_map(|_| branches::samples(text, None));
            let plain = pattern.is_none().then(|| (*text).to_owned());
            samples.chain(plain)
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
