//! A timeout that was raised outside, and that a shorter one inside replaces.

use std::collections::BTreeMap;

use crate::deployment::limits::{Timer, shown_time};
use crate::deployment::{Deployment, HandOver, Nginx};
use crate::nginx::literals;
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};

pub(super) static RULE: Rule = rule!(
    timeout / "timeout-shadowed",
    Warning,
    "a timeout has no effect, for a shorter one stands where requests are handed over"
);

/// A timeout in force, and a longer one around it.
struct Shadowed<'a> {
    hand_over: &'a HandOver,
    name: &'static str,
    inner: (Span, u64),
    outer: (Span, u64),
}

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for nginx in deployment.machines.iter().flat_map(|machine| &machine.nginx) {
        // Whether some hand-over has it in force.
        let mut in_use: BTreeMap<Span, bool> = BTreeMap::new();
        let mut shadowed = Vec::new();
        for hand_over in &nginx.hand_overs {
            // Where the default is in force, no line is.
            let is_default = |timer: &Timer| hand_over.waits(*timer).is_some_and(|wait| !wait.is_written());
            for timer in Timer::ALL.into_iter().filter(|timer| !is_default(timer)) {
                shadowed.extend(inspect(nginx, hand_over, hand_over.timer_name(timer), &mut in_use));
            }
        }
        for found in shadowed {
            let ((inner, short), (outer, long)) = (found.inner, found.outer);
            // A snippet is read in many places, and its author does not see what stands around it.
            let in_snippet = inner.file != found.hand_over.directive.head.file && inner.file != outer.file;
            if in_use.get(&outer) == Some(&true) && !in_snippet {
                continue;
            }
            let (name, short, long) = (found.name, shown_time(short), shown_time(long));
            let finding = RULE
                .finding(
                    format!("`{name} {long}` has no effect: {short} is in force"),
                    inner,
                    format!("in force: {short}"),
                )
                .label(outer, "replaced by the line further in")
                .label(found.hand_over.span, "requests are handed over here")
                .help(format!("remove one of the two, so that what is meant is in force: {short} or {long}"));
            findings.push_for(server_name(nginx, found.hand_over), finding);
        }
    }
}

/// Notes which lines of a timer are in force, and finds the nearest longer one that is not.
fn inspect<'a>(
    nginx: &Nginx,
    hand_over: &'a HandOver,
    name: &'static str,
    in_use: &mut BTreeMap<Span, bool>,
) -> Option<Shadowed<'a>> {
    let lines = nginx.config.outwards(hand_over.level).filter_map(|level| nginx.config.own(level, name).last());
    let mut lines = lines
        .filter_map(|line| Some((line.head, literals::milliseconds(line.arg(0)?)?)))
        .collect::<Vec<_>>()
        .into_iter();
    let inner = lines.next()?;
    in_use.insert(inner.0, true);
    let outer = lines.next()?;
    in_use.entry(outer.0).or_insert(false);
    (inner.1 < outer.1).then_some(Shadowed { hand_over, name, inner, outer })
}
