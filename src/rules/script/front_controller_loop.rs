//! `try_files` or `rewrite` sends a request round in a circle.

use super::sites;
use crate::deployment::Deployment;
use crate::deployment::routes::Asks;
use crate::nginx::flow::End;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(script / "front-controller-loop", Error, "`try_files` or `rewrite` sends requests round in a circle");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (nginx, server, site) in sites(machine) {
            let mut told = Vec::new();
            for visit in &site.visits {
                let End::Cycle(back) = visit.way.end else { continue };
                // A page may be a file that is not in view; a script that a line names is there.
                let is_certain = matches!(visit.asks, Asks::Named(_)) || visit.way.uri.ends_with(".php");
                if told.contains(&back) || !is_certain {
                    continue;
                }
                told.push(back);
                let uri = &visit.way.uri;
                let finding = RULE
                    .finding(
                        format!("requests for {uri} go round in a circle"),
                        back,
                        format!("{uri} comes back to this line, and is sent on to {uri} again"),
                    )
                    .note("nginx gives up after 10 rounds and answers 500")
                    .predict(500, "rewrite or internal redirection cycle".to_owned());
                let php = nginx.hand_overs_of(site.number).find(|hand_over| hand_over.serves_php);
                let finding = match php {
                    Some(hand_over) => {
                        finding.label(hand_over.directive.head, "PHP is handed over here, and never asked")
                    }
                    None => finding,
                };
                findings.push_for(
                    server.shown_name(),
                    finding
                        .help(format!("let a location take {uri} that hands it over to PHP-FPM and rewrites nothing")),
                );
            }
        }
    }
}
