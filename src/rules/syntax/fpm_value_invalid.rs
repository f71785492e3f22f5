//! A value that PHP-FPM cannot read.

use crate::deployment::Deployment;
use crate::finding::{Finding, Program};
use crate::php::load::Assigned;
use crate::php::readers;
use crate::php::settings::{self, Kind};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;
use crate::values::placeholder::is_placeholder;

pub(super) static RULE: Rule =
    rule!(syntax / "fpm-value-invalid", Error, "PHP-FPM cannot read the value of this setting");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for master in deployment.machines.iter().flat_map(|machine| &machine.masters) {
        let pools = master.pools.iter().flat_map(|pool| &pool.settings.assigned).map(|assigned| (assigned, true));
        let global = master.configuration.global.iter().map(|assigned| (assigned, false));
        findings.findings.extend(global.chain(pools).filter_map(|(assigned, in_pool)| invalid(assigned, in_pool)));
    }
}

fn invalid(assigned: &Assigned, in_pool: bool) -> Option<Finding> {
    let row = settings::find(&assigned.key, assigned.index.is_some()).filter(|row| row.allowed(in_pool))?;
    let text = assigned.text.as_deref().filter(|text| !is_placeholder(text))?;
    let (refusal, help) = refused(row.name, row.kind, text)?;
    let (name, shown) = (row.name, if text.is_empty() { "an empty value" } else { text });
    let message = format!("PHP-FPM cannot read {shown} as the value of `{name}`");
    let refusal = match &assigned.index {
        Some(index) => format!("error while parsing '{name}[{index}]' : {refusal}"),
        None => format!("unable to parse value for entry '{}': {refusal}", assigned.key),
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
