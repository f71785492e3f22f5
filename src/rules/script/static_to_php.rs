//! Style sheets, scripts and images are handed over to PHP-FPM, which refuses them.

use super::scripts;
use crate::deployment::{Deployment, Sent};
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(script / "static-to-php", Error, "everything is handed over to PHP-FPM, style sheets and images too");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (script, nginx, hand_over) in scripts(machine) {
            let Sent::Yes(param) = script.params.get("SCRIPT_FILENAME") else { continue };
            let follows = ["$fastcgi_script_name", "$uri", "$request_filename", "$document_uri"];
            let is_fixed = !follows.iter().any(|variable| param.value().contains(variable));
            let runs_all = script
                .pools
                .iter()
                .any(|id| machine.pool(*id).extensions().is_none_or(|extensions| extensions.admit("/style.css")));
            if !script.takes_assets || is_fixed || runs_all {
                continue;
            }
            let place = nginx.config.level(hand_over.level).opener.as_ref().map_or(hand_over.span, |it| it.head);
            let finding = RULE
                .finding(
                    "every request is handed over to PHP-FPM, files that are no PHP too",
                    hand_over.directive.head,
                    "a request for /style.css is handed over as well",
                )
                .label(place, "this location takes everything")
                .label(param.span(), "and its script is the file that is asked for")
                .note(
                    "PHP-FPM answers 403 with \"Access denied.\" for files that are there, 404 for pages that are none",
                )
                .help(
                    "let `location /` look for files (`try_files $uri $uri/ /index.php?$args;`), and move the \
                     `fastcgi_pass` with its parameters into `location ~ \\.php$`",
                )
                .predict(403, "(see security.limit_extensions)".to_owned());
            findings.push_for(server_name(nginx, hand_over), finding);
        }
    }
}
