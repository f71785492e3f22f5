//! nginx's `worker_connections` are used up before PHP-FPM's workers are.

use std::collections::BTreeSet;

use crate::deployment::{Deployment, Machine, Nginx};
use crate::finding::{Finding, Prediction, Severity};
use crate::php::workers::Workers;
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};

pub(super) static RULE: Rule =
    rule!(capacity / "connections-too-few", Error, "nginx has too few connections to hand requests over");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (number, nginx) in machine.nginx.iter().enumerate() {
            if let (Some(0), Some(span)) = nginx.worker_processes(&machine.facts) {
                findings.push(nobody(span));
                continue;
            }
            let (connections, Some(span)) = nginx.worker_connections() else { continue };
            let Some(first) = nginx.hand_overs.first() else { continue };
            // One is nginx's own, to speak to its master; each request needs one to the client and one behind.
            let taken = sockets(nginx) + 1;
            let free = connections.saturating_sub(taken);
            let finding = if free < 2 {
                hopeless(connections, taken, free, span).label(first.span, "a request that is handed over needs two")
            } else {
                match short(machine, number, free, span) {
                    Some(finding) => finding,
                    None => continue,
                }
            };
            findings.push(finding);
        }
    }
}

/// How many sockets nginx listens on at the least: one for each port.
fn sockets(nginx: &Nginx) -> u64 {
    let port = |listen: &str| {
        let port = listen.rsplit_once(':').map_or(listen, |(_, port)| port);
        if port.bytes().all(|byte| byte.is_ascii_digit()) { port.to_owned() } else { listen.to_owned() }
    };
    let listens = nginx.servers.iter().flat_map(|server| &server.listens);
    listens.map(|listen| port(&listen.text)).collect::<BTreeSet<_>>().len().max(1) as u64
}

/// The sockets are open, and no process takes what comes.
fn nobody(span: Span) -> Finding {
    let mut finding = RULE
        .finding("nginx has no worker process: no request is answered", span, "nginx takes this, and starts none")
        .help("set `worker_processes auto;`");
    finding.predicts = Some(Prediction::Response { status: None, log: None });
    finding
}

/// No request can be handed over at all.
fn hopeless(connections: u64, taken: u64, free: u64, span: Span) -> Finding {
    let mut finding = RULE
        .finding(
            format!("no request can be handed over: {connections} connections are too few"),
            span,
            format!("{taken} are nginx's own, so {free} {} left", if free == 1 { "is" } else { "are" }),
        )
        .help("set `worker_connections` to 1024");
    finding.predicts = Some(match free {
        0 => {
            Prediction::Response { status: None, log: Some(format!("{connections} worker_connections are not enough")) }
        }
        _ => Prediction::Response {
            status: Some(500),
            log: Some(format!("{connections} worker_connections are not enough while connecting to upstream")),
        },
    });
    finding
}

/// The pools behind could do more at once than nginx can hand over.
fn short(machine: &Machine, number: usize, free: u64, span: Span) -> Option<Finding> {
    let nginx = &machine.nginx[number];
    let (Some(processes), of_processes) = nginx.worker_processes(&machine.facts) else { return None };
    let called = machine.pools().filter(|(id, _)| machine.callers(*id).any(|dial| dial.nginx == number));
    let pools: Vec<_> = called.filter_map(|(_, pool)| Some((&pool.name, Workers::of(&pool.settings)?))).collect();
    let workers: u64 = pools.iter().map(|(_, workers)| u64::from(workers.most())).sum();
    let at_once = free / 2 * processes;
    if at_once >= workers {
        return None;
    }
    let mut finding = RULE
        .finding(
            format!("nginx can hand over {at_once} requests at once; the pools have {workers} workers"),
            span,
            format!("{free} of these are for requests, and a request that is handed over needs two"),
        )
        .severity(Severity::Warning);
    if let Some(span) = of_processes {
        finding = finding.label(span, format!("{processes} × {} at once", free / 2));
    }
    for (name, workers) in pools.iter().take(4) {
        finding = finding.label(workers.most_span(), format!("pool {name} may have {}", workers.most()));
    }
    Some(finding.help("set `worker_connections` to 1024 or more; connections that wait cost little"))
}
