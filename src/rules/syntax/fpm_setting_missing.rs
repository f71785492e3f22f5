//! A setting that PHP-FPM demands of every pool, or of every pool with its process manager.

use crate::deployment::{Deployment, Machine, Master, Pool};
use crate::finding::{Finding, Program};
use crate::php::workers::{Conflict, Workers};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(
    syntax / "fpm-setting-missing",
    Error,
    "a pool lacks a setting that it needs",
    supersedes["fpm-listen-missing"]
);

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (id, pool) in machine.pools() {
            let master = &machine.masters[id.master];
            // A header that was meant for `[global]` is told by `fpm-setting-unknown`.
            if master.is_absent() || pool.settings.is_global() {
                continue;
            }
            let others = || pool.listener.as_ref().and_then(|_| without_manager(pool).or_else(|| without_number(pool)));
            if master.is_complete(machine.view) {
                // In PHP-FPM's order, which tells the first one only.
                findings.findings.extend(without_user(machine, master, pool).or_else(others));
            } else if others().is_some() {
                let key = missing_number(pool).unwrap_or("pm");
                let needs = format!("whether another file sets `{key}` in pool {}", pool.name);
                findings.unchecked(&RULE, needs, "name all files of this PHP-FPM");
            }
        }
    }
}

fn without_manager(pool: &Pool) -> Option<Finding> {
    if pool.settings.get("pm").is_some() {
        return None;
    }
    let refusal = format!("[pool {}] the process manager is missing (static, dynamic or ondemand)", pool.name);
    let finding = RULE
        .finding(format!("pool {} sets no `pm`", pool.name), pool.header, "this pool sets no `pm`")
        .help("add `pm = ondemand`, `dynamic` or `static`, and `pm.max_children`");
    Some(finding.refused_by(Program::PhpFpm, refusal))
}

/// The number of workers that a pool does not set, and needs.
fn missing_number(pool: &Pool) -> Option<&'static str> {
    let workers = Workers::read(&pool.settings)?;
    let Some(Conflict::NotPositive(key)) = workers.conflict() else { return None };
    workers.number(key)?.at.is_none().then_some(key)
}

fn without_number(pool: &Pool) -> Option<Finding> {
    let (workers, key) = (Workers::read(&pool.settings)?, missing_number(pool)?);
    let manager = workers.manager_at.text.clone().unwrap_or_default();
    let help = match key {
        "pm.max_children" => "add `pm.max_children`, the number of requests that PHP may handle at once".to_owned(),
        _ => "add pm.min_spare_servers and pm.max_spare_servers, or write `pm = ondemand`".to_owned(),
    };
    let refusal = format!("[pool {}] {}", pool.name, workers.refusal(Conflict::NotPositive(key)));
    let finding = RULE
        .finding(
            format!("pool {} sets no `{key}`", pool.name),
            workers.manager_at.span,
            format!("`pm = {manager}` needs `{key}`"),
        )
        .help(help);
    Some(finding.refused_by(Program::PhpFpm, refusal))
}

/// Only a master that runs as root needs to know whom its workers shall run as.
fn without_user(machine: &Machine, master: &Master, pool: &Pool) -> Option<Finding> {
    let needed = master.is_started_by_root(&machine.facts) && !master.allow_root && !machine.in_container;
    if !needed || pool.settings.get("user").is_some() {
        return None;
    }
    let group = pool.settings.get("group");
    let label = if group.is_some() { "a group alone is not enough" } else { "this pool sets no `user`" };
    let finding = RULE
        .finding(
            format!("pool {} does not say which user its workers run as", pool.name),
            group.map_or(pool.header, |group| group.span),
            label,
        )
        .help("add `user = www-data`, or the account that the application belongs to");
    Some(finding.refused_by(Program::PhpFpm, format!("[pool {}] user has not been defined", pool.name)))
}
