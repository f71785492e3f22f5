//! `max_fails` and `fail_timeout` mean nothing where there is one server.

use crate::deployment::Deployment;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;
use crate::values::address::Address;

pub(super) static RULE: Rule =
    rule!(upstream / "single-peer-failure-ignored", Advice, "limits of failures mean nothing in a group of one server");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for nginx in deployment.machines.iter().flat_map(|machine| &machine.nginx) {
        for group in &nginx.upstreams {
            let [peer] = group.peers.as_slice() else { continue };
            let Some(server) = nginx.config.own(group.level, "server").next() else { continue };
            let is_limit = |text: &str| text.starts_with("max_fails=") || text.starts_with("fail_timeout=");
            let limit = server.args.iter().skip(1).find(|word| is_limit(&word.text) && word.text != "max_fails=0");
            // A name may stand for several addresses, each a server of its own.
            let Some(limit) = limit.filter(|_| !matches!(peer.address, Ok(Address::Name(..)))) else { continue };
            let finding = RULE
                .finding(
                    format!("`{}` means nothing: the group {} has one server", limit.text, group.name),
                    limit.span,
                    "nginx asks the only server whatever happened before",
                )
                .help("add a second server or a `backup`, or remove the parameter");
            findings.push(finding);
        }
    }
}
