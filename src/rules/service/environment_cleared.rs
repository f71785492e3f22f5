//! The unit gives PHP-FPM an environment that its workers never see.

use crate::deployment::Deployment;
use crate::php::readers;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(service / "environment-cleared", Warning, "workers do not see the environment that the unit sets");

/// Variables that PHP-FPM, its libraries or the system read themselves.
const OWN: [&str; 14] = [
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LANGUAGE",
    "LC_",
    "TZ",
    "TMP",
    "PHP_INI_SCAN_DIR",
    "PHPRC",
    "LD_",
    "MALLOC_",
    "OPENSSL_",
    "FPM_",
];

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (id, pool) in machine.pools().filter(|(id, _)| machine.callers.contains_key(id)) {
            let name = &machine.masters[id.master].layout.unit;
            let Some(unit) = machine.facts.units.get(name) else { continue };
            let clear = pool.settings.get("clear_env");
            let keeps = clear.is_some_and(|found| {
                found.text.as_deref().and_then(|text| readers::boolean(text).value()) != Some(true)
            });
            // Values that come from the environment are what the variables are for.
            let is_used = pool.settings.assigned.iter().any(|assigned| assigned.text.is_none());
            let lines = unit.settings.get("Service.Environment").into_iter().flatten();
            let words = lines.flat_map(|line| line.split_whitespace());
            let names =
                words.filter_map(|word| word.trim_start_matches(['"', '\'']).split_once('=').map(|(name, _)| name));
            let is_name = |name: &&str| {
                !name.is_empty()
                    && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
            };
            let lost: Vec<&str> = names
                .filter(is_name)
                .filter(|name| {
                    !OWN.iter().any(|own| name.starts_with(own)) && pool.settings.get_entry("env", name).is_none()
                })
                .collect();
            if lost.is_empty() || keeps || is_used {
                continue;
            }
            let (span, label) = match clear {
                Some(found) => (found.span, "workers start with an empty environment"),
                None => (pool.header, "workers start with an empty environment: `clear_env` is not set"),
            };
            let finding = RULE
                .finding(
                    format!("the scripts of pool {} do not see {}, which {name} sets", pool.name, lost.join(", ")),
                    span,
                    label,
                )
                .help(format!("add `env[{0}] = ${0}` to the pool for each, or `clear_env = no`", lost[0]));
            findings.push(finding);
        }
    }
}
