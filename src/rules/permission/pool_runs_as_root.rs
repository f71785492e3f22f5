//! A pool whose workers would run as root.

use crate::deployment::{Deployment, Machine, Pool};
use crate::finding::Severity;
use crate::php::load::Assigned;
use crate::rules::connection::{StartFails, predict_failed_start};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(permission / "pool-runs-as-root", Error, "a pool's workers would run as root");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (id, pool) in machine.installed_pools() {
            let Some(assigned) = root(machine, pool) else { continue };
            let finding = match assigned.key.eq_ignore_ascii_case("group") {
                true => RULE
                    .finding(
                        format!("pool {} runs in the group root", pool.name),
                        assigned.span,
                        "every PHP script would be in it",
                    )
                    .help("name the application's group, or remove the line"),
                false => RULE
                    .finding(
                        format!("pool {} runs as root", pool.name),
                        assigned.span,
                        "every PHP script would run as root",
                    )
                    .help("name the account that owns the application, such as `user = www-data`"),
            };
            if machine.masters[id.master].allow_root {
                findings.push(finding.note("PHP-FPM is started with -R, which allows it").severity(Severity::Warning));
                continue;
            }
            let finding = finding.note(
                "`php-fpm -t` accepts this; the start fails with `please specify user and group other than root`, and no pool of this PHP-FPM runs",
            );
            findings.push(predict_failed_start(finding, machine, id, StartFails::BeforeSockets));
        }
    }
}

/// The assignment that makes the workers root.
fn root<'a>(machine: &Machine, pool: &'a Pool) -> Option<&'a Assigned> {
    let is_root = |text: &str| matches!(text, "root" | "0") || machine.facts.accounts.canonical_user(text) == "root";
    let user = pool.settings.get("user").filter(|user| user.text.as_deref().is_some_and(is_root));
    let is_root_group = |text: &str| matches!(text, "root" | "0");
    user.or_else(|| pool.settings.get("group").filter(|group| group.text.as_deref().is_some_and(is_root_group)))
}
