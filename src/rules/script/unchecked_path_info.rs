//! An uploaded file of any kind can be run as PHP.

use super::scripts;
use crate::deployment::Deployment;
use crate::deployment::routes::takes;
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(script / "unchecked-path-info", Warning, "an uploaded file of any kind can be run as PHP");

/// What somebody asks for who has uploaded an image.
const ATTACK: &str = "/uploads/photo.jpg/x.php";

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (script, nginx, hand_over) in scripts(machine) {
            let checks = nginx.config.own(hand_over.level, "try_files").next().is_some();
            if checks || script.sample.is_none() || !takes(nginx, hand_over, ATTACK) {
                continue;
            }
            for id in &script.pools {
                let pool = machine.pool(*id);
                let Some(extensions) = pool.extensions().filter(|it| it.endings.is_empty()) else { continue };
                let Some(written) = extensions.written.filter(|_| machine.path_info_off(*id).is_none()) else {
                    continue;
                };
                let finding = RULE
                    .finding(format!("pool {} runs any file as PHP", pool.name), written.span, "no ending is required")
                    .label(hand_over.directive.head, format!("{ATTACK} is handed over, and PHP-FPM runs photo.jpg"))
                    .help(
                        "set `security.limit_extensions = .php`; and `try_files $uri =404;` beside the `fastcgi_pass`, where \
                         nginx sees the files",
                    );
                findings.push_for(server_name(nginx, hand_over), finding);
            }
        }
    }
}
