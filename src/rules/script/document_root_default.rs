//! No `root` is in force where PHP is handed over.

use std::collections::HashMap;

use super::{UNKNOWN, scripts};
use crate::deployment::{Deployment, Nginx, Sent};
use crate::nginx::levels::{Context, LevelId};
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};

pub(super) static RULE: Rule =
    rule!(script / "document-root-default", Error, "no `root` is in force where PHP is handed over");

/// Where packages put the directory that nginx takes without a `root`.
const USUAL: [&str; 4] = ["/usr/share/nginx/html", "/etc/nginx/html", "/usr/local/nginx/html", "/usr/local/www/nginx"];

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        let mut siblings: HashMap<_, Option<(String, Span)>> = HashMap::new();
        for (script, nginx, hand_over) in scripts(machine) {
            let Sent::Yes(param) = script.params.get("SCRIPT_FILENAME") else { continue };
            let uses = ["$document_root", "$realpath_root", "$request_filename"];
            if !uses.iter().any(|variable| param.value().contains(variable)) || nginx.is_open(hand_over.level) {
                continue;
            }
            let place = nginx.config.outwards(hand_over.level);
            let place = place.into_iter().find_map(|id| nginx.config.level(id).opener.as_ref());
            let Some(place) = place else { continue };
            let finding = if let Some(root) = script.root.as_ref().filter(|root| root.is_beside) {
                RULE.finding(
                    format!("`root {}` lacks its first slash", root.written),
                    root.span,
                    format!("nginx puts its prefix before it; the tree has /{}", root.written),
                )
                .help(format!("write `root /{};`", root.written))
            } else if let Some((written, span)) = siblings
                .entry((script.nginx, hand_over.server))
                .or_insert_with(|| sibling(nginx, hand_over.server))
                .as_ref()
                .filter(|_| script.root.is_none())
            {
                let label = "no `root` is in force here, so nginx takes `html` below its own prefix";
                RULE.finding("no `root` is in force where PHP is handed over", place.head, label)
                    .label(*span, "this one holds for its own location only")
                    .help(format!("move `root {written};` from the location to the server"))
            } else {
                continue;
            };
            let finding = finding
                .label(hand_over.directive.head, "requests are handed over here")
                .note("PHP-FPM answers 404 with \"File not found.\"")
                .predict(404, UNKNOWN.to_owned());
            findings.push_for(server_name(nginx, hand_over), finding);
        }
    }
}

/// The first `root` of a location of a server that is one of the site's own.
fn sibling(nginx: &Nginx, server: usize) -> Option<(String, Span)> {
    let is_default = |root: &str| USUAL.contains(&root.trim_end_matches('/')) || !root.starts_with('/');
    let is_own = |level: &LevelId| nginx.config.level(*level).context == Context::Location;
    let locations = nginx.sites.get(server)?.locations.all();
    let levels = locations.map(|location| location.level).filter(is_own);
    let roots = levels.filter_map(|level| nginx.config.own(level, "root").last());
    let mut roots = roots.filter_map(|root| Some((root.arg(0)?.to_owned(), root.head)));
    roots.find(|(written, _)| !is_default(written))
}
