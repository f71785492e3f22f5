//! A setting that is set twice: which of the values is in force.

use std::collections::BTreeMap;

use crate::deployment::{Deployment, Master};
use crate::finding::Finding;
use crate::php::load::Assigned;
use crate::php::settings::{self, Directive};
use crate::rules::{Findings, Rule, rule};
use crate::source::{FileId, Sources, Span};

pub(super) static RULE: Rule =
    rule!(loading / "duplicate-setting", Warning, "a setting is set twice, and one of the values is lost");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for master in deployment.machines.iter().flat_map(|machine| &machine.masters).filter(|master| !master.is_absent()) {
        of_section("the global section", &master.configuration.global, findings);
        for pool in &master.pools {
            of_section(&format!("pool {}", pool.name), &pool.settings.assigned, findings);
        }
        of_ini(master, findings);
    }
}

/// A value and its place.
type Set<'a> = (Option<&'a str>, Span);

fn of_section(section: &str, assigned: &[Assigned], findings: &mut Findings) {
    let mut scalars: BTreeMap<(&str, FileId, Option<u32>), Vec<Set<'_>>> = BTreeMap::new();
    let mut entries: BTreeMap<(&str, &str), Vec<Set<'_>>> = BTreeMap::new();
    for one in assigned.iter().filter(|one| !one.leaked) {
        let Some(Directive { name, .. }) = settings::find(&one.key, one.index.is_some()) else { continue };
        let set = (one.text.as_deref(), one.span);
        match &one.index {
            Some(index) if !index.is_empty() => entries.entry((*name, index.as_str())).or_default().push(set),
            Some(_) => {}
            // That one file overrides another is what the files are for, and who writes a header once
            // more means to; `listen` has a rule of its own.
            None if *name != "listen" => {
                let header = one.header.map(|header| header.start);
                scalars.entry((*name, one.span.file, header)).or_default().push(set);
            }
            None => {}
        }
    }
    for ((name, ..), sets) in scalars {
        findings.findings.extend(last_counts(section, name, &sets));
    }
    for ((name, index), sets) in entries {
        let Some((first, behind)) = sets.split_first() else { continue };
        let Some(lost) = behind.iter().find(|set| differ(set, first)) else { continue };
        let finding = RULE
            .finding(format!("{section} sets `{name}[{index}]` twice, and the first counts"), lost.1, "has no effect")
            .label(first.1, "this one is in force: of entries with a name the first counts")
            .help("remove the one that is not meant");
        findings.push(finding);
    }
}

fn of_ini(master: &Master, findings: &mut Findings) {
    let mut names: BTreeMap<(&str, FileId), Vec<Set<'_>>> = BTreeMap::new();
    // Extensions are loaded one by one.
    let once = master.ini.settings.iter().filter(|one| !one.for_some && !one.name.ends_with("extension"));
    for one in once {
        let set = (one.value.text.as_deref(), one.name_span.to(one.value.span));
        names.entry((one.name.as_str(), one.name_span.file)).or_default().push(set);
    }
    for ((name, _), sets) in names {
        findings.findings.extend(last_counts("the file", name, &sets));
    }
}

fn last_counts(section: &str, name: &str, sets: &[Set<'_>]) -> Option<Finding> {
    let (last, before) = sets.split_last()?;
    let lost = before.iter().find(|set| differ(set, last))?;
    let finding = RULE
        .finding(format!("{section} sets `{name}` twice, and the last counts"), lost.1, "has no effect")
        .label(last.1, "this one is in force")
        .help("remove the one that is not meant");
    Some(finding)
}

/// Whether two values are known to differ.
fn differ(one: &Set<'_>, other: &Set<'_>) -> bool {
    one.0.zip(other.0).is_some_and(|(one, other)| one != other)
}
