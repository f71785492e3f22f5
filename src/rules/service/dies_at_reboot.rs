//! The directory of a socket lies in `/run`, which is empty after a boot, and nothing makes it.

use std::path::{Path, PathBuf};

use crate::deployment::{Deployment, Machine};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(service / "dies-at-reboot", Warning, "nothing makes the socket's directory at the next boot");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        // Only where everything is in view that could make it.
        let facts = &machine.facts;
        if machine.in_container || !facts.tmpfiles.known || !facts.units.packaged_known || facts.units.other_starters {
            continue;
        }
        for (id, pool) in machine.running_pools() {
            let Some(listener) = &pool.listener else { continue };
            let Some(directory) = listener.bound.socket().and_then(Path::parent) else { continue };
            let inside = directory.strip_prefix("/run").is_ok_and(|rest| !rest.as_os_str().is_empty());
            if !inside || is_made(machine, directory) {
                continue;
            }
            let unit = &machine.masters[id.master].layout.unit;
            let name = directory.strip_prefix("/run").unwrap_or(directory).display();
            let finding = RULE
                .finding(
                    format!("nothing makes {} at the next boot, and PHP-FPM does not start without it", directory.display()),
                    listener.span,
                    "/run is empty after a boot",
                )
                .note("PHP-FPM then says: unable to bind listening socket for address, No such file or directory (2)")
                .help(format!(
                    "run `systemctl edit {unit}`: `[Service]` with `RuntimeDirectory={name}`; or a line `d {} 0755 root root` in /etc/tmpfiles.d/php-fpm.conf",
                    directory.display()
                ));
            findings.push(finding);
        }
    }
}

/// Whether `tmpfiles.d`, a unit's `RuntimeDirectory` or a command of a unit makes a directory.
fn is_made(machine: &Machine, directory: &Path) -> bool {
    let facts = &machine.facts;
    let by_unit = facts.units.iter().any(|(_, unit)| {
        let values = |key: &str| unit.settings.get(key).into_iter().flatten();
        let made = values("Service.RuntimeDirectory").flat_map(|value| value.split_whitespace());
        let mut made = made.map(|name| PathBuf::from("/run").join(name.split(':').next().unwrap_or(name)));
        let text = directory.to_string_lossy().into_owned();
        let other = text.replacen("/run", "/var/run", 1);
        let mut commands =
            unit.settings.iter().filter(|(key, _)| key.starts_with("Service.Exec")).flat_map(|(_, values)| values);
        made.any(|made| made.starts_with(directory))
            || commands.any(|command| command.contains(&text) || command.contains(&other))
    });
    by_unit || facts.tmpfiles.made.contains(directory)
}
