//! Anybody can read the status page of a pool.

use std::net::IpAddr;

use super::scripts;
use crate::deployment::{Deployment, HandOver, Nginx};
use crate::nginx::levels::Context;
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(script / "status-page-public", Warning, "anybody can read the status page of a pool");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (script, nginx, hand_over) in scripts(machine) {
            for (id, span) in script.statuses.iter().filter(|_| !is_guarded(nginx, hand_over)) {
                let pool = machine.pool(*id);
                let finding = RULE
                    .finding(
                        format!("anybody can read the status page of pool {}", pool.name),
                        hand_over.directive.head,
                        "requests for it are handed over, with no `allow`, `deny` or `auth_basic` in force",
                    )
                    .label(span.to_owned(), "the page shows addresses and scripts of other visitors' requests")
                    .help("write `allow 127.0.0.1;` and `deny all;` in a `location =` of its own")
                    .predict(200, None);
                findings.push_for(server_name(nginx, hand_over), finding);
            }
        }
    }
}

/// Whether not everybody is let in, as far as it can be told.
fn is_guarded(nginx: &Nginx, hand_over: &HandOver) -> bool {
    let config = &nginx.config;
    let guards = ["deny", "auth_basic", "auth_request", "auth_jwt", "ssl_verify_client", "internal"];
    let by_rule = guards.iter().any(|guard| config.effective(hand_over.level, guard).is_some());
    let around = || config.outwards(hand_over.level).filter(|id| config.level(*id).context != Context::Http);
    // A condition or Lua may turn others away, and so may what is not in view.
    let by_code = around().any(|id| {
        let here = config.level(id);
        let is_if = |block: &_| matches!(config.level(*block).context, Context::IfInServer | Context::IfInLocation);
        let by_lua = here.settings.iter().any(|setting| setting.name().contains("_by_lua"));
        by_lua || here.blocks.iter().any(is_if)
    });
    let listens = nginx.servers.get(hand_over.server).map(|server| &server.listens[..]).unwrap_or_default();
    let is_local = |listen: &str| {
        let host = listen.rsplit_once(':').map_or(listen, |(host, _)| host).trim_matches(['[', ']']);
        listen.starts_with("unix:") || host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
    };
    by_rule
        || by_code
        || nginx.is_open(hand_over.level)
        || !listens.is_empty() && listens.iter().all(|listen| is_local(&listen.text))
}
