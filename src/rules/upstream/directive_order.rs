//! `keepalive` stands before the balancing method, which replaces it.

use crate::deployment::Deployment;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(upstream / "directive-order", Warning, "a balancing method behind `keepalive` replaces it");

/// The methods; each sets how connections are made and so forgets what was set before.
const METHODS: [&str; 5] = ["least_conn", "ip_hash", "hash", "random", "least_time"];

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    let nginx = deployment.machines.iter().flat_map(|machine| &machine.nginx);
    for nginx in nginx.filter(|nginx| !nginx.keeps_connections()) {
        for group in &nginx.upstreams {
            let settings = &nginx.config.level(group.level).settings;
            let keepalive = settings.iter().position(|setting| setting.name() == "keepalive");
            let method = settings.iter().rposition(|setting| METHODS.contains(&setting.name()));
            let (Some(keepalive), Some(method)) = (keepalive, method) else { continue };
            if keepalive > method {
                continue;
            }
            let (keepalive, method) = (&settings[keepalive], &settings[method]);
            let finding = RULE
                .finding(
                    format!("no connection to the group {} is kept: `{}` comes later", group.name, method.name()),
                    keepalive.head,
                    "this is forgotten",
                )
                .label(method.head, "the method replaces what stands before it")
                .note(format!("nginx {} is predicted; since 1.29.7 the order does not matter", nginx.version.version))
                .help(format!("move `{}` before `keepalive`", method.name()));
            findings.push(finding);
        }
    }
}
