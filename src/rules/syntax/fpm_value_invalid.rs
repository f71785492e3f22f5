//! A value that PHP-FPM cannot read.

use crate::deployment::{Deployment, Master};
use crate::finding::{Finding, Program};
use crate::php::limits;
use crate::php::load::Assigned;
use crate::php::readers;
use crate::php::settings::{self, Kind};
use crate::php::workers::Manager;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;
use crate::values::placeholder::is_placeholder;

pub(super) static RULE: Rule =
    rule!(syntax / "fpm-value-invalid", Error, "PHP-FPM cannot read the value of this setting");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for master in deployment.machines.iter().flat_map(|machine| &machine.masters) {
        if !master.is_absent() {
            after_reading(master, findings);
        }
        let pools = master.pools.iter().flat_map(|pool| &pool.settings.assigned).map(|assigned| (assigned, true));
        let global = master.configuration.global.iter().map(|assigned| (assigned, false));
        findings.findings.extend(global.chain(pools).filter_map(|(assigned, in_pool)| invalid(assigned, in_pool)));
    }
}

/// What PHP-FPM reads and refuses only when it has read everything.
fn after_reading(master: &Master, findings: &mut Findings) {
    let of_global = limits::of_global(&master.configuration.global).into_iter().map(|refused| (None, refused));
    let of_pools = master.pools.iter().flat_map(|pool| {
        limits::of_pool(&pool.settings).into_iter().map(move |refused| (Some(pool.name.as_str()), refused))
    });
    for (pool, refused) in of_global.chain(of_pools) {
        if refused.at.text.as_deref().is_some_and(is_placeholder) {
            continue;
        }
        let refusal = match (pool, refused.at.index.is_some()) {
            (Some(pool), false) => format!("[pool {pool}] {}", refused.refusal),
            _ => refused.refusal,
        };
        let shown = shown(refused.at.text.as_deref().unwrap_or_default());
        let message = match refused.at.index.as_deref() {
            Some("") if refused.at.key != "access.suppress_path" => {
                format!("no name stands in the brackets of `{}`", refused.at.key)
            }
            Some(index) => format!("PHP-FPM does not take {shown} as the value of `{}[{index}]`", refused.at.key),
            None => format!("PHP-FPM does not take {shown} as the value of `{}`", refused.at.key),
        };
        let finding = RULE.finding(message, refused.at.span, "PHP-FPM refuses this").help(refused.help);
        findings.push(finding.refused_by(Program::PhpFpm, refusal));
    }
    let mechanism = limits::mechanism_without_edges(&master.configuration.global);
    for pool in master.pools.iter().filter(|_| mechanism.is_some()) {
        let Some(at) =
            pool.settings.get("pm").filter(|at| at.text.as_deref().and_then(Manager::of) == Some(Manager::OnDemand))
        else {
            continue;
        };
        let refusal = format!(
            "[pool {}] ondemand process manager can ONLY be used when events.mechanism is either epoll (Linux) or kqueue (*BSD).",
            pool.name
        );
        let message = format!("pool {} is `ondemand`, which needs another `events.mechanism`", pool.name);
        let mut finding = RULE.finding(message, at.span, "PHP-FPM refuses this");
        if let Some(mechanism) = mechanism {
            finding = finding.label(mechanism.span, "this mechanism cannot wait for a first request");
        }
        findings.push(
            finding
                .help("remove `events.mechanism`: PHP-FPM takes the best one there is")
                .refused_by(Program::PhpFpm, refusal),
        );
    }
}

/// A value in words.
fn shown(text: &str) -> &str {
    if text.is_empty() { "an empty value" } else { text }
}

fn invalid(assigned: &Assigned, in_pool: bool) -> Option<Finding> {
    let row = settings::find(&assigned.key, assigned.index.is_some()).filter(|row| row.allowed(in_pool))?;
    let text = assigned.text.as_deref().filter(|text| !is_placeholder(text))?;
    let (refusal, help) = refused(row.name, row.kind, text)?;
    let (name, shown) = (row.name, shown(text));
    let message = format!("PHP-FPM cannot read {shown} as the value of `{name}`");
    let refusal = match &assigned.index {
        Some(index) => format!("error while parsing '{name}[{index}]' : {refusal}"),
        None => format!("unable to parse value for entry '{name}': {refusal}"),
    };
    let finding = RULE.finding(message, assigned.value_span, "PHP-FPM refuses this");
    Some(finding.help(help).refused_by(Program::PhpFpm, refusal))
}

/// PHP-FPM's words for a value that it refuses, and what it takes instead.
fn refused(name: &str, kind: Kind, text: &str) -> Option<(&'static str, String)> {
    match kind {
        Kind::Int => Some((readers::int(text).refusal()?, "write digits only".into())),
        Kind::Time => Some((readers::time(text).refusal()?, "write a number with one unit: 30s, 5m, 1h or 1d".into())),
        Kind::Boolean => Some((readers::boolean(text).refusal()?, "write yes or no".into())),
        Kind::Limit => Some((readers::rlimit(text).refusal()?, "write a number, or unlimited".into())),
        Kind::Choice(words) if words.iter().all(|word| !word.eq_ignore_ascii_case(text)) => {
            let refusal = match name {
                "pm" => "invalid process manager (static, dynamic or ondemand)",
                "log_level" => "invalid value for 'log_level'",
                _ => "invalid value",
            };
            Some((refusal, format!("write one of {}", words.join(", "))))
        }
        _ => None,
    }
}
