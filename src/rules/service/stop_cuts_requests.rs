//! The unit ends PHP-FPM before its requests have had the time that is set for them.

use crate::deployment::Deployment;
use crate::finding::Severity;
use crate::php::readers;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(service / "stop-cuts-requests", Warning, "the unit ends PHP-FPM before its requests have ended");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for master in machine.masters.iter().filter(|master| !master.is_stopped()) {
            let Some(assigned) = master.configuration.global("process_control_timeout") else { continue };
            let seconds = assigned.text.as_deref().and_then(|text| readers::time(text).value());
            let Some(seconds) = seconds.filter(|seconds| *seconds > 0) else { continue };
            let name = &master.layout.unit;
            let unit = machine.facts.units.get(name).filter(|unit| unit.get("Service.ExecStart").is_some());
            let Some(unit) = unit else { continue };
            let graceful = unit.get("Service.KillSignal").is_some_and(|signal| signal.ends_with("QUIT"))
                || unit.get("Service.ExecStop").is_some_and(|command| command.contains("QUIT"));
            let stop = unit.get("Service.TimeoutStopSec").or(unit.get("Service.TimeoutSec"));
            let stop = stop.and_then(span_of_time);
            let finding = match (graceful, stop) {
                (true, Some(stop)) if stop < f64::from(seconds) => RULE
                    .finding(
                        format!("{name} gives PHP-FPM {stop} s to end, its requests have {seconds} s"),
                        assigned.value_span,
                        "requests that run may end within this time",
                    )
                    .note(format!("after TimeoutStopSec={stop}s systemd kills what is left: 502 for its requests"))
                    .help(format!("set `TimeoutStopSec={}` in a drop-in of {name}", seconds + 5)),
                (false, _) => RULE
                    .finding(
                        format!("a stop or restart of {name} ends running requests at once, whatever time they have"),
                        assigned.value_span,
                        "this time counts at a reload only",
                    )
                    .note("systemd sends SIGTERM, at which PHP-FPM does not wait")
                    .help(format!(
                        "`systemctl edit {name}`: `[Service]` with `KillSignal=SIGQUIT` and `KillMode=mixed`"
                    ))
                    .severity(Severity::Advice),
                _ => continue,
            };
            findings.push(finding);
        }
    }
}

/// Seconds of a span of time as systemd writes it: `90`, `1min 30s`; `None` for `infinity` and what is not known.
fn span_of_time(text: &str) -> Option<f64> {
    let mut total = 0.0;
    for word in text.split_whitespace() {
        let digits = word.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(word.len());
        let factor = match &word[digits..] {
            "" | "s" | "sec" => 1.0,
            "ms" => 0.001,
            "m" | "min" => 60.0,
            "h" | "hr" => 3600.0,
            _ => return None,
        };
        total += word[..digits].parse::<f64>().ok()? * factor;
    }
    Some(total)
}
