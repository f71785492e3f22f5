//! nginx stops waiting for an answer while the pool lets the script go on.

use super::{chain, label_cpu, read_label};
use crate::deployment::Deployment;
use crate::deployment::chains::Chain;
use crate::deployment::limits::{STOCK_CPU, Timer, shown_time};
use crate::finding::{Finding, Severity};
use crate::php::readers;
use crate::rules::connection::server_name;
use crate::rules::{ByCause, Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(
    timeout / "nginx-gives-up-first",
    Warning,
    "nginx stops waiting before PHP-FPM or PHP ends the request",
    supersedes["timeout-shadowed"]
);

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        let mut told = ByCause::default();
        // A timer of 0, one in milliseconds, and a time that FPM misreads are other mistakes.
        let is_plain = |link: &Chain| link.read.value >= deployment.thresholds.shortest_wait && !is_misread(link);
        for link in machine.chains().filter(is_plain) {
            let server = server_name(link.nginx, link.hand_over);
            if let Some(severity) = severity(&link, deployment.thresholds.brief_wait) {
                let make = |_: &_| Some(finding(&link, sources).severity(severity));
                told.tell(findings, server, (link.read, link.id), make);
            }
            if let Some(finding) = brief_sending(&link, deployment) {
                findings.push_for(server, finding);
            }
        }
    }
}

/// Whether PHP-FPM reads another limit than is written.
fn is_misread(link: &Chain) -> bool {
    let written = link.pool().settings.get("request_terminate_timeout").and_then(|it| it.text.as_deref());
    written.is_some_and(|text| readers::time(text).difference().is_some())
}

/// How much it matters that nginx gives up first, where it does.
fn severity(link: &Chain, brief: u64) -> Option<Severity> {
    match link.run.terminate.value {
        0 => by_php(link, brief),
        seconds if link.read.value < seconds * 1000 => Some(Severity::Warning),
        _ if link.read.value < link.run.struck_by => Some(Severity::Advice),
        _ => None,
    }
}

/// A large body stays in the queue until a worker is free.
fn brief_sending(link: &Chain, deployment: &Deployment) -> Option<Finding> {
    let (shortest, brief) = (deployment.thresholds.shortest_wait, deployment.thresholds.brief_wait);
    let wait = link.hand_over.waits(Timer::Send)?;
    let place = wait.origin.span().filter(|_| (shortest..brief).contains(&wait.value))?;
    let (shown, pool) = (shown_time(wait.value), &link.pool().name);
    let finding = RULE.finding(
        format!("a large body has {shown} to reach a worker of pool {pool}"),
        place,
        format!("nginx waits {shown} for the body to be taken"),
    );
    let workers = link.pool().settings.get("pm.max_children").map(|workers| workers.span);
    Some(
        finding
            .label_at(workers, "while all of these are busy, nobody reads it")
            .help(format!("set `{} 60s`, as by default", link.hand_over.timer_name(Timer::Send)))
            .predict(504, Timer::Send.log().to_owned()),
    )
}

/// Without a limit of FPM, PHP's own counts: a contradiction where somebody raised it, or lets nginx
/// wait for next to nothing.
fn by_php(link: &Chain, brief: u64) -> Option<Severity> {
    let longer = link.run.cpu.value * 1000 > link.read.value && link.run.stopped_by.is_none();
    let contradicts = link.run.cpu_is_chosen() || link.read.value <= brief;
    let severity = if contradicts { Severity::Warning } else { Severity::Advice };
    let somebody = link.run.cpu_is_chosen() || link.run.cpu.is_written() && link.read.is_written();
    (longer && somebody).then_some(severity)
}

fn finding(link: &Chain, sources: &Sources) -> Finding {
    let (pool, run) = (&link.pool().name, &link.run);
    let wait = shown_time(link.read.value);
    let name = link.hand_over.timer_name(Timer::Read);
    let (message, help) = match run.terminate.value {
        0 => (
            format!("nginx waits {wait}; PHP may count {}s in pool {pool}", run.cpu.value),
            format!("set `{name} {}s`, or a `max_execution_time` below {wait}", run.cpu.value + STOCK_CPU),
        ),
        seconds => {
            let raise = format!("`{name} {}s`", round_up(run.struck_by / 1000));
            let help = match lower(link.read.value / 1000) {
                Some(kill) => format!(
                    "if {wait} is meant: `request_terminate_timeout = {kill}s`, as FPM strikes up to a third later; if {seconds}s is needed: {raise}"
                ),
                None => format!("set {raise}"),
            };
            (format!("nginx waits {wait}; pool {pool} lets a request run {seconds}s"), help)
        }
    };
    let finding = RULE.finding(message, link.read_place(), read_label(link));
    let finding = match run.terminate.value {
        0 => label_cpu(finding, link),
        seconds => {
            let end = format!("FPM ends it between {seconds}s and {}", run.latest());
            finding.label(link.terminate_place(), end)
        }
    };
    finding
        .note(format!("chain: {}", chain(link, sources)))
        .note(format!("the client gets 504 after {wait}, and the script runs on and keeps its worker"))
        .help(help)
        .predict(504, Timer::Read.log().to_owned())
}

/// A round number of seconds above one.
fn round_up(seconds: u64) -> u64 {
    let step = if seconds < 120 { 5 } else { 30 };
    (seconds / step + 1) * step
}

/// A round number of seconds with which FPM strikes before nginx gives up, if there is one.
fn lower(wait: u64) -> Option<u64> {
    let most = (wait * 3 / 4).checked_sub(1)?;
    let round = if most < 10 { most } else { most / 5 * 5 };
    (round > 0).then_some(round)
}
