//! No server of a group may be asked, or only the spare ones.

use super::to_groups;
use crate::deployment::Deployment;
use crate::finding::Severity;
use crate::rules::connection::{Failure, server_name};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(upstream / "no-live-peer", Error, "every server of a group is marked down, or all but the spare ones");

/// How many servers of a group a finding points at.
const NAMED: usize = 4;

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    let all = deployment.machines.iter().flat_map(|machine| machine.nginx.iter().map(move |nginx| (machine, nginx)));
    for (machine, nginx) in all {
        for (hand_over, group) in to_groups(nginx) {
            let mut regular = group.peers.iter().filter(|peer| !peer.backup).peekable();
            if regular.peek().is_none() || regular.any(|peer| !peer.down) {
                continue;
            }
            let spare = group.peers.iter().find(|peer| peer.backup && !peer.down);
            let mut down = group.peers.iter().filter(|peer| peer.down);
            let Some(first) = down.next() else { continue };
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
            finding = finding
                .label(hand_over.span, "requests are handed over here")
                .help("remove `down` from a server that runs, then reload nginx");
            finding = match spare {
                None => Failure::answered(machine, nginx, hand_over, 502)
                    .predict(finding, "no live upstreams while connecting to upstream".to_owned()),
                Some(_) => finding.severity(Severity::Warning),
            };
            findings.push_for(server_name(nginx, hand_over), finding);
        }
    }
}
