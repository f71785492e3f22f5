//! A name that PHP-FPM does not know where it stands.

use crate::deployment::Deployment;
use crate::deployment::nearest::distance;
use crate::finding::{Edit, Finding, Fix, Program};
use crate::php::load::{Assigned, is_pool_setting};
use crate::php::settings::{self, DIRECTIVES};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(syntax / "fpm-setting-unknown", Error, "PHP-FPM knows no setting of this name at this place");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for master in deployment.machines.iter().flat_map(|machine| &machine.masters) {
        // A pool's setting in the global section is told by `fpm-section-missing`.
        let global = master.configuration.global.iter().filter(|assigned| !is_pool_setting(assigned));
        findings.findings.extend(global.filter_map(|assigned| unknown(assigned, false)));
        for pool in &master.pools {
            findings.findings.extend(pool.settings.assigned.iter().filter_map(|assigned| unknown(assigned, true)));
        }
    }
}

fn unknown(assigned: &Assigned, in_pool: bool) -> Option<Finding> {
    let (key, is_array) = (assigned.key.as_str(), assigned.index.is_some());
    let row = settings::find(key, is_array);
    // Without a value the line is no setting at all, which `syntax-error` tells.
    let has_value = assigned.value_span != assigned.key_span;
    if !has_value || row.is_some_and(|row| row.allowed(in_pool)) {
        return None;
    }
    let refusal = match is_array {
        true if !in_pool => "Array are not allowed in the global section".to_owned(),
        true if assigned.index.as_deref() == Some("") && assigned.index_known => {
            format!("You must provide a key for field '{key}'")
        }
        true => format!("unknown directive '{key}'"),
        false => format!("unknown entry '{key}'"),
    };
    let place = if in_pool { "a pool" } else { "the global section" };
    let message = format!("PHP-FPM knows no setting `{key}` in {place}");
    let finding = RULE.finding(message, assigned.key_span, "PHP-FPM refuses this").refused_by(Program::PhpFpm, refusal);
    Some(explain(finding, assigned, row.is_some()))
}

/// Adds what was probably meant.
fn explain(finding: Finding, assigned: &Assigned, elsewhere: bool) -> Finding {
    let key = assigned.key.as_str();
    let close = DIRECTIVES.iter().filter(|row| row.array == assigned.index.is_some());
    let close = close.map(|row| (distance(row.name, key), row.name)).min().filter(|(edits, _)| *edits <= 2);
    match close {
        _ if elsewhere => finding.help("move it to the [global] section, before any pool and any include of pools"),
        Some((_, name)) => {
            let edits = vec![Edit { span: assigned.key_span, text: name.to_owned() }];
            finding.help(format!("write `{name}`")).fix(Fix { title: format!("Write {name}"), safe: false, edits })
        }
        None if assigned.index.is_none() => finding
            .help(format!("if it is a setting of PHP itself, write `php_admin_value[{key}]`; otherwise remove it")),
        None => finding.help("remove it, or write it without brackets"),
    }
}
