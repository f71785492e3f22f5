//! A PHP file is sent as its source, because its request reaches no hand-over.

use super::sites;
use crate::deployment::Deployment;
use crate::deployment::routes::Asks;
use crate::finding::Severity;
use crate::nginx::flow::End;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(script / "source-served", Error, "nginx sends a PHP file as its source");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (nginx, server, site) in sites(machine) {
            let mut told = Vec::new();
            for visit in &site.visits {
                let End::File(level) = visit.way.end else { continue };
                let uri = &visit.way.uri;
                if !uri.ends_with(".php") || told.contains(&level) {
                    continue;
                }
                told.push(level);
                let place = nginx.config.level(level).opener.as_ref().map(|opener| opener.head);
                let Some(place) = place.or(nginx.config.level(server.level).opener.as_ref().map(|it| it.head)) else {
                    continue;
                };
                let taken = format!("{uri} ends here, where nothing hands it over to PHP-FPM");
                let finding = match visit.asks {
                    Asks::Named(span) => RULE
                        .finding(format!("{uri} is sent as its source"), span, format!("this names {uri}"))
                        .label(place, taken),
                    Asks::File => RULE.finding(format!("{uri} is sent as its source"), place, taken),
                    Asks::Page(span) => RULE
                        .finding(format!("{uri} is sent as its source"), place, taken)
                        .label(span, format!("a page such as {} becomes {uri}", visit.uri)),
                };
                let php = nginx.hand_overs_of(site.number).find(|hand_over| hand_over.serves_php);
                let finding = match php {
                    Some(hand_over) => finding.label(hand_over.directive.head, "PHP is handed over here").help(
                        "add a `location ~ \\.php$` with the same `fastcgi_pass` and parameters inside that location, \
                             or let the location for PHP come first",
                    ),
                    None => finding.help("add a `location ~ \\.php$` that hands PHP files over with `fastcgi_pass`"),
                };
                // Sites that run one script only are made so, whatever lies beside it.
                let is_meant = visit.asks != Asks::File || site.is_meant(nginx, uri);
                let finding = finding.severity(if is_meant { Severity::Error } else { Severity::Advice });
                let finding = finding.note("whoever asks reads the code, and every password in it").predict(200, None);
                findings.push_for(server.shown_name(), finding);
            }
        }
    }
}
