//! The pool's user cannot pass through the directories of the document root.

use std::path::Path;

use crate::deployment::access::Identity;
use crate::deployment::{Deployment, Machine, Pool, Protocol, Reach};
use crate::host::accounts::Lookup;
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(permission / "script-unreadable", Warning, "the pool's user cannot reach the document root");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in deployment.machines.iter().filter(|machine| !machine.paths.is_empty()) {
        for dial in &machine.dials {
            let (nginx, hand_over) = machine.hand_over(dial);
            let Reach::Pools(pools) = &dial.reach else { continue };
            let root =
                nginx.config.effective(hand_over.level, "root").filter(|_| hand_over.protocol == Protocol::Fastcgi);
            let Some((root, path)) = root.and_then(|root| Some((root, root.arg(0)?))) else { continue };
            if !path.starts_with('/') || path.contains('$') {
                continue;
            }
            for pool in pools.iter().map(|id| machine.pool(*id)).filter(|pool| pool.settings.get("chroot").is_none()) {
                let Some(who) = identity(machine, pool) else { continue };
                let closed = machine.paths.first_closed(Path::new(path), &who, &machine.facts.accounts);
                let Some(closed) = closed else { continue };
                let mode = closed.mode.map(|mode| mode.to_string()).unwrap_or_default();
                let finding = RULE
                    .finding(
                        format!(
                            "user {} of pool {} may not pass through {}",
                            who.user,
                            pool.name,
                            closed.path.display()
                        ),
                        root.head,
                        "the scripts lie here",
                    )
                    .label(pool.header, format!("workers run as {}", who.user))
                    .note(format!("{} has mode {mode}", closed.path.display()))
                    .help(format!("`setfacl -m u:{}:x {}`, or `chmod o+x`", who.user, closed.path.display()))
                    .predict(404, "Primary script unknown".to_owned());
                findings.push_for(server_name(nginx, hand_over), finding);
            }
        }
    }
}

/// Who the pool's workers are.
fn identity(machine: &Machine, pool: &Pool) -> Option<Identity> {
    let accounts = &machine.facts.accounts;
    let user = accounts.canonical_user(pool.settings.get("user")?.text.as_deref()?);
    let group = match pool.settings.get("group").and_then(|group| group.text.clone()).filter(|group| !group.is_empty())
    {
        Some(group) => accounts.canonical_group(&group),
        None => match accounts.user(&user) {
            Lookup::Found(found) => found.group?,
            Lookup::Missing | Lookup::Unknown => return None,
        },
    };
    Some(Identity::new(accounts, &user, &group))
}
