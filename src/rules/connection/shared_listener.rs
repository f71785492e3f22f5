//! Two pools of one master end up with one socket, and requests go to either.

use super::duplicate_listener::Place;
use crate::deployment::Deployment;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;
use crate::values::address::{Endpoint, MAX_SOCKET_PATH};

pub(super) static RULE: Rule =
    rule!(connection / "shared-listener", Error, "two pools share one socket, and requests go to either of them");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (first, second) in super::duplicate_listener::pairs(machine) {
            if !shares(first, second) {
                continue;
            }
            let [one, two] = [first, second].map(|place| place.socket.owner(machine.pool(place.id)));
            let (a, b) = (first.socket, second.socket);
            let message = match b.is_status {
                false => {
                    let [one, two] = [first, second].map(|place| &machine.pool(place.id).name);
                    format!("pools {one} and {two} share one socket: a request for one may be served by the other")
                }
                true => format!("{one} and {two} share one socket: a request for one may be served by the other"),
            };
            let finding = RULE
                .finding(message, b.span, format!("{two} listens on {}", b.written))
                .label(a.span, format!("{one} listens on {}, which is the same address", a.written))
                .help(format!("give one of the two another `{}`, and let nginx dial it", b.key()))
                .predict(200, None);
            findings.push(finding);
        }
    }
}

/// Whether two pools of one master have the same TCP address in different spellings, or socket paths
/// that differ only where FPM cuts them. FPM compares the texts, finds them different, and gives both
/// pools the socket that it opened first.
pub(super) fn shares(first: Place<'_>, second: Place<'_>) -> bool {
    let (a, b) = (first.socket, second.socket);
    let same = matches!(
        (a.bound.endpoints().first(), b.bound.endpoints().first()),
        (Some(here @ Endpoint::Tcp(_)), Some(there)) if here == there
    );
    let cut = |text: &str| text.as_bytes().get(..MAX_SOCKET_PATH).map(<[u8]>::to_vec);
    let is_cut = cut(a.written).is_some_and(|start| cut(b.written) == Some(start));
    first.id.master == second.id.master && (same || is_cut) && a.written != b.written
}
