//! A `listen` that PHP-FPM's own test accepts and its start refuses.

use std::path::Path;

use super::{StartFails, connect_log, no_master_log};
use crate::deployment::{Bound, Deployment};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;
use crate::values::address::Endpoint;

pub(super) static RULE: Rule =
    rule!(connection / "listen-invalid", Error, "PHP-FPM cannot listen on this address and does not start");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (id, pool) in machine.pools() {
            let Some(listener) = &pool.listener else { continue };
            let Bound::Refused(refusal) = &listener.bound else { continue };
            let written = &listener.written;
            let help = match written.strip_prefix("unix:") {
                Some(path) => format!("write the path alone: `listen = {path}`"),
                None => "write `host:port`, a port, or the path of a socket without a colon in it".into(),
            };
            let port = written.rsplit(':').next().unwrap_or_default();
            let why = match port.bytes().all(|byte| byte.is_ascii_digit()) && !port.is_empty() {
                true => "a port is a number from 1 to 65535",
                false => "a colon makes this TCP, and behind it no port follows",
            };
            let finding = RULE
                .finding(format!("pool {} cannot listen on {written}", pool.name), listener.span, why)
                .note(format!(
                    "`php-fpm -t` accepts this; the start fails with `{refusal}`, and no pool of this PHP-FPM runs"
                ))
                .help(help);
            let meant = written.strip_prefix("unix:").map(|path| Endpoint::unix(Path::new(path)));
            let dial =
                machine.dials.iter().find(|dial| meant.as_ref().is_some_and(|meant| dial.endpoints.contains(meant)));
            let log = dial.map(|dial| connect_log(&dial.address));
            findings.push(match log.or_else(|| no_master_log(machine, id, StartFails::AtSocket)) {
                Some(log) => finding.predict(502, log),
                None => finding,
            });
        }
    }
}
