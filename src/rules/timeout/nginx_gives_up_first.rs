//! nginx stops waiting for an answer while the pool lets the script go on.

use super::{chain, label_cpu, read_label};
use crate::deployment::Deployment;
use crate::deployment::limits::{Chain, STOCK_CPU, Timer, shown_time};
use crate::finding::{Finding, Severity};
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(
    timeout / "nginx-gives-up-first",
    Warning,
    "nginx stops waiting before PHP-FPM or PHP ends the request",
    supersedes["timeout-shadowed"]
);

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for link in deployment.machines.iter().flat_map(|machine| machine.chains()) {
        // A timer of 0, or one in milliseconds, is another mistake.
        if link.read.value < deployment.thresholds.shortest_wait {
            continue;
        }
        let severity = match link.run.terminate.value {
            0 => by_php(&link),
            seconds if link.read.value < seconds * 1000 => Some(Severity::Warning),
            _ if link.read.value < link.run.struck_by => Some(Severity::Advice),
            _ => None,
        };
        if let Some(severity) = severity {
            findings.push_for(server_name(link.nginx, link.hand_over), finding(&link, sources).severity(severity));
        }
    }
}

/// Without a limit of FPM, PHP's own counts, if either side was chosen by somebody.
fn by_php(link: &Chain) -> Option<Severity> {
    let chosen = link.run.cpu_is_chosen() || link.run.cpu.is_written() && link.read.is_written();
    let longer = link.run.cpu.value * 1000 > link.read.value;
    (chosen && longer && link.run.stopped_by.is_none()).then_some(Severity::Warning)
}

fn finding(link: &Chain, sources: &Sources) -> Finding {
    let (pool, run) = (&link.pool().name, &link.run);
    let wait = shown_time(link.read.value);
    let place = link.read.origin.span().unwrap_or(link.hand_over.span);
    let needed = |most: u64| shown_time(most.div_ceil(1000) * 1000 + 1000);
    let name = link.hand_over.timer_name(Timer::Read);
    let (message, help) = match run.terminate.value {
        0 => (
            format!("nginx waits {wait}; PHP may count {}s in pool {pool}", run.cpu.value),
            format!("`{name} {}s`, or a `max_execution_time` below {wait}", run.cpu.value + STOCK_CPU),
        ),
        seconds => (
            format!("nginx waits {wait}; pool {pool} lets a request run {seconds}s"),
            format!(
                "if {wait} is meant: `request_terminate_timeout = {}s`, as FPM strikes up to a third later; if {seconds}s is needed: `{name} {}`",
                (link.read.value * 3 / 4000).saturating_sub(1).max(1),
                needed(run.struck_by)
            ),
        ),
    };
    let finding = RULE.finding(message, place, read_label(link));
    let finding = match run.terminate.value {
        0 => label_cpu(finding, link),
        seconds => {
            let end = format!("FPM ends it between {seconds}s and {}", run.latest());
            finding.label(run.terminate.origin.span().unwrap_or(link.pool().header), end)
        }
    };
    finding
        .note(format!("chain: {}", chain(link, sources)))
        .note(format!("the client gets 504 after {wait}, and the script runs on and keeps its worker"))
        .help(help)
        .predict(504, Timer::Read.log().to_owned())
}
