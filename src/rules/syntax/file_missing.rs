//! A file or a directory that a server opens when it starts is not there.

use crate::deployment::Deployment;
use crate::deployment::certificates::MissingFile;
use crate::deployment::openings::{Trouble, Unopenable};
use crate::finding::{Finding, Program};
use crate::host::normalize;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(syntax / "file-missing", Error, "a file or directory that a server opens at the start is not there");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        let missing = machine.nginx.iter().flat_map(|nginx| &nginx.missing_files);
        findings.findings.extend(missing.map(of_nginx));
        for master in machine.masters.iter().filter(|master| !master.is_absent()) {
            findings.findings.extend(master.openings.unopenable.iter().filter_map(of_fpm));
            for directory in &master.openings.unknown {
                findings.unchecked(&RULE, format!("whether {} is there", directory.display()), "--facts");
            }
        }
    }
}

fn of_nginx(missing: &MissingFile) -> Finding {
    let path = missing.path.display();
    let what = match missing.directive.as_str() {
        "ssl_certificate_key" => "certificate key ",
        "ssl_certificate" | "ssl_client_certificate" | "ssl_trusted_certificate" => "certificate ",
        _ => "",
    };
    let refusal = match what {
        "" => format!("\"{path}\") failed"),
        what => format!("cannot load {what}\"{path}\""),
    };
    RULE.finding(format!("{path} is not there"), missing.span, format!("`{}` needs this file", missing.directive))
        .help("create the file, or correct the path: nginx does not start without it")
        .refused_by(Program::Nginx, refusal)
}

/// A log or a directory of PHP-FPM. Its sockets and its pid file have rules of their own.
fn of_fpm(found: &Unopenable) -> Option<Finding> {
    let (path, key) = (normalize(&found.path), found.key);
    let path = path.display();
    let is_log = match key {
        "error_log" | "access.log" | "slowlog" => true,
        "chroot" | "chdir" | "prefix" | "--prefix" => false,
        _ => return None,
    };
    let (message, label, help) = match (found.trouble, is_log) {
        (Trouble::Missing, true) => {
            (format!("the directory {path} is not there"), format!("`{key}` is written there"), "create the directory")
        }
        (Trouble::Missing, false) => {
            (format!("{path} is not there"), format!("`{key}` needs this directory"), "create the directory")
        }
        (Trouble::Directory, _) => {
            (format!("{path} is a directory"), format!("`{key}` needs a file"), "name a file in it")
        }
        (Trouble::NotDirectory, _) => {
            (format!("{path} is not in a directory"), format!("a file stands on the way of `{key}`"), "remove the file")
        }
    };
    let finding = RULE.finding(message, found.span, label);
    let finding = finding.help(format!("{help}, or correct the path: PHP-FPM does not start without it"));
    Some(finding.refused_by(Program::PhpFpm, found.refusal.clone()))
}
