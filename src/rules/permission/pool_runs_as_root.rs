//! A pool whose workers would run as root.

use crate::deployment::Deployment;
use crate::finding::Severity;
use crate::host::accounts::{Accounts, Lookup};
use crate::php::load::{Assigned, PoolSettings};
use crate::rules::connection::{StartFails, predict_failed_start};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(permission / "pool-runs-as-root", Error, "a pool's workers would run as root");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (id, pool) in machine.installed_pools() {
            let master = &machine.masters[id.master];
            let Some((assigned, why)) = root(&machine.facts.accounts, &pool.settings) else { continue };
            // A master that is no root ignores the user; what names root is a mistake all the same.
            if !matches!(why, Why::User | Why::Group) && !master.is_started_by_root(&machine.facts) {
                continue;
            }
            let (message, label, help) = told(&pool.name, assigned, why);
            let finding = RULE.finding(message, assigned.span, label).help(help);
            if master.allow_root {
                findings.push(finding.note("PHP-FPM is started with -R, which allows it").severity(Severity::Warning));
                continue;
            }
            if master.is_started_by_another(&machine.facts) {
                let note =
                    "its unit starts PHP-FPM as another user, so it ignores the line; started by root, it refuses";
                findings.push(finding.note(note).severity(Severity::Warning));
                continue;
            }
            let finding = finding.note(
                "`php-fpm -t` accepts this; the start fails with `please specify user and group other than root`, and no pool of this PHP-FPM runs",
            );
            findings.push(predict_failed_start(finding, machine, id, StartFails::BeforeSockets));
        }
    }
}

/// Why the workers would be root, or in its group.
#[derive(Clone, Copy)]
enum Why {
    /// The user is named.
    User,
    /// The user is an empty value.
    NoUser,
    /// The group is named.
    Group,
    /// The group of a number that no user has is not known, and none is named.
    NoGroup,
    /// It is the user's primary group, and no other is named.
    PrimaryGroup,
}

fn told(pool: &str, assigned: &Assigned, why: Why) -> (String, &'static str, &'static str) {
    let user = assigned.text.as_deref().unwrap_or_default();
    let group = format!("pool {pool} runs in the group root");
    match why {
        Why::User => (
            format!("pool {pool} runs as root"),
            "every PHP script would run as root",
            "name the account that owns the application, such as `user = www-data`",
        ),
        Why::NoUser => (
            format!("pool {pool} names no user, and would run as root"),
            "an empty value",
            "name the account that owns the application, such as `user = www-data`",
        ),
        Why::Group => (group, "every PHP script would be in it", "name the application's group, or remove the line"),
        Why::NoGroup => (
            format!("{group}: no user has the number {user}, and no `group` is set"),
            "no user has this number",
            "add `group`, or name a user that exists",
        ),
        Why::PrimaryGroup => (
            format!("{group}: it is the primary group of {user}, and no `group` is set"),
            "its primary group is root",
            "add `group`, such as `group = www-data`",
        ),
    }
}

/// The assignment that makes the workers root, as PHP-FPM works out the numbers of user and group.
fn root<'a>(accounts: &Accounts, settings: &'a PoolSettings) -> Option<(&'a Assigned, Why)> {
    let user = settings.get("user")?;
    match user.text.as_deref() {
        Some("") => return Some((user, Why::NoUser)),
        Some(text) if is_root(text, |name| accounts.canonical_user(name)) => return Some((user, Why::User)),
        _ => {}
    }
    if let Some(group) = settings.get("group").filter(|group| group.text.as_deref() != Some("")) {
        return is_root(group.text.as_deref()?, |name| accounts.canonical_group(name)).then_some((group, Why::Group));
    }
    let text = user.text.as_deref()?;
    match accounts.user(&accounts.canonical_user(text)) {
        Lookup::Found(found) => (found.group.as_deref() == Some("root")).then_some((user, Why::PrimaryGroup)),
        Lookup::Missing if number(text).is_some() => Some((user, Why::NoGroup)),
        Lookup::Missing | Lookup::Unknown => None,
    }
}

fn is_root(text: &str, canonical: impl Fn(&str) -> String) -> bool {
    match number(text) {
        Some(number) => number == 0,
        None => text == "root" || canonical(text) == "root",
    }
}

/// The number that PHP-FPM reads, cut to 32 bits.
fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().unwrap_or(u64::MAX) as u32)
}
