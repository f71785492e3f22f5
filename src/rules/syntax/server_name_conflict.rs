//! A name that two servers of one address have.

use super::refusals;
use crate::deployment::Deployment;
use crate::nginx::examine::{Flaw, Taken};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(syntax / "server-name-conflict", Warning, "two servers of one address have the same name");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for (_, refusal) in refusals(deployment) {
        let Flaw::Taken(Taken::Name(name, address, first)) = &refusal.flaw else { continue };
        let message = match name.as_str() {
            "" => format!("two servers on {address} have the empty name"),
            name => format!("two servers on {address} have the name {name}"),
        };
        findings.push(
            RULE.finding(message, refusal.span, "no request reaches this server by this name")
                .label(*first, "this server, the first one, answers")
                .help("remove the name from one of them, or let them listen on different addresses"),
        );
    }
}
