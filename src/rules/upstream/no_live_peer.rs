//! No server of a group may be asked, or only the spare ones.

use super::{to_groups, to_groups_by_variable};
use crate::deployment::{Deployment, Upstream};
use crate::finding::{Finding, Severity};
use crate::rules::connection::{Failure, label_variable, server_name};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(upstream / "no-live-peer", Error, "every server of a group is marked down, or all but the spare ones");

/// How many servers of a group a finding points at.
const NAMED: usize = 4;

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    let all = deployment.machines.iter().flat_map(|machine| machine.nginx.iter().map(move |nginx| (machine, nginx)));
    for (machine, nginx) in all {
        let named = to_groups(nginx).map(|(hand_over, group)| (hand_over, group, None));
        let chosen = to_groups_by_variable(nginx).map(|(hand_over, group, peer)| (hand_over, group, Some(peer)));
        for (hand_over, group, peer) in named.chain(chosen).filter(|(hand_over, ..)| !hand_over.is_idle) {
            let Some((finding, is_shut)) = without_peers(group) else { continue };
            let finding = match peer {
                Some(peer) => label_variable(finding, hand_over, peer),
                None => finding.label(hand_over.span, "requests are handed over here"),
            };
            let finding = match is_shut {
                true => Failure::of_hand_over(machine, nginx, hand_over, 502)
                    .predict(finding, "no live upstreams while connecting to upstream".to_owned()),
                false => finding.severity(Severity::Warning),
            };
            findings.push_for(server_name(nginx, hand_over), finding);
        }
    }
}

/// What is to be said of a group whose servers are all down but for spare ones, and whether none of those is left.
fn without_peers(group: &Upstream) -> Option<(Finding, bool)> {
    let mut regular = group.peers.iter().filter(|peer| !peer.backup).peekable();
    if regular.peek().is_none() || regular.any(|peer| !peer.down) {
        return None;
    }
    let spare = group.peers.iter().find(|peer| peer.backup && !peer.down);
    let mut down = group.peers.iter().filter(|peer| peer.down);
    let first = down.next()?;
    let message = match spare {
        None => format!("no server of the group {} may be asked", group.name),
        Some(_) => format!("only a spare server of the group {} is left", group.name),
    };
    let mut finding = RULE.finding(message, first.span, "marked `down`");
    for peer in down.take(NAMED - 1) {
        finding = finding.label(peer.span, "marked `down`");
    }
    if let Some(spare) = spare {
        finding = finding.label(spare.span, "all requests go here; when it fails, nothing is left");
    }
    let finding = finding.help("remove `down` from a server that runs, then reload nginx");
    Some((finding, spare.is_none()))
}
