//! A file that holds pools or servers and that nothing loads.

use crate::deployment::unloaded::{Holds, Unloaded};
use crate::deployment::{Deployment, Machine, Reach};
use crate::finding::{Finding, Severity};
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};
use crate::values::address::Endpoint;

pub(super) static RULE: Rule =
    rule!(loading / "file-not-loaded", Warning, "a file that looks like part of the configuration is not loaded");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for file in &machine.unloaded {
            let found = match &file.holds {
                Holds::Pool(listens) if !is_wanted(machine, listens) => {
                    let (_, span) = &listens[0];
                    Some(finding(file, *span, "this pool is never started").severity(Severity::Advice))
                }
                // A pool that nginx dials is told by `listener-missing`.
                Holds::Pool(_) => None,
                Holds::Servers(servers) => servers.first().map(|(span, names)| {
                    let severity = if is_off(machine, file, names) { Severity::Advice } else { Severity::Warning };
                    finding(file, *span, "this server is never reached").severity(severity)
                }),
            };
            findings.findings.extend(found);
        }
    }
}

fn finding(file: &Unloaded, span: Span, label: &str) -> Finding {
    let name = file.path.file_name().unwrap_or_default().to_string_lossy();
    let path = file.path.display();
    let finding = RULE.finding(format!("nothing loads {path}"), span, label);
    match file.include {
        Some(include) => finding
            .label(include, format!("this pattern does not match {name}"))
            .help("rename the file so that the pattern takes it, or widen the pattern"),
        None => finding.help(format!("if it is meant to be on, link it: ln -s {path} /etc/nginx/sites-enabled/{name}")),
    }
}

/// Whether nginx dials a pool of the file.
fn is_wanted(machine: &Machine, listens: &[(Endpoint, Span)]) -> bool {
    let mut missed =
        machine.dials.iter().filter(|dial| dial.reach == Reach::Nobody).flat_map(|dial| dial.missed.iter());
    missed.any(|missed| listens.iter().any(|(here, _)| here.accepts(missed)))
}

/// Whether the file is meant to be off, or needed by nobody: a site that is available and not
/// enabled, or one whose names other servers have.
fn is_off(machine: &Machine, file: &Unloaded, names: &[String]) -> bool {
    let mut served = machine.nginx.iter().flat_map(|nginx| &nginx.servers).flat_map(|server| &server.names);
    let served_elsewhere = !names.is_empty() && served.any(|name| names.iter().any(|known| known == name));
    // Where nginx has no server at all, the available site is the one that is missing.
    let is_spare = file.include.is_none() && machine.nginx.iter().any(|nginx| !nginx.servers.is_empty());
    is_spare || served_elsewhere || machine.view.is_partial()
}
