//! `security.limit_extensions` is written so that it does not admit what it names.

use crate::deployment::Deployment;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(
    script / "limit-extensions-malformed",
    Error,
    "`security.limit_extensions` does not admit the endings it names",
    supersedes["extension-refused"]
);

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (id, pool) in machine.pools() {
            let Some(extensions) = pool.extensions() else { continue };
            let Some(written) = extensions.written else { continue };
            let text = written.text.as_deref().unwrap_or_default();
            let named: Vec<String> =
                text.split([',', ';', ' ', '\t']).filter(|it| !it.is_empty()).map(str::to_ascii_lowercase).collect();
            let meant = named.iter().any(|ending| matches!(ending.as_str(), ".php" | "php" | "*.php"));
            if extensions.admit("/index.php") || !meant {
                continue;
            }
            let dotted = |ending: &String| format!(".{}", ending.trim_start_matches("*.").trim_start_matches('.'));
            let proper = named.iter().map(dotted).collect::<Vec<_>>().join(" ");
            let label = match text.contains([',', ';']) {
                true => "items are separated by blanks; a comma belongs to the item",
                false => "items are compared with the end of the path, case included",
            };
            let finding = RULE
                .finding(format!("pool {} runs no file ending in .php", pool.name), written.span, label)
                .note("PHP-FPM answers 403 with \"Access denied.\"")
                .help(format!("set `security.limit_extensions = {proper}`, then reload PHP-FPM"));
            let called = machine.callers(id).next().is_some();
            findings.push(match called || machine.nginx.is_empty() {
                true => finding.predict(403, "(see security.limit_extensions)".to_owned()),
                false => finding,
            });
        }
    }
}
