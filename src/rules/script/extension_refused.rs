//! A location hands over files with an ending that the pool does not run.

use super::scripts;
use crate::deployment::{Deployment, Machine, Pool, Sample, Script};
use crate::finding::Severity;
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(script / "extension-refused", Error, "nginx hands over files that the pool does not run");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (script, nginx, hand_over) in scripts(machine) {
            let Some(sample) =
                script.sample.as_ref().filter(|sample| sample.tail().ends_with(sample.script_name.as_str()))
            else {
                continue;
            };
            for pool in script.pools.iter().map(|id| machine.pool(*id)) {
                let Some((ending, severity)) = refused(machine, script, sample, pool) else { continue };
                let Some(extensions) = pool.extensions() else { continue };
                let endings = extensions.endings.join(" ");
                let (span, label) = match extensions.written {
                    Some(written) => (written.span, format!("pool {} runs {endings} only", pool.name)),
                    None => (pool.header, format!("pool {} runs {endings} only, which is the default", pool.name)),
                };
                let here = nginx.config.level(hand_over.level).opener.as_ref().map_or(hand_over.span, |it| it.head);
                let finding = RULE
                    .finding(format!("pool {} does not run files ending in {ending}", pool.name), span, label)
                    .label(here, format!("this location hands them over, such as {}", with(sample, ending)))
                    .note("PHP-FPM answers 403 with \"Access denied.\"")
                    .help(format!(
                        "set `security.limit_extensions = {endings} {ending}` if such files are scripts of yours; else take \
                         {ending} out of the location"
                    ))
                    .severity(severity)
                    .predict(403, "(see security.limit_extensions)".to_owned());
                findings.push_for(server_name(nginx, hand_over), finding);
            }
        }
    }
}

/// The first ending that is handed over and not run. That of `.html` is a wish; the others stand in many a sample.
fn refused(machine: &Machine, script: &Script, sample: &Sample, pool: &Pool) -> Option<(&'static str, Severity)> {
    let extensions = pool.extensions()?;
    let is_refused = |ending: &str| !extensions.admit(&with(sample, ending));
    if sample.uri.ends_with(".php") && is_refused(".php") {
        return Some((".php", Severity::Error));
    }
    let html = script.endings.iter().find(|ending| matches!(**ending, ".html" | ".htm") && is_refused(ending));
    let severity = if machine.view.is_partial() { Severity::Warning } else { Severity::Error };
    html.map(|ending| (*ending, severity))
}

/// The sample's URI with another ending.
fn with(sample: &Sample, ending: &str) -> String {
    format!("{}{ending}", sample.uri.strip_suffix(".php").unwrap_or(&sample.uri))
}
