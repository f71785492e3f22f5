//! A slow client keeps a PHP worker, for nginx may not put a large answer aside.

use crate::deployment::Deployment;
use crate::deployment::limits::shown_size;
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(buffer / "temp-files-disabled", Advice, "slow clients keep PHP workers busy: nginx puts no answer aside");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for nginx in &machine.nginx {
            for hand_over in nginx.hand_overs.iter().filter(|hand_over| hand_over.serves_php) {
                let prefix = hand_over.protocol.prefix();
                let Some(buffers) = hand_over.buffers(nginx) else { continue };
                let Some(span) = buffers.file.origin.span().filter(|_| buffers.file.value == 0) else { continue };
                let room = shown_size(buffers.total());
                let finding = RULE
                    .finding(
                        "a slow client keeps its PHP worker until it has the answer",
                        span,
                        "nothing is put aside on disk",
                    )
                    .label(hand_over.span, "requests are handed over here")
                    .note(format!(
                        "of an answer {room} fit into nginx's buffers; for the rest PHP waits for the client"
                    ))
                    .help(format!(
                        "remove the line, or raise `{prefix}_buffers` to the size of the largest usual answer"
                    ));
                findings.push_for(server_name(nginx, hand_over), finding);
            }
        }
    }
}
