//! The rules: each a value with its document, and a function from the deployment to findings.
//!
//! A rule lives in `src/rules/<category>/<rule>.rs`, its document in `rules/<category>/<rule>.md`,
//! and one line in its category's list makes it known. The document is the explanation, the example
//! and the test.

use crate::allow;
use crate::deployment::{Deployment, Machine};
use crate::finding::{Category, Finding, Label, Severity};
use crate::host::profile::IMAGE;
use crate::parallel;
use crate::source::{Sources, Span};

pub mod buffer;
pub mod capacity;
pub mod connection;
pub mod findings;
pub mod loading;
pub mod permission;
pub mod script;
pub mod service;
pub mod syntax;
pub mod timeout;
pub mod upstream;

pub use findings::{ByCause, Findings, Told};

/// A rule.
#[derive(Debug)]
pub struct Rule {
    /// The id, in kebab case; it names the mistake.
    pub id: &'static str,
    /// The part of a deployment it looks at.
    pub category: Category,
    /// The severity of the worst that it reports.
    pub severity: Severity,
    /// What the mistake is, in one line.
    pub summary: &'static str,
    /// The document: explanation, examples, limits.
    pub document: &'static str,
    /// Rules whose findings say less where the primary label of one is a label of the other: one mistake has one
    /// owner.
    pub supersedes: &'static [&'static str],
    /// Looks at the deployment.
    pub check: fn(&Deployment, &Sources, &mut Findings),
}

/// Makes a rule's value: the document is the file of the same name.
macro_rules! rule {
    ($category:ident / $id:literal, $severity:ident, $summary:literal) => {
        $crate::rules::rule!($category / $id, $severity, $summary, supersedes [])
    };
    ($category:ident / $id:literal, $severity:ident, $summary:literal, supersedes [$($weaker:literal),*]) => {
        $crate::rules::Rule {
            id: $id,
            category: $crate::rules::category!($category),
            severity: $crate::finding::Severity::$severity,
            summary: $summary,
            document: include_str!(concat!("../../../rules/", stringify!($category), "/", $id, ".md")),
            supersedes: &[$($weaker),*],
            check,
        }
    };
}

/// The category of a directory name.
macro_rules! category {
    (connection) => {
        $crate::finding::Category::Connection
    };
    (permission) => {
        $crate::finding::Category::Permission
    };
    (timeout) => {
        $crate::finding::Category::Timeout
    };
    (buffer) => {
        $crate::finding::Category::Buffer
    };
    (capacity) => {
        $crate::finding::Category::Capacity
    };
    (script) => {
        $crate::finding::Category::Script
    };
    (upstream) => {
        $crate::finding::Category::Upstream
    };
    (loading) => {
        $crate::finding::Category::Loading
    };
    (syntax) => {
        $crate::finding::Category::Syntax
    };
    (service) => {
        $crate::finding::Category::Service
    };
}

pub(crate) use {category, rule};

/// Every rule, by category and id.
pub fn all() -> impl Iterator<Item = &'static Rule> {
    let categories = [
        connection::RULES,
        permission::RULES,
        timeout::RULES,
        buffer::RULES,
        capacity::RULES,
        script::RULES,
        upstream::RULES,
        syntax::RULES,
        loading::RULES,
        service::RULES,
    ];
    categories.into_iter().flatten().copied()
}

/// The rule of an id.
pub fn find(id: &str) -> Option<&'static Rule> {
    all().find(|rule| rule.id == id)
}

impl Rule {
    /// A finding of this rule, with the rule's severity, at its primary place.
    pub fn finding(&self, message: impl Into<String>, span: Span, label: impl Into<String>) -> Finding {
        let primary = Label { span, text: label.into() };
        Finding::new(self.id, self.category, self.severity, message.into(), primary)
    }
}

/// Whether a machine is worth the start of threads.
fn is_large(machine: &Machine) -> bool {
    machine.dials.len() + machine.pools().count() > 500
}

/// Runs the rules that `selected` admits over a deployment.
pub fn run(deployment: &Deployment, sources: &Sources, selected: &dyn Fn(&Rule) -> bool) -> Findings {
    let rules: Vec<&Rule> = all().filter(|rule| selected(rule)).collect();
    let batch = if deployment.machines.iter().any(is_large) { 1 } else { rules.len().max(1) };
    let mut findings = Findings::default();
    let found = parallel::map(&rules, batch, |rule| {
        let mut found = Findings::default();
        (rule.check)(deployment, sources, &mut found);
        (found.findings, found.unchecked)
    });
    for (found, unchecked) in found {
        findings.findings.extend(found);
        findings.unchecked.extend(unchecked);
    }
    findings.drop_superseded();
    // What an image brings is in no file of the reader's.
    let is_editable = |span: Span| !sources.get(span.file).path.starts_with(IMAGE);
    findings.findings.iter_mut().for_each(|finding| finding.lead_with(is_editable));
    allow::apply(deployment, sources, selected, &mut findings);
    findings.note_servers();
    findings
}
