//! A unit's own view of the file system hides the socket from the other side.

use std::path::Path;

use crate::deployment::{Deployment, Dial, Machine, Reach};
use crate::finding::Finding;
use crate::host::units::Unit;
use crate::rules::connection::{Failure, connect_log, host_of, label_hand_over};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;
use crate::values::address::Endpoint;

pub(super) static RULE: Rule =
    rule!(permission / "socket-hidden-by-unit", Error, "PrivateTmp or ProtectHome of a unit hides the socket");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for dial in &machine.dials {
            let (Reach::Pools(pools), Some(Endpoint::Unix(path))) = (&dial.reach, dial.endpoints.first()) else {
                continue;
            };
            let fpm = pools.first().map(|id| machine.masters[id.master].layout.unit.as_str());
            let hiding = fpm.into_iter().chain(["nginx.service"]).find_map(|name| {
                let unit = machine.facts.units.get(name)?;
                hides(unit, path).map(|setting| (name, setting, unit))
            });
            // Units with a /tmp of their own share it only where one of them says so.
            let units = fpm.into_iter().chain(["nginx.service"]).filter_map(|name| machine.facts.units.get(name));
            let joined = units.into_iter().any(|unit| unit.get("Unit.JoinsNamespaceOf").is_some());
            if let Some((name, setting, unit)) = hiding.filter(|_| !joined) {
                let finding = finding(machine, dial, path, name, setting, unit);
                findings.push_for(host_of(machine, dial), label_hand_over(finding, machine, dial));
            }
        }
    }
}

/// The setting of a unit that gives its processes another view of the path.
fn hides(unit: &Unit, path: &Path) -> Option<&'static str> {
    let in_tmp = path.starts_with("/tmp") || path.starts_with("/var/tmp");
    let in_home = ["/home", "/root", "/run/user"].iter().any(|home| path.starts_with(home));
    let protected = unit.is_true("Service.ProtectHome") || unit.get("Service.ProtectHome") == Some("tmpfs");
    match () {
        () if in_tmp
            && (unit.is_true("Service.PrivateTmp") || unit.get("Service.PrivateTmp") == Some("disconnected")) =>
        {
            Some("PrivateTmp")
        }
        () if in_home && protected => Some("ProtectHome"),
        () => None,
    }
}

fn finding(machine: &Machine, dial: &Dial, path: &Path, name: &str, setting: &str, unit: &Unit) -> Finding {
    let value = unit.get(&format!("Service.{setting}")).unwrap_or_default();
    let mut finding = RULE.finding(
        format!("{name} has {setting}={value}, so {} is another file there", path.display()),
        dial.span,
        "nginx dials this socket",
    );
    if let Reach::Pools(pools) = &dial.reach {
        for listener in pools.iter().filter_map(|id| machine.pool(*id).listener.as_ref()) {
            finding = finding.label(listener.span, "the pool creates it here");
        }
    }
    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
    let finding = finding
        .note(format!("the two programs see different directories under the path of the socket: only processes of {name} see its own"))
        .help(format!("move the socket to /run/php/{file_name} on both sides"));
    Failure::of(machine, dial).predict(finding, connect_log(&dial.address))
}
