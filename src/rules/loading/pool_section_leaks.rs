//! Settings that change a pool of another file, because that file left its section open.

use crate::deployment::{Deployment, Pool};
use crate::php::load::Assigned;
use crate::php::settings;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(loading / "pool-section-leaks", Warning, "settings without a header change the pool of another file");

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (id, pool) in machine.pools() {
            if !machine.masters[id.master].is_absent() {
                leaks(pool, sources, findings);
            }
        }
    }
}

/// What a pool does not take is refused, and `fpm-setting-unknown` tells it.
fn is_taken(assigned: &Assigned) -> bool {
    settings::find(&assigned.key, assigned.index.is_some()).is_some_and(|row| row.allowed(true))
}

fn leaks(pool: &Pool, sources: &Sources, findings: &mut Findings) {
    let mut told = Vec::new();
    for assigned in pool.settings.assigned.iter().filter(|assigned| assigned.leaked && is_taken(assigned)) {
        // One header is missing, however many settings lack it.
        if told.contains(&(assigned.span.file, assigned.header)) {
            continue;
        }
        told.push((assigned.span.file, assigned.header));
        let (key, name) = (&assigned.key, &pool.name);
        let file = &sources.get(assigned.span.file).path;
        let (message, help) = match assigned.header {
            None => (
                format!("`{key}` in {file} changes pool {name}: no [pool] header stands above it"),
                format!("write the pool's header above it, such as `[{}]`", stem(file)),
            ),
            Some(_) => (
                format!("`{key}` behind the include belongs to pool {name}, which the included file left open"),
                "move it above the include, or write its header, such as `[global]`, once more".to_owned(),
            ),
        };
        let mut finding = RULE
            .finding(message, assigned.span, format!("lands in pool {name}"))
            .label(pool.header, "this section is still open there: the end of a file does not close it");
        let lost = pool.settings.all(key).find(|other| {
            assigned.index.is_none() && !other.leaked && other.span != assigned.span && other.text != assigned.text
        });
        if let Some(lost) = lost {
            finding = finding.label(lost.span, "this value is lost");
        }
        if let Some(header) = assigned.header {
            finding = finding.label(header, "not in this section any more, behind the include");
        }
        findings.push(finding.help(help));
    }
}

fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.split('.').next().unwrap_or(name)
}
