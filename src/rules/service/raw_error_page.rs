//! Clients see nginx's bare page when a back end fails.

use super::error_page;
use crate::deployment::Deployment;
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(service / "raw-error-page", Advice, "a failure shows nginx's bare 502 page");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for nginx in deployment.machines.iter().flat_map(|machine| &machine.nginx) {
        let mut told = vec![false; nginx.servers.len()];
        for hand_over in &nginx.hand_overs {
            // One of a server is enough.
            let Some(told) = told.get_mut(hand_over.server).filter(|told| !**told) else { continue };
            let missing: Vec<_> =
                ["502", "504"].into_iter().filter(|status| error_page(nginx, hand_over, status).is_none()).collect();
            if missing.is_empty() {
                continue;
            }
            *told = true;
            let finding = RULE
                .finding(
                    format!("clients see nginx's own page for {}", missing.join(" and ")),
                    hand_over.span,
                    "requests are handed over here",
                )
                .help("write `error_page 502 503 504 /sorry.html;` with `location = /sorry.html { root /srv/errors; internal; }`");
            findings.push_for(server_name(nginx, hand_over), finding);
        }
    }
}
