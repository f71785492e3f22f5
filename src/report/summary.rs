//! What is said after the findings: what stopped the tool, what was not checked, and the verdict.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::paint::{Ink, paint};
use super::{Report, Style, clean, wrap};
use crate::finding::{Severity, Unchecked};

/// How many facts that are not known are named.
const MOST_FACTS: usize = 50;

/// The end of a text report. The very last line is the verdict, for it is the one that is seen.
pub(super) fn closing(report: &Report<'_>, style: Style) -> String {
    let mut out = String::new();
    for error in report.errors {
        let label = format!("{}: ", paint("error", Ink::Error, style.color));
        wrap::hanging(&mut out, &label, 7, &clean::lines(error, style), style.width);
    }
    if !report.errors.is_empty() {
        out.push('\n');
    }
    out.push_str(&not_checked(report.unchecked, style));
    if let Some(remark) = remark(report) {
        out.push_str(&format!("{}\n", paint(remark, Ink::Faint, style.color)));
    }
    out.push_str(&verdict(report, style));
    out.push('\n');
    out
}

/// Facts that were missing, each once, with the option that supplies it and the rules that rested.
fn not_checked(unchecked: &BTreeSet<Unchecked>, style: Style) -> String {
    let mut rules_by_fact: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for unchecked in unchecked {
        rules_by_fact.entry((&unchecked.needs, &unchecked.option)).or_default().insert(unchecked.rule);
    }
    if rules_by_fact.is_empty() {
        return String::new();
    }
    let mut out = format!("{}\n", paint("not checked, because these are not known:", Ink::Strong, style.color));
    let facts = gathered(rules_by_fact);
    let more = facts.len().saturating_sub(MOST_FACTS);
    for (needs, option, rules) in facts.into_iter().take(MOST_FACTS) {
        let fact = clean::line(&needs, style);
        let option = if option.is_empty() { String::new() } else { format!(" ({})", clean::line(option, style)) };
        wrap::hanging(&mut out, "  ", 6, &format!("{fact}{option}: {rules}"), style.width);
    }
    if more > 0 {
        out.push_str(&format!("  and {more} more; --format json lists all\n"));
    }
    out.push('\n');
    out
}

/// How every missing file that is included is told.
const INCLUDED: &str = "the included ";

/// So many included files are named; of more, the first stands for all.
const MOST_INCLUDED: usize = 3;

/// The facts with their options and rules, many included files as one.
fn gathered<'a>(rules_by_fact: BTreeMap<(&'a str, &'a str), BTreeSet<&'a str>>) -> Vec<(String, &'a str, String)> {
    let facts = rules_by_fact.into_iter().map(|((needs, option), rules)| {
        let rules = rules.into_iter().collect::<Vec<_>>().join(", ");
        (needs.to_owned(), option, rules)
    });
    let mut gathered: Vec<(String, &str, String)> = Vec::new();
    let (included, others): (Vec<_>, Vec<_>) = facts.partition(|(needs, ..)| needs.starts_with(INCLUDED));
    match &included[..] {
        [(first, option, rules), ..] if included.len() > MOST_INCLUDED => {
            let first = first.trim_start_matches(INCLUDED);
            let all = format!("{} included files, such as {first}", included.len());
            gathered.push((all, option, rules.clone()));
        }
        _ => gathered.extend(included),
    }
    gathered.extend(others);
    gathered.sort();
    gathered
}

/// The last line.
fn verdict(report: &Report<'_>, style: Style) -> String {
    let summary = report.summary;
    let done = format!(
        "{} ({}, {}, {}), {}",
        counted(summary.files, "file"),
        counted(summary.servers, "server"),
        counted(summary.handovers, "hand-over"),
        counted(summary.pools, "pool"),
        duration(summary.elapsed),
    );
    // A run that could not read everything must not look like one that found nothing.
    let incomplete =
        if report.errors.is_empty() { String::new() } else { paint("incomplete: ", Ink::Error, style.color) };
    match summary.files {
        0 => format!("{incomplete}nothing was read, {}", duration(summary.elapsed)),
        _ => format!("{incomplete}{} in {done}", found(report, style)),
    }
}

/// Findings by severity.
fn found(report: &Report<'_>, style: Style) -> String {
    let words = |severity: Severity| {
        let count = report.count(severity);
        let words = match severity {
            Severity::Advice => format!("{count} advice"),
            _ => counted(count, severity.as_str()),
        };
        (count > 0).then(|| paint(&words, severity.into(), style.color))
    };
    let all = [Severity::Error, Severity::Warning, Severity::Advice];
    let found: Vec<String> = all.into_iter().filter_map(words).collect();
    if found.is_empty() { "nothing found".to_owned() } else { found.join(", ") }
}

/// Tells whoever sees findings and an exit status of 0 why that is.
fn remark(report: &Report<'_>) -> Option<&'static str> {
    let worst = report.findings.iter().map(|finding| finding.severity).max()?;
    match report.fail_on {
        None => Some("none of this fails the check, because of --fail-on never"),
        Some(Severity::Error) if worst == Severity::Warning => {
            Some("warnings do not fail the check; with --fail-on warning they would")
        }
        _ => None,
    }
}

fn counted(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

pub(crate) fn duration(elapsed: Duration) -> String {
    match elapsed.as_millis() {
        0 => "under 1 ms".to_owned(),
        millis @ 1..1000 => format!("{millis} ms"),
        _ => format!("{:.1} s", elapsed.as_secs_f64()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_at_a_glance() {
        assert_eq!(duration(Duration::from_micros(300)), "under 1 ms");
        assert_eq!(duration(Duration::from_millis(14)), "14 ms");
        assert_eq!(duration(Duration::from_millis(1250)), "1.2 s");
    }

    #[test]
    fn a_missing_fact_is_named_once_with_all_its_rules() {
        let unchecked =
            |rule, needs: &str, option: &str| Unchecked { rule, needs: needs.into(), option: option.into() };
        let all = [
            unchecked("b-rule", "memory", "--memory"),
            unchecked("c-rule", "groups of the user nginx", "--facts"),
            unchecked("a-rule", "memory", "--memory"),
        ];
        let expected = "not checked, because these are not known:\n  \
            groups of the user nginx (--facts): c-rule\n  memory (--memory): a-rule, b-rule\n\n";
        assert_eq!(not_checked(&all.into(), Style::default()), expected);
    }
}
