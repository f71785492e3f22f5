//! A limit for each client counts the proxy in front, and so everybody.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::deployment::{Deployment, HandOver, Machine, Nginx};
use crate::nginx::ast::Directive;
use crate::nginx::levels::Context;
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(service / "limit-counts-proxy", Warning, "a limit for each client counts the proxy in front instead");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for nginx in &machine.nginx {
            let zones = zones(nginx);
            for hand_over in nginx.hand_overs.iter().filter(|_| !zones.is_empty()) {
                of_hand_over(machine, nginx, hand_over, &zones, findings);
            }
        }
    }
}

/// The zones that count by the address of the client.
fn zones(nginx: &Nginx) -> BTreeMap<String, &Arc<Directive>> {
    let levels = nginx.config.levels(Context::Http);
    let all = levels.flat_map(|level| {
        ["limit_req_zone", "limit_conn_zone"].into_iter().flat_map(move |name| nginx.config.own(level, name))
    });
    let by_address = all.filter(|zone| matches!(zone.arg(0), Some("$binary_remote_addr" | "$remote_addr")));
    by_address.filter_map(|zone| Some((zone_name(zone)?.split(':').next()?.to_owned(), zone))).collect()
}

fn zone_name(directive: &Directive) -> Option<&str> {
    directive.args.iter().find_map(|word| word.text.strip_prefix("zone="))
}

fn of_hand_over(
    machine: &Machine,
    nginx: &Nginx,
    hand_over: &HandOver,
    zones: &BTreeMap<String, &Arc<Directive>>,
    findings: &mut Findings,
) {
    let protocol = nginx.proxy_protocol(hand_over.server);
    let edge = machine.facts.edges.last();
    if protocol.is_none() && edge.is_none() || nginx.knows_client(hand_over.level) {
        return;
    }
    let who = edge.map_or("the proxy in front", |edge| edge.name.as_str());
    for name in ["limit_req", "limit_conn"] {
        for limit in nginx.config.effective_list(hand_over.level, name) {
            let zone = if name == "limit_req" { zone_name(limit) } else { limit.arg(0) };
            let Some(zone) = zone.and_then(|zone| zones.get(zone)) else { continue };
            let mut finding = RULE
                .finding(format!("this limit holds for all clients of {who} together"), limit.head, "refuses with 503")
                .label(zone.head, format!("counts by the address of the client, which is that of {who}"));
            if let Some(span) = protocol {
                finding = finding.label(span, "requests come through a proxy");
            }
            let header = if protocol.is_some() { "proxy_protocol" } else { "X-Forwarded-For" };
            let finding = finding
                .note(format!("nginx logs: limiting {}", if name == "limit_req" { "requests" } else { "connections" }))
                .help(format!("add `set_real_ip_from` with the addresses of {who}, and `real_ip_header {header};`"));
            findings.push_for(server_name(nginx, hand_over), finding);
        }
    }
}
