//! The deployment: what runs, who calls whom, and where each value comes from.
//!
//! This is what rules look at. It is built once ([`build`]) from the files, the facts and the
//! options; rules see values only.
//!
//! A [`Dial`] is the heart of it: one address that one hand-over can dial. [`Dial::reach`] says what is
//! there; where nobody is, [`Dial::missed`] holds the places that were tried, [`Dial::nearest`] the
//! listener that was probably meant, [`Pool::overridden`] the `listen` lines that no longer count, and
//! [`Machine::unloaded`] the files that nothing loads.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::host::facts::Facts;
use crate::host::rotation::Rotation;
use crate::php::layers::Ini;
use crate::source::{FileId, Span};
use crate::thresholds::Thresholds;

pub mod access;
pub mod back_ends;
pub mod body_limits;
pub mod buffers;
pub mod build;
mod candidates;
pub mod capacity;
pub mod certificates;
pub mod chains;
pub mod connect;
pub mod drift;
pub mod extensions;
pub mod frontend;
pub mod hand_overs;
mod idle;
pub mod limits;
pub mod listeners;
pub mod lookup;
mod masters;
pub mod misplaced;
pub mod nearest;
pub mod network;
pub mod opcache;
pub mod openings;
pub mod pages;
pub mod params;
pub mod places;
pub mod plan;
pub mod pools;
pub mod routes;
pub mod scripts;
pub mod unloaded;
pub mod versions;

pub use access::Paths;
pub use connect::{Dial, Reach};
pub use frontend::{Nginx, Peer, Server, Upstream, Worker};
pub use hand_overs::{HandOver, Protocol, Target};
pub use listeners::{Bound, Listener, Socket};
pub use lookup::Lookup;
pub use network::{Gap, Network, Service, Shared, Way};
pub use params::{Param, Params, Sent};
pub use plan::{Fragment, Plan, Selection, View};
pub use pools::{Master, Pool, State};
pub use routes::{Site, Visit};
pub use scripts::{Sample, Script};
pub use unloaded::Unloaded;
pub use versions::Predicted;

/// A value and where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Setting<T> {
    /// The value in force.
    pub value: T,
    /// Where it comes from.
    pub origin: Origin,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// It is written here.
    Written(Span),
    /// Nobody wrote it: it is the program's default for what is written here.
    Default(Span),
    /// It comes from how the program is packaged or built, and no line speaks of it.
    Packaged,
}

impl<T> Setting<T> {
    /// A value that stands at a place.
    pub fn written(value: T, span: Span) -> Self {
        Setting { value, origin: Origin::Written(span) }
    }

    /// The default for what stands at a place.
    pub fn default(value: T, of: Span) -> Self {
        Setting { value, origin: Origin::Default(of) }
    }

    /// Whether somebody wrote it.
    pub fn is_written(&self) -> bool {
        matches!(self.origin, Origin::Written(_))
    }

    /// The place where somebody wrote it.
    pub fn written_at(&self) -> Option<Span> {
        match self.origin {
            Origin::Written(span) => Some(span),
            Origin::Default(_) | Origin::Packaged => None,
        }
    }
}

impl Origin {
    /// The place to point at, if there is one.
    pub fn span(self) -> Option<Span> {
        match self {
            Origin::Written(span) | Origin::Default(span) => Some(span),
            Origin::Packaged => None,
        }
    }
}

/// What is checked together.
#[derive(Debug, Default)]
pub struct Deployment {
    /// The machines: hosts, and containers that hold configuration of nginx or PHP-FPM.
    pub machines: Vec<Machine>,
    /// The numbers that rules compare with.
    pub thresholds: Thresholds,
}

/// One host with the servers on it, or one container with the PHP-FPMs of other containers that it may dial.
#[derive(Debug)]
pub struct Machine {
    /// How much of the host is in view.
    pub view: View,
    /// Whether the files are shown to belong to containers, where one user is all there is.
    pub in_container: bool,
    /// For a container of a compose file, the other containers of its project.
    pub network: Option<Network>,
    /// Why no PHP-FPM was joined, where a repository holds one.
    pub unpaired: Option<String>,
    /// What is known of it besides its configuration.
    pub facts: Facts,
    /// Owners, modes and existence of the paths that matter.
    pub paths: Paths,
    /// nginx, once for each main file.
    pub nginx: Vec<Nginx>,
    /// PHP-FPM's masters, those of other containers behind its own.
    pub masters: Vec<Master>,
    /// Every address that a hand-over can dial, with what is there.
    pub dials: Vec<Dial>,
    /// How many hand-overs have no dials because there are too many.
    pub left_out: usize,
    /// The numbers of the dials that reach a pool.
    pub callers: BTreeMap<PoolId, Vec<usize>>,
    /// What each hand-over that serves PHP asks for.
    pub scripts: Vec<Script>,
    /// Files that look like part of the configuration and that nothing loads.
    pub unloaded: Vec<Unloaded>,
    /// How logs are rotated.
    pub rotations: Vec<Rotation>,
    /// The `.user.ini` of the document root of each hand-over that has one, by the numbers of its nginx and
    /// itself.
    pub user_inis: BTreeMap<(usize, usize), Arc<Ini>>,
    /// What is found without looking at everything.
    pub lookup: Lookup,
}

/// A pool by the numbers of its master and itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PoolId {
    /// The master's number in the machine.
    pub master: usize,
    /// The pool's number in the master.
    pub pool: usize,
}

impl Machine {
    /// The pool of a number.
    pub fn pool(&self, id: PoolId) -> &Pool {
        &self.masters[id.master].pools[id.pool]
    }

    /// All pools with their numbers.
    pub fn pools(&self) -> impl Iterator<Item = (PoolId, &Pool)> {
        self.masters.iter().enumerate().flat_map(|(master, of)| {
            of.pools.iter().enumerate().map(move |(pool, found)| (PoolId { master, pool }, found))
        })
    }

    /// The pools whose PHP-FPM is not known to be gone.
    pub fn installed_pools(&self) -> impl Iterator<Item = (PoolId, &Pool)> {
        self.pools().filter(|(id, _)| !self.masters[id.master].is_absent())
    }

    /// The pools that are not known to stay stopped, now or after the next boot.
    pub fn running_pools(&self) -> impl Iterator<Item = (PoolId, &Pool)> {
        self.pools().filter(|(id, _)| !self.masters[id.master].is_stopped())
    }

    /// The configuration files that its programs load.
    pub fn loaded(&self) -> Vec<FileId> {
        let nginx = self.nginx.iter().flat_map(|nginx| nginx.files.trees().map(|(file, _)| file));
        let masters = self.masters.iter().flat_map(|master| master.configuration.files.iter().copied());
        nginx.chain(masters).collect()
    }

    /// The configuration files that were read for it.
    pub fn files(&self) -> Vec<FileId> {
        self.loaded().into_iter().chain(self.unloaded.iter().map(|unloaded| unloaded.file)).collect()
    }

    /// The hand-over that a dial belongs to, with its nginx.
    pub fn hand_over(&self, dial: &Dial) -> (&Nginx, &HandOver) {
        let nginx = &self.nginx[dial.nginx];
        (nginx, &nginx.hand_overs[dial.hand_over])
    }

    /// The dials of the same hand-over as a dial, itself included.
    pub fn dials_of<'a>(&'a self, dial: &'a Dial) -> impl Iterator<Item = &'a Dial> {
        self.dials_of_hand_over(dial.nginx, dial.hand_over).iter()
    }

    /// The dials of a hand-over, by the numbers of its nginx and itself.
    pub fn dials_of_hand_over(&self, nginx: usize, hand_over: usize) -> &[Dial] {
        &self.dials[self.lookup.dials_of(nginx, hand_over)]
    }

    /// The `.user.ini` of the document root of a hand-over, by the numbers of its nginx and itself.
    pub fn user_ini(&self, nginx: usize, hand_over: usize) -> Option<&Ini> {
        self.user_inis.get(&(nginx, hand_over)).map(AsRef::as_ref)
    }

    /// The dials that reach a pool.
    pub fn callers(&self, id: PoolId) -> impl Iterator<Item = &Dial> {
        self.callers.get(&id).into_iter().flatten().map(|dial| &self.dials[*dial])
    }
}
