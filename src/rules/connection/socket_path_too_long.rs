//! The path of a unix socket is longer than the kernel takes.

use super::server_name;
use crate::deployment::{Deployment, Target};
use crate::finding::{Program, Severity};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;
use crate::values::address::{AddressError, Listen, MAX_SOCKET_PATH};

pub(super) static RULE: Rule =
    rule!(connection / "socket-path-too-long", Error, "the path of a socket is longer than 107 bytes");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for nginx in &machine.nginx {
            for hand_over in &nginx.hand_overs {
                let direct = matches!(hand_over.target, Target::Direct(_));
                for peer in hand_over.peers(nginx).iter().filter(|peer| peer.address == Err(AddressError::LongPath)) {
                    let length = peer.written.len() - "unix:".len();
                    let finding = RULE
                        .finding(message(length), peer.span, format!("{length} bytes"))
                        .help("choose a shorter path, here and in the pool");
                    let refusal = AddressError::LongPath.nginx_message(&peer.written);
                    let finding = match direct && hand_over.has_variables() {
                        true => finding.predict(500, refusal),
                        false => finding.refused_by(Program::Nginx, refusal),
                    };
                    findings.push_for(server_name(nginx, hand_over), finding);
                }
            }
        }
        for (id, pool) in machine.pools() {
            let Some(listen) = pool.settings.get("listen").and_then(|listen| Some((listen, listen.text.as_deref()?)))
            else {
                continue;
            };
            let Listen::Unix(path) = Listen::parse(listen.1, &machine.masters[id.master].prefix) else { continue };
            let length = path.as_os_str().len();
            if length > MAX_SOCKET_PATH {
                let finding = RULE
                    .finding(
                        message(length),
                        listen.0.value_span,
                        format!("{length} bytes; FPM cuts the rest off without a word"),
                    )
                    .note("the socket gets the shortened name, and nginx refuses to dial the long one")
                    .help("choose a shorter path, here and in nginx")
                    .severity(Severity::Warning);
                findings.push(finding);
            }
        }
    }
}

fn message(length: usize) -> String {
    format!("the path of this socket has {length} bytes; the kernel takes {MAX_SOCKET_PATH}")
}
