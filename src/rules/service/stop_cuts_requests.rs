//! A stop or restart ends requests at once, whatever time is set for them.

use crate::deployment::Deployment;
use crate::php::readers;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(service / "stop-cuts-requests", Advice, "a stop of the unit ends the requests that run");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for master in machine.masters.iter().filter(|master| !master.is_stopped()) {
            let Some(assigned) = master.configuration.global("process_control_timeout") else { continue };
            let seconds = assigned.text.as_deref().and_then(|text| readers::time(text).value());
            if seconds.is_none_or(|seconds| seconds <= 0) {
                continue;
            }
            let name = &master.layout.unit;
            let unit = machine.facts.units.get(name).filter(|unit| unit.get("Service.ExecStart").is_some());
            let Some(unit) = unit else { continue };
            let graceful = unit.get("Service.KillSignal").is_some_and(|signal| signal.ends_with("QUIT"))
                || unit.get("Service.ExecStop").is_some_and(|command| command.contains("QUIT"));
            // Where even that ends before the requests, `reload-kills-requests` says so.
            if graceful || unit.get("Service.TimeoutStopSec").is_some() {
                continue;
            }
            let finding = RULE
                .finding(
                    format!("a stop or restart of {name} ends running requests at once, whatever time they have"),
                    assigned.value_span,
                    "this time counts at a reload only",
                )
                .note("systemd sends SIGTERM, at which PHP-FPM does not wait")
                .help(format!(
                    "run `systemctl edit {name}`: `[Service]` with `KillSignal=SIGQUIT` and `KillMode=mixed`"
                ));
            findings.push(finding);
        }
    }
}
