//! Settings of the slow log that PHP-FPM refuses together.

use crate::deployment::{Deployment, Master, Pool, View};
use crate::finding::{Finding, Program};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(
    syntax / "slowlog-invalid",
    Error,
    "PHP-FPM refuses the settings of a pool's slow log",
    supersedes["slowlog-never-fires"]
);

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (id, pool) in machine.installed_pools() {
            let master = &machine.masters[id.master];
            findings.findings.extend(without_file(pool, master, machine.view).or_else(|| refused(pool)));
        }
    }
}

/// A time or a depth without the file to write to.
fn without_file(pool: &Pool, master: &Master, view: View) -> Option<Finding> {
    let timeout = pool.settings.get("request_slowlog_timeout").filter(|at| at.seconds().is_some_and(|time| time != 0));
    let depth =
        pool.settings.get("request_slowlog_trace_depth").filter(|at| at.number().is_some_and(|depth| depth != 0));
    let (at, key) = timeout
        .map(|at| (at, "request_slowlog_timeout"))
        .or_else(|| depth.map(|at| (at, "request_slowlog_trace_depth")))?;
    let slowlog = pool.settings.get("slowlog");
    let missing = match slowlog {
        Some(slowlog) => slowlog.text.as_deref() == Some(""),
        None => master.is_complete(view),
    };
    if !missing {
        return None;
    }
    let finding = RULE.finding(
        format!("pool {} sets `{key}` and no `slowlog` to write to", pool.name),
        at.span,
        "this needs a `slowlog`",
    );
    let finding = match slowlog {
        Some(empty) => finding.label(empty.span, "this value is empty"),
        None => finding,
    };
    let refusal = format!("[pool {}] 'slowlog' must be specified for use with '{key}'", pool.name);
    let help = format!("add `slowlog = /var/log/{}.slow.log`, or remove `{key}`", pool.name);
    Some(finding.help(help).refused_by(Program::PhpFpm, refusal))
}

fn refused(pool: &Pool) -> Option<Finding> {
    let slow = pool.settings.get("request_slowlog_timeout");
    let end = pool.settings.get("request_terminate_timeout");
    if let Some((slow, end)) = slow.zip(end) {
        let (slow_after, end_after) = (slow.seconds()?, end.seconds()?);
        if slow_after != 0 && end_after != 0 && slow_after > end_after {
            let refusal = format!(
                "[pool {}] 'request_slowlog_timeout' ({slow_after}) can't be greater than 'request_terminate_timeout' ({end_after})",
                pool.name
            );
            let message = format!(
                "pool {} logs a request as slow after {slow_after} s and ends it after {end_after} s",
                pool.name
            );
            let finding = RULE
                .finding(message, slow.span, format!("slow after {slow_after} s"))
                .label(end.span, format!("ended after {end_after} s"))
                .help(format!("lower request_slowlog_timeout below {end_after}s, or raise request_terminate_timeout"));
            return Some(finding.refused_by(Program::PhpFpm, refusal));
        }
    }
    let depth = pool.settings.get("request_slowlog_trace_depth")?;
    let value = depth.number().filter(|value| *value < 0)?;
    let refusal = format!("[pool {}] 'request_slowlog_trace_depth' ({value}) must be a positive value", pool.name);
    let finding = RULE
        .finding(format!("pool {} shall trace {value} calls", pool.name), depth.span, "PHP-FPM refuses this")
        .help("write a number of 1 or more, or remove the line: 20 is the default");
    Some(finding.refused_by(Program::PhpFpm, refusal))
}
