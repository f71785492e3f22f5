//! A value that nginx does not take.

use super::{lookalike, no_semicolon, refusals, refused};
use std::collections::BTreeSet;

use crate::deployment::Deployment;
use crate::deployment::listeners::addresses;
use crate::nginx::examine::{Flaw, Taken};
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};

pub(super) static RULE: Rule =
    rule!(syntax / "value-invalid", Error, "nginx does not take this value", supersedes["character-suspect"]);

/// So many names are named.
const MOST_NAMES: usize = 3;

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for machine in deployment.machines.iter().filter(|machine| !machine.in_container) {
        for nginx in machine.nginx.iter().filter(|nginx| nginx.is_whole) {
            let is_unknown = |name: &&String| addresses(name, &machine.facts).is_empty();
            let unknown: Vec<&str> = nginx.looked_up.iter().filter(is_unknown).map(String::as_str).collect();
            if !unknown.is_empty() {
                let named = unknown[..unknown.len().min(MOST_NAMES)].join(", ");
                let more = unknown.len().saturating_sub(MOST_NAMES);
                let more = if more > 0 { format!(" and {more} more") } else { String::new() };
                let needs = format!("whether nginx, which looks these names up when it starts, finds {named}{more}");
                findings.unchecked(&RULE, needs, "--facts");
            }
        }
    }
    let hand_overs = deployment.machines.iter().flat_map(|machine| &machine.nginx).flat_map(|nginx| &nginx.hand_overs);
    let dialled: BTreeSet<Span> = hand_overs.map(|hand_over| hand_over.span).collect();
    for (_, refusal) in refusals(deployment) {
        let name = &refusal.name;
        // Addresses that are dialled have rules of their own.
        if name.ends_with("_pass") && name != "proxy_pass" && dialled.contains(&refusal.span) {
            continue;
        }
        let finding = match &refusal.flaw {
            Flaw::Value(value) => {
                let text = sources.text(refusal.span);
                let message = format!("`{name}` does not take `{text}`");
                match lookalike(refusal.span, sources) {
                    Some(sign) => no_semicolon(&RULE, message, sign),
                    None => RULE
                        .finding(message, refusal.span, "nginx refuses this")
                        .help(format!("it takes {}", value.wanted)),
                }
            }
            Flaw::Taken(Taken::Upstream(first)) => RULE
                .finding("two upstream groups have one name", refusal.span, "nginx refuses the second one")
                .label(*first, "the first one")
                .help("give one of them another name, or remove it"),
            Flaw::Taken(Taken::Zone(zone, first)) => {
                let finding =
                    RULE.finding(format!("the zone {zone} is another one already"), refusal.span, "nginx refuses this");
                let (label, help) = match refusal.refusal.contains("size") {
                    true => {
                        ("it has another size here", "write the same size in both, or give one of them another name")
                    }
                    false => ("the name is taken here", "give one of them another name"),
                };
                finding.label(*first, label).help(help)
            }
            Flaw::Taken(Taken::Options(first)) => RULE
                .finding("two `listen` set the options of one address", refusal.span, "nginx refuses the second one")
                .label(*first, "the first one")
                .help("leave the options with one of them: they hold for every server at this address"),
            Flaw::Incomplete { needs } => RULE
                .finding(format!("this `{name}` lacks {needs}"), refusal.span, "nginx refuses this")
                .help(format!("write {needs} into the block, or remove it")),
            _ => continue,
        };
        findings.push(refused(finding, refusal, sources));
    }
}
