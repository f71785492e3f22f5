//! The rules: each a value with its document, and a function from the deployment to findings.
//!
//! A rule lives in `src/rules/<category>/<rule>.rs`, its document in `rules/<category>/<rule>.md`,
//! and one line in its category's list makes it known. The document is the explanation, the example
//! and the test.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::Hash;

use crate::allow;
use crate::deployment::{Deployment, Machine};
use crate::finding::{Category, Finding, Label, Severity, Unchecked};
use crate::parallel;
use crate::source::{Sources, Span};

pub mod buffer;
pub mod capacity;
pub mod connection;
pub mod loading;
pub mod permission;
pub mod script;
pub mod service;
pub mod syntax;
pub mod thresholds;
pub mod timeout;
pub mod upstream;

pub use thresholds::Thresholds;

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
    /// Rules whose findings with the same primary label say less: one mistake has one owner.
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

/// What the rules have said.
#[derive(Debug, Default)]
pub struct Findings {
    /// The findings, in the order in which the rules made them.
    pub findings: Vec<Finding>,
    /// What they rested for.
    pub unchecked: BTreeSet<Unchecked>,
    last_unchecked: Option<Unchecked>,
    /// Findings that concern a server, by the places of their labels.
    affected: HashMap<(&'static str, Vec<Span>, String), Told>,
}

/// The number of a finding that was told of a server.
#[derive(Clone, Copy, Debug)]
pub struct Told(usize);

/// Findings that depend on nothing but what caused them: of thousands of servers that share a cause, only the first
/// has them made.
#[derive(Debug)]
pub struct ByCause<C>(HashMap<C, Vec<Told>>);

impl<C> Default for ByCause<C> {
    fn default() -> Self {
        ByCause(HashMap::new())
    }
}

impl<C: Eq + Hash> ByCause<C> {
    /// Tells what `make` finds of a cause, which concerns a server.
    pub fn tell<F>(&mut self, findings: &mut Findings, server: Option<&str>, cause: C, make: impl FnOnce(&C) -> F)
    where
        F: IntoIterator<Item = Finding>,
    {
        match self.0.get(&cause) {
            Some(told) => told.iter().for_each(|told| findings.concerns(*told, server)),
            None => {
                let told = make(&cause).into_iter().map(|finding| findings.push_for(server, finding)).collect();
                self.0.insert(cause, told);
            }
        }
    }
}

/// How many servers a note names before it counts.
const NAMED_SERVERS: usize = 3;

impl Findings {
    /// Takes a finding.
    pub fn push(&mut self, finding: Finding) {
        self.findings.push(finding);
    }

    /// Takes a finding about a line that several servers may include: the same finding about the
    /// same lines is told once, with the servers it concerns.
    pub fn push_for(&mut self, server: Option<&str>, finding: Finding) -> Told {
        let places = finding.labels().iter().map(|label| label.span).collect();
        let key = (finding.rule, places, finding.message.clone());
        let told = *self.affected.entry(key).or_insert_with(|| {
            self.findings.push(finding);
            Told(self.findings.len() - 1)
        });
        self.concerns(told, server);
        told
    }

    /// Says that a finding concerns another server as well.
    pub fn concerns(&mut self, told: Told, server: Option<&str>) {
        let servers = &mut self.findings[told.0].servers;
        // What a server's lines bring is told side by side; the rest is sorted out in the end.
        let Some(server) = server.filter(|server| servers.last().is_none_or(|last| last != server)) else { return };
        servers.push(server.to_owned());
    }

    /// Says that a rule rested because something is not known.
    pub fn unchecked(
        &mut self,
        rule: &'static Rule,
        needs: impl AsRef<str> + Into<String>,
        option: impl AsRef<str> + Into<String>,
    ) {
        // A rule says the same of thousands of places.
        let same =
            |last: &Unchecked| last.rule == rule.id && last.needs == needs.as_ref() && last.option == option.as_ref();
        if self.last_unchecked.as_ref().is_some_and(same) {
            return;
        }
        let unchecked = Unchecked { rule: rule.id, needs: needs.into(), option: option.into() };
        self.last_unchecked = Some(unchecked.clone());
        self.unchecked.insert(unchecked);
    }

    /// Leaves out what a stronger rule says better of the same place.
    fn drop_superseded(&mut self) {
        let spans = |finding: &Finding| (finding.rule, finding.primary().span);
        let weaker = self.findings.iter().flat_map(|finding| {
            let rules = find(finding.rule).map(|rule| rule.supersedes).unwrap_or_default();
            rules.iter().map(|rule| (*rule, finding.primary().span))
        });
        let weaker: BTreeSet<_> = weaker.collect();
        self.findings.retain(|finding| !weaker.contains(&spans(finding)));
    }

    /// Says which servers the findings concern, where it is known.
    fn note_servers(&mut self) {
        for finding in &mut self.findings {
            let mut seen = HashSet::new();
            let servers = finding.servers.iter().map(String::as_str).filter(|server| seen.insert(*server));
            let servers: Vec<&str> = servers.collect();
            let more = servers.len().saturating_sub(NAMED_SERVERS);
            let named = servers[..servers.len() - more].join(", ");
            match (servers.is_empty(), more) {
                (true, _) => {}
                (false, 0) => finding.notes.push(format!("concerns {named}")),
                (false, more) => finding.notes.push(format!("concerns {named} and {more} more")),
            }
        }
    }
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
        found
    });
    for found in found {
        findings.findings.extend(found.findings);
        findings.unchecked.extend(found.unchecked);
    }
    findings.drop_superseded();
    allow::apply(deployment, sources, selected, &mut findings);
    findings.note_servers();
    findings
}
