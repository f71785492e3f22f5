//! A `server` in `upstream` without a port: nginx dials port 80, whatever the protocol.

use super::{connect_log, host_of, label_hand_over};
use crate::deployment::{Deployment, Dial, Machine, Protocol, Reach};
use crate::finding::{Finding, Severity};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(
    connection / "upstream-port-defaulted",
    Error,
    "a server of an upstream has no port, and nginx dials port 80 for PHP"
);

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for dial in &machine.dials {
            let (nginx, hand_over) = machine.hand_over(dial);
            let peer = &hand_over.peers(nginx)[dial.peer];
            let http = matches!(hand_over.protocol, Protocol::Http | Protocol::Grpc);
            if peer.port_defaulted && !http && !matches!(dial.reach, Reach::Pools(_)) {
                findings.push_for(host_of(machine, dial), finding(machine, dial));
            }
        }
    }
}

fn finding(machine: &Machine, dial: &Dial) -> Finding {
    let (nginx, hand_over) = machine.hand_over(dial);
    let written = &hand_over.peers(nginx)[dial.peer].written;
    let spoken = hand_over.protocol.name();
    let message = format!("{written} has no port, so nginx dials port 80 and speaks {spoken} there");
    let mut finding = RULE.finding(message, dial.span, "no port: port 80");
    finding = label_hand_over(finding, machine, dial);
    finding = finding.help(format!("write the port, such as {written}:9000"));
    if !dial.address.is_local() {
        return finding.severity(Severity::Warning);
    }
    let log = match &dial.reach {
        Reach::Other(_) => "upstream sent unsupported FastCGI protocol version: 72".to_owned(),
        _ => connect_log(&dial.address),
    };
    super::Failure::of(machine, dial).predict(finding, log)
}
