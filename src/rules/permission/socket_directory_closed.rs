//! A directory on the way to a socket is closed to nginx, or is not there.

use std::path::Path;

use crate::deployment::{Deployment, Dial, Machine, PoolId, Reach, Socket};
use crate::finding::Finding;
use crate::host::facts::PathFact;
use crate::rules::connection::{Failure, StartFails, host_of, label_hand_over, predict_failed_start};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;
use crate::values::address::Endpoint;

pub(super) static RULE: Rule =
    rule!(permission / "socket-directory-closed", Error, "a directory of the socket is closed to nginx or missing");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (id, pool) in machine.installed_pools() {
            findings.findings.extend(pool.sockets().filter_map(|socket| missing(machine, id, socket)));
        }
        for dial in &machine.dials {
            let (Reach::Pools(_), Some(Endpoint::Unix(path))) = (&dial.reach, dial.endpoints.first()) else { continue };
            let (nginx, _) = machine.hand_over(dial);
            let Some(directory) = path.parent() else { continue };
            if directory.ancestors().all(|above| machine.paths.get(above).is_none()) {
                findings.unchecked(&RULE, "owners and modes of the directories of sockets", "--facts");
            }
            let who = &nginx.worker.identity;
            if let Some(fact) = machine.paths.first_closed(directory, who, &machine.facts.accounts) {
                let finding = label_hand_over(closed(machine, dial, fact), machine, dial);
                findings.push_for(host_of(machine, dial), finding);
            }
        }
    }
}

/// The directory of a pool's socket does not exist, and the unit does not make it.
fn missing(machine: &Machine, id: PoolId, socket: Socket<'_>) -> Option<Finding> {
    let path = socket.bound.socket()?;
    let directory = path.parent()?;
    let absent =
        path.ancestors().skip(1).any(|above| machine.paths.get(above).is_some_and(|fact| fact.exists == Some(false)));
    if !absent || is_made_by_unit(machine, id, directory) {
        return None;
    }
    let finding = RULE
        .finding(format!("the directory {} is not there", directory.display()), socket.span, "PHP-FPM does not make its directory")
        .note(format!("`php-fpm -t` accepts this; the start fails with `unable to bind listening socket for address '{}': No such file or directory (2)`, and no pool of this PHP-FPM runs", socket.written))
        .help(format!("make it at boot: a line in tmpfiles.d (`d {} 0755 root root`) or RuntimeDirectory= in the unit", directory.display()));
    Some(predict_failed_start(finding, machine, id, StartFails::AtSocket))
}

/// Whether `RuntimeDirectory=` of the master's unit makes the directory below `/run`.
fn is_made_by_unit(machine: &Machine, id: PoolId, directory: &Path) -> bool {
    let unit = machine.facts.units.get(&machine.masters[id.master].layout.unit);
    let names = unit.and_then(|unit| unit.get("Service.RuntimeDirectory")).unwrap_or_default();
    names.split_whitespace().any(|name| Path::new("/run").join(name) == directory)
}

fn closed(machine: &Machine, dial: &Dial, fact: &PathFact) -> Finding {
    let (nginx, _) = machine.hand_over(dial);
    let shown = |name: &Option<String>| name.clone().unwrap_or_else(|| "?".into());
    let mode = fact.mode.map(|mode| mode.to_string()).unwrap_or_default();
    let (owner, group) = (shown(&fact.owner), shown(&fact.group));
    let user = &nginx.worker.user.value;
    let directory = fact.path.display();
    let mut finding = RULE.finding(
        format!("nginx may not pass through {directory} on the way to the socket"),
        dial.span,
        "nginx dials this socket",
    );
    if let Some(span) = nginx.worker.user.origin.span() {
        finding = finding.label(span, format!("workers run as {user}"));
    }
    if let Reach::Pools(pools) = &dial.reach {
        let listeners = pools.iter().filter_map(|id| machine.pool(*id).listener.as_ref());
        for listener in listeners {
            finding = finding.label(listener.span, "the socket is created here");
        }
    }
    let log = format!("connect() to {} failed (13: Permission denied) while connecting to upstream", dial.address);
    let finding = finding.note(format!("{directory} is {owner}:{group} {mode}: {user} lacks the x bit")).help(format!(
        "`setfacl -m u:{user}:x {directory}`; or put the socket into /run/php on both sides and restart PHP-FPM"
    ));
    Failure::of(machine, dial).predict(finding, log)
}
