//! A socket path in nginx that does not begin at the root directory.

use super::{Failure, connect_log, host_of, label_hand_over};
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
            if path.starts_with('/') || is_placeholder(path.split('/').next().unwrap_or_default()) {
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
            let finding = label_hand_over(finding, machine, dial);
            let finding = match by_chance {
                true => finding.note("it works as long as nginx is started in /").severity(Severity::Warning),
                false => Failure::of(machine, dial).predict(finding, connect_log(&dial.address)),
            };
            findings.push_for(host_of(machine, dial), finding);
        }
    }
}
