//! A `fastcgi_param` in a location wipes those of the levels around it.

use super::{script_filename_missing, scripts};
use crate::deployment::Deployment;
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(script / "params-dropped", Error, "an inner `fastcgi_param` drops all that outer levels set");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (script, nginx, hand_over) in scripts(machine) {
            let Some(lack) = script.params.lack() else { continue };
            let (Some(outer), Some(inner)) = (lack.wiped, script.params.sent().next()) else { continue };
            let finding = RULE
                .finding(
                    format!("{} is set outside and not sent from here", lack.name),
                    inner.span(),
                    "with one `fastcgi_param` of its own, this level takes none from outside",
                )
                .label(outer.span(), format!("so this {} is not sent", lack.name))
                .label(hand_over.directive.head, "requests are handed over here")
                .help(format!(
                    "repeat the outer ones here: `include fastcgi_params;` and `fastcgi_param SCRIPT_FILENAME {};` \
                     before `{}`",
                    match script.params.wiped("SCRIPT_FILENAME") {
                        Some(param) => param.value(),
                        None => "$document_root$fastcgi_script_name",
                    },
                    inner.name()
                ));
            let finding = script_filename_missing::predict(finding, machine, script, lack.name);
            findings.push_for(server_name(nginx, hand_over), finding);
        }
    }
}
