//! The buffers of all connections together do not fit into memory.

use crate::deployment::limits::shown_size;
use crate::deployment::{Deployment, Machine, Nginx};
use crate::finding::Finding;
use crate::nginx::levels::Context;
use crate::nginx::literals;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(buffer / "buffer-memory", Warning, "nginx's buffers may grow beyond the memory of the host");

/// Bytes for one answer about which nobody needs to be asked.
const USUAL: u64 = 1 << 20;

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for nginx in &machine.nginx {
            // Only somebody's own sizes are worth a question.
            let Some((span, each)) = largest(nginx) else { continue };
            match (machine.facts.memory, connections(machine, nginx)) {
                (None, _) if each <= USUAL => {}
                (None, _) => findings.unchecked(&RULE, "memory", "--memory"),
                (_, None) => findings.unchecked(&RULE, "the number of processors", "--facts"),
                (Some(memory), Some(connections)) => {
                    findings.findings.extend(finding(span, each, connections, memory));
                }
            }
        }
    }
}

fn finding(span: crate::source::Span, each: u64, connections: u64, memory: u64) -> Option<Finding> {
    // A request that is handed over has two connections.
    let answers = connections / 2;
    let needed = each.saturating_mul(answers);
    let mib = |bytes: u64| bytes >> 20;
    (needed > memory).then(|| {
        RULE.finding(
            format!("{answers} answers of {} each need {} MiB of {} MiB", shown_size(each), mib(needed), mib(memory)),
            span,
            format!("up to {} for each answer", shown_size(each)),
        )
        .note(format!("{connections} connections in all workers, two for each request that is handed over"))
        .help(format!(
            "buffers of up to {} for each answer, or fewer `worker_connections`",
            shown_size((memory / 4 / answers.max(1)) >> 12 << 12)
        ))
    })
}

/// The most that one answer may occupy, where somebody set it.
fn largest(nginx: &Nginx) -> Option<(crate::source::Span, u64)> {
    let of = |hand_over: &crate::deployment::HandOver| {
        let buffers = hand_over.buffers(nginx)?;
        let span = buffers.body.written_at()?;
        Some((span, buffers.total()))
    };
    nginx.hand_overs.iter().filter_map(of).max_by_key(|(_, total)| *total)
}

/// Connections of all workers.
fn connections(machine: &Machine, nginx: &Nginx) -> Option<u64> {
    let config = &nginx.config;
    let workers = match config.effective(config.main(), "worker_processes").map(|found| found.arg(0)) {
        None => 1,
        Some(Some("auto")) => u64::from(machine.facts.cpus?),
        Some(text) => literals::number(text?)?,
    };
    let events = config.levels(Context::Events).next();
    let each = events.and_then(|events| config.own(events, "worker_connections").last());
    let each = each.map_or(Some(512), |found| literals::number(found.arg(0)?))?;
    Some(workers.saturating_mul(each))
}
