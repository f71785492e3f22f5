//! A block that is being gone through.

use std::collections::{BTreeMap, BTreeSet};

use ecow::EcoString;

use super::servers;
use crate::nginx::ast::Key;
use crate::nginx::directives::Places;
use crate::source::Span;

/// A block that is being gone through, with its includes.
pub(super) struct Level {
    /// Where its statements stand, or may stand in a fragment.
    pub(super) place: Places,
    /// The directives that it may hold once and holds.
    pub(super) held: Vec<(Key, Span)>,
    /// Its locations: whether exact, path, and where.
    pub(super) locations: BTreeMap<(bool, EcoString), Span>,
    /// The locations around it, outermost first.
    pub(super) inside: Vec<servers::Location>,
    /// Its settings, where it is gone through.
    pub(super) scope: Option<usize>,
    /// The server that it is or is in.
    pub(super) server: Option<usize>,
    /// What was found to be in the wrong place here: what follows it came there with it.
    pub(super) astray: Option<Span>,
    /// The directives here whose words nginx compiles for the servers that have none of their own.
    pub(super) compiled: Vec<&'static str>,
    /// The zones of its `limit_conn` and `limit_req`.
    pub(super) counted: BTreeMap<String, Span>,
    /// Whether its `proxy_pass` has variables.
    pub(super) has_varying_pass: bool,
    /// Lists that end with `off`, or that nothing can follow because they are: whether so, and the last of each.
    pub(super) switched: BTreeMap<&'static str, (bool, Span)>,
    /// Its caches and stores that are not off.
    pub(super) kept: BTreeSet<String>,
    /// The balancing method that it named last.
    pub(super) method: Option<&'static str>,
}

impl Level {
    pub(super) fn new(place: Places) -> Self {
        Level {
            place,
            held: Vec::new(),
            locations: BTreeMap::new(),
            inside: Vec::new(),
            scope: None,
            server: None,
            astray: None,
            compiled: Vec::new(),
            counted: BTreeMap::new(),
            has_varying_pass: false,
            switched: BTreeMap::new(),
            kept: BTreeSet::new(),
            method: None,
        }
    }

    /// Whether a directive that may stand here once, or a `map`, stands here already.
    pub(super) fn holds(&self, name: &str) -> bool {
        let key = Key::of(name);
        self.held.iter().any(|(held, _)| *held == key)
    }

    pub(super) fn block(&self, place: Places) -> Self {
        Level { inside: self.inside.clone(), server: self.server, ..Level::new(place) }
    }
}
