//! A hand-over sends no `SCRIPT_FILENAME` or no `REQUEST_METHOD`.

use super::{UNKNOWN, is_before_8, scripts};
use crate::deployment::params::Lack;
use crate::deployment::{Deployment, Machine, Script, Sent};
use crate::finding::Finding;
use crate::rules::connection::{Failure, server_name};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(script / "script-filename-missing", Error, "nginx does not tell PHP-FPM which script to run");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (script, nginx, hand_over) in scripts(machine) {
            if ["SCRIPT_FILENAME", "REQUEST_METHOD"].iter().any(|name| matches!(script.params.get(name), Sent::Unknown))
            {
                findings.unchecked(&RULE, "the parameters in included files", "--root");
            }
            if let Sent::Yes(param) = script.params.get("SCRIPT_FILENAME") {
                if param.value().is_empty() && !param.if_not_empty() {
                    let finding = RULE
                        .finding("SCRIPT_FILENAME is sent empty to PHP-FPM", param.span(), "an empty value")
                        .label(hand_over.directive.head, "requests are handed over here")
                        .note("PHP-FPM answers 403 with \"Access denied.\"")
                        .help("write `fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;`")
                        .predict(403, "Access to the script '' has been denied".to_owned());
                    findings.push_for(server_name(nginx, hand_over), finding);
                }
            }
            let Some(lack) = script.params.lack().filter(|lack| lack.wiped.is_none()) else { continue };
            let finding = RULE.finding(
                format!("no {} is sent to PHP-FPM", lack.name),
                hand_over.directive.head,
                format!("requests are handed over without {}", lack.name),
            );
            let finding = predict(label(finding, script, &lack), machine, script, lack.name);
            findings.push_for(server_name(nginx, hand_over), finding);
        }
    }
}

fn label(finding: Finding, script: &Script, lack: &Lack) -> Finding {
    if let Some(near) = script.params.sent().find(|param| param.name().eq_ignore_ascii_case(lack.name)) {
        let label = format!("this name counts for nothing: PHP-FPM reads {} in capital letters", lack.name);
        return finding.label(near.span(), label).help(format!(
            "write `fastcgi_param {} {};`",
            lack.name,
            near.value()
        ));
    }
    let finding = match script.params.sent().last() {
        Some(last) => {
            let count = script.params.sent().count();
            let shown = if count == 1 { "1 parameter is".to_owned() } else { format!("{count} parameters are") };
            finding.label(last.span(), format!("{shown} sent; this is the last, and {} is none of them", lack.name))
        }
        None => finding,
    };
    finding.help(match lack.name {
        "SCRIPT_FILENAME" => {
            "add `fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;` to the location, or include \
             fastcgi.conf instead of fastcgi_params"
        }
        _ => "add `include fastcgi_params;` to the location, before the parameters of its own",
    })
}

/// What a request gets: by PHP's version, "File not found." or a blank page.
pub(super) fn predict(finding: Finding, machine: &Machine, script: &Script, name: &str) -> Finding {
    let blank = "PHP-FPM answers 200 with a blank page, and no log has a line of it";
    match name {
        "SCRIPT_FILENAME" if is_before_8(machine, script) => {
            finding.note(format!("{blank}; from PHP 8 on it answers 404 with \"File not found.\"")).predict(200, None)
        }
        "SCRIPT_FILENAME" => finding
            .note("PHP-FPM answers 404 with \"File not found.\"; before PHP 8 it was 200 with a blank page")
            .predict(asked_status(machine, script), UNKNOWN.to_owned()),
        _ => finding.note(blank).predict(200, None),
    }
}

/// What the client sees of PHP-FPM's 404.
fn asked_status(machine: &Machine, script: &Script) -> u16 {
    let (nginx, hand_over) = machine.of_script(script);
    Failure::after(nginx, hand_over, 404)
}
