//! A host name that nginx looks up once, when it starts.

use super::server_name;
use crate::deployment::{Deployment, Nginx};
use crate::finding::Severity;
use crate::nginx::levels::LevelId;
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};
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
                let unused = unused_resolver(nginx, hand_over.level);
                let finding = RULE
                    .finding(
                        format!("nginx looks up {host} at the start and keeps the address until a reload"),
                        peer.span,
                        "resolved once",
                    )
                    .help(
                        "reload nginx when the address changes, or use `server … resolve` with `zone` and `resolver` (nginx 1.27.3 and later)",
                    );
                let finding = match unused {
                    Some(resolver) => finding
                        .label(resolver, "this resolver is asked for names in variables alone, and no pass has one")
                        .help(format!(
                            "let nginx ask it: `set $peer {}; {} $peer;`",
                            peer.written,
                            hand_over.directive.name()
                        ))
                        .severity(Severity::Warning),
                    None => finding,
                };
                findings.push_for(server_name(nginx, hand_over), finding);
            }
        }
    }
}

/// Docker's own resolver, where it is in force and nothing can be looked up by it.
fn unused_resolver(nginx: &Nginx, level: LevelId) -> Option<Span> {
    let resolver = nginx.config.effective(level, "resolver")?;
    let is_of_docker = resolver.args.first()?.text.split(':').next() == Some("127.0.0.11");
    let has_variable = nginx.hand_overs.iter().any(|hand_over| hand_over.has_variables());
    let resolves = nginx.hand_overs.iter().flat_map(|hand_over| hand_over.peers(nginx)).any(|peer| peer.resolve);
    (is_of_docker && !has_variable && !resolves).then(|| resolver.span())
}
