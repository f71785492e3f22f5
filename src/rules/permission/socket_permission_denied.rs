//! nginx's workers may not write to the socket that a pool creates.

use crate::deployment::access::{Class, Verdict, WRITE};
use crate::deployment::{Deployment, Dial, Listener, Machine, Master, Nginx, Origin, Pool, PoolId, Reach};
use crate::finding::{Finding, Severity};
use crate::host::accounts::Lookup;
use crate::rules::connection::{Failure, host_of, label_hand_over};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;
use crate::values::address::Address;

pub(super) static RULE: Rule =
    rule!(permission / "socket-permission-denied", Error, "nginx's workers may not open the socket of a pool");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for dial in &machine.dials {
            let (Reach::Pools(pools), Address::Unix(path)) = (&dial.reach, &dial.address) else { continue };
            let (nginx, _) = machine.hand_over(dial);
            if !is_identity_known(machine, nginx) {
                continue;
            }
            for id in pools.iter().filter(|id| !machine.masters[id.master].is_absent()) {
                let pool = machine.pool(*id);
                let Some(listener) = pool.listener.as_ref().filter(|listener| is_access_known(machine, listener))
                else {
                    continue;
                };
                match listener.access.allow(&nginx.worker.identity, &machine.facts.accounts, WRITE) {
                    Verdict::Allowed => {}
                    Verdict::Unknown(needs) => findings.unchecked(&RULE, needs, "--facts"),
                    Verdict::Denied(class) => {
                        let finding = finding(machine, dial, *id, path, class);
                        findings.push_for(host_of(machine, dial), finding);
                    }
                }
            }
        }
    }
}

/// Whether the worker's user and group exist; where they do not, nginx does not start at all.
fn is_identity_known(machine: &Machine, nginx: &Nginx) -> bool {
    let accounts = &machine.facts.accounts;
    nginx.worker.is_known()
        && accounts.user(&nginx.worker.user.value) != Lookup::Missing
        && accounts.group(&nginx.worker.group.value) != Lookup::Missing
}

/// Whether the users and groups of the socket exist; where they do not, PHP-FPM does not start.
fn is_access_known(machine: &Machine, listener: &Listener) -> bool {
    let accounts = &machine.facts.accounts;
    let named = |name: &String| name.parse::<u32>().is_err();
    let unknown_user = |name: &String| accounts.user(name) == Lookup::Missing;
    let unknown_group = |name: &String| accounts.group(name) == Lookup::Missing;
    if listener.access.acl_users.keys().any(unknown_user) || listener.access.acl_groups.keys().any(unknown_group) {
        return false;
    }
    let (owner, group) = (listener.access.owner.as_ref(), listener.access.group.as_ref());
    !owner.filter(|name| named(name)).is_some_and(|name| accounts.user(name) == Lookup::Missing)
        && !group.filter(|name| named(name)).is_some_and(|name| accounts.group(name) == Lookup::Missing)
}

fn finding(machine: &Machine, dial: &Dial, id: PoolId, path: &str, class: Class) -> Finding {
    let (nginx, _) = machine.hand_over(dial);
    let worker = &nginx.worker;
    let pool = machine.pool(id);
    let message = format!("nginx may not open {path}");
    let mut finding = label_hand_over(RULE.finding(message, dial.span, "nginx dials this socket"), machine, dial);
    let groups = worker.identity.groups.as_ref();
    let member_of = groups.map(|groups| groups.iter().cloned().collect::<Vec<_>>().join(", "));
    let member_of = member_of.unwrap_or_else(|| worker.group.value.clone());
    let who = format!("workers run as {}, groups {member_of}", worker.user.value);
    finding = match worker.user.origin.span() {
        Some(span) => finding.label(span, who),
        None => finding.note(format!("no `user` is set: {who}")),
    };
    if let Some(listener) = &pool.listener {
        finding = label_socket(finding, pool, listener);
        finding = finding.note(why(listener, class)).help(help(machine, nginx, pool, listener, class));
    }
    let log = format!("connect() to unix:{path} failed (13: Permission denied) while connecting to upstream");
    let finding = Failure::of(machine, dial).predict(finding, log);
    // A user that no file names may be another one on this build of nginx.
    match worker.user.origin {
        Origin::Packaged if machine.facts.build.user.is_none() => finding.severity(Severity::Warning),
        _ => finding,
    }
}

/// Points at the lines that decide about the socket.
fn label_socket(mut finding: Finding, pool: &Pool, listener: &Listener) -> Finding {
    let shown = |name: &Option<String>| name.clone().unwrap_or_else(|| "an unknown group".into());
    let (owner, group) = (shown(&listener.access.owner), shown(&listener.access.group));
    let mode = listener.access.mode;
    let whole = format!("the socket of pool {} will be {owner}:{group} {mode:04o}", pool.name);
    for span in &listener.acl {
        finding = finding.label(*span, "an access control list: listen.owner and listen.group do not apply");
    }
    // A pool that sets neither owner nor group gets those of the master.
    let defaults =
        [listener.owner, listener.group, listener.mode].iter().all(|origin| matches!(origin, Origin::Default(_)));
    if defaults && listener.acl.is_empty() {
        return finding.label(listener.span, format!("{whole}: no owner, group or mode is set"));
    }
    let origins = [
        (listener.owner, format!("owner {owner}")),
        (listener.group, format!("group {group}")),
        (listener.mode, format!("mode {mode:04o}")),
    ];
    for (origin, what) in origins {
        finding = match origin {
            Origin::Written(span) => finding.label(span, what),
            Origin::Default(span) => finding.label(span, whole.clone()),
            Origin::Packaged => finding,
        };
    }
    for key in ["listen.owner", "listen.group"] {
        if let (false, Some(ignored)) = (listener.acl.is_empty(), pool.settings.get(key)) {
            finding = finding.label(ignored.span, "ignored because of the access control list");
        }
    }
    finding
}

fn why(listener: &Listener, class: Class) -> String {
    let bits = listener.access.mode;
    match class {
        Class::Owner => format!("nginx is the owner, and the owner's bits in {bits:04o} do not include write"),
        Class::Group => format!(
            "nginx is in the group, and the group's bits in {bits:04o} do not include write; the bits for others play no part"
        ),
        Class::Other => format!(
            "nginx is neither the owner nor in the group, and the bits for others in {bits:04o} do not include write"
        ),
    }
}

/// The smallest change that opens the socket for nginx and for nobody else.
fn help(machine: &Machine, nginx: &Nginx, pool: &Pool, listener: &Listener, class: Class) -> String {
    let master = machine.masters.iter().find(|master| master.pools.iter().any(|other| other.header == pool.header));
    if master.is_some_and(|master| master.service.is_some()) {
        // Users of one container mean nothing in another.
        return format!(
            "set `listen.mode = 0666` in pool {}, then start its container again: only containers that mount the volume reach the socket",
            pool.name
        );
    }
    let unit = |master: &Master| master.layout.unit.trim_end_matches(".service").to_owned();
    let restart = master.map_or_else(|| "PHP-FPM".to_owned(), unit);
    let group = &nginx.worker.group.value;
    // A group argument replaces the group of the user's own name.
    let own = nginx.worker.user.value.as_str();
    let dropped = group != own && listener.access.group.as_deref() == Some(own);
    let change = match () {
        () if dropped => {
            return format!(
                "write `user {own};` in nginx.conf, then reload nginx: the group {group} takes the place of the group {own}"
            );
        }
        () if !listener.acl.is_empty() => format!("add {} to listen.acl_users", nginx.worker.user.value),
        () if class == Class::Owner || listener.access.group.as_ref() == Some(group) => {
            "set `listen.mode = 0660`".to_owned()
        }
        () if listener.access.mode & 0o020 == 0 => format!("set `listen.group = {group}` and `listen.mode = 0660`"),
        () => format!("set `listen.group = {group}`"),
    };
    format!(
        "{change} in pool {}, then restart {restart} (a reload keeps the old socket); not 0666: any local account could run PHP as this pool",
        pool.name
    )
}
