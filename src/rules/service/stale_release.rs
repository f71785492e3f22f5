//! A release is switched by a link, and PHP is given the link's name.

use crate::deployment::{Deployment, HandOver, Machine, Nginx, PoolId, Reach};
use crate::finding::Severity;
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(
    service / "stale-release",
    Warning,
    "the old release is served on after the link to the current one has moved"
);

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for dial in &machine.dials {
            let (nginx, hand_over) = machine.hand_over(dial);
            let Reach::Pools(pools) = &dial.reach else { continue };
            let Some(root) = nginx.config.effective(hand_over.level, "root") else { continue };
            let is_link = root.arg(0).is_some_and(|root| root.split('/').any(|part| part == "current"));
            if !is_link || !hand_over.serves_php {
                continue;
            }
            let Some(script) = script(nginx, hand_over) else { continue };
            let frozen = pools.first().and_then(|id| frozen(machine, *id));
            let mut finding = RULE
                .finding(
                    "PHP is given the path through the link `current`, and keeps what it compiled from there",
                    script.head,
                    "the path as written, with the link in it",
                )
                .label(root.head, "releases are switched by moving the link");
            finding = match &frozen {
                Some(span) => finding.label(*span, "opcache never looks whether a file has changed"),
                None => finding.severity(Severity::Advice),
            };
            let finding = finding
                .note("after a deploy the old release is served until PHP-FPM is reloaded")
                .help("pass `$realpath_root` instead of `$document_root`, for SCRIPT_FILENAME and DOCUMENT_ROOT");
            findings.push_for(server_name(nginx, hand_over), finding);
        }
    }
}

/// The parameter that names the script, where it goes through the document root as written.
fn script<'a>(nginx: &'a Nginx, hand_over: &HandOver) -> Option<&'a crate::nginx::ast::Directive> {
    let params = nginx.config.effective_list(hand_over.level, "fastcgi_param");
    let script = params.into_iter().rfind(|param| param.arg(0) == Some("SCRIPT_FILENAME"))?;
    script.arg(1).filter(|path| path.contains("$document_root"))?;
    Some(script.as_ref())
}

/// Where opcache is told not to look at files again.
fn frozen(machine: &Machine, id: PoolId) -> Option<crate::source::Span> {
    let value = machine.masters[id.master].ini.of_pool(&machine.pool(id).settings, "opcache.validate_timestamps")?;
    matches!(value.text.as_deref(), Some("0" | "")).then_some(value.span)
}
