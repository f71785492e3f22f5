//! A socket path in nginx that does not begin at the root directory.

use super::{connect_log, label_hand_over, server_name};
use crate::deployment::{Deployment, Reach};
use crate::finding::Severity;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;
use crate::values::address::Address;
use crate::values::placeholder::is_placeholder;

pub(super) static RULE: Rule =
    rule!(connection / "socket-path-relative", Error, "the path of a socket does not begin with a slash");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for dial in &machine.dials {
            let Address::Unix(path) = &dial.address else { continue };
            let (nginx, hand_over) = machine.hand_over(dial);
            if path.starts_with('/')
                || is_placeholder(path.split('/').next().unwrap_or_default())
                || hand_over.peers(nginx)[dial.peer].down
            {
                continue;
            }
            // Started from `/`, as systemd does, nginx takes the path from there.
            let by_chance = !matches!(dial.reach, Reach::Nobody);
            let finding = RULE
                .finding(
                    format!("unix:{path} is relative to the directory that nginx was started in"),
                    dial.span,
                    "no `/` at the start",
                )
                .help(format!("write unix:/{path}"));
            let finding = label_hand_over(finding, dial, hand_over).predict(502, connect_log(&dial.address));
            let severity = if by_chance { Severity::Warning } else { super::severity_of_failure(machine, dial) };
            findings.push_for(server_name(nginx, hand_over), finding.severity(severity));
        }
    }
}
