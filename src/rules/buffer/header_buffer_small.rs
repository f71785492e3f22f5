//! The header of an ordinary answer does not fit into its buffer.

use crate::deployment::buffers::PAGE;
use crate::deployment::limits::shown_size;
use crate::deployment::{Deployment, HandOver, Nginx, Protocol, Setting};
use crate::finding::{Finding, Severity};
use crate::nginx::literals;
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};

pub(super) static RULE: Rule = rule!(
    buffer / "header-buffer-small",
    Error,
    "the buffer for the header of an answer is smaller than usual headers"
);

/// The record's head and `Content-type: text/html`: the least that PHP sends.
const LEAST: u64 = 8 + 27;

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        let page = machine.facts.page_size.unwrap_or(PAGE);
        for nginx in &machine.nginx {
            for hand_over in &nginx.hand_overs {
                let found = hand_over.limits.header.and_then(|header| small(nginx, hand_over, header, page));
                if let Some(finding) = found {
                    findings.push_for(server_name(nginx, hand_over), finding);
                }
            }
        }
    }
}

fn small(nginx: &Nginx, hand_over: &HandOver, header: Setting<u64>, page: u64) -> Option<Finding> {
    let span = header.origin.span().filter(|_| header.is_written() && header.value > 0)?;
    let (name, size) = (format!("{}_buffer_size", hand_over.protocol.prefix()), shown_size(header.value));
    let outer = outer(nginx, hand_over, &name).filter(|(_, outer)| *outer > header.value);
    if outer.is_none() && header.value >= page.min(PAGE) {
        return None;
    }
    let hopeless = header.value < LEAST && hand_over.protocol == Protocol::Fastcgi;
    let (message, help) = match outer {
        Some((_, outer)) => (
            format!("`{name} {}` has no effect here: {size} is in force", shown_size(outer)),
            "remove the inner line, so that the outer one is in force".to_owned(),
        ),
        None => (
            format!("the header of an answer must fit into {size}"),
            format!("`{name} 16k` and `{}_buffers 8 16k`", hand_over.protocol.prefix()),
        ),
    };
    let finding = RULE.finding(
        message,
        span,
        match hopeless {
            true => "not even an empty page's header fits",
            false => "cookies, redirects and security headers of one answer must fit into this",
        },
    );
    let finding = finding.label_at(outer.map(|(span, _)| span), "replaced by the line further in");
    let severity = if hopeless { Severity::Error } else { Severity::Warning };
    Some(
        finding
            .label(hand_over.span, "requests are handed over here")
            .severity(severity)
            .help(help)
            .predict(502, "upstream sent too big header while reading response header from upstream".to_owned()),
    )
}

/// The size that the nearest level further out sets.
fn outer(nginx: &Nginx, hand_over: &HandOver, name: &str) -> Option<(Span, u64)> {
    let lines = nginx.config.outwards(hand_over.level).filter_map(|level| nginx.config.own(level, name).last());
    let line = lines.into_iter().nth(1)?;
    Some((line.head, literals::size(line.arg(0)?)?))
}
