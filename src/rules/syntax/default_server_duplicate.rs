//! Two servers that are both to be the default of one address.

use super::{refusals, refused};
use crate::deployment::Deployment;
use crate::nginx::examine::{Flaw, Taken};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(syntax / "default-server-duplicate", Error, "two servers are the default of one address");

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for (_, refusal) in refusals(deployment) {
        let Flaw::Taken(Taken::Default(address, first)) = &refusal.flaw else { continue };
        let finding = RULE
            .finding(format!("two servers are the default of {address}"), refusal.span, "nginx refuses the second one")
            .label(*first, "the first one")
            .help("remove `default_server` from one of them");
        findings.push(refused(finding, refusal, sources));
    }
}
