//! The log in which a failure would stand is not kept.

use crate::deployment::{Deployment, Machine};
use crate::finding::Finding;
use crate::nginx::ast::Directive;
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(service / "error-log-off", Warning, "the log in which a 502 would be explained is not kept");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for nginx in &machine.nginx {
            for hand_over in &nginx.hand_overs {
                let logs = nginx.config.effective_list(hand_over.level, "error_log");
                // Of several logs one is enough.
                let blind: Vec<_> = logs.iter().filter_map(|log| blind(log)).collect();
                if let Some(finding) =
                    blind.into_iter().next().filter(|_| logs.iter().all(|log| blind_reason(log).is_some()))
                {
                    findings.push_for(server_name(nginx, hand_over), finding);
                }
            }
        }
        of_masters(machine, findings);
    }
}

fn blind(log: &Directive) -> Option<Finding> {
    let (message, label, help) = blind_reason(log)?;
    Some(RULE.finding(message, log.head, label).help(help))
}

/// What is wrong with an `error_log`: the message, the label, the help.
fn blind_reason(log: &Directive) -> Option<(String, String, &'static str)> {
    let (target, level) = (log.arg(0)?, log.arg(1).unwrap_or("error"));
    match (target, level) {
        ("off", _) => Some((
            "nginx writes its errors into a file named `off`".into(),
            "`error_log` cannot be switched off: this is the name of a file".into(),
            "name a log, such as /var/log/nginx/error.log",
        )),
        ("/dev/null", _) => Some((
            "nginx throws its errors away".into(),
            "nothing is kept of what fails".into(),
            "name a log, such as /var/log/nginx/error.log",
        )),
        (_, "crit" | "alert" | "emerg") => Some((
            format!("nginx's log says nothing of most failures: its level is {level}"),
            "refused connections, timeouts and large headers are logged at the level error".into(),
            "set the level to error or warn",
        )),
        _ => None,
    }
}

/// PHP-FPM's own log.
fn of_masters(machine: &Machine, findings: &mut Findings) {
    for master in machine.masters.iter().filter(|master| !master.is_stopped()) {
        let Some(log) = master.configuration.global("error_log") else { continue };
        if log.text.as_deref() == Some("/dev/null") {
            let finding = RULE
                .finding(
                    "PHP-FPM throws its log away",
                    log.span,
                    "nothing is kept of workers that crash, hang or run out",
                )
                .help("name a log, such as /var/log/php-fpm.log");
            findings.push(finding);
        }
    }
}
