//! Clients see nginx's bare page when a back end fails.

use std::collections::HashMap;

use super::error_page;
use crate::deployment::Deployment;
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(service / "raw-error-page", Advice, "a failure shows nginx's bare 502 page");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for nginx in deployment.machines.iter().flat_map(|machine| &machine.nginx) {
        // A host has such a page or it has not: one finding stands for all its servers.
        let mut told = HashMap::new();
        for hand_over in &nginx.hand_overs {
            let missing: Vec<_> =
                ["502", "504"].into_iter().filter(|status| error_page(nginx, hand_over, status).is_none()).collect();
            if missing.is_empty() {
                continue;
            }
            let server = server_name(nginx, hand_over);
            if let Some(told) = told.get(&missing) {
                findings.concerns(*told, server);
                continue;
            }
            let finding = RULE
                .finding(
                    format!("clients see nginx's own page for {}", missing.join(" and ")),
                    hand_over.span,
                    "requests are handed over here",
                )
                .help("write `error_page 502 503 504 /sorry.html;` with `location = /sorry.html { root /srv/errors; internal; }`");
            told.insert(missing, findings.push_for(server, finding));
        }
    }
}
