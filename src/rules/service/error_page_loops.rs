//! The page for a failed back end is asked of the same back end, or of a location that is not there.

use std::collections::BTreeMap;

use super::error_page;
use crate::deployment::{Deployment, HandOver, Nginx};
use crate::nginx::locations::{Found, Location, Locations, Takes};
use crate::nginx::regex::Patterns;
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(service / "error-page-loops", Warning, "the page for a failed back end comes from that back end");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for nginx in deployment.machines.iter().flat_map(|machine| &machine.nginx) {
        let patterns = Patterns::default();
        let mut searched: BTreeMap<usize, Locations> = BTreeMap::new();
        for hand_over in &nginx.hand_overs {
            let Some(page) = error_page(nginx, hand_over, "502") else { continue };
            let Some(server) = nginx.servers.get(hand_over.server) else { continue };
            let locations = searched
                .entry(hand_over.server)
                .or_insert_with(|| Locations::new(&nginx.config, server.level, &patterns));
            let finding = match page.text.starts_with('@') {
                true if locations.named(&page.text).is_some() || !nginx.is_whole => continue,
                true => RULE
                    .finding(
                        format!("the location {} of this error page is not there", page.text),
                        page.span,
                        "no location of this server has the name",
                    )
                    .label(hand_over.span, "when this fails, the page is wanted")
                    .note("nginx logs: could not find named location")
                    .help(format!("add `location {} {{ … }}` to the server", page.text)),
                false if returns(hand_over, locations, &page.text, nginx) => RULE
                    .finding(
                        format!("the error page {} is asked of the back end that failed", page.text),
                        page.span,
                        "this path leads back to the same location",
                    )
                    .label(hand_over.span, "when this fails, the page is asked of it again")
                    .help(format!("add `location = {} {{ root /srv/errors; internal; }}`", page.text)),
                false => continue,
            };
            findings.push_for(server_name(nginx, hand_over), finding);
        }
    }
}

/// Whether a path is handled where the hand-over stands.
fn returns(hand_over: &HandOver, locations: &Locations, path: &str, nginx: &Nginx) -> bool {
    // Where something else than the hand-over may decide, such as a file that is there, nothing is certain.
    let has_files = nginx.config.own(hand_over.level, "try_files").next().is_some();
    let path = path.split('?').next().unwrap_or_default();
    let is_path = path.starts_with('/') && !path.contains('$');
    // Of a location that is there for the page alone nobody wants another page.
    let is_others = |location: &Location| {
        location.level == hand_over.level && !(matches!(location.takes, Takes::Exact) && location.text == path)
    };
    is_path && !has_files && matches!(locations.find(path), Found::At(location, _) if is_others(location))
}
