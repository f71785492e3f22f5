//! A suppression comment that is wrong, or for nothing. The comments are looked at when all other
//! rules have spoken, in `crate::allow`.

use crate::deployment::Deployment;
use crate::finding::Finding;
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};

pub(crate) static RULE: Rule = rule!(
    service / "allow-comment",
    Warning,
    "a suppression comment lacks a reason, names no rule, or silences nothing"
);

fn check(_: &Deployment, _: &Sources, _: &mut Findings) {}

/// The comment names a rule that does not exist.
pub(crate) fn unknown(span: Span, rule: &str) -> Finding {
    RULE.finding(format!("there is no rule `{rule}`"), span, "allows nothing").help("`gatelint rules` lists the rules")
}

/// The comment gives no reason.
pub(crate) fn no_reason(span: Span) -> Finding {
    RULE.finding("this comment gives no reason", span, "why is it allowed?")
        .help("write the reason behind it: `gatelint: allow(rule) the pool is started by hand`")
}

/// The comment silences nothing.
pub(crate) fn unused(span: Span) -> Finding {
    RULE.finding("this comment silences nothing", span, "no finding of the rule lies here").help("remove the comment")
}
