//! `listen.backlog` leaves hardly a place for requests to wait.

use crate::deployment::Deployment;
use crate::deployment::capacity::number;
use crate::php::workers::Workers;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;
use crate::values::address::{Address, Endpoint};

pub(super) static RULE: Rule = rule!(
    capacity / "backlog-too-small",
    Warning,
    "hardly a request can wait for a worker: listen.backlog is too small"
);

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (id, pool) in machine.pools() {
            let Some((backlog, assigned)) = number(&pool.settings, "listen.backlog") else { continue };
            let Some(listener) = &pool.listener else { continue };
            let Ok(waiting) = u64::try_from(backlog) else { continue };
            if waiting >= deployment.thresholds.least_backlog || machine.masters[id.master].is_stopped() {
                continue;
            }
            let waiting = waiting + 1;
            let finding = RULE.finding(
                format!(
                    "{waiting} {} can wait for a worker of pool {}",
                    if waiting == 1 { "request" } else { "requests" },
                    pool.name
                ),
                assigned.value_span,
                format!(
                    "the queue has {waiting} {}: one more than is set",
                    if waiting == 1 { "place" } else { "places" }
                ),
            );
            let workers = Workers::of(&pool.settings);
            let finding = match workers {
                Some(workers) => {
                    finding.label(workers.most_span(), format!("so many requests run at once: {}", workers.most()))
                }
                None => finding,
            };
            let caller = super::php_caller(machine, id);
            let (status, log) = match (caller, listener.bound.endpoints().first()) {
                (Some((_, _, dial)), _) => refused(&dial.address),
                (None, Some(Endpoint::Unix(path))) => refused(&Address::Unix(path.to_string_lossy().into_owned())),
                (None, Some(Endpoint::Tcp(address))) => refused(&Address::Ip(*address)),
                (None, None) => continue,
            };
            let finding = finding
                .help("remove the line: the default is as long as the kernel allows (4096). After that restart PHP-FPM; a reload keeps the queue")
                .predict(status, log);
            findings.push(finding);
        }
    }
}

/// What a request gets for which there is no place.
fn refused(address: &Address) -> (u16, String) {
    match address {
        Address::Unix(path) => {
            let log = format!(
                "connect() to unix:{path} failed (11: Resource temporarily unavailable) while connecting to upstream"
            );
            (502, log)
        }
        _ => (504, "upstream timed out (110: Connection timed out) while connecting to upstream".into()),
    }
}
