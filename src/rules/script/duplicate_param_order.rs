//! A parameter is sent twice, and the one of an include wins over the site's own.

use super::scripts;
use crate::deployment::{Deployment, Param};
use crate::finding::Severity;
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(script / "duplicate-param-order", Warning, "an include behind a parameter replaces its value");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (script, nginx, hand_over) in scripts(machine) {
            let is_own = |param: &Param| param.span().file == hand_over.span.file && !param.is_packaged();
            for (own, later) in script.params.repeated().filter(|(own, later)| is_own(own) && !is_own(later)) {
                // An empty value that is left out replaces nothing.
                if later.if_not_empty() || value(later) == value(own) {
                    continue;
                }
                // A script that is found all the same was not lost.
                let is_found = own.name() == "SCRIPT_FILENAME"
                    && script.sample.as_ref().is_some_and(|sample| sample.path() == sample.mapped().as_deref());
                let finding = RULE
                    .finding(
                        format!("{} is sent twice, and PHP keeps the last", own.name()),
                        own.span(),
                        format!("{} is replaced", own.value()),
                    )
                    .label(later.span(), format!("PHP sees this: {}", later.value()))
                    .help("put your own line behind the include")
                    .severity(if is_found { Severity::Advice } else { Severity::Warning });
                findings.push_for(server_name(nginx, hand_over), finding);
            }
        }
    }
}

/// The value, with the two names of the document root as one.
fn value(param: &Param) -> String {
    param.value().replace("$realpath_root", "$document_root")
}
