//! An inner `proxy_set_header` drops the outer ones, `Host` and the client's address among them.

use super::default_host;
use crate::deployment::{Deployment, HandOver, Nginx, Protocol};
use crate::nginx::ast::Directive;
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(
    upstream / "proxy-headers-dropped",
    Warning,
    "an inner proxy_set_header drops the headers that are set outside"
);

/// Headers without which an application answers for the wrong site, the wrong client, the wrong scheme.
const MATTER: [&str; 4] = ["host", "x-forwarded-for", "x-forwarded-proto", "x-real-ip"];

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for nginx in deployment.machines.iter().flat_map(|machine| &machine.nginx) {
        for hand_over in nginx.hand_overs.iter().filter(|hand_over| hand_over.protocol == Protocol::Http) {
            let Some((inner, dropped)) = dropped(nginx, hand_over) else { continue };
            let names: Vec<&str> = dropped.iter().filter_map(|header| header.arg(0)).collect();
            let mut finding = RULE.finding(
                format!(
                    "{} set outside {} not reach the back end here",
                    names.join(", "),
                    if names.len() == 1 { "does" } else { "do" }
                ),
                inner.head,
                "one `proxy_set_header` of its own, and a place takes none from outside",
            );
            for header in &dropped {
                finding = finding.label(header.head, "does not apply there");
            }
            let host = if names.iter().any(|name| name.eq_ignore_ascii_case("host")) {
                finding = finding.note(format!("the back end gets the Host {}", default_host(hand_over)));
                "their answers may lead to that name"
            } else {
                "it sees nginx as its client"
            };
            let finding = finding
                .label(hand_over.span, "requests are handed over here")
                .note(host)
                .help("repeat the outer lines beside the inner one, or put them all into a file that both include");
            findings.push_for(server_name(nginx, hand_over), finding);
        }
    }
}

/// The inner list's first line, and the lines of the next outer list that it has no successor for.
fn dropped<'a>(nginx: &'a Nginx, hand_over: &HandOver) -> Option<(&'a Directive, Vec<&'a Directive>)> {
    let config = &nginx.config;
    let name = |header: &Directive| header.arg(0).unwrap_or_default().to_ascii_lowercase();
    let mut lists = config.outwards(hand_over.level).filter_map(|level| {
        let own: Vec<&Directive> = config.own(level, "proxy_set_header").map(AsRef::as_ref).collect();
        (!own.is_empty()).then_some(own)
    });
    let (inner, outer) = (lists.next()?, lists.next()?);
    let kept: Vec<String> = inner.iter().map(|header| name(header)).collect();
    let lost =
        outer.into_iter().filter(|header| MATTER.contains(&name(header).as_str()) && !kept.contains(&name(header)));
    let lost: Vec<_> = lost.collect();
    (!lost.is_empty()).then_some((inner[0], lost))
}
