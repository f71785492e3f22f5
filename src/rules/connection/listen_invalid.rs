//! A `listen` that PHP-FPM's own test accepts and its start refuses.

use std::path::Path;

use super::{StartFails, connect_log, no_master_log, predict_failed_start};
use crate::deployment::openings::Trouble;
use crate::deployment::{Bound, Deployment, Machine, Pool, PoolId, Socket};
use crate::finding::Finding;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;
use crate::values::address::Endpoint;

pub(super) static RULE: Rule =
    rule!(connection / "listen-invalid", Error, "PHP-FPM cannot listen on this address and does not start");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (id, pool) in machine.pools() {
            for socket in pool.sockets() {
                findings.findings.extend(invalid(machine, id, pool, socket));
                findings.findings.extend(occupied(machine, id, pool, socket));
            }
        }
    }
}

fn invalid(machine: &Machine, id: PoolId, pool: &Pool, socket: Socket<'_>) -> Option<Finding> {
    let Bound::Refused(refusal) = socket.bound else { return None };
    let written = socket.written;
    let help = match written.strip_prefix("unix:") {
        Some(path) => format!("write the path alone: `{} = {path}`", socket.key()),
        None => "write `host:port`, a port, or the path of a socket without a colon in it".into(),
    };
    let (host, port) = written.rsplit_once(':').unwrap_or(("", written));
    let is_number = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    let why = match () {
        () if refusal.starts_with("unable to bind") => "a link-local address needs its interface".to_owned(),
        () if refusal.starts_with("getaddrinfo") && host.is_empty() => "no host stands before the colon".to_owned(),
        () if refusal.starts_with("getaddrinfo") => format!("`{host}` is no name and no address"),
        () if is_number => "a port is a number from 1 to 65535".to_owned(),
        () => "a colon makes this TCP, and behind it no port follows".to_owned(),
    };
    let finding = RULE
        .finding(format!("{} cannot listen on {written}", socket.owner(pool)), socket.span, why)
        .note(format!("`php-fpm -t` accepts this; the start fails with `{refusal}`, and no pool of this PHP-FPM runs"))
        .help(help);
    let meant = written.strip_prefix("unix:").map(|path| Endpoint::unix(Path::new(path)));
    let dial = machine.dials.iter().find(|dial| meant.as_ref().is_some_and(|meant| dial.endpoints.contains(meant)));
    let log = dial.map(|dial| connect_log(&dial.address));
    Some(match log.or_else(|| no_master_log(machine, id, StartFails::AtSocket)) {
        Some(log) => finding.predict(502, log),
        None => finding,
    })
}

/// A directory where the socket is to be, or a file where one of its directories is to be.
fn occupied(machine: &Machine, id: PoolId, pool: &Pool, socket: Socket<'_>) -> Option<Finding> {
    let openings = &machine.masters[id.master].openings;
    let found = openings.unopenable.iter().find(|found| found.span == socket.span)?;
    let label = match found.trouble {
        Trouble::Directory => "a directory stands here; PHP-FPM replaces files only",
        _ => "a file stands on the way, where a directory must be",
    };
    let finding = RULE
        .finding(format!("{} cannot listen on {}", socket.owner(pool), socket.written), socket.span, label)
        .note(format!(
            "`php-fpm -t` accepts this; the start fails with `{}`, and no pool of this PHP-FPM runs",
            found.refusal
        ))
        .help(format!("name the socket in full, such as `{} = /run/php/{}.sock`", socket.key(), pool.name));
    Some(predict_failed_start(finding, machine, id, StartFails::AtSocket))
}
