//! The only pool that listens at a dialled address belongs to a master that does not run.

use super::{Failure, connect_log, host_of, label_hand_over, listens_here};
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
            if let (true, Some(id)) = (pools.iter().all(stopped), pools.first()) {
                if let Some(finding) = finding(machine, dial, *id) {
                    findings.push_for(host_of(machine, dial), finding);
                }
            }
        }
    }
}

fn finding(machine: &Machine, dial: &Dial, id: PoolId) -> Option<Finding> {
    let master = &machine.masters[id.master];
    let (pool, unit) = (machine.pool(id), &master.layout.unit);
    let fpm = match master.layout.version.as_str() {
        "" => "PHP-FPM".to_owned(),
        version => format!("PHP-FPM {version}"),
    };
    let (message, why, repair) = match &master.state {
        State::Absent(why) => ("is not installed", why, format!("install and enable {unit}")),
        State::Disabled(why) => ("is not started at boot", why, format!("`systemctl enable --now {unit}`")),
        State::Started | State::Unknown => return None,
    };
    let message = format!("nginx dials pool {} of {fpm}, which {message}", pool.name);
    let mut finding = label_hand_over(RULE.finding(message, dial.span, "nginx dials here"), machine, dial);
    if let Some(listener) = &pool.listener {
        finding = finding.label(listener.span, listens_here(machine, id, pool));
    }
    let others = machine.pools().filter(|(other, _)| !machine.masters[other.master].is_stopped());
    let instead = others.map(|(other, _)| super::listener_missing::dialled_as(machine, other)).next();
    finding = finding.note(why.clone()).help(match instead {
        Some(address) => format!("let nginx dial {address}, or {repair}"),
        None => repair,
    });
    let log = connect_log(&dial.address);
    Some(match master.state {
        State::Disabled(_) => finding.severity(Severity::Warning).predict(502, log),
        _ => Failure::of(machine, dial).predict(finding, log),
    })
}
