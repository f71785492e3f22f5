//! One page that fails, or is slow, is tried on every server of a group and takes each of them out.

use super::to_groups;
use crate::deployment::{Deployment, Nginx, Upstream};
use crate::finding::Severity;
use crate::rules::connection::{retries_are_off, server_name};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(upstream / "retries-disable-peers", Warning, "one page that fails takes every server of a group out");

/// Answers that nginx counts as a failure of the server, where they are to be retried.
const STATUSES: [&str; 5] = ["http_500", "http_502", "http_503", "http_504", "http_429"];

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for nginx in deployment.machines.iter().flat_map(|machine| &machine.nginx) {
        for (hand_over, group) in to_groups(nginx) {
            let peers: Vec<_> = group.peers.iter().filter(|peer| !peer.down && !peer.backup).collect();
            if peers.len() < 2 || !disables(nginx, group) || retries_are_off(nginx, hand_over) {
                continue;
            }
            let name = format!("{}_next_upstream", hand_over.protocol.prefix());
            let written = nginx.config.effective(hand_over.level, &name);
            let by_status = written.and_then(|written| {
                let status = written.args.iter().find(|word| STATUSES.contains(&word.text.as_str()))?;
                Some((written, status))
            });
            let count = peers.len();
            let finding = match by_status {
                Some((written, status)) => {
                    let code = status.text.trim_start_matches("http_");
                    RULE.finding(
                        format!(
                            "one page that answers {code} takes all {count} servers of the group {} out",
                            group.name
                        ),
                        status.span,
                        format!("an answer of {code} counts as a failure of the server, and the next one is asked"),
                    )
                    .label(
                        group.span,
                        "after one failure nginx leaves a server out for 10 s (`max_fails=1`, the default)",
                    )
                    .label(hand_over.span, "requests are handed over here")
                    .help(format!(
                        "remove `{}` from `{}`, or set `max_fails=0` on the servers",
                        status.text,
                        written.name()
                    ))
                    .predict(502, "no live upstreams while connecting to upstream".to_owned())
                }
                // The default retries what takes too long.
                None if written.is_none_or(|written| written.args.iter().any(|word| word.text == "timeout")) => RULE
                    .finding(
                        format!("one page that is too slow takes all {count} servers of the group {} out", group.name),
                        hand_over.span,
                        "a request that times out is given to the next server, and to the next",
                    )
                    .label(
                        group.span,
                        "after one failure nginx leaves a server out for 10 s (`max_fails=1`, the default)",
                    )
                    .help(format!("set `{name} error;`, or `max_fails=0` on the servers"))
                    .severity(Severity::Advice),
                None => continue,
            };
            findings.push_for(server_name(nginx, hand_over), finding);
        }
    }
}

/// Whether one failure is enough to leave each server out: the default, or `max_fails=1`.
fn disables(nginx: &Nginx, group: &Upstream) -> bool {
    nginx.config.own(group.level, "server").all(|server| {
        let limit = server.args.iter().find_map(|word| word.text.strip_prefix("max_fails="));
        matches!(limit, None | Some("1"))
    })
}
