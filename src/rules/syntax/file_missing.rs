//! A certificate, or another file that nginx opens at the start, is not there.

use crate::deployment::Deployment;
use crate::finding::Program;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(syntax / "file-missing", Error, "a certificate that nginx opens at the start is not there");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    let nginx = deployment.machines.iter().flat_map(|machine| &machine.nginx);
    for missing in nginx.flat_map(|nginx| &nginx.missing_files) {
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
        findings.push(
            RULE.finding(
                format!("{path} is not there"),
                missing.span,
                format!("`{}` needs this file", missing.directive),
            )
            .help("create the file, or correct the path: nginx does not start without it")
            .refused_by(Program::Nginx, refusal),
        );
    }
}
