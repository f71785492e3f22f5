//! What a form sends does not reach PHP.

use super::scripts;
use crate::deployment::Deployment;
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(script / "request-body-dropped", Warning, "nginx keeps the body of requests from PHP");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (_, nginx, hand_over) in scripts(machine) {
            let off = nginx.config.effective(hand_over.level, "fastcgi_pass_request_body");
            let Some(off) = off.filter(|off| off.arg(0).is_some_and(|word| word.eq_ignore_ascii_case("off"))) else {
                continue;
            };
            // A check that `auth_request` asks for needs no body, and such a location is internal.
            if nginx.config.own(hand_over.level, "internal").next().is_some() {
                continue;
            }
            let finding = RULE
                .finding("PHP gets no form and no upload", off.head, "the body of a request is not passed on")
                .label(hand_over.directive.head, "requests are handed over here")
                .note("$_POST and $_FILES are empty, while CONTENT_LENGTH still tells the length of the body")
                .help("remove the line, or keep it to a location that `auth_request` asks, and mark that `internal`")
                .predict(200, None);
            findings.push_for(server_name(nginx, hand_over), finding);
        }
    }
}
