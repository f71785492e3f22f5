//! A location for PHP gets no request: another one takes them first.

use super::scripts;
use crate::deployment::{Deployment, Nginx};
use crate::nginx::levels::LevelId;
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(script / "php-location-shadowed", Warning, "another location takes the requests of a location for PHP");

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (script, nginx, hand_over) in scripts(machine) {
            let Some((uri, level)) = script.shadowed.as_ref().filter(|_| hand_over.is_idle) else { continue };
            let opener = |level| nginx.config.level(level).opener.as_ref().map(|opener| opener.head);
            let (Some(own), Some(other)) = (opener(hand_over.level), opener(*level)) else { continue };
            // An included file may stand twice on purpose.
            if own == other {
                continue;
            }
            let finding = RULE
                .finding(
                    format!("{uri} does not reach `{}`", sources.text(own)),
                    own,
                    format!("{uri} would be handed over here"),
                )
                .label(other, format!("this one takes {uri} first"))
                .help(
                    "of expressions the first that matches wins, and `^~` lets none be asked: move this location up, \
                     narrow the other, or remove one of the two",
                );
            let finding = match refusal(nginx, *level) {
                Some(status) => finding.predict(status, None),
                None => finding,
            };
            findings.push_for(server_name(nginx, hand_over), finding);
        }
    }
}

/// The status with which a location turns everybody away.
fn refusal(nginx: &Nginx, level: LevelId) -> Option<u16> {
    let own = |name| nginx.config.own(level, name);
    if let Some(answer) = own("return").next() {
        return answer.arg(0)?.parse().ok().filter(|status| *status != 444);
    }
    let denies = own("deny").any(|rule| rule.arg(0) == Some("all"));
    (denies && own("allow").next().is_none()).then_some(403)
}
