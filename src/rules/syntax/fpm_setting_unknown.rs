//! A name that PHP-FPM does not know where it stands.

use crate::deployment::nearest::distance;
use crate::deployment::{Deployment, Pool};
use crate::finding::{Edit, Finding, Fix, Program};
use crate::php::limits;
use crate::php::load::{Assigned, is_pool_setting};
use crate::php::settings::{self, DIRECTIVES, Directive};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(syntax / "fpm-setting-unknown", Error, "PHP-FPM knows no setting of this name at this place");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for master in &machine.masters {
            let may_know = |row: &Directive| master.may_know(row, machine.in_container);
            // A pool's setting in the global section is told by `fpm-section-missing`.
            let global = master.configuration.global.iter().filter(|assigned| !is_pool_setting(assigned));
            findings.findings.extend(global.filter_map(|assigned| unknown(assigned, false, may_know)));
            for pool in &master.pools {
                let assigned = &pool.settings.assigned;
                findings.findings.extend(global_settings(pool));
                let others = assigned.iter().filter(|assigned| !is_global_setting(assigned));
                findings.findings.extend(others.filter_map(|assigned| unknown(assigned, true, may_know)));
            }
        }
    }
}

fn is_global_setting(assigned: &Assigned) -> bool {
    settings::find(&assigned.key, assigned.index.is_some()).is_some_and(|row| !row.allowed(true))
}

/// The global settings of a pool: one header is wrong or missing, however many stand below it.
fn global_settings(pool: &Pool) -> Option<Finding> {
    let has_value = |at: &&Assigned| at.value_span != at.key_span;
    let mut global = pool.settings.assigned.iter().filter(|at| is_global_setting(at)).filter(has_value);
    let first = global.next()?;
    let more = global.count();
    let message = format!("`{}` is a global setting and stands in pool {}", first.key, pool.name);
    let finding = RULE.finding(message, first.key_span, "PHP-FPM refuses this");
    let finding = match distance(&pool.name.to_ascii_lowercase(), "global") <= 2 {
        true => finding.label(pool.header, "this header names a pool").help("write the header as `[global]`"),
        false => finding.help("move it to the [global] section, before any pool and any include of pools"),
    };
    let finding = match more {
        0 => finding,
        1 => finding.note("1 more global setting stands in this pool"),
        _ => finding.note(format!("{more} more global settings stand in this pool")),
    };
    Some(finding.refused_by(Program::PhpFpm, format!("unknown entry '{}'", first.key)))
}

fn unknown(assigned: &Assigned, in_pool: bool, may_know: impl Fn(&Directive) -> bool) -> Option<Finding> {
    let (key, is_array) = (assigned.key.as_str(), assigned.index.is_some());
    let row = settings::find(key, is_array);
    // Without a value the line is no setting at all, which `syntax-error` tells.
    let has_value = assigned.value_span != assigned.key_span;
    if !has_value {
        return None;
    }
    if let Some(row) = row.filter(|row| row.allowed(in_pool)) {
        return (!may_know(row)).then(|| of_another_build(assigned, row));
    }
    let refusal = match limits::entry(assigned) {
        Some(refused) => refused.refusal,
        None if !is_array => format!("unknown entry '{key}'"),
        None if in_pool => format!("unknown directive '{key}'"),
        None => "Array are not allowed in the global section".to_owned(),
    };
    let place = if in_pool { "a pool" } else { "the global section" };
    let message = format!("PHP-FPM knows no setting `{key}` in {place}");
    let finding = RULE.finding(message, assigned.key_span, "PHP-FPM refuses this").refused_by(Program::PhpFpm, refusal);
    Some(explain(finding, assigned))
}

/// A setting that only other builds of PHP-FPM know.
fn of_another_build(assigned: &Assigned, row: &Directive) -> Finding {
    let (name, needs) = (row.name, row.needs.unwrap_or_default());
    let (message, help) = match needs {
        settings::FREEBSD => {
            (format!("only PHP-FPM of FreeBSD knows `{name}`"), "remove the line: it means nothing on Linux".to_owned())
        }
        _ => (
            format!("PHP-FPM of the official image does not know `{name}`: it is built without {needs}"),
            match name {
                "listen.acl_users" | "listen.acl_groups" => {
                    "remove the line, and set `listen.owner`, `listen.group` and `listen.mode`".to_owned()
                }
                _ => "remove the line".to_owned(),
            },
        ),
    };
    let finding = RULE.finding(message, assigned.key_span, "PHP-FPM refuses this").help(help);
    finding.refused_by(Program::PhpFpm, format!("unknown entry '{name}'"))
}

/// Adds what was probably meant.
fn explain(finding: Finding, assigned: &Assigned) -> Finding {
    let key = assigned.key.as_str();
    let close = DIRECTIVES.iter().filter(|row| row.array == assigned.index.is_some());
    let close = close.map(|row| (distance(row.name, key), row.name)).min().filter(|(edits, _)| *edits <= 2);
    match close {
        Some((_, name)) => {
            let edits = vec![Edit { span: assigned.key_span, text: name.to_owned() }];
            finding.help(format!("write `{name}`")).fix(Fix { title: format!("Write {name}"), safe: false, edits })
        }
        None if assigned.index.is_none() => finding
            .help(format!("if it is a setting of PHP itself, write `php_admin_value[{key}]`; otherwise remove it")),
        None => finding.help("remove it, or write it without brackets"),
    }
}
