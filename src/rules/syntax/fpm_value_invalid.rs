//! A value that PHP-FPM cannot read.

use crate::deployment::{Deployment, Master, Pool};
use crate::finding::{Finding, Program};
use crate::php::limits;
use crate::php::load::Assigned;
use crate::php::readers;
use crate::php::settings::{self, Kind};
use crate::php::workers::Manager;
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};
use crate::values::placeholder::is_placeholder;

pub(super) static RULE: Rule =
    rule!(syntax / "fpm-value-invalid", Error, "PHP-FPM cannot read the value of this setting");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for master in &machine.masters {
            let mut invalid: Vec<Invalid<'_>> = while_reading(master, machine.in_container).collect();
            if !master.is_absent() {
                invalid.extend(after_reading(master));
                findings.findings.extend(without_edges(master));
                findings.findings.extend(master.pools.iter().filter_map(endless));
            }
            // Where the grammar ends a value, what is left of it is told as that.
            let is_cut = |one: &Invalid<'_>| {
                let here = one.span.file;
                let mut problems = master.configuration.problems.iter().filter(|problem| problem.span.file == here);
                problems.any(|problem| (one.span.start..=one.span.end).contains(&problem.span.start))
            };
            for one in invalid.into_iter().filter(|one| !is_cut(one)) {
                // A file of a repository may be a template by another name.
                match one.at.text.as_deref().filter(|text| is_placeholder(text)) {
                    Some(text) if machine.view.is_partial() => {
                        findings.unchecked(&RULE, format!("the value of `{text}`"), "the rendered file");
                    }
                    _ => findings.push(finding(one)),
                }
            }
        }
    }
}

/// A value that PHP-FPM refuses.
struct Invalid<'a> {
    at: &'a Assigned,
    span: Span,
    refusal: String,
    help: String,
}

fn finding(invalid: Invalid<'_>) -> Finding {
    let (at, name) = (invalid.at, &invalid.at.key);
    let text = at.text.as_deref().unwrap_or_default();
    let shown = if text.is_empty() { "an empty value" } else { text };
    let (message, help) = match at.index.as_deref() {
        Some("") if name != "access.suppress_path" => {
            (format!("no name stands in the brackets of `{name}`"), invalid.help)
        }
        Some(index) => (format!("PHP-FPM does not take {shown} as the value of `{name}[{index}]`"), invalid.help),
        None if is_placeholder(text) => (
            format!("`{name}` holds {text}, which looks like a placeholder"),
            format!("render the template and check the result, or {}", invalid.help),
        ),
        None => (format!("PHP-FPM does not take {shown} as the value of `{name}`"), invalid.help),
    };
    let finding = RULE.finding(message, invalid.span, "PHP-FPM refuses this");
    finding.help(help).refused_by(Program::PhpFpm, invalid.refusal)
}

/// What PHP-FPM reads and refuses only when it has read everything.
fn after_reading(master: &Master) -> impl Iterator<Item = Invalid<'_>> {
    let of_global = limits::of_global(&master.configuration.global, master.layout.is_of_linux());
    let of_global = of_global.into_iter().map(|refused| (None, refused));
    let of_pools = master.pools.iter().flat_map(|pool| {
        limits::of_pool(&pool.settings).into_iter().map(move |refused| (Some(pool.name.as_str()), refused))
    });
    of_global.chain(of_pools).map(|(pool, refused)| {
        let refusal = match (pool, refused.at.index.is_some()) {
            (Some(pool), false) if refused.at.key != "access.log" => format!("[pool {pool}] {}", refused.refusal),
            _ => refused.refusal,
        };
        Invalid { at: refused.at, span: refused.at.span, refusal, help: refused.help.to_owned() }
    })
}

/// `pm = ondemand` with a mechanism that cannot wait for the first request.
fn without_edges(master: &Master) -> Vec<Finding> {
    let Some(mechanism) = limits::mechanism_without_edges(&master.configuration.global) else { return Vec::new() };
    let on_demand = |at: &&Assigned| at.text.as_deref().and_then(Manager::of) == Some(Manager::OnDemand);
    let pools = master.pools.iter().filter_map(|pool| Some((pool, pool.settings.get("pm").filter(on_demand)?)));
    let finding = |(pool, at): (&Pool, &Assigned)| {
        let refusal = format!(
            "[pool {}] ondemand process manager can ONLY be used when events.mechanism is either epoll (Linux) or kqueue (*BSD).",
            pool.name
        );
        let message = format!("pool {} is `ondemand`, which needs another `events.mechanism`", pool.name);
        RULE.finding(message, at.span, "PHP-FPM refuses this")
            .label(mechanism.span, "this mechanism cannot wait for a first request")
            .help("remove `events.mechanism`: PHP-FPM takes the best one there is")
            .refused_by(Program::PhpFpm, refusal)
    };
    pools.map(finding).collect()
}

/// A pool whose name holds `$pool`, and a value with `$pool`, which then never ends.
fn endless(pool: &Pool) -> Option<Finding> {
    let is_text = |at: &Assigned| settings::find(&at.key, at.index.is_some()).is_some_and(|row| row.kind.is_text());
    let has_pool = |at: &&Assigned| at.text.as_deref().is_some_and(|text| text.contains("$pool")) && is_text(at);
    let at = pool.settings.assigned.iter().filter(|_| pool.name.contains("$pool")).find(has_pool)?;
    let message = format!("PHP-FPM never ends reading pool {}: `$pool` becomes a name that holds `$pool`", pool.name);
    let finding = RULE
        .finding(message, at.span, "this `$pool` is replaced again and again")
        .label(pool.header, "the pool's name")
        .note("`php-fpm -t` does not end, and the start fails after its time limit without a message")
        .help("write the pool's name in full in its header, such as `[www]`");
    Some(finding)
}

/// What PHP-FPM refuses line by line.
fn while_reading(master: &Master, in_container: bool) -> impl Iterator<Item = Invalid<'_>> {
    let pools = master.pools.iter().flat_map(|pool| &pool.settings.assigned).map(|assigned| (assigned, true));
    let global = master.configuration.global.iter().map(|assigned| (assigned, false));
    global.chain(pools).filter_map(move |(at, in_pool)| {
        let row = settings::find(&at.key, at.index.is_some()).filter(|row| row.allowed(in_pool))?;
        // What its build does not know it does not read.
        let is_read = master.may_know(row, in_container) && limits::entry(at).is_none();
        let text = at.text.as_deref().filter(|_| is_read)?;
        let name = row.name;
        let (refusal, help) = match row.kind.is_text() && !in_pool && text.contains("$pool") {
            true => (
                "Can't use '$pool' when the pool is not defined",
                "write the name in full, or move the line".to_owned(),
            ),
            false => refused(name, row.kind, text)?,
        };
        let refusal = match &at.index {
            Some(index) => format!("error while parsing '{name}[{index}]' : {refusal}"),
            None => format!("unable to parse value for entry '{name}': {refusal}"),
        };
        Some(Invalid { at, span: at.value_span, refusal, help })
    })
}

/// PHP-FPM's words for a value that it refuses, and what it takes instead.
fn refused(name: &str, kind: Kind, text: &str) -> Option<(&'static str, String)> {
    match kind {
        Kind::Int => Some((readers::int(text).refusal()?, "write digits only".into())),
        Kind::Time => Some((readers::time(text).refusal()?, "write a number with one unit: 30s, 5m, 1h or 1d".into())),
        Kind::Boolean => Some((readers::boolean(text).refusal()?, "write yes or no".into())),
        Kind::Limit => Some((readers::rlimit(text).refusal()?, "write a number, or unlimited".into())),
        Kind::Choice(words) if words.iter().all(|word| !word.eq_ignore_ascii_case(text)) => {
            let refusal = match name {
                "pm" => "invalid process manager (static, dynamic or ondemand)",
                "log_level" => "invalid value for 'log_level'",
                _ => "invalid value",
            };
            Some((refusal, format!("write one of {}", words.join(", "))))
        }
        _ => None,
    }
}
