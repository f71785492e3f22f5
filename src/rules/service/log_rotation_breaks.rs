//! Log rotation that loses the log, or requests.

use crate::deployment::Deployment;
use crate::finding::{Finding, Severity};
use crate::host::rotation::Rotation;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(service / "log-rotation-breaks", Warning, "log rotation loses the log, or requests that run");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for rotation in machine.rotations.iter().filter(|rotation| !rotation.copied) {
            let names = |word: &str| rotation.logs.iter().any(|(log, _)| log.contains(word));
            let program = match () {
                () if names("fpm") && !machine.masters.is_empty() => "PHP-FPM",
                () if names("nginx") && !machine.nginx.is_empty() => "nginx",
                () => continue,
            };
            findings.findings.extend(of_rotation(rotation, program));
        }
    }
}

fn of_rotation(rotation: &Rotation, program: &str) -> Option<Finding> {
    let (log, span) = rotation.logs.first()?;
    let script = rotation.script.as_str();
    let Some(script_span) = rotation.script_span else {
        let finding = RULE
            .finding(
                format!("{program} writes on into the old file after {log} is rotated"),
                *span,
                "nobody is told that the file has another name now",
            )
            .help(format!("add `postrotate`, {}, `endscript`", command(program)));
        return Some(finding);
    };
    let has = |words: &[&str]| words.iter().any(|word| script.contains(word));
    let reopens = has(&["USR1", "reopen", "rotate"]);
    let restarts = has(&["restart", "USR2", "-TERM", "-QUIT"]);
    let reloads = has(&["reload", "HUP"]);
    match () {
        () if reopens => None,
        () if restarts || reloads && program == "PHP-FPM" => {
            let what = if restarts && has(&["restart"]) { "restarts" } else { "reloads" };
            let often = match !rotation.shared && (rotation.logs.len() > 1 || log.contains('*')) {
                true => " once for each file",
                false => "",
            };
            let finding = RULE
                .finding(format!("each rotation {what} {program}{often}"), script_span, "this script runs after it")
                .label(*span, "when this is rotated")
                .note("requests that run then are lost, unless there is time for them (`process_control_timeout`)")
                .help(format!("to open the logs anew {} is enough; `sharedscripts` runs it once", command(program)));
            Some(finding)
        }
        () if reloads => {
            let finding = RULE
                .finding(format!("each rotation reloads {program}"), script_span, "this script runs after it")
                .help(format!("to open the logs anew {} is enough", command(program)));
            Some(finding.severity(Severity::Advice))
        }
        () => None,
    }
}

fn command(program: &str) -> &'static str {
    if program == "nginx" { "`nginx -s reopen`" } else { "`kill -USR1` of the master" }
}
