//! `try_files` or `error_page` sends a request to a named location that is not there.

use super::sites;
use crate::deployment::{Deployment, Nginx, Server};
use crate::finding::Severity;
use crate::nginx::ast::{Key, Word};
use crate::nginx::levels::LevelId;
use crate::nginx::locations::Takes;
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};

pub(super) static RULE: Rule =
    rule!(script / "named-location-missing", Error, "a named location to which requests are sent is not there");

/// The directives that send requests to a location by its name.
const SENDERS: [(Key, &str); 2] = [(Key::of("try_files"), "try_files"), (Key::of("error_page"), "error_page")];

/// So many named locations that are there are shown beside one that is not.
const MOST_SHOWN: usize = 3;

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (nginx, server, site) in sites(machine) {
            if !is_in_view(nginx, server) {
                continue;
            }
            let named_ones = site.locations.all().filter(|other| matches!(other.takes, Takes::Named));
            let levels = named_ones.take(MOST_SHOWN).map(|other| nginx.config.level(other.level));
            let others: Vec<Span> =
                levels.filter_map(|level| level.opener.as_ref()).map(|opener| opener.head).collect();
            for level in site.locations.all().map(|location| location.level).chain([server.level]) {
                if nginx.config.last_of(level, &SENDERS).is_none() {
                    continue;
                }
                for (name, severity) in named(nginx, level) {
                    if site.locations.named(&name.text).is_none() {
                        told(server, &others, name, severity, findings);
                    }
                }
            }
        }
    }
}

/// Whether no other named location can come into the server.
fn is_in_view(nginx: &Nginx, server: &Server) -> bool {
    // Of a fragment, other locations are not in view.
    let is_fragment = server.level == nginx.config.main();
    !is_fragment && nginx.config.level(server.level).unread().is_empty()
}

/// The names of locations that a level sends requests to, and how bad it is if one is not there.
fn named(nginx: &Nginx, level: LevelId) -> Vec<(&Word, Severity)> {
    let config = &nginx.config;
    let is_location = config.level(level).opener.as_ref().is_some_and(|opener| opener.name() == "location");
    // Of the server `try_files` seldom counts, and behind `return` never.
    let counts = is_location && config.own(level, "return").next().is_none();
    let tries = config.own(level, "try_files").next().filter(|_| counts);
    let pages = config.own(level, "error_page").filter(|page| {
        // The page of a back end that fails is `error-page-loops`' matter.
        !page.args.iter().any(|word| word.text == "502")
    });
    let last = tries.into_iter().map(|tries| (tries, Severity::Error));
    let last = last.chain(pages.map(|page| (page, Severity::Warning)));
    let words = last.filter_map(|(line, severity)| Some((line.args.last()?, severity)));
    words.filter(|(word, _)| word.text.starts_with('@') && !word.text.contains('$')).collect()
}

/// `others` are named locations that are there.
fn told(server: &Server, others: &[Span], name: &Word, severity: Severity, findings: &mut Findings) {
    let (when, label) = match severity {
        Severity::Error => ("requests for what is no file fail", "everything that is no file is sent there"),
        _ => ("the page for this error cannot be shown", "the error is sent there"),
    };
    let mut finding = RULE
        .finding(format!("{when}: there is no location {}", name.text), name.span, label)
        .severity(severity)
        .predict(500, format!("could not find named location \"{}\"", name.text));
    for other in others {
        finding = finding.label(*other, "the server has this one");
    }
    findings.push_for(
        server.shown_name(),
        finding.help(format!("add `location {} {{ … }}` to the server, or name a location that it has", name.text)),
    );
}
