//! A buffer for the answer's header that holds nothing.

use crate::deployment::Deployment;
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(buffer / "buffer-zero", Error, "a buffer of 0 bytes holds no answer", supersedes["header-buffer-small"]);

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for nginx in deployment.machines.iter().flat_map(|machine| &machine.nginx) {
        for hand_over in &nginx.hand_overs {
            let prefix = hand_over.protocol.prefix();
            let Some(header) = hand_over.limits.header.filter(|header| header.value == 0) else { continue };
            let Some(span) = header.origin.span() else { continue };
            let finding = RULE
                .finding(format!("`{prefix}_buffer_size 0` holds no answer"), span, "no header fits into it")
                .label(hand_over.span, "requests are handed over here")
                .help("remove the line, which gives one page of memory, or write a size: 16k")
                .predict(
                    502,
                    "upstream prematurely closed connection while reading response header from upstream".to_owned(),
                );
            findings.push_for(server_name(nginx, hand_over), finding);
        }
    }
}
