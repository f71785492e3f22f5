//! Numbers of workers that PHP-FPM refuses together.

use crate::deployment::{Deployment, Pool};
use crate::finding::{Finding, Program};
use crate::php::workers::{Conflict, Workers};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(
    capacity / "spare-servers-invalid",
    Error,
    "the numbers of a pool's workers do not fit together",
    supersedes["fpm-time-misread"]
);

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (_, pool) in machine.installed_pools() {
            let Some(workers) = Workers::read(&pool.settings) else { continue };
            let Some(conflict) = workers.conflict() else { continue };
            findings.findings.extend(finding(pool, &workers, conflict));
        }
    }
}

fn finding(pool: &Pool, workers: &Workers<'_>, conflict: Conflict) -> Option<Finding> {
    let name = &pool.name;
    let (children, start) = (workers.max_children, workers.start);
    let (min, max) = (workers.min_spare, workers.max_spare);
    let (first, message, help) = match conflict {
        // What nothing sets is told by `fpm-setting-missing`.
        Conflict::NotPositive(key) => (
            workers.number(key).filter(|number| number.at.is_some())?,
            format!("{key} of pool {name} is {}, and must be at least 1", workers.number(key)?.value),
            "write a number of 1 or more".to_owned(),
        ),
        Conflict::SpareAboveChildren => {
            let (key, spare) = match max.value > children.value {
                true => ("pm.max_spare_servers", max),
                false => ("pm.min_spare_servers", min),
            };
            let message =
                format!("pool {name} keeps up to {} spare workers and may have {} in all", spare.value, children.value);
            let help = format!(
                "raise pm.max_children to {} or more, or lower {key} to {} or less",
                spare.value, children.value
            );
            (spare, message, help)
        }
        Conflict::SpareReversed => (
            max,
            format!("pool {name} keeps at least {} and at most {} spare workers", min.value, max.value),
            format!(
                "lower pm.min_spare_servers to {} or less, or raise pm.max_spare_servers to {} or more",
                max.value, min.value
            ),
        ),
        Conflict::StartOutside => {
            let message = format!(
                "pool {name} starts {} workers, which is not between its {} and {} spare ones",
                start.value, min.value, max.value
            );
            let help = match max.value.max(start.value) <= children.value {
                true => format!(
                    "write a pm.start_servers from {} to {}, or remove it: PHP-FPM then takes {}",
                    min.value,
                    max.value,
                    min.value + (max.value - min.value) / 2
                ),
                false => format!("write a pm.start_servers from {} to {}", min.value, max.value),
            };
            (start, message, help)
        }
    };
    let at = first.at?;
    let mut finding = RULE.finding(message, at.span, "PHP-FPM refuses this");
    for (number, text) in [
        (children, "workers at most"),
        (start, "workers at the start"),
        (min, "spare workers at least"),
        (max, "spare workers at most"),
    ] {
        let Some(other) = number.at.filter(|other| other.span != at.span) else { continue };
        if !matches!(conflict, Conflict::NotPositive(_)) {
            let text = if number.value == 1 { text.replacen("workers", "worker", 1) } else { text.to_owned() };
            finding = finding.label(other.span, format!("{} {text}", number.value));
        }
    }
    let refusal = format!("[pool {name}] {}", workers.refusal(conflict));
    Some(finding.help(help).refused_by(Program::PhpFpm, refusal))
}
