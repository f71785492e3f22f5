//! A process may not open as many files as its work needs.

use crate::deployment::capacity::number;
use crate::deployment::{Deployment, Machine, Nginx};
use crate::finding::{Finding, Severity};
use crate::host::units::Unit;
use crate::nginx::literals;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(capacity / "descriptors-too-few", Warning, "a process may open fewer files than its work needs");

/// What packages ship; below the limit that systemd and shells give.
const SHIPPED: [u64; 3] = [512, 768, 1024];

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for nginx in machine.nginx.iter().filter(|nginx| !nginx.hand_overs.is_empty()) {
            of_nginx(machine, nginx, findings);
        }
        of_workers(machine, deployment.thresholds.least_worker_files, findings);
    }
}

fn of_nginx(machine: &Machine, nginx: &Nginx, findings: &mut Findings) {
    let (connections, span) = nginx.worker_connections();
    let written = nginx.config.own(nginx.config.main(), "worker_rlimit_nofile").last();
    if let Some(written) = written {
        let Some(files) = written.arg(0).and_then(literals::number) else { return };
        let finding = RULE.finding(
            format!("nginx's workers may open {files} files and take {connections} connections"),
            written.head,
            "the limit of files",
        );
        let finding = match span {
            Some(span) => {
                finding.label(span, "each connection is an open file, a request that is handed over needs two")
            }
            None => finding.note("`worker_connections` is not set: 512"),
        };
        let finding = finding.help(format!("set `worker_rlimit_nofile` to {} or more", connections * 2));
        if files < connections {
            findings.push(predict(finding));
        } else if files < connections * 2 {
            findings.push(finding.severity(Severity::Advice));
        }
        return;
    }
    let Some(span) = span.filter(|_| !SHIPPED.contains(&connections)) else { return };
    let unit = machine.facts.units.get("nginx.service").and_then(limit);
    let limit = match (unit, machine.facts.nofile) {
        (Some(files), _) => Some((files, format!("LimitNOFILE={files} of nginx.service"))),
        (None, Some(files)) => Some((files, format!("processes are started with a limit of {files} open files"))),
        (None, None) => None,
    };
    match limit {
        None if connections > 1024 => {
            findings.unchecked(&RULE, "how many files nginx may open", "--facts");
        }
        Some((files, because)) if files < connections => {
            let finding = RULE
                .finding(
                    format!("nginx's workers may open {files} files and take {connections} connections"),
                    span,
                    "each connection is an open file, a request that is handed over needs two",
                )
                .note(because)
                .help(format!("set `worker_rlimit_nofile {};` at the top of the main file", connections * 2));
            findings.push(predict(finding));
        }
        _ => {}
    }
}

fn predict(finding: Finding) -> Finding {
    finding.predict(500, "socket() failed (24: Too many open files) while connecting to upstream".to_owned())
}

/// The soft limit of a unit's open files.
fn limit(unit: &Unit) -> Option<u64> {
    unit.get("Service.LimitNOFILE")?.split(':').next()?.trim().parse().ok()
}

/// PHP's own files: what is so few that nothing runs is another rule's.
fn of_workers(machine: &Machine, least: u64, findings: &mut Findings) {
    for (_, pool) in machine.running_pools() {
        let Some((files, assigned)) = number(&pool.settings, "rlimit_files") else { continue };
        let Ok(files) = u64::try_from(files) else { continue };
        if files <= super::pool_cannot_run::NO_FILES || files >= least {
            continue;
        }
        let finding = RULE
            .finding(
                format!("a worker of pool {} may open {files} files", pool.name),
                assigned.value_span,
                "scripts, logs, sockets to databases and caches all count",
            )
            .note("a script that includes or opens one more file fails with `Too many open files`")
            .help("remove the line, or set it to 1024 or more");
        findings.push(finding);
    }
}
