//! The service manager and the program disagree about who stays in the foreground.

use crate::deployment::{Deployment, Machine, Master, Nginx};
use crate::finding::Finding;
use crate::host::units::Unit;
use crate::nginx::literals;
use crate::php::readers;
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};

pub(super) static RULE: Rule =
    rule!(service / "daemon-mismatch", Warning, "the unit and the program disagree about staying in the foreground");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for master in machine.masters.iter().filter(|master| master.configuration.has_main) {
            findings.findings.extend(of_master(machine, master));
        }
        for nginx in &machine.nginx {
            findings.findings.extend(of_nginx(machine, nginx));
        }
    }
}

/// Whether a unit waits for its program to go to the background; `None` where it starts nothing.
fn forks(unit: &Unit) -> Option<bool> {
    unit.get("Service.ExecStart")?;
    let kind = unit.get("Service.Type").unwrap_or("simple");
    match kind {
        "forking" => Some(true),
        "simple" | "exec" | "notify" | "notify-reload" => Some(false),
        _ => None,
    }
}

fn of_master(machine: &Machine, master: &Master) -> Option<Finding> {
    let name = &master.layout.unit;
    let unit = machine.facts.units.get(name)?;
    let command = unit.start_command();
    // A script around it does what it likes.
    command.first().filter(|program| program.contains("php-fpm"))?;
    let option = |short: &str, long: &str| command.iter().any(|word| word == short || word == long);
    let daemonize = master.configuration.global("daemonize");
    let written = daemonize.and_then(|found| readers::boolean(found.text.as_deref()?).value());
    let stays = match () {
        () if option("-F", "--nodaemonize") => true,
        () if option("-D", "--daemonize") => false,
        () => written == Some(false),
    };
    let span = daemonize.map(|found| found.span).or(master.pools.first().map(|pool| pool.header))?;
    finding(
        "PHP-FPM",
        name,
        forks(unit)?,
        stays,
        span,
        ("add --nodaemonize to ExecStart", "set `daemonize = yes`, and remove --nodaemonize from ExecStart"),
    )
}

fn of_nginx(machine: &Machine, nginx: &Nginx) -> Option<Finding> {
    let unit = machine.facts.units.get("nginx.service")?;
    let command = unit.start_command().join(" ");
    command.split(' ').next().filter(|program| program.contains("nginx"))?;
    let written = nginx.config.own(nginx.config.main(), "daemon").last();
    let off = written.and_then(|found| literals::flag(found.arg(0)?)) == Some(false);
    let stays = off || command.contains("daemon off");
    let span = written.map(|found| found.head).or(nginx.hand_overs.first().map(|hand_over| hand_over.span))?;
    finding(
        "nginx",
        "nginx.service",
        forks(unit)?,
        stays,
        span,
        ("add -g 'daemon off;' to ExecStart", "remove `daemon off`"),
    )
}

fn finding(program: &str, unit: &str, forks: bool, stays: bool, span: Span, help: (&str, &str)) -> Option<Finding> {
    let (message, label, help) = match (forks, stays) {
        (true, true) => (
            format!("{unit} waits for {program} to go to the background, which it never does"),
            "it stays in the foreground",
            format!("{}, or set `Type=notify`", help.1),
        ),
        (false, false) => (
            format!("{unit} takes {program} for ended when it goes to the background"),
            "it goes to the background",
            format!("{}, or set `Type=forking`", help.0),
        ),
        _ => return None,
    };
    let note = match forks {
        true => "the start is given up after TimeoutStartSec (90 s), and everything is killed",
        false => "systemd then kills what is left of the service",
    };
    Some(RULE.finding(message, span, label).note(note).help(help))
}
