//! A group is told to keep connections, and what is needed for it is missing.

use super::to_groups;
use crate::deployment::{Deployment, HandOver, Nginx, Protocol};
use crate::finding::Severity;
use crate::nginx::literals;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(
    upstream / "keepalive-incomplete",
    Warning,
    "`keepalive` is set, and every connection is closed nevertheless"
);

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for nginx in deployment.machines.iter().flat_map(|machine| &machine.nginx) {
        for (hand_over, group) in to_groups(nginx) {
            let Some(keepalive) = nginx.config.own(group.level, "keepalive").last() else { continue };
            if keepalive.arg(0).and_then(literals::number) == Some(0) {
                continue;
            }
            let Some((missing, severity)) = missing(nginx, hand_over) else { continue };
            let finding = RULE
                .finding(
                    format!("no connection to the group {} is kept: {missing} is missing", group.name),
                    keepalive.head,
                    "connections are to be kept",
                )
                .label(hand_over.directive.head, "and here each is closed after its request")
                .help(format!("add {missing} to this location or around it"))
                .severity(severity);
            findings.push(finding);
        }
    }
}

/// What a hand-over lacks to keep its connection.
fn missing(nginx: &Nginx, hand_over: &HandOver) -> Option<(String, Severity)> {
    let effective = |name| nginx.config.effective(hand_over.level, name).and_then(|found| found.arg(0));
    match hand_over.protocol {
        Protocol::Http if !nginx.keeps_connections() => {
            let headers = nginx.config.effective_list(hand_over.level, "proxy_set_header");
            let connection =
                headers.iter().any(|header| header.arg(0).is_some_and(|name| name.eq_ignore_ascii_case("connection")));
            let version = matches!(effective("proxy_http_version"), Some("1.1" | "2"));
            let lacks = match (version, connection) {
                (true, true) => return None,
                (false, true) => "`proxy_http_version 1.1;`".to_owned(),
                (true, false) => "`proxy_set_header Connection \"\";`".to_owned(),
                (false, false) => "`proxy_http_version 1.1;` with `proxy_set_header Connection \"\";`".to_owned(),
            };
            Some((lacks, Severity::Warning))
        }
        // Kept connections hold workers: without them PHP-FPM on the same host fares better.
        Protocol::Fastcgi if effective("fastcgi_keep_conn").and_then(literals::flag) != Some(true) => {
            Some(("`fastcgi_keep_conn on;`".to_owned(), Severity::Advice))
        }
        _ => None,
    }
}
