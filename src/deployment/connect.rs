//! Which hand-over reaches which listener.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::back_ends::BackEnd;
use super::listeners::addresses;
use super::nearest::{Candidates, Nearest};
use super::places::Places;
use super::{Gap, HandOver, Machine, Master, Pool, PoolId, Target, View};
use crate::host::Host;
use crate::host::facts::{Facts, Protocol as Speaks};
use crate::php::load::IncludeProblem;
use crate::source::Span;
use crate::values::address::{Address, Endpoint, is_local};

/// One address that one hand-over can dial, and what is there.
#[derive(Clone, Debug)]
pub struct Dial {
    /// The number of the nginx.
    pub nginx: usize,
    /// The number of the hand-over in it.
    pub hand_over: usize,
    /// The number of the peer among the hand-over's.
    pub peer: usize,
    /// The address.
    pub address: Address,
    /// Where the address is written.
    pub span: Span,
    /// The places it stands for; a name may stand for several.
    pub endpoints: Arc<[Endpoint]>,
    /// Those of them where nothing is known to listen.
    pub missed: Arc<[Endpoint]>,
    /// What is there.
    pub reach: Reach,
    /// Where nobody is there, the listener that was probably meant.
    pub nearest: Option<Nearest>,
}

/// What is at a dialled address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// These pools listen there.
    Pools(Vec<PoolId>),
    /// Something else listens there.
    Other(Box<BackEnd>),
    /// Nothing does, and everything that could is in view.
    Nobody,
    /// It does not get from one container to another.
    Cut(Gap),
    /// It cannot be told: what is not known, and the option that would supply it.
    Unknown(&'static str, &'static str),
}

impl Reach {
    /// The pools that listen there.
    pub fn pools(&self) -> &[PoolId] {
        match self {
            Reach::Pools(pools) => pools,
            Reach::Other(_) | Reach::Nobody | Reach::Cut(_) | Reach::Unknown(..) => &[],
        }
    }

    /// Whether a dial arrives nowhere.
    pub fn is_nowhere(&self) -> bool {
        matches!(self, Reach::Nobody | Reach::Cut(_))
    }
}

/// Everything that listens on a machine, by place.
#[derive(Debug, Default)]
struct Index {
    pools: Places<PoolId>,
    others: Vec<BackEnd>,
    /// The numbers of the others.
    other_places: Places<usize>,
    /// What Debian's link `/run/php/php-fpm.sock` leads to.
    debian_alternative: Option<PoolId>,
    /// Whether every pool's socket is known.
    complete: bool,
}

/// More dials than this are not resolved. A group of many members that many servers name has as many dials
/// as the two numbers multiply to.
pub const MAX_DIALS: usize = 250_000;

/// Resolves every dial of a machine, and says how many hand-overs were left out for [`MAX_DIALS`].
pub fn dials(machine: &Machine, host: &dyn Host, others: Vec<(Endpoint, BackEnd)>) -> (Vec<Dial>, usize) {
    let index = Index::new(machine, others);
    let own = own_addresses(machine);
    let mut links = HashMap::new();
    let hand_overs = machine.nginx.iter().map(|nginx| nginx.hand_overs.len()).sum();
    // Most hand-overs have one.
    let (mut dials, mut left_out) = (Vec::with_capacity(hand_overs), 0);
    for (number, nginx) in machine.nginx.iter().enumerate() {
        for (at, hand_over) in nginx.hand_overs.iter().enumerate() {
            if hand_over.is_idle {
                continue;
            }
            // Of the members of a group either all are known or none.
            if dials.len() + hand_over.peers(nginx).len() > MAX_DIALS {
                left_out += 1;
                continue;
            }
            for (peer_number, peer) in hand_over.peers(nginx).iter().enumerate() {
                // nginx never dials a peer that is marked `down`.
                let Some(address) = peer.address.as_ref().ok().filter(|_| !peer.down) else { continue };
                let endpoints = endpoints(address, machine, &own, host, &mut links);
                let (reach, missed) = match machine.across(hand_over, address) {
                    Some(reach) => (reach, Arc::default()),
                    None => index.reach(&endpoints, machine, hand_over),
                };
                let (address, span) = (address.clone(), peer.span);
                let dial = Dial {
                    nginx: number,
                    hand_over: at,
                    peer: peer_number,
                    address,
                    span,
                    endpoints,
                    missed,
                    reach,
                    nearest: None,
                };
                dials.push(dial);
            }
        }
    }
    (dials, left_out)
}

/// Finds the nearest listener for every dial that reaches nobody.
pub fn nearest(machine: &mut Machine) {
    let mut candidates = Candidates::new(machine);
    let mut known: HashMap<Endpoint, Option<Nearest>> = HashMap::new();
    for dial in machine.dials.iter_mut().filter(|dial| dial.reach == Reach::Nobody) {
        let Some(missed) = dial.missed.first() else { continue };
        dial.nearest = *known.entry(missed.clone()).or_insert_with(|| candidates.nearest(missed));
    }
}

/// The numbers of the dials that reach each pool.
pub fn callers(dials: &[Dial]) -> BTreeMap<PoolId, Vec<usize>> {
    let mut callers: BTreeMap<PoolId, Vec<usize>> = BTreeMap::new();
    for (number, dial) in dials.iter().enumerate() {
        let Reach::Pools(pools) = &dial.reach else { continue };
        for pool in pools {
            callers.entry(*pool).or_default().push(number);
        }
    }
    callers
}

/// The addresses besides the loopback that this host has for certain: a pool of the tree asks for them. Files that
/// were picked may be those of two hosts.
fn own_addresses(machine: &Machine) -> BTreeSet<IpAddr> {
    if machine.view.is_partial() || machine.network.is_some() {
        return BTreeSet::new();
    }
    let bound = machine.pools().flat_map(|(_, pool)| pool.sockets()).flat_map(|socket| socket.bound.endpoints());
    let addresses = bound.filter_map(|endpoint| match endpoint {
        Endpoint::Tcp(address) => Some(address.ip()),
        Endpoint::Unix(_) => None,
    });
    addresses.filter(|ip| !is_local(*ip)).collect()
}

/// The local places that an address stands for; none when it is another host's or not known.
/// `own` are the addresses of this host, and `links` the sockets that were looked for before.
fn endpoints(
    address: &Address,
    machine: &Machine,
    own: &BTreeSet<IpAddr>,
    host: &dyn Host,
    links: &mut HashMap<String, Arc<[Endpoint]>>,
) -> Arc<[Endpoint]> {
    match address {
        Address::Unix(path) => match links.get(path) {
            Some(known) => known.clone(),
            None => {
                let found: Arc<[Endpoint]> = [socket(Path::new(path), &machine.facts, host)].into();
                links.insert(path.clone(), found.clone());
                found
            }
        },
        Address::Ip(address) if is_local(address.ip()) || own.contains(&address.ip()) => {
            [Endpoint::Tcp(*address)].into()
        }
        Address::Ip(_) => Arc::default(),
        Address::Name(name, port) => {
            let all = addresses(name, &machine.facts);
            let local = all.iter().all(|address| is_local(*address));
            let found = all.into_iter().filter(|_| local);
            found.map(|address| Endpoint::Tcp(SocketAddr::new(address, *port))).collect()
        }
    }
}

/// So many links are followed, one behind the other: Debian's alternatives are two.
const MAX_LINKS: usize = 8;

/// A socket's path with the links that are known followed: those of the tree and those of the facts.
pub(super) fn socket(path: &Path, facts: &Facts, host: &dyn Host) -> Endpoint {
    let target = facts.paths.get(path).and_then(|fact| fact.target.clone());
    let path = without_links(target.unwrap_or_else(|| path.to_owned()), host);
    match host.entry(&path) {
        Ok(entry) => Endpoint::unix(&entry.real),
        Err(_) => Endpoint::unix(&path),
    }
}

/// A path with the links on the way followed. Those to sockets dangle in a tree, for sockets are not packed; and those
/// to `/run` and what is below.
fn without_links(mut path: PathBuf, host: &dyn Host) -> PathBuf {
    for _ in 0..MAX_LINKS {
        let mut parts: Vec<&Path> = path.ancestors().collect();
        parts.reverse();
        let followed = parts.into_iter().find_map(|part| {
            let target = host.link_target(part)?;
            let rest = path.strip_prefix(part).ok()?;
            Some(if rest.as_os_str().is_empty() { target } else { target.join(rest) })
        });
        match followed {
            Some(followed) => path = followed,
            None => break,
        }
    }
    path
}

impl Index {
    fn new(machine: &Machine, others: Vec<(Endpoint, BackEnd)>) -> Self {
        let (complete, debian_alternative) = (machine.knows_pools(), debian_alternative(machine));
        let mut index = Index { complete, debian_alternative, ..Index::default() };
        for (id, pool) in machine.pools() {
            let endpoints = pool.sockets().flat_map(|socket| socket.bound.endpoints());
            let master = &machine.masters[id.master];
            for endpoint in endpoints.filter_map(|endpoint| machine.seen_from_here(master, endpoint)) {
                index.pools.add(&endpoint, id);
            }
        }
        for (place, other) in others {
            index.other_places.add(&place, index.others.len());
            index.others.push(other);
        }
        index
    }

    fn reach(&self, endpoints: &Arc<[Endpoint]>, machine: &Machine, hand_over: &HandOver) -> (Reach, Arc<[Endpoint]>) {
        let mut pools = Vec::new();
        let mut missed = Vec::new();
        for endpoint in endpoints.iter() {
            let found = self.pools.answering(endpoint);
            if found.is_empty() {
                missed.push(endpoint.clone());
            }
            pools.extend(found);
        }
        pools.sort();
        pools.dedup();
        let other = match pools.is_empty() {
            true => {
                endpoints.iter().find_map(|endpoint| self.other_places.first_answering(std::slice::from_ref(endpoint)))
            }
            false => None,
        };
        let other = other.map(|number| self.others[number].clone());
        let reach = match other {
            _ if !pools.is_empty() => Reach::Pools(pools),
            // Before a reload the old listener may still be there: only what speaks another language is
            // certain to be another server.
            Some(other) if other.protocol == Speaks::Unknown => {
                Reach::Unknown("what speaks at every dialled address", "--facts")
            }
            Some(other) => Reach::Other(other.into()),
            None if endpoints.is_empty() => Reach::Unknown("what listens on other hosts", "--facts"),
            None => self.nobody(machine, hand_over, endpoints),
        };
        let missed = if missed.len() == endpoints.len() { endpoints.clone() } else { missed.into() };
        (reach, missed)
    }

    /// Nothing was found: either nothing is there, or it cannot be known.
    fn nobody(&self, machine: &Machine, hand_over: &HandOver, endpoints: &[Endpoint]) -> Reach {
        if matches!(hand_over.target, Target::Unknown) {
            return Reach::Unknown("the values of variables", "--facts");
        }
        let is_link = |place: &Endpoint| matches!(place, Endpoint::Unix(path) if path == Path::new(DEBIAN_LINK));
        if let Some(id) = self.debian_alternative.filter(|_| matches!(endpoints, [place] if is_link(place))) {
            return Reach::Pools(vec![id]);
        }
        if !machine.has_masters_near() {
            let supplies = if machine.view == View::Files { "name its files as well" } else { "--fpm-conf" };
            return Reach::Unknown("PHP-FPM's configuration", supplies);
        }
        // A tree may hold files of several systems: these two never run side by side.
        if is_of_freebsd(machine) && machine.masters.iter().all(|master| master.layout.is_of_linux()) {
            return Reach::Unknown("PHP-FPM's configuration", "--fpm-conf");
        }
        if !self.complete {
            return Reach::Unknown("where every pool listens", "--facts");
        }
        let is_socket = |place: &Endpoint| matches!(place, Endpoint::Unix(_));
        let is_on_host = machine.network.as_ref().is_some_and(|network| network.is_on_host);
        if is_on_host && !endpoints.iter().all(is_socket) {
            return Reach::Unknown("what listens on the host", "--facts");
        }
        let packaged = |master: &Master| master.packaged_pool().is_some_and(|at| endpoints.contains(&at));
        if machine.masters.iter().any(packaged) {
            return Reach::Unknown("whether the pool of the package is still there", "--fpm-conf");
        }
        Reach::Nobody
    }
}

/// Whether nginx lies where the ports of FreeBSD put it, and Homebrew.
fn is_of_freebsd(machine: &Machine) -> bool {
    machine.facts.build.prefix.as_deref() == Some(Path::new("/usr/local/etc/nginx"))
}

/// Debian keeps this as a link to the socket of the highest version's `www.conf`.
const DEBIAN_LINK: &str = "/run/php/php-fpm.sock";

/// What [`DEBIAN_LINK`] leads to.
fn debian_alternative(machine: &Machine) -> Option<PoolId> {
    let candidates = machine.pools().filter(|(id, pool)| {
        let debian = machine.masters[id.master].layout.main.starts_with("/etc/php/");
        let is_unix = pool.listener.as_ref().is_some_and(|listener| listener.bound.socket().is_some());
        debian && pool.name == "www" && is_unix
    });
    let version = |id: &PoolId| {
        let version = &machine.masters[id.master].layout.version;
        version.split('.').map(|part| part.parse().unwrap_or(0)).collect::<Vec<u32>>()
    };
    candidates.map(|(id, _)| id).max_by_key(version)
}

impl Machine {
    /// Whether the socket of every pool is known that this machine's programs may find.
    fn knows_pools(&self) -> bool {
        self.masters.iter().filter(|master| self.is_near(master)).all(|master| self.is_read(master))
    }

    /// Whether the socket of every pool of a container is known.
    pub(super) fn knows_pools_of(&self, service: Option<usize>) -> bool {
        self.masters.iter().filter(|master| master.service == service).all(|master| self.is_read(master))
    }

    /// Whether all of a master was read and no `listen` is missing or hangs on the environment. Otherwise a pool
    /// that is not in view may be the one that is dialled.
    fn is_read(&self, master: &Master) -> bool {
        let hidden = |problem: &IncludeProblem| problem.kind.hides_pools() || self.view.is_partial();
        let known = |pool: &Pool| pool.listener.as_ref().is_some_and(|listener| !listener.bound.endpoints().is_empty());
        let configuration = &master.configuration;
        configuration.problems.is_empty()
            && !configuration.include_problems.iter().any(hidden)
            && !master.pools.is_empty()
            && master.pools.iter().all(known)
    }
}

impl Speaks {
    /// The protocol as people call it.
    pub fn name(self) -> &'static str {
        match self {
            Speaks::Http => "HTTP",
            Speaks::Fastcgi => "FastCGI",
            Speaks::Uwsgi => "uwsgi",
            Speaks::Unknown => "an unknown protocol",
        }
    }
}
