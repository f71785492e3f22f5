//! A socket that every local account may write to.

use crate::deployment::{Deployment, Origin};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(permission / "socket-world-writable", Warning, "any local account can run PHP as the pool's user");

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (id, pool) in machine.pools() {
            let Some(listener) = &pool.listener else { continue };
            let (Some(_), Origin::Written(span)) = (listener.bound.socket(), listener.mode) else { continue };
            // In a container there is one user; the official images are known by a file of theirs.
            let files = &machine.masters[id.master].configuration.files;
            let in_image = files.iter().any(|file| sources.get(*file).path.ends_with("docker.conf"));
            if listener.access.mode & 0o002 == 0 || in_image || machine.in_container {
                continue;
            }
            let user = pool.settings.get("user").and_then(|user| user.text.clone());
            let user = user.map_or_else(|| "the pool's user".to_owned(), |user| format!("user {user}"));
            let mode = listener.access.mode;
            let finding = RULE
                .finding(
                    format!("the socket of pool {} is open to every local account", pool.name),
                    span,
                    format!("mode {mode:04o}"),
                )
                .note(format!("whoever writes to the socket runs any PHP file as {user}"))
                .help("set `listen.group` to nginx's group and `listen.mode = 0660`, then restart PHP-FPM");
            findings.push(finding);
        }
    }
}
