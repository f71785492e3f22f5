//! A service that ends stays down.

use crate::deployment::{Deployment, Machine};
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};

pub(super) static RULE: Rule = rule!(service / "no-restart", Advice, "nothing starts the service again when it ends");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for master in machine.masters.iter().filter(|master| !master.is_stopped()) {
            let Some(first) = master.pools.first() else { continue };
            findings.findings.extend(of_unit(machine, &master.layout.unit, first.header, "the pools end with it"));
        }
        for nginx in &machine.nginx {
            let Some(first) = nginx.hand_overs.first() else { continue };
            findings.findings.extend(of_unit(machine, "nginx.service", first.span, "no request gets here then"));
        }
    }
}

fn of_unit(machine: &Machine, name: &str, span: Span, label: &str) -> Option<crate::finding::Finding> {
    // Of a unit that is not in view only drop-ins are known.
    let unit = machine.facts.units.get(name).filter(|unit| unit.get("Service.ExecStart").is_some())?;
    if unit.get("Service.Restart").is_some_and(|restart| restart != "no") {
        return None;
    }
    let finding = RULE
        .finding(format!("nothing starts {name} again when it ends"), span, label)
        .note(format!("{name} has no `Restart=`"))
        .help(format!("run `systemctl edit {name}`: `[Service]` with `Restart=on-failure`"));
    Some(finding)
}
