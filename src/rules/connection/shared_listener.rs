//! Two pools of one master end up with one socket, and requests go to either.

use crate::deployment::{Deployment, Machine, PoolId};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;
use crate::values::address::{Endpoint, MAX_SOCKET_PATH};

pub(super) static RULE: Rule =
    rule!(connection / "shared-listener", Error, "two pools share one socket, and requests go to either of them");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (first, second) in super::duplicate_listener::pairs(machine) {
            if !shares(machine, first, second) {
                continue;
            }
            let (one, two) = (machine.pool(first), machine.pool(second));
            let (Some(a), Some(b)) = (&one.listener, &two.listener) else { continue };
            let message = format!(
                "pools {} and {} share one socket: a request for one may be served by the other",
                one.name, two.name
            );
            let finding = RULE
                .finding(message, b.span, format!("pool {} listens on {}", two.name, b.written))
                .label(a.span, format!("pool {} listens on {}, which is the same address", one.name, a.written))
                .help("give one of the two another `listen`, and let nginx dial it")
                .predict(200, None);
            findings.push(finding);
        }
    }
}

/// Whether two pools of one master have the same TCP address in different spellings, or socket paths
/// that differ only where FPM cuts them. FPM compares the texts, finds them different, and gives both
/// pools the socket that it opened first.
pub(super) fn shares(machine: &Machine, first: PoolId, second: PoolId) -> bool {
    let [a, b] = [first, second].map(|id| machine.pool(id).listener.as_ref());
    let (Some(a), Some(b)) = (a, b) else { return false };
    let same = matches!(
        (a.bound.endpoints().first(), b.bound.endpoints().first()),
        (Some(here @ Endpoint::Tcp(_)), Some(there)) if here == there
    );
    let cut = |text: &str| text.as_bytes().get(..MAX_SOCKET_PATH).map(<[u8]>::to_vec);
    let is_cut = cut(&a.written).is_some_and(|start| cut(&b.written) == Some(start));
    first.master == second.master && (same || is_cut) && a.written != b.written
}
