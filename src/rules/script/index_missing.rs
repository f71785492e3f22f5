//! The address of the site itself reaches no PHP file.

use super::{UNKNOWN, scripts, sites};
use crate::deployment::routes::Asks;
use crate::deployment::scripts::Root;
use crate::deployment::{Deployment, Nginx};
use crate::finding::Severity;
use crate::nginx::ast::Directive;
use crate::nginx::flow::End;
use crate::nginx::levels::LevelId;
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(script / "index-missing", Error, "a request for a directory reaches no PHP file");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (nginx, server, site) in sites(machine) {
            let Some((way, false)) = &site.front else { continue };
            let End::File(level) = way.end else { continue };
            let is_there = site.visits.iter().any(|visit| visit.asks == Asks::File && visit.uri == "/index.php");
            let lists = nginx.config.effective(level, "autoindex").is_some_and(|it| it.arg(0) == Some("on"));
            if !is_there || lists {
                continue;
            }
            let place = nginx.config.level(server.level).opener.as_ref().map(|opener| opener.head);
            let index = nginx.config.effective(level, "index");
            let Some(span) = index.map(|index| index.head).or(place) else { continue };
            let label = match index {
                Some(_) => "index.php is not among these, and none of them is there",
                None => "without `index` only index.html is looked for, and it is not there",
            };
            let finding = RULE
                .finding("a request for / finds no index file", span, label)
                .note("the directory of / has an index.php")
                .help("write `index index.php index.html;`")
                .severity(match index.is_some_and(|index| !is_packaged(index)) {
                    true if nginx.is_whole && !machine.view.is_partial() && !has_page(nginx, level) => Severity::Error,
                    true => Severity::Warning,
                    false => Severity::Advice,
                })
                .predict(403, log(nginx, level));
            findings.push_for(server.shown_name(), finding);
        }
        for (script, nginx, hand_over) in scripts(machine) {
            let ends_open = script.front.as_ref().is_some_and(|path| path.ends_with('/'));
            if !ends_open {
                continue;
            }
            let finding = RULE
                .finding(
                    "a request for / asks PHP-FPM for a directory",
                    hand_over.directive.head,
                    format!("for / the script is {}", script.front.as_deref().unwrap_or_default()),
                )
                .note("PHP-FPM answers 404 with \"File not found.\"")
                .help("write `fastcgi_index index.php;` in this location")
                .severity(Severity::Warning)
                .predict(404, UNKNOWN.to_owned());
            findings.push_for(server_name(nginx, hand_over), finding);
        }
    }
}

/// Whether the names are those that packages ship.
fn is_packaged(index: &Directive) -> bool {
    let names = index.args.iter().map(|name| name.text.as_str());
    let is_shipped = |name| matches!(name, "index.html" | "index.htm" | "index.nginx-debian.html");
    index.args.len() > 1 && names.into_iter().all(is_shipped)
}

/// Whether something else may be shown in place of 403.
fn has_page(nginx: &Nginx, level: LevelId) -> bool {
    let pages = nginx.config.effective_list(level, "error_page");
    pages.iter().any(|page| page.args.iter().any(|word| word.text == "403"))
}

/// What nginx logs where a directory has no index file.
fn log(nginx: &Nginx, level: LevelId) -> String {
    let root = Root::of(&nginx.config, level).map(|root| root.written).unwrap_or_default();
    format!("directory index of \"{}/\" is forbidden", root.trim_end_matches('/'))
}
