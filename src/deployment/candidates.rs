//! URIs that may come to a hand-over, guessed from its locations and from what the lines of its server name.

use ecow::{EcoString, eco_format};

use super::{HandOver, Nginx, Site};
use crate::nginx::ast::Directive;
use crate::nginx::locations::parts;

/// URIs that the location of a hand-over may take, the likeliest first.
pub(super) fn candidates(nginx: &Nginx, hand_over: &HandOver, site: &Site) -> impl Iterator<Item = EcoString> {
    let others = || others(nginx, hand_over, site);
    std::iter::once("/index.php".into()).chain(std::iter::once_with(others).flatten())
}

/// What may be taken besides `/index.php`.
fn others(nginx: &Nginx, hand_over: &HandOver, site: &Site) -> Vec<EcoString> {
    let config = &nginx.config;
    let openers = config.outwards(hand_over.level).filter_map(|id| config.level(id).opener.as_ref());
    let mut found = Vec::new();
    let named = |opener: &Directive| opener.arg(0).is_some_and(|name| name.starts_with('@'));
    for opener in openers.filter(|opener| opener.name() == "location" && !named(opener)) {
        let Some((modifier, text)) = parts(opener) else { continue };
        match modifier {
            "=" => found.push(text.into()),
            "~" | "~*" => found.extend(words(text).into_iter().map(|word| eco_format!("/{word}"))),
            _ if text.ends_with('/') => found.push(eco_format!("{text}index.php")),
            _ => found.extend([eco_format!("{text}/index.php"), text.into()]),
        }
    }
    // Of an expression inside a prefix, both texts count.
    let inner: Vec<EcoString> = found.iter().filter(|uri| uri.ends_with("/index.php")).cloned().collect();
    found.extend(inner.iter().filter_map(|uri| Some(eco_format!("{}/x.php", uri.strip_suffix("/index.php")?))));
    found.extend(["/x.php", "/status", "/ping", "/fpm-status", "/fpm-ping", "/php-status"].map(EcoString::from));
    found.extend(site.named.iter().map(|(uri, _)| uri.clone()));
    found
}

/// The file names ending in `.php` that an expression spells out, with the folders before them.
fn words(pattern: &str) -> Vec<String> {
    let plain = pattern.replace('\\', "");
    let is_part = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-' | '/');
    let Some(end) = plain.find(".php") else {
        let start = plain.trim_start_matches('^').trim_start_matches('/');
        let start: String = start.chars().take_while(|char| is_part(*char)).collect();
        return vec![format!("{start}index.php"), format!("{start}/index.php")];
    };
    let mut before = &plain[..end];
    let mut folders = String::new();
    if let Some((outside, inside)) = before.rsplit_once('(').filter(|_| before.ends_with(')')) {
        folders = outside.trim_start_matches(['^', '/']).chars().take_while(|char| is_part(*char)).collect();
        before = inside.trim_start_matches("?:").trim_end_matches(')');
    }
    let names = before.split('|').map(|name| {
        let name = name.trim_start_matches(['^', '/']);
        let from = name.rfind(|char: char| !is_part(char)).map_or(0, |at| at + 1);
        name.get(from..).unwrap_or_default()
    });
    let names = names.filter(|name| !name.is_empty());
    names.map(|name| format!("{folders}{}.php", name.trim_start_matches('/'))).collect()
}
