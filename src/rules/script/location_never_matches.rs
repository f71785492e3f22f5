//! A location whose text no address has: it gets no request.

use super::sites;
use crate::deployment::{Deployment, Nginx, Site};
use crate::finding::{Finding, Severity};
use crate::nginx::ast::Directive;
use crate::nginx::locations::{Found, Location, Takes};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;
use crate::values::placeholder::is_placeholder;

pub(super) static RULE: Rule =
    rule!(script / "location-never-matches", Error, "no request can reach a location, by how its text is written");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (nginx, server, site) in sites(machine) {
            for location in site.locations.all() {
                let opener = nginx.config.level(location.level).opener.as_ref();
                let found = opener
                    .and_then(|opener| no_slash(location, opener).or_else(|| no_name(nginx, site, location, opener)));
                if let Some(finding) = found {
                    findings.push_for(server.shown_name(), consequence(finding, nginx, site, location));
                }
            }
        }
    }
}

/// A text that is compared with addresses and does not begin as they all do.
fn no_slash(location: &Location, opener: &Directive) -> Option<Finding> {
    let text = location.text.as_str();
    let is_text = matches!(location.takes, Takes::Prefix | Takes::FinalPrefix | Takes::Exact);
    // A template's word such as `__PATH__` or `@PREFIX@` may bring the slash.
    let begins = |char: char| char.is_ascii_alphanumeric() || matches!(char, '\\' | '^' | '.' | '(' | '[' | '*');
    if !is_text || !text.starts_with(begins) || is_placeholder(text) {
        return None;
    }
    let label = match location.takes {
        Takes::FinalPrefix => "`^~` is followed by a text, and every address begins with a slash",
        Takes::Exact => "`=` is followed by a text, and every address begins with a slash",
        _ => "without `~` this is a text, and every address begins with a slash",
    };
    let finding = RULE.finding(format!("no address begins with {text}"), opener.head, label);
    Some(match text.contains(['\\', '$', '*', '(', '|']) {
        true => finding.help(format!("write `location ~ {text}` for an expression")),
        false => finding
            .help(format!("write `location /{text}`, or `location ~ {text}` if it is an expression"))
            // What comes from inside of nginx may lack the slash too.
            .severity(Severity::Warning),
    })
}

/// An expression for scripts that leaves no room for their names.
fn no_name(nginx: &Nginx, site: &Site, location: &Location, opener: &Directive) -> Option<Finding> {
    let Takes::Regex(pattern) = &location.takes else { return None };
    let takes = |uri| pattern.matches(uri) == Some(true);
    let is_php = site.hands_over(nginx, location.level);
    let names = ["/index.php", "/admin/index.php", "/x/y/z.php"];
    if !is_php || !takes("/.php") || names.iter().any(|name| pattern.matches(name) != Some(false)) {
        return None;
    }
    let finding = RULE
        .finding(
            format!("only a script without a name matches {}", location.text),
            opener.head,
            "between the slash and the point there is no room for a name",
        )
        .help("write `location ~ \\.php$`");
    Some(finding)
}

/// What follows for PHP files, where no other location hands them over.
fn consequence(finding: Finding, nginx: &Nginx, site: &Site, location: &Location) -> Finding {
    if finding.severity != Severity::Error || !site.hands_over(nginx, location.level) {
        return finding.severity(Severity::Warning);
    }
    let taken = match site.locations.find("/index.php") {
        Found::At(other, _) => Some(other.level),
        Found::Server => None,
        Found::Unknown => return finding.severity(Severity::Warning),
    };
    let Some(level) = taken else {
        return finding.note("nginx sends PHP files as their source").predict(200, None);
    };
    let is_served = nginx.hand_overs_of(site.number).any(|hand_over| hand_over.level == level);
    match is_served {
        true => finding.severity(Severity::Warning),
        false => finding
            .label_at(
                nginx.config.level(level).opener.as_ref().map(|other| other.head),
                "this one takes PHP files, and sends them as their source",
            )
            .predict(200, None),
    }
}
