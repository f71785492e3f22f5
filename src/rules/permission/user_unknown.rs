//! A user that does not exist.

use crate::deployment::{Deployment, Listener, Machine, Pool, PoolId};
use crate::finding::{Finding, Program, Severity};
use crate::host::accounts::Lookup;
use crate::php::load::Assigned;
use crate::rules::connection::{StartFails, predict_failed_start};
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};

pub(super) static RULE: Rule = rule!(permission / "user-unknown", Error, "a user that is named here does not exist");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for nginx in machine.nginx.iter().filter(|nginx| nginx.worker.user.is_written()) {
            let user = &nginx.worker.user;
            let Some(span) = user.origin.span() else { continue };
            match machine.facts.accounts.user(&user.value) {
                Lookup::Found(_) => {}
                Lookup::Unknown => findings.unchecked(&RULE, "which users exist", "--facts"),
                Lookup::Missing => findings.push(
                    finding(&user.value, span, "nginx's workers would run as it")
                        .help(format!("create the user {}, or name one that exists", user.value))
                        .refused_by(Program::Nginx, format!("getpwnam(\"{}\") failed", user.value)),
                ),
            }
        }
        for (id, pool) in machine.installed_pools() {
            for key in ["user", "listen.owner"] {
                if let Some((name, assigned)) = unknown(machine, pool, key, findings) {
                    let refusal = format!("[pool {}] cannot get uid for user '{name}'", pool.name);
                    let help = format!("create the user {name}, or name one that exists");
                    let finding =
                        finding(&name, assigned.span, &label(key)).help(help).refused_by(Program::PhpFpm, refusal);
                    findings.push(if key == "listen.owner" { if_tested_only(pool, finding) } else { finding });
                }
            }
            findings.findings.extend(in_access_list(machine, id, pool));
        }
    }
}

/// `php-fpm -t` looks up the owner and the group of every pool, the start only where a socket gets them.
pub(super) fn if_tested_only(pool: &Pool, finding: Finding) -> Finding {
    let gets = |listener: &Listener| listener.bound.socket().is_some() && listener.acl.is_empty();
    if pool.listener.as_ref().is_none_or(gets) {
        return finding;
    }
    finding.note("only `php-fpm -t` refuses this; PHP-FPM starts and ignores it").severity(Severity::Warning)
}

fn finding(name: &str, span: Span, label: &str) -> Finding {
    let name = if name.is_empty() { "without a name" } else { name };
    RULE.finding(format!("there is no user {name}"), span, label)
}

fn label(key: &str) -> String {
    match key {
        "user" => "the pool's workers would run as it".into(),
        _ => "the socket would belong to it".into(),
    }
}

/// The value of a setting that names a user who does not exist. A number need not be in the database.
fn unknown<'a>(
    machine: &Machine,
    pool: &'a Pool,
    key: &'a str,
    findings: &mut Findings,
) -> Option<(String, &'a Assigned)> {
    let assigned = pool.settings.get(key)?;
    let name =
        assigned.text.as_ref().filter(|name| !name.is_empty() && !name.bytes().all(|byte| byte.is_ascii_digit()))?;
    match machine.facts.accounts.user(name) {
        Lookup::Found(_) => None,
        Lookup::Missing => Some((name.clone(), assigned)),
        Lookup::Unknown => {
            findings.unchecked(&RULE, "which users exist", "--facts");
            None
        }
    }
}

/// Names in `listen.acl_users` are looked up at the start only, and numbers are no names there.
fn in_access_list(machine: &Machine, id: PoolId, pool: &Pool) -> Option<Finding> {
    let assigned = pool.settings.get("listen.acl_users")?;
    pool.listener.as_ref()?.bound.socket()?;
    let mut names = assigned.text.as_ref().filter(|text| !text.is_empty())?.split(',');
    let is_missing = |name: &&str| name.is_empty() || machine.facts.accounts.user(name) == Lookup::Missing;
    let missing = names.find(is_missing)?;
    let label = match missing.is_empty() {
        true => "a comma too many makes an empty name",
        false => "the socket would be open to it",
    };
    let finding = finding(missing, assigned.span, label)
        .note(format!(
            "`php-fpm -t` accepts this; the start fails with `[pool {}] cannot get uid for user '{missing}'`, and no pool of this PHP-FPM runs",
            pool.name
        ))
        .help("name users that exist, separated by commas without blanks");
    Some(predict_failed_start(finding, machine, id, StartFails::AtSocket))
}
