//! The only pool that listens at a dialled address belongs to a master that does not run.

use super::{connect_log, label_hand_over, listens_here, predict_failure, server_name, severity_of_failure};
use crate::deployment::{Deployment, Dial, Machine, PoolId, Reach, State};
use crate::finding::{Finding, Severity};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(
    connection / "listener-not-running",
    Error,
    "the pool that nginx dials belongs to a PHP-FPM that does not run"
);

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for dial in &machine.dials {
            let Reach::Pools(pools) = &dial.reach else { continue };
            let stopped =
                |id: &PoolId| matches!(machine.masters[id.master].state, State::Absent(_) | State::Disabled(_));
            let (nginx, hand_over) = machine.hand_over(dial);
            if let (true, Some(id)) = (pools.iter().all(stopped), pools.first()) {
                if !hand_over.peers(nginx)[dial.peer].down {
                    findings.push_for(server_name(nginx, hand_over), finding(machine, dial, *id));
                }
            }
        }
    }
}

fn finding(machine: &Machine, dial: &Dial, id: PoolId) -> Finding {
    let (_, hand_over) = machine.hand_over(dial);
    let master = &machine.masters[id.master];
    let pool = machine.pool(id);
    let main = master.configuration.main.display();
    let (message, why, severity) = match &master.state {
        State::Absent(why) => {
            let message = format!("nginx dials pool {}, and the PHP-FPM of {main} is not installed", pool.name);
            (message, why, severity_of_failure(machine, dial))
        }
        State::Disabled(why) => {
            let message = format!("nginx dials pool {}, and nothing starts the PHP-FPM of {main} at boot", pool.name);
            (message, why, Severity::Warning)
        }
        State::Started | State::Unknown => return RULE.finding("", dial.span, ""),
    };
    let mut finding = label_hand_over(RULE.finding(message, dial.span, "nginx dials here"), dial, hand_over);
    if let Some(listener) = &pool.listener {
        finding = finding.label(listener.span, listens_here(machine, id, pool));
    }
    let running = machine.pools().find(|(other, _)| machine.masters[other.master].state == State::Started);
    let instead = running.map(|(other, _)| super::listener_missing::dialled_as(machine, other));
    let unit = &master.layout.unit;
    finding = finding.note(why.clone()).help(match instead {
        Some(address) => format!("let nginx dial {address}, or install and enable {unit}"),
        None => format!("install and enable {unit}"),
    });
    match master.state {
        State::Disabled(_) => finding.severity(severity).predict(502, connect_log(&dial.address)),
        _ => predict_failure(finding, severity, connect_log(&dial.address)),
    }
}
