//! A host name that nginx looks up once, when it starts.

use super::server_name;
use crate::deployment::Deployment;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;
use crate::values::address::Address;

pub(super) static RULE: Rule =
    rule!(connection / "stale-name", Advice, "nginx looks this name up once and keeps the address until a reload");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for nginx in deployment.machines.iter().flat_map(|machine| &machine.nginx) {
        for hand_over in &nginx.hand_overs {
            for peer in hand_over.peers(nginx).iter().filter(|peer| !peer.resolve) {
                let Ok(Address::Name(host, _)) = &peer.address else { continue };
                // A group's name with a port is another mistake.
                let is_group = nginx.upstream(host).is_some();
                if is_group || hand_over.has_variables() || host.eq_ignore_ascii_case("localhost") {
                    continue;
                }
                let finding = RULE
                    .finding(
                        format!("nginx looks up {host} at the start and keeps the address until a reload"),
                        peer.span,
                        "resolved once",
                    )
                    .help(
                        "reload nginx when the address changes, or use `server … resolve` with `zone` and `resolver` (nginx 1.27.3 and later)",
                    );
                findings.push_for(server_name(nginx, hand_over), finding);
            }
        }
    }
}
