//! A connection is to be upgraded, and what is needed for it is missing.

use crate::deployment::{Deployment, Protocol};
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(upstream / "websocket-incomplete", Warning, "an upgrade is passed on without what it needs");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for nginx in deployment.machines.iter().flat_map(|machine| &machine.nginx) {
        for hand_over in nginx.hand_overs.iter().filter(|hand_over| hand_over.protocol == Protocol::Http) {
            let headers = nginx.config.effective_list(hand_over.level, "proxy_set_header");
            let header = |wanted: &str| {
                headers.iter().find(|header| header.arg(0).is_some_and(|name| name.eq_ignore_ascii_case(wanted)))
            };
            let Some(upgrade) = header("upgrade").filter(|header| header.arg(1) == Some("$http_upgrade")) else {
                continue;
            };
            let version = nginx.config.effective(hand_over.level, "proxy_http_version").and_then(|found| found.arg(0));
            let is_old = version == Some("1.0") || version.is_none() && !nginx.keeps_connections();
            let connection = header("connection");
            let is_closed = connection.is_none_or(|header| matches!(header.arg(1), Some("" | "close")));
            let missing = match (is_old, is_closed) {
                (false, false) => continue,
                (true, false) => "`proxy_http_version 1.1;`",
                (false, true) => "`proxy_set_header Connection \"upgrade\";`",
                (true, true) => "`proxy_http_version 1.1;` and `proxy_set_header Connection \"upgrade\";`",
            };
            let finding = RULE
                .finding(
                    format!(
                        "no WebSocket gets through: {missing} {} missing",
                        if is_old && is_closed { "are" } else { "is" }
                    ),
                    upgrade.head,
                    "the wish to upgrade is passed on",
                )
                .label(hand_over.span, "requests are handed over here")
                .note("the back end answers the handshake as an ordinary request, such as with 400 or 426")
                .help(format!("add {missing} here"));
            findings.push_for(server_name(nginx, hand_over), finding);
        }
    }
}
