//! A reload of PHP-FPM ends the requests that run.

use super::KILLED;
use crate::deployment::{Deployment, Machine, Master};
use crate::finding::{Finding, Severity};
use crate::host::reloads::is_reload;
use crate::host::units::Unit;
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};

pub(super) static RULE: Rule =
    rule!(timeout / "reload-kills-requests", Warning, "a reload of PHP-FPM ends the requests that run");

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        let served: std::collections::BTreeSet<usize> = machine.callers.keys().map(|id| id.master).collect();
        for master in served.into_iter().map(|master| &machine.masters[master]).filter(|master| !master.is_stopped()) {
            findings.findings.extend(of_master(machine, master, sources));
        }
    }
}

fn of_master(machine: &Machine, master: &Master, sources: &Sources) -> Option<Finding> {
    let wait = master.control_timeout()?;
    let place = wait.origin.span().or_else(|| start(master, sources))?;
    if wait.value == 0 {
        let evidence = reloaded_by(machine, master);
        let finding = RULE
            .finding(
                "a reload of PHP-FPM ends the requests that run",
                place,
                match wait.is_written() {
                    true => "FPM gives running requests no time",
                    false => "no `process_control_timeout` in `[global]`: FPM gives running requests no time",
                },
            )
            .help("set `process_control_timeout = 30s` in `[global]`: longer than most requests take");
        return Some(match evidence {
            Some(unit) => finding.note(format!("{unit} reloads it")).predict(502, KILLED.to_owned()),
            None => finding.severity(Severity::Advice),
        });
    }
    let stop = machine.facts.units.get(&master.layout.unit)?.get("Service.TimeoutStopSec")?;
    let seconds: u64 = stop.trim_end_matches("sec").trim_end_matches('s').trim().parse().ok()?;
    (seconds < wait.value).then(|| {
        RULE.finding(
            format!("systemd kills PHP-FPM after {seconds}s; FPM gives requests {}s", wait.value),
            place,
            format!("FPM gives running requests {}s", wait.value),
        )
        .note(format!("`TimeoutStopSec={stop}` in {}", master.layout.unit))
        .help(format!("set `TimeoutStopSec={}` in the unit, then `systemctl daemon-reload`", wait.value + 5))
        .predict(502, KILLED.to_owned())
    })
}

/// What reloads the master now and then: a line of a script, or a unit.
fn reloaded_by(machine: &Machine, master: &Master) -> Option<String> {
    if let Some(reload) = machine.facts.reloads.first() {
        return Some(format!("{}:{} (`{}`)", reload.path.display(), reload.line, reload.text));
    }
    let own = master.layout.unit.as_str();
    let keys = ["Service.ExecStart", "Service.ExecStartPost", "Service.ExecReload"];
    let reloads = |unit: &Unit| {
        let mut commands = keys.iter().filter_map(|key| unit.settings.get(*key)).flatten();
        commands.any(|command| is_reload(command))
    };
    let mut others = machine.facts.units.iter().filter(|(name, unit)| *name != own && reloads(unit));
    others.next().map(|(name, _)| name.to_owned())
}

/// The start of the main file, or of the first pool where that is not in view.
fn start(master: &Master, sources: &Sources) -> Option<Span> {
    match master.configuration.has_main {
        true => master.configuration.files.first().map(|file| sources.get(*file).line_span(*file, 1)),
        false => master.pools.first().map(|pool| pool.header),
    }
}
