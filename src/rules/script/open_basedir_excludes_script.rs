//! `open_basedir` leaves out the script that PHP-FPM is asked for.

use super::scripts;
use crate::deployment::Deployment;
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(script / "open-basedir-excludes-script", Error, "`open_basedir` leaves out the script itself");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (script, nginx, hand_over) in scripts(machine) {
            // What the request sets on top may hold another `open_basedir`.
            let is_set_again = ["PHP_VALUE", "PHP_ADMIN_VALUE"].iter().any(|name| !script.params.lacks(name));
            let Some(sample) = script.sample.as_ref().filter(|_| !is_set_again) else { continue };
            for look in &sample.looks {
                let Some(excluded) = &look.excluded else { continue };
                let (pool, path) = (&machine.pool(look.pool).name, look.path.display());
                let directory = look.path.parent().unwrap_or(&look.path).display();
                let finding = RULE
                    .finding(
                        format!("`open_basedir` of pool {pool} leaves out {path}"),
                        excluded.span,
                        "PHP opens nothing outside of these",
                    )
                    .label(hand_over.directive.head, format!("for {} PHP-FPM is asked for {path}", sample.uri))
                    .note("PHP-FPM answers 404 with \"No input file specified.\"")
                    .help(format!("add {directory}/ to `open_basedir`, behind a colon"))
                    .predict(404, "Operation not permitted".to_owned());
                findings.push_for(server_name(nginx, hand_over), finding);
            }
        }
    }
}
