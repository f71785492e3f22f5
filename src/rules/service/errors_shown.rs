//! A failed script is answered with 200 and its error's text.

use crate::deployment::Deployment;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(service / "errors-shown", Advice, "scripts that fail answer 200, with the text of the error");

/// The values that let PHP print errors into the page.
const ON: [&str; 5] = ["1", "on", "yes", "true", "stdout"];

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    // A php.ini is that of many pools.
    let mut told = Vec::new();
    for machine in &deployment.machines {
        for (id, pool) in machine.running_pools() {
            let Some(shown) = machine.masters[id.master].ini.of_pool(&pool.settings, "display_errors") else {
                continue;
            };
            let Some(text) = shown.text.filter(|text| ON.contains(&text.to_ascii_lowercase().as_str())) else {
                continue;
            };
            if told.contains(&shown.span) {
                continue;
            }
            told.push(shown.span);
            let finding = RULE
                .finding(
                    "scripts that fail answer 200",
                    shown.span,
                    format!("`{text}`: errors become part of the page"),
                )
                .note("monitoring sees no 500, caches keep the page, and visitors read paths and queries")
                .help("set `display_errors = Off` and `log_errors = On`, but on a machine for development");
            findings.push(finding);
        }
    }
}
