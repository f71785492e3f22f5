//! What the rules have said: findings, those that many servers share among them, and what was not checked.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::hash::Hash;

use super::{Rule, find};
use crate::finding::{Finding, Label, Unchecked};
use crate::source::Span;

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

    /// Leaves out what a stronger rule says better of the same place: where the primary label of one finding is a
    /// label of the other.
    pub(super) fn drop_superseded(&mut self) {
        let (mut primary, mut labelled) = (HashSet::new(), HashSet::new());
        for finding in &self.findings {
            for rule in find(finding.rule).map(|rule| rule.supersedes).unwrap_or_default() {
                primary.insert((*rule, finding.primary().span));
                labelled.extend(finding.labels().iter().map(|label| (*rule, label.span)));
            }
        }
        self.findings.retain(|finding| {
            let is_told = |label: &Label| primary.contains(&(finding.rule, label.span));
            !labelled.contains(&(finding.rule, finding.primary().span)) && !finding.labels().iter().any(is_told)
        });
    }

    /// Says which servers the findings concern, where it is known.
    pub(super) fn note_servers(&mut self) {
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
