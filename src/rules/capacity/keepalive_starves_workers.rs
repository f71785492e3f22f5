//! Connections that nginx keeps open hold as many workers as the pool has.

use std::collections::BTreeMap;

use crate::deployment::{Deployment, HandOver, Machine, Nginx, PoolId, Protocol, Target};
use crate::nginx::literals;
use crate::php::workers::Workers;
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};

pub(super) static RULE: Rule =
    rule!(capacity / "keepalive-starves-workers", Warning, "kept connections hold every worker of a pool");

/// Connections that a group keeps, and the line that says so.
struct Kept {
    connections: u64,
    size: Span,
    switch: Span,
    pass: Span,
    is_default: bool,
}

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (id, pool) in machine.pools().filter(|(id, _)| machine.callers.contains_key(id)) {
            let Some(workers) = Workers::of(&pool.settings) else { continue };
            let groups = kept(machine, id);
            let connections: u64 = groups.iter().map(|kept| kept.connections).sum();
            let Some(first) = groups.first().filter(|_| connections >= u64::from(workers.most())) else { continue };
            let label = match first.is_default {
                true => "nginx keeps up to 32 connections of every group open, in each worker process",
                false => "so many connections each worker process of nginx keeps open",
            };
            let finding = RULE
                .finding(
                    format!(
                        "nginx keeps up to {connections} connections to pool {} open, which has {} workers",
                        pool.name,
                        workers.most()
                    ),
                    first.size,
                    label,
                )
                .label(first.switch, "PHP-FPM is asked to keep the connection")
                .label(workers.most_span(), "a kept connection holds its worker while nothing happens on it")
                .label(first.pass, "requests are handed over here")
                .help(format!(
                    "remove `fastcgi_keep_conn`, or keep fewer than {} connections over all worker processes of nginx",
                    workers.most()
                ))
                .predict(
                    504,
                    "upstream timed out (110: Connection timed out) while reading response header from upstream"
                        .to_owned(),
                );
            findings.push(finding);
        }
    }
}

/// The groups that keep connections to a pool.
fn kept(machine: &Machine, id: PoolId) -> Vec<Kept> {
    let mut groups: BTreeMap<(usize, usize), Kept> = BTreeMap::new();
    for dial in machine.callers(id) {
        let (nginx, hand_over) = machine.hand_over(dial);
        let Target::Upstream(group) = hand_over.target else { continue };
        let processes = nginx.worker_processes(&machine.facts).0.unwrap_or(1);
        if let Some(kept) = of_group(nginx, hand_over, group, processes) {
            groups.entry((dial.nginx, group)).or_insert(kept);
        }
    }
    groups.into_values().collect()
}

fn of_group(nginx: &Nginx, hand_over: &HandOver, group: usize, processes: u64) -> Option<Kept> {
    let switch = nginx.config.effective(hand_over.level, "fastcgi_keep_conn")?;
    let is_on = hand_over.protocol == Protocol::Fastcgi && switch.arg(0).and_then(literals::flag) == Some(true);
    let upstream = &nginx.upstreams[group];
    let (size, connections, is_default) = match nginx.config.own(upstream.level, "keepalive").last() {
        Some(written) => (written.head, literals::number(written.arg(0)?)?, false),
        None if nginx.keeps_connections() => (upstream.span, 32, true),
        None => return None,
    };
    let connections = connections * processes;
    is_on.then_some(Kept { connections, size, switch: switch.head, pass: hand_over.span, is_default })
}
