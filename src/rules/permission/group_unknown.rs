//! A group that does not exist.

use super::user_unknown::if_tested_only;
use crate::deployment::{Deployment, Machine, Nginx, Origin};
use crate::finding::{Finding, Program};
use crate::host::accounts::Lookup;
use crate::rules::connection::{StartFails, predict_failed_start};
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};

pub(super) static RULE: Rule = rule!(permission / "group-unknown", Error, "a group that is named here does not exist");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for nginx in &machine.nginx {
            findings.findings.extend(of_nginx(machine, nginx));
        }
        for (id, pool) in machine.installed_pools() {
            for key in ["group", "listen.group"] {
                let Some(assigned) = pool.settings.get(key) else { continue };
                let name = assigned.text.clone().unwrap_or_default();
                if is_missing(machine, &name) {
                    let refusal = format!("[pool {}] cannot get gid for group '{name}'", pool.name);
                    let label = if key == "group" {
                        "the pool's workers would be in it"
                    } else {
                        "the socket would belong to it"
                    };
                    let finding = finding(&name, assigned.span, label).refused_by(Program::PhpFpm, refusal);
                    findings.push(if key == "listen.group" { if_tested_only(pool, finding) } else { finding });
                }
            }
            let Some(assigned) = pool.settings.get("listen.acl_groups") else { continue };
            let names = assigned.text.clone().unwrap_or_default();
            let unix = pool.listener.as_ref().is_some_and(|listener| listener.bound.socket().is_some());
            let is_missing = |name: &&str| match name.is_empty() {
                true => !names.is_empty(),
                false => machine.facts.accounts.group(name) == Lookup::Missing,
            };
            if let Some(name) = names.split(',').find(|name| unix && is_missing(name)) {
                let label = match name.is_empty() {
                    true => "a comma too many makes an empty name",
                    false => "the socket would be open to it",
                };
                let finding = finding(name, assigned.span, label)
                    .note(format!(
                        "`php-fpm -t` accepts this; the start fails with `[pool {}] cannot get gid for group '{name}'`, and no pool of this PHP-FPM runs",
                        pool.name
                    ))
                    .help("name groups that exist, separated by commas without blanks");
                findings.push(predict_failed_start(finding, machine, id, StartFails::AtSocket));
            }
        }
    }
}

fn is_missing(machine: &Machine, name: &str) -> bool {
    let is_number = name.bytes().all(|byte| byte.is_ascii_digit());
    !is_number && machine.facts.accounts.group(name) == Lookup::Missing
}

fn finding(name: &str, span: Span, label: &str) -> Finding {
    let shown = if name.is_empty() { "without a name" } else { name };
    RULE.finding(format!("there is no group {shown}"), span, label)
        .help(format!("create the group {name}, or name one that exists"))
}

/// Without a second argument, `user` takes the group of the user's name, whatever the user's primary
/// group is.
fn of_nginx(machine: &Machine, nginx: &Nginx) -> Option<Finding> {
    let group = &nginx.worker.group;
    let span = group.origin.span()?;
    let user_exists = matches!(machine.facts.accounts.user(&nginx.worker.user.value), Lookup::Found(_));
    if !user_exists || machine.facts.accounts.group(&group.value) != Lookup::Missing {
        return None;
    }
    let refusal = format!("getgrnam(\"{}\") failed", group.value);
    let finding = match group.origin {
        Origin::Default(_) => {
            let user = &nginx.worker.user.value;
            let primary = match machine.facts.accounts.user(user) {
                Lookup::Found(found) => found.group,
                Lookup::Missing | Lookup::Unknown => None,
            };
            let help = match primary {
                Some(primary) => format!("name the group: `user {user} {primary};`"),
                None => format!("name the group behind the user, or create the group {user}"),
            };
            finding(&group.value, span, "nginx takes the group of the user's name, not the user's primary group")
                .help(help)
        }
        _ => finding(&group.value, span, "nginx's workers would be in it"),
    };
    Some(finding.refused_by(Program::Nginx, refusal))
}
