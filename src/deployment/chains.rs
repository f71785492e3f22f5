//! The chains that a request passes: each hand-over with each pool that it reaches, and the proxies in front.

use std::collections::BTreeMap;

use super::body_limits::{STOCK_SIZES, Sizes};
use super::limits::{Run, Timer};
use super::{Dial, HandOver, Machine, Master, Nginx, Pool, PoolId, Protocol, Reach, Setting};
use crate::nginx::literals;
use crate::php::layers::Ini;
use crate::source::Span;

/// A hand-over, a pool that it reaches, and their limits of time.
#[derive(Clone, Copy, Debug)]
pub struct Chain<'a> {
    /// The host.
    pub machine: &'a Machine,
    /// The nginx.
    pub nginx: &'a Nginx,
    /// The hand-over.
    pub hand_over: &'a HandOver,
    /// The pool.
    pub id: PoolId,
    /// nginx's read timeout, in milliseconds.
    pub read: Setting<u64>,
    /// How long the pool lets a request run.
    pub run: Run,
    /// The `.user.ini` of the document root.
    pub user: Option<&'a Ini>,
}

impl<'a> Chain<'a> {
    fn new(machine: &'a Machine, dial: &Dial, id: PoolId) -> Option<Self> {
        let (nginx, hand_over) = machine.hand_over(dial);
        let pool = machine.pool(id);
        let user = machine.user_ini(dial.nginx, dial.hand_over);
        // A document root may change what the pool says.
        let run = if user.is_some() { machine.masters[id.master].run(pool, user) } else { pool.run };
        let (read, run) = (hand_over.waits(Timer::Read)?, run?);
        let status = is_status(nginx, hand_over, pool);
        (hand_over.protocol == Protocol::Fastcgi && !status).then_some(Chain {
            machine,
            nginx,
            hand_over,
            id,
            read,
            run,
            user,
        })
    }

    /// The pool.
    pub fn pool(&self) -> &'a Pool {
        self.machine.pool(self.id)
    }

    /// How large a body its scripts take; `None` where a value depends on the environment.
    pub fn sizes(&self) -> Option<Sizes> {
        if self.user.is_some() { self.master().sizes(self.pool(), self.user) } else { self.pool().sizes }
    }

    /// Whether somebody may have said how large a body PHP takes: a php.ini is in view, or a pool or document root
    /// sets a size.
    pub fn knows_sizes(&self) -> bool {
        self.user.is_some() || STOCK_SIZES.iter().any(|(name, _)| self.master().ini_is_known(self.pool(), name))
    }

    /// Its master.
    pub fn master(&self) -> &'a Master {
        &self.machine.masters[self.id.master]
    }

    /// The place of nginx's read timeout: its line, or the hand-over that it is the default of.
    pub fn read_place(&self) -> Span {
        self.read.origin.span().unwrap_or(self.hand_over.span)
    }

    /// The place of `request_terminate_timeout`: its line, or the pool that it is the default of.
    pub fn terminate_place(&self) -> Span {
        self.run.terminate.origin.span().unwrap_or(self.pool().header)
    }

    /// When the first of nginx and FPM ends a request that never answers, in milliseconds.
    pub fn ends_by(&self) -> u64 {
        match self.run.struck_by {
            0 => self.read.value,
            struck => struck.min(self.read.value),
        }
    }
}

/// Whether a hand-over serves FPM's status or ping page, which no script runs for.
fn is_status(nginx: &Nginx, hand_over: &HandOver, pool: &Pool) -> bool {
    let Some(location) = &nginx.config.level(hand_over.level).opener else { return false };
    pool.own_pages.iter().any(|page| location.text().contains(page))
}

impl Machine {
    /// Every hand-over with every pool that it reaches.
    pub fn chains(&self) -> impl Iterator<Item = Chain<'_>> {
        self.chains_of(&self.dials)
    }

    /// The chains that begin with some dials.
    pub fn chains_of<'a>(&'a self, dials: &'a [Dial]) -> impl Iterator<Item = Chain<'a>> {
        let reaching = dials.iter().filter_map(|dial| match &dial.reach {
            Reach::Pools(pools) => Some((dial, pools)),
            _ => None,
        });
        reaching.flat_map(move |(dial, pools)| pools.iter().filter_map(move |id| Chain::new(self, dial, *id)))
    }

    /// The proxies in front that the facts name: how long each waits, in milliseconds, and its name.
    pub fn edges(&self) -> impl Iterator<Item = (u64, &str)> {
        self.facts.edges.iter().filter_map(|edge| {
            let wait = literals::milliseconds(edge.timeout.as_deref()?)?;
            Some((wait, edge.name.as_str()))
        })
    }

    /// Hand-overs over HTTP to another server of the same host that hands over to PHP, each with the chain behind it:
    /// of several, the one that ends last.
    pub fn outer_hand_overs(&self) -> impl Iterator<Item = (&Nginx, &HandOver, Chain<'_>)> {
        let inner = self.chains_by_listen();
        self.dials.iter().filter_map(move |dial| {
            let Reach::Other(other) = &dial.reach else { return None };
            let (nginx, outer) = self.hand_over(dial);
            let chain = inner.get(&other.span?).filter(|_| outer.protocol == Protocol::Http)?;
            Some((nginx, outer, *chain))
        })
    }

    /// The chain that ends last, by the `listen` lines of its server that no other server shares: where several
    /// servers listen, the name decides.
    fn chains_by_listen(&self) -> BTreeMap<Span, Chain<'_>> {
        let mut servers: BTreeMap<&str, usize> = BTreeMap::new();
        for listen in self.nginx.iter().flat_map(|nginx| &nginx.servers).flat_map(|server| &server.listens) {
            *servers.entry(&listen.text).or_default() += 1;
        }
        let mut chains: BTreeMap<Span, Chain> = BTreeMap::new();
        for link in self.chains() {
            for listen in &link.nginx.servers[link.hand_over.server].listens {
                let is_longest = chains.get(&listen.span).is_none_or(|known| known.ends_by() < link.ends_by());
                if is_longest && servers.get(listen.text.as_str()) == Some(&1) {
                    chains.insert(listen.span, link);
                }
            }
        }
        chains
    }
}
