//! The page for a failed back end is asked of the same back end, or of a location that is not there.

use super::error_page;
use crate::deployment::{Deployment, HandOver, Nginx};
use crate::nginx::ast::Word;
use crate::nginx::levels::{Context, LevelId};
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(service / "error-page-loops", Warning, "the page for a failed back end comes from that back end");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for nginx in deployment.machines.iter().flat_map(|machine| &machine.nginx) {
        for hand_over in &nginx.hand_overs {
            let Some(page) = error_page(nginx, hand_over, "502") else { continue };
            let finding = match page.text.strip_prefix('@') {
                Some(_) if named(nginx, hand_over, page).is_some() => continue,
                Some(_) if !nginx.is_whole => continue,
                Some(_) => RULE
                    .finding(
                        format!("the location {} of this error page is not there", page.text),
                        page.span,
                        "no location of this server has the name",
                    )
                    .label(hand_over.span, "when this fails, the page is wanted")
                    .note("nginx logs: could not find named location")
                    .help(format!("add `location {} {{ … }}` to the server", page.text)),
                None if returns(nginx, hand_over, &page.text) => RULE
                    .finding(
                        format!("the error page {} is asked of the back end that failed", page.text),
                        page.span,
                        "this path leads back to the same location",
                    )
                    .label(hand_over.span, "when this fails, the page is asked of it again")
                    .help(format!("add `location = {} {{ root /srv/errors; internal; }}`", page.text)),
                None => continue,
            };
            findings.push_for(server_name(nginx, hand_over), finding);
        }
    }
}

/// The locations of the server of a hand-over, those inside others left out.
fn locations<'a>(nginx: &'a Nginx, hand_over: &HandOver) -> impl Iterator<Item = LevelId> + 'a {
    let level = nginx.servers.get(hand_over.server).map(|server| server.level);
    let blocks = level.into_iter().flat_map(|level| nginx.config.level(level).blocks.iter().copied());
    blocks.filter(|block| nginx.config.level(*block).context == Context::Location)
}

fn words(nginx: &Nginx, location: LevelId) -> Vec<&str> {
    let opener = nginx.config.level(location).opener.as_ref();
    opener.map(|opener| opener.args.iter().map(|word| word.text.as_str()).collect()).unwrap_or_default()
}

fn named(nginx: &Nginx, hand_over: &HandOver, page: &Word) -> Option<LevelId> {
    locations(nginx, hand_over).find(|location| words(nginx, *location).first() == Some(&page.text.as_str()))
}

/// Whether a path is certain to be handled where the hand-over stands: its location is a prefix, and no other location
/// of the server could take the path.
fn returns(nginx: &Nginx, hand_over: &HandOver, path: &str) -> bool {
    let takes = |location: LevelId| match words(nginx, location).as_slice() {
        ["=", exact] => *exact == path,
        [prefix] | ["^~", prefix] => path.starts_with(prefix),
        // A regular expression may.
        ["~" | "~*", ..] => true,
        _ => false,
    };
    let own = nginx.config.level(hand_over.level);
    let is_prefix = own.context == Context::Location
        && matches!(words(nginx, hand_over.level).as_slice(), [prefix] if prefix.starts_with('/'));
    let nested = || own.blocks.iter().any(|block| nginx.config.level(*block).context == Context::Location);
    let has_other = || {
        locations(nginx, hand_over)
            .any(|location| location != hand_over.level && longer(nginx, location, hand_over.level) && takes(location))
    };
    path.starts_with('/') && is_prefix && takes(hand_over.level) && !nested() && !has_other()
}

/// Whether a location comes before another that is a prefix: all but shorter prefixes do.
fn longer(nginx: &Nginx, location: LevelId, than: LevelId) -> bool {
    match (words(nginx, location).as_slice(), words(nginx, than).as_slice()) {
        ([a], [b]) => a.len() > b.len(),
        _ => true,
    }
}
