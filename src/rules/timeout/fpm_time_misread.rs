//! A time that PHP-FPM reads as another one, or that switches the limits of all pools off.

use crate::deployment::{Deployment, Master};
use crate::finding::Severity;
use crate::php::load::Assigned;
use crate::php::readers::{self, Difference};
use crate::php::settings::{self, Kind};
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};

pub(super) static RULE: Rule =
    rule!(timeout / "fpm-time-misread", Warning, "PHP-FPM reads another time than is written");

/// The limits that one clock watches for all pools.
const WATCHED: [&str; 2] = ["request_terminate_timeout", "request_slowlog_timeout"];

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for master in deployment.machines.iter().flat_map(|machine| &machine.masters).filter(|master| !master.is_absent()) {
        let pools = master.pools.iter().flat_map(|pool| &pool.settings.assigned);
        for assigned in master.configuration.global.iter().chain(pools) {
            misread(assigned, findings);
        }
        stopped(master, findings);
    }
}

fn misread(assigned: &Assigned, findings: &mut Findings) {
    let Some(row) = settings::find(&assigned.key, assigned.index.is_some()).filter(|row| row.kind == Kind::Time) else {
        return;
    };
    let Some(text) = assigned.text.as_deref() else { return };
    let reading = readers::time(text);
    let (Some(seconds), Some(difference)) = (reading.value(), reading.difference()) else { return };
    let meaning = match (seconds, row.name) {
        (0, "pm.process_idle_timeout") => ", which it refuses".to_owned(),
        (0, _) => ", which is off".to_owned(),
        _ => String::new(),
    };
    let why = match difference {
        Difference::Ignored => "only the number at the start and the last letter count",
        Difference::NoNumber => "no number stands at the start",
        _ => "the number is too big",
    };
    let finding = RULE
        .finding(format!("PHP-FPM reads `{} = {text}` as {seconds} s{meaning}", row.name), assigned.span, why)
        .help("write one whole number with one unit: 90s, 5m, 1h or 1d");
    findings.push(finding);
}

/// A time in milliseconds as PHP-FPM's clock has it, when that is negative: then it never looks again.
fn stops_the_clock(assigned: &Assigned) -> Option<i32> {
    let seconds = assigned.seconds()?;
    (seconds.wrapping_mul(1000) < 0).then_some(seconds)
}

fn stopped(master: &Master, findings: &mut Findings) {
    let limits = |key| master.pools.iter().filter_map(move |pool| Some((pool, pool.settings.get(key)?)));
    let lost: Vec<Span> = WATCHED
        .into_iter()
        .flat_map(limits)
        .filter(|(_, at)| stops_the_clock(at).is_none() && at.seconds().is_some_and(|seconds| seconds > 0))
        .map(|(_, at)| at.span)
        .collect();
    for (pool, at) in WATCHED.into_iter().flat_map(limits) {
        let Some(seconds) = stops_the_clock(at) else { continue };
        let key = &at.key;
        let why = if seconds < 0 { "a negative time" } else { "more than 24 days" };
        let mut finding = RULE
            .finding(
                format!("`{key}` of pool {} switches off the time limits of every pool", pool.name),
                at.span,
                format!("{why} stops the clock that all pools share"),
            )
            .help("write 0 for no limit in this pool, or a time of at most 24 days");
        for span in lost.iter().take(3) {
            finding = finding.label(*span, "this limit never strikes");
        }
        // Where no other pool has a limit, nothing is lost.
        findings.push(finding.severity(if lost.is_empty() { Severity::Advice } else { Severity::Warning }));
    }
}
