//! A timeout whose unit is evidently a slip: milliseconds for seconds, or the reverse.

use crate::deployment::limits::{Timer, shown_time};
use crate::deployment::{Deployment, Nginx};
use crate::finding::Finding;
use crate::nginx::ast::Directive;
use crate::nginx::levels::LevelId;
use crate::nginx::literals;
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(
    timeout / "timeout-unit-suspect",
    Warning,
    "a timeout is a thousand times shorter or longer than was evidently meant",
    supersedes ["nginx-gives-up-first", "timeout-shadowed", "connect-timeout-too-long"]
);

/// Timers towards the client.
const OF_CLIENT: [&str; 4] = ["client_header_timeout", "client_body_timeout", "send_timeout", "keepalive_timeout"];

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    let shortest = deployment.thresholds.shortest_wait;
    for nginx in deployment.machines.iter().flat_map(|machine| &machine.nginx) {
        for hand_over in &nginx.hand_overs {
            for timer in Timer::ALL {
                // A connection may well be made within milliseconds.
                let shortest = if timer == Timer::Connect { 0 } else { shortest };
                let found = suspect(nginx, hand_over.level, hand_over.timer_name(timer), shortest);
                let Some((finding, is_short)) = found else { continue };
                let finding = finding.label(hand_over.span, "requests are handed over here");
                let finding = if is_short { finding.predict(504, timer.log().to_owned()) } else { finding };
                findings.push_for(server_name(nginx, hand_over), finding);
            }
        }
        for server in &nginx.servers {
            for name in OF_CLIENT {
                if let Some((finding, _)) = suspect(nginx, server.level, name, shortest) {
                    findings.push_for(server.shown_name(), finding);
                }
            }
        }
    }
}

/// What is to be said of a timeout in force at a level, and whether it is too short.
fn suspect(nginx: &Nginx, level: LevelId, name: &str, shortest: u64) -> Option<(Finding, bool)> {
    let directive = nginx.config.effective(level, name)?;
    let wait = literals::milliseconds(directive.arg(0)?).filter(|wait| *wait > 0)?;
    in_milliseconds(directive, wait, shortest)
        .map(|finding| (finding, true))
        .or_else(|| as_milliseconds(directive, wait).map(|finding| (finding, false)))
}

/// `300ms` where 300 s make sense.
fn in_milliseconds(directive: &Directive, wait: u64, shortest: u64) -> Option<Finding> {
    let (name, written) = (directive.name(), directive.arg(0)?);
    let number: u64 = written.strip_suffix("ms")?.parse().ok()?;
    (wait < shortest).then(|| {
        RULE.finding(
            format!("`{name} {written}` gives up after {number} milliseconds"),
            directive.head,
            "less than a second",
        )
        .help(format!("set `{name} {number}s`, if seconds were meant"))
    })
}

/// `60000` without a unit, which counts seconds, where 60 s make sense.
fn as_milliseconds(directive: &Directive, wait: u64) -> Option<Finding> {
    const USUAL: [u64; 14] = [10, 15, 20, 30, 45, 60, 90, 120, 180, 240, 300, 600, 900, 1800];
    let (name, written) = (directive.name(), directive.arg(0)?);
    let seconds = literals::number(written).filter(|seconds| seconds * 1000 == wait)?;
    let meant = seconds / 1000;
    // Whole hours may be meant as they are.
    let is_suspect = seconds % 1000 == 0 && USUAL.contains(&meant) && seconds % 3600 != 0 && seconds > 3600;
    is_suspect.then(|| {
        RULE.finding(
            format!("`{name} {written}` is {} hours and {} minutes", seconds / 3600, seconds % 3600 / 60),
            directive.head,
            "a number without a unit counts seconds",
        )
        .help(format!("set `{name} {}`, if milliseconds were meant", shown_time(meant * 1000)))
    })
}
