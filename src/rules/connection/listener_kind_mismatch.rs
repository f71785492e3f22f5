//! TCP on one side and a unix socket on the other.

use super::listener_missing::dialled_as;
use super::{Failure, connect_log, host_of, label_hand_over, listens_here};
use crate::deployment::nearest::How;
use crate::deployment::{Deployment, Dial, Machine, PoolId, Protocol, Reach};
use crate::finding::{Edit, Finding, Fix};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;
use crate::values::address::Address;

pub(super) static RULE: Rule = rule!(
    connection / "listener-kind-mismatch",
    Error,
    "nginx dials TCP and the pool listens on a unix socket, or the reverse"
);

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for dial in &machine.dials {
            let (nginx, hand_over) = machine.hand_over(dial);
            let peer = &hand_over.peers(nginx)[dial.peer];
            let is_php = hand_over.protocol == Protocol::Fastcgi && hand_over.serves_php;
            let relative = matches!(&dial.address, Address::Unix(path) if !path.starts_with('/'));
            if dial.reach != Reach::Nobody || !is_php || peer.port_defaulted || relative {
                continue;
            }
            let meant = dial.nearest.filter(|nearest| nearest.how == How::Kind);
            if let (Some(meant), None, None) = (meant, machine.overridden(dial), machine.not_loaded(dial)) {
                findings.push_for(host_of(machine, dial), finding(machine, dial, meant.pool));
            }
        }
    }
}

fn finding(machine: &Machine, dial: &Dial, id: PoolId) -> Finding {
    let (_, hand_over) = machine.hand_over(dial);
    let pool = machine.pool(id);
    let right = dialled_as(machine, id);
    let (nginx_side, pool_side, listen) = match &dial.address {
        Address::Unix(path) => ("a unix socket", "TCP", path.clone()),
        other => ("TCP", "a unix socket", other.to_string()),
    };
    let message = format!("nginx dials {nginx_side}, pool {} listens on {pool_side}", pool.name);
    let mut finding = RULE.finding(message, dial.span, "nginx dials here");
    finding = label_hand_over(finding, machine, dial);
    if let Some(listener) = &pool.listener {
        finding = finding.label(listener.span, listens_here(machine, id, pool));
    }
    finding = finding
        .help(format!("let nginx dial {right}, or set `listen = {listen}` in pool {} and reload PHP-FPM", pool.name));
    if !hand_over.has_variables() {
        let edits = vec![Edit { span: dial.span, text: right.clone() }];
        finding = finding.fix(Fix { title: format!("Dial {right}"), safe: false, edits });
    }
    Failure::of(machine, dial).predict(finding, connect_log(&dial.address))
}
