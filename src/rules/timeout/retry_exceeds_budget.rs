//! A slow request is repeated on one peer after the other.

use crate::deployment::limits::{Timer, shown_time};
use crate::deployment::{Deployment, HandOver, Nginx, Target};
use crate::finding::{Finding, Severity};
use crate::nginx::literals;
use crate::rules::connection::{retries_are_off, server_name};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(
    timeout / "retry-exceeds-budget",
    Warning,
    "nginx repeats a slow request on every peer, or one that must not be repeated"
);

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for nginx in deployment.machines.iter().flat_map(|machine| &machine.nginx) {
        for hand_over in nginx.hand_overs.iter().filter(|hand_over| !retries_are_off(nginx, hand_over)) {
            if let Some(finding) = repeated(nginx, hand_over, deployment.thresholds.retry_budget) {
                findings.push_for(server_name(nginx, hand_over), finding);
            }
        }
    }
}

fn repeated(nginx: &Nginx, hand_over: &HandOver, budget: u64) -> Option<Finding> {
    let (Target::Upstream(group), prefix) = (&hand_over.target, hand_over.protocol.prefix()) else { return None };
    let group = &nginx.upstreams[*group];
    let peers = group.peers.iter().filter(|peer| !peer.down).count() as u64;
    let of_level = |name: &str| nginx.config.effective(hand_over.level, &format!("{prefix}_{name}"));
    let classes = of_level("next_upstream");
    let has = |class: &str| classes.is_some_and(|found| found.args.iter().any(|word| word.text == class));
    let on_timeout = classes.is_none() || has("timeout");
    let tries = of_level("next_upstream_tries").and_then(|found| literals::number(found.arg(0)?)).unwrap_or(0);
    let tries = if tries == 0 { peers } else { tries.min(peers) };
    let limit = of_level("next_upstream_timeout").and_then(|found| literals::milliseconds(found.arg(0)?)).unwrap_or(0);
    if peers < 2 || tries < 2 || !on_timeout {
        return None;
    }
    let waits = hand_over.waits(Timer::Read)?;
    let (each, name) = (shown_time(waits.value), hand_over.timer_name(Timer::Read));
    if let Some(classes) = classes.filter(|_| has("non_idempotent")) {
        let finding = RULE
            .finding(
                "nginx sends a POST again when a peer is slow",
                classes.head,
                "`non_idempotent` repeats orders and payments too",
            )
            .label(hand_over.span, format!("a request that takes longer than {each} runs on up to {tries} peers"))
            .help(format!("remove `non_idempotent`, or `timeout`, from `{prefix}_next_upstream`"));
        return Some(finding);
    }
    let all = waits.value.saturating_mul(tries);
    // Between tries nginx looks at its budget; a try that has begun goes on.
    if limit != 0 && limit <= waits.value || all <= budget {
        return None;
    }
    let place = waits.origin.span().unwrap_or(hand_over.span);
    let finding = RULE
        .finding(
            format!("one slow request may run on {tries} peers of `{}`, {each} on each", group.name),
            place,
            format!("nginx waits {each} for one peer, then asks the next"),
        )
        .label(group.span, format!("{peers} peers"))
        .note(format!("the client waits up to {}, and each peer that was slow counts as failed", shown_time(all)))
        .help(format!(
            "set `{prefix}_next_upstream error` if slow requests should not be repeated, or `{prefix}_next_upstream_timeout {each}`; `{name}` stays"
        ));
    let severity = if waits.is_written() { Severity::Warning } else { Severity::Advice };
    Some(finding.severity(severity))
}
