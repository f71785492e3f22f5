//! The body limit is raised where PHP is handed over, while requests come in through another location.

use super::scripts;
use crate::deployment::Deployment;
use crate::deployment::routes::Asks;
use crate::nginx::flow::End;
use crate::nginx::literals::offset;
use crate::nginx::locations::Found;
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(script / "body-limit-shadowed", Warning, "the body limit is raised only where requests arrive too late");

const LIMIT: &str = "client_max_body_size";

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (_, nginx, hand_over) in scripts(machine) {
            let (config, site) = (&nginx.config, nginx.sites.get(hand_over.server));
            let Some(own) = config.own(hand_over.level, LIMIT).last() else { continue };
            let Some(raised) = own.arg(0).and_then(offset) else { continue };
            let pages = site.iter().flat_map(|site| &site.visits);
            let page = pages
                .into_iter()
                .find(|visit| matches!(visit.asks, Asks::Page(_)) && visit.way.end == End::Passed(hand_over.level));
            let Some((site, page)) = site.zip(page) else { continue };
            let Found::At(entry, _) = site.locations.find(&page.uri) else { continue };
            let outer = config.effective(entry.level, LIMIT);
            let limit = outer.map_or(Some(1 << 20), |outer| outer.arg(0).and_then(offset));
            // 0 lets everything in.
            let is_lower = limit.is_some_and(|limit| limit != 0 && (raised == 0 || limit < raised));
            let Some(opener) = config.level(entry.level).opener.as_ref().filter(|_| is_lower) else { continue };
            let shown = outer.and_then(|outer| outer.arg(0)).unwrap_or("1m, the default");
            let finding = RULE
                .finding(
                    format!("`{LIMIT}` is raised too late"),
                    own.head,
                    "counts only for requests that name the script themselves",
                )
                .label(opener.head, format!("requests such as {} come in here, where it is {shown}", page.uri))
                .help(format!("move `{LIMIT} {};` to the server", own.arg(0).unwrap_or_default()))
                .predict(413, "client intended to send too large body".to_owned());
            findings.push_for(server_name(nginx, hand_over), finding);
        }
    }
}
