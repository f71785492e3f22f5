//! What rules ask of a machine for each dial, prepared once.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use super::places::Places;
use super::unloaded::Holds;
use super::{Dial, Machine, Nginx, PoolId};
use crate::source::Span;
use crate::values::address::Endpoint;

/// What is found without looking at everything.
#[derive(Debug, Default)]
pub struct Lookup {
    /// For each nginx, the number of the first dial of each hand-over; behind them, the number of the next dial.
    first_dials: Vec<Vec<usize>>,
    /// The pools whose `listen` was overridden, at the places it named.
    overridden: Places<PoolId>,
    /// The numbers of the files that nothing loads and of the `listen` in them, at the places it names.
    unloaded: Places<(usize, usize)>,
    /// How many dials of a branch of a hand-over with several dials reach somebody, by the numbers of nginx, the
    /// hand-over and the branch.
    answering: HashMap<(usize, usize, Option<usize>), usize>,
    /// The relative `listen`s of the masters whose prefix is not known.
    relative: HashSet<String>,
}

impl Lookup {
    /// Prepares what is asked of a machine whose dials are resolved.
    pub(super) fn new(machine: &Machine) -> Self {
        let mut lookup = Lookup { first_dials: first_dials(machine), ..Lookup::default() };
        for (id, pool) in machine.pools() {
            for (place, _) in &pool.overridden {
                lookup.overridden.add(place, id);
            }
            let listener = pool.listener.as_ref().filter(|_| !machine.masters[id.master].prefix_known);
            let relative = listener.filter(|found| !found.written.starts_with('/'));
            if let Some(listener) = relative.filter(|_| pool.settings.get("prefix").is_none()) {
                lookup.relative.insert(listener.written.clone());
            }
        }
        for (number, file) in machine.unloaded.iter().enumerate() {
            let Holds::Pool(listens) = &file.holds else { continue };
            for (at, (place, _)) in listens.iter().enumerate() {
                lookup.unloaded.add(place, (number, at));
            }
        }
        let is_one_of_several = |dial: &&Dial| lookup.dials_of(dial.nginx, dial.hand_over).len() > 1;
        let answering = machine.dials.iter().filter(|dial| !dial.reach.is_nowhere());
        for dial in answering.filter(is_one_of_several).collect::<Vec<_>>() {
            *lookup.answering.entry((dial.nginx, dial.hand_over, branch(machine, dial))).or_default() += 1;
        }
        lookup
    }

    /// The numbers of the dials of a hand-over, by the numbers of its nginx and itself.
    pub(super) fn dials_of(&self, nginx: usize, hand_over: usize) -> Range<usize> {
        let first = &self.first_dials[nginx];
        first[hand_over]..first[hand_over + 1]
    }
}

/// The dials of a hand-over stand side by side, in the order of the hand-overs.
fn first_dials(machine: &Machine) -> Vec<Vec<usize>> {
    let mut next = 0;
    let mut of_nginx = |(number, nginx): (usize, &Nginx)| {
        let first_of = |at: usize| {
            let behind = |dial: &&Dial| (dial.nginx, dial.hand_over) < (number, at);
            next += machine.dials[next..].iter().take_while(behind).count();
            next
        };
        (0..=nginx.hand_overs.len()).map(first_of).collect()
    };
    machine.nginx.iter().enumerate().map(&mut of_nginx).collect()
}

/// The branch of a variable that a dial belongs to.
fn branch(machine: &Machine, dial: &Dial) -> Option<usize> {
    let (nginx, hand_over) = machine.hand_over(dial);
    hand_over.peers(nginx)[dial.peer].branch_number()
}

impl Machine {
    /// A `listen` that would have been right for a dial and that a later one of the same pool overrides:
    /// the pool, its place, and the place of the one in force.
    pub fn overridden(&self, dial: &Dial) -> Option<(PoolId, Span, Span)> {
        let id = self.lookup.overridden.first_answering(&dial.missed)?;
        let pool = self.pool(id);
        let (_, lost) = pool.overridden.iter().find(|(here, _)| dial.missed.iter().any(|place| here.accepts(place)))?;
        Some((id, *lost, pool.listener.as_ref()?.span))
    }

    /// A pool file that is not loaded and whose pool would be right for a dial: its path and the `listen`.
    pub fn not_loaded(&self, dial: &Dial) -> Option<(String, Span)> {
        let (file, at) = self.lookup.unloaded.first_answering(&dial.missed)?;
        let Holds::Pool(listens) = &self.unloaded[file].holds else { return None };
        Some((self.unloaded[file].path.to_string_lossy().into_owned(), listens.get(at)?.1))
    }

    /// Whether another dial of the same hand-over, for the same request, reaches somebody.
    pub fn another_answers(&self, dial: &Dial) -> bool {
        let key = (dial.nginx, dial.hand_over, branch(self, dial));
        let all = self.lookup.answering.get(&key).copied().unwrap_or_default();
        all > usize::from(!dial.reach.is_nowhere())
    }

    /// Whether a dial would reach a relative `listen` if the master were started with some `-p`.
    pub fn is_prefix_unknown(&self, dial: &Dial) -> bool {
        let [Endpoint::Unix(dialled)] = &dial.endpoints[..] else { return false };
        let Some(dialled) = dialled.to_str().filter(|_| !self.lookup.relative.is_empty()) else { return false };
        // From `/` nobody starts FPM: there the author took the path for an absolute one.
        let slashes = dialled.match_indices('/').map(|(at, _)| at).filter(|at| *at > 0);
        slashes.into_iter().any(|at| self.lookup.relative.contains(&dialled[at + 1..]))
    }
}
