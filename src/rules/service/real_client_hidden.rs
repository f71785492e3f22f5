//! Behind a proxy every client has the proxy's address.

use crate::deployment::Deployment;
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(service / "real-client-hidden", Advice, "behind a proxy every client has the proxy's address");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for nginx in &machine.nginx {
            let mut told = vec![false; nginx.servers.len()];
            for hand_over in &nginx.hand_overs {
                let Some(told) = told.get_mut(hand_over.server).filter(|told| !**told) else { continue };
                let protocol = nginx.proxy_protocol(hand_over.server);
                let edge = machine.facts.edges.last();
                if protocol.is_none() && edge.is_none() || nginx.knows_client(hand_over.level) {
                    continue;
                }
                *told = true;
                let name = edge.map_or("the proxy in front", |edge| edge.name.as_str());
                let mut finding = RULE.finding(
                    format!("the application sees {name} as the client of every request"),
                    hand_over.span,
                    "$remote_addr is the proxy's address here",
                );
                if let Some(span) = protocol {
                    finding = finding.label(span, "the proxy says whom it speaks for, and nobody listens");
                }
                let header = if protocol.is_some() { "proxy_protocol" } else { "X-Forwarded-For" };
                let finding = finding.help(format!(
                    "add `set_real_ip_from` with the addresses of {name}, and `real_ip_header {header};`"
                ));
                findings.push_for(server_name(nginx, hand_over), finding);
            }
        }
    }
}
