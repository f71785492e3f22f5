//! What a container reaches by names and addresses: the services of its compose project.
//!
//! On a network of their own, containers find each other by the names of services and containers and by
//! aliases, at the ports on which their processes listen; published ports are the host's. Each container has a
//! loopback and files of its own (compose specification, "networks" and "network_mode"; Docker's manual,
//! "Networking in Compose").

use std::path::{Path, PathBuf};

use super::connect::{Dial, Reach};
use super::{Bound, HandOver, Machine, Master, PoolId, Protocol};
use crate::source::{FileId, Sources, Span};
use crate::values::address::{Address, Endpoint, is_local};

/// A compose project, as one of its containers sees it.
#[derive(Clone, Debug)]
pub struct Network {
    /// The compose file as reports name it.
    pub path: String,
    /// Its text.
    pub text: Vec<u8>,
    /// The text, once it is among the sources.
    pub file: Option<FileId>,
    /// The container itself.
    pub own: Service,
    /// The other services.
    pub services: Vec<Service>,
    /// Names that mean something outside of this file: those of `extra_hosts` and of other compose files.
    pub elsewhere: Vec<String>,
    /// Whether only services of this file can be on the container's networks: a name of none of them leads nowhere.
    pub is_closed: bool,
    /// Whether nginx may read files that are not in view: then a name without a port may be that of a group.
    pub has_unseen_files: bool,
    /// Whether nothing but nginx runs in the container.
    pub is_nginx_alone: bool,
    /// Whether its loopback is its own.
    pub has_own_loopback: bool,
    /// Whether it is on the host's own network, where published ports are, and whatever else the host runs.
    pub is_on_host: bool,
    /// Where something is mounted in the container.
    pub mounts: Vec<PathBuf>,
}

/// A service of a compose file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Service {
    /// Its key in the file.
    pub name: String,
    /// The line of the key, counted from 1.
    pub line: usize,
    /// All its names: the key, `container_name`, `hostname`, aliases.
    pub names: Vec<String>,
    /// The line that says on which networks it is; the one of its key where none does.
    pub networks_line: usize,
    /// On which networks it is, in words: `on the network front`.
    pub networks: String,
    /// How the container of this [`Network`] comes to it.
    pub way: Way,
    /// The published ports: the host's, and the container's behind it.
    pub published: Vec<(u16, u16)>,
    /// Ports that it exposes.
    pub exposed: Vec<u16>,
    /// What both containers mount.
    pub shared: Vec<Shared>,
    /// Where its container has something besides what the image brings.
    pub filled: Vec<PathBuf>,
    /// Whether its image is known to hold no scripts of its own.
    pub is_bare: bool,
    /// Whether nothing but mounts puts files into its container.
    pub is_plain: bool,
}

/// A directory of the repository, or a volume, that two containers mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// The directory or the volume, as the compose file names it.
    pub source: String,
    /// Where it is in this container.
    pub here: PathBuf,
    /// Where it is in the service's.
    pub there: PathBuf,
}

/// How a container comes to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// Over a network that both are on.
    Network,
    /// Both have one loopback: `network_mode: "service:…"`.
    SameLoopback,
    /// Not at all: no network has both.
    Apart,
    /// The files do not say.
    #[default]
    Unknown,
}

/// Why a dial does not get from one container to another. Numbers are those of [`Network::services`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// Nobody on the container's networks has this name.
    NoSuchName,
    /// The service is on no network of the container.
    NoSharedNetwork(usize),
    /// The service does not listen at this port.
    NoSuchPort(usize),
    /// The pool listens on the loopback of its own container.
    Loopback(PoolId),
    /// nginx dials the loopback of its own container, and the pool is in another one.
    OwnLoopback(PoolId),
    /// nginx dials a socket in its own container, and the pool makes it in another one.
    OwnFiles(PoolId),
}

impl Network {
    /// Whether another project looks the same, wherever its lines are.
    pub fn is_like(&self, other: &Network) -> bool {
        let alike = || {
            let mut pairs = self.services.iter().zip(&other.services);
            let same_many = self.services.len() == other.services.len();
            same_many && self.own.is_like(&other.own) && pairs.all(|(one, other)| one.is_like(other))
        };
        let facts = |network: &Network| {
            (
                network.is_closed,
                network.has_unseen_files,
                network.is_nginx_alone,
                network.has_own_loopback,
                network.is_on_host,
            )
        };
        facts(self) == facts(other) && alike()
    }

    /// The line of a service's key.
    pub fn key_span(&self, service: &Service, sources: &Sources) -> Option<Span> {
        self.span(service.line, sources)
    }

    /// The line that says on which networks a service is.
    pub fn networks_span(&self, service: &Service, sources: &Sources) -> Option<Span> {
        self.span(service.networks_line, sources)
    }

    /// A line without the blanks around it.
    fn span(&self, line: usize, sources: &Sources) -> Option<Span> {
        // What another file says of a service has no line here.
        let file = self.file.filter(|_| line > 0)?;
        Some(sources.get(file).statement_span(file, line))
    }

    /// The service whose container a master runs in.
    pub fn service_of(&self, master: &Master) -> Option<&Service> {
        self.services.get(master.service?)
    }

    /// Where a socket of a service is in this container.
    fn seen_from_here(&self, service: usize, endpoint: &Endpoint) -> Option<Endpoint> {
        let service = &self.services[service];
        match endpoint {
            Endpoint::Tcp(_) => (service.way == Way::SameLoopback).then(|| endpoint.clone()),
            Endpoint::Unix(path) => service.shared.iter().find_map(|shared| {
                let Endpoint::Unix(there) = Endpoint::unix(&shared.there) else { return None };
                let rest = path.strip_prefix(there).ok()?;
                Some(Endpoint::unix(&shared.here.join(rest)))
            }),
        }
    }

    /// Where a name leads; nothing where that is not known.
    fn by_name(&self, machine: &Machine, hand_over: &HandOver, name: &str, port: u16) -> Option<Reach> {
        let has_name = |service: &&Service| service.has_name(name);
        let named = self.services.iter().enumerate().filter(|(_, service)| has_name(service));
        let Some((at, service)) = named.min_by_key(|(_, service)| service.way != Way::Network) else {
            let is_perhaps_group = self.has_unseen_files && matches!(port, 80 | 443);
            let is_nobodys = self.is_closed && !self.is_known(name) && !is_perhaps_group;
            return is_nobodys.then_some(Reach::Cut(Gap::NoSuchName));
        };
        match service.way {
            Way::Network => self.at_port(machine, hand_over, at, port),
            Way::Apart => Some(Reach::Cut(Gap::NoSharedNetwork(at))),
            Way::SameLoopback | Way::Unknown => None,
        }
    }

    /// Whether a name may mean something besides the services: a name with a dot is a host of the world, and
    /// `project-service-1` is what compose calls the service's containers.
    fn is_known(&self, name: &str) -> bool {
        let is_one = |known: &String| known.eq_ignore_ascii_case(name);
        let is_generated = |service: &Service| {
            let without_number = name.trim_end_matches(|char: char| char.is_ascii_digit());
            let stem = without_number.strip_suffix(['-', '_']);
            stem.is_some_and(|stem| stem.ends_with(&service.name))
        };
        name.contains('.')
            || self.own.has_name(name)
            || self.elsewhere.iter().any(is_one)
            || self.services.iter().any(is_generated)
    }

    /// What is at a port of a service that the container reaches.
    fn at_port(&self, machine: &Machine, hand_over: &HandOver, at: usize, port: u16) -> Option<Reach> {
        let (mut outside, mut inside) = (Vec::new(), None);
        for (id, pool) in machine.pools().filter(|(id, _)| machine.masters[id.master].service == Some(at)) {
            let is_loopback = |at: &Endpoint| matches!(at, Endpoint::Tcp(address) if address.ip().is_loopback());
            match pool.listener.as_ref().map(|listener| &listener.bound)? {
                // `localhost`
                Bound::OneOf(all) if all.iter().all(is_loopback) => {
                    let has_port = |at: &Endpoint| matches!(at, Endpoint::Tcp(address) if address.port() == port);
                    inside = inside.or(all.iter().any(has_port).then_some(id));
                }
                Bound::At(Endpoint::Tcp(address)) if address.port() != port => {}
                Bound::At(Endpoint::Tcp(address)) if address.ip().is_unspecified() => outside.push(id),
                Bound::At(Endpoint::Tcp(address)) if address.ip().is_loopback() => inside = Some(id),
                // Which address the container gets is not known.
                Bound::At(Endpoint::Tcp(_)) | Bound::OneOf(_) | Bound::Unknown => return None,
                Bound::At(Endpoint::Unix(_)) | Bound::Refused(_) => {}
            }
        }
        let is_fpm = machine.masters.iter().any(|master| master.service == Some(at));
        match inside {
            _ if !outside.is_empty() => Some(Reach::Pools(outside)),
            Some(pool) => Some(Reach::Cut(Gap::Loopback(pool))),
            // Besides PHP-FPM, a tool may serve HTTP there now and then.
            None if is_fpm && hand_over.protocol == Protocol::Fastcgi => {
                machine.knows_pools_of(Some(at)).then_some(Reach::Cut(Gap::NoSuchPort(at)))
            }
            None => self.services[at].is_of_host_only(port).then_some(Reach::Cut(Gap::NoSuchPort(at))),
        }
    }

    /// What is at a port of the host that a service publishes.
    fn published(&self, machine: &Machine, hand_over: &HandOver, port: u16) -> Option<Reach> {
        let own_of = |service: &Service| service.published.iter().find(|(host, _)| *host == port).map(|(_, own)| *own);
        let (at, own) = self.services.iter().enumerate().find_map(|(at, service)| Some((at, own_of(service)?)))?;
        let unknown = Reach::Unknown("what listens in every container", "--facts");
        Some(self.at_port(machine, hand_over, at, own).unwrap_or(unknown))
    }

    /// What is at an address that only this container has; nothing where the pools of others are not meant.
    fn at_home(&self, machine: &Machine, hand_over: &HandOver, address: &Address) -> Option<Reach> {
        if !self.is_nginx_alone || hand_over.protocol != Protocol::Fastcgi {
            return None;
        }
        let wanted = |endpoint: &Endpoint| match (endpoint, address) {
            (Endpoint::Tcp(listening), Address::Ip(dialled)) => listening.port() == dialled.port(),
            (Endpoint::Tcp(listening), Address::Name(_, port)) => listening.port() == *port,
            (Endpoint::Unix(_), Address::Unix(path)) => *endpoint == Endpoint::unix(Path::new(path)),
            _ => false,
        };
        let (id, _) = machine.pools().find(|(id, pool)| {
            let endpoints = pool.listener.iter().flat_map(|listener| listener.bound.endpoints());
            let service = machine.masters[id.master].service.map(|service| &self.services[service]);
            let is_elsewhere = |service: &Service| match (address, service.way) {
                (_, Way::Unknown) => false,
                // Who shares a loopback still has files of its own.
                (Address::Unix(_), _) => true,
                (_, way) => self.has_own_loopback && way != Way::SameLoopback,
            };
            service.is_some_and(is_elsewhere) && endpoints.into_iter().any(wanted)
        })?;
        match address {
            // What is mounted may hold the socket all the same.
            Address::Unix(path) if self.mounts.iter().any(|mount| is_below(path, mount)) => None,
            Address::Unix(_) => Some(Reach::Cut(Gap::OwnFiles(id))),
            Address::Ip(_) | Address::Name(..) => Some(Reach::Cut(Gap::OwnLoopback(id))),
        }
    }
}

fn is_below(path: &str, mount: &Path) -> bool {
    let (Endpoint::Unix(path), Endpoint::Unix(mount)) = (Endpoint::unix(Path::new(path)), Endpoint::unix(mount)) else {
        return false;
    };
    path.starts_with(mount)
}

impl Service {
    /// Where a file of this container is in the service's, and by what both have it, if it is not where it is here.
    pub fn has_elsewhere(&self, path: &Path) -> Option<(&Shared, PathBuf)> {
        if !self.is_bare || self.filled.iter().any(|place| path.starts_with(place)) {
            return None;
        }
        let found = self.shared.iter().filter(|shared| path.starts_with(&shared.here));
        let shared = found.max_by_key(|shared| shared.here.components().count())?;
        Some((shared, shared.there.join(path.strip_prefix(&shared.here).ok()?)))
    }

    /// Whether there is no file at a path in the service's container, whatever is elsewhere.
    pub fn has_none_at(&self, path: &Path) -> bool {
        self.is_bare && self.is_plain && !self.filled.iter().any(|place| path.starts_with(place))
    }

    /// Whether another service is the same, wherever its lines are. Hundreds are compared with hundreds.
    fn is_like(&self, other: &Service) -> bool {
        let Service {
            name,
            line: _,
            names,
            networks_line: _,
            networks,
            way,
            published,
            exposed,
            shared,
            filled,
            is_bare,
            is_plain,
        } = self;
        *name == other.name
            && *names == other.names
            && *networks == other.networks
            && *way == other.way
            && *published == other.published
            && *exposed == other.exposed
            && *shared == other.shared
            && *filled == other.filled
            && *is_bare == other.is_bare
            && *is_plain == other.is_plain
    }

    fn has_name(&self, name: &str) -> bool {
        self.names.iter().any(|known| known.eq_ignore_ascii_case(name))
    }

    /// Whether a port is published on the host and no port of the container, as far as the file tells.
    fn is_of_host_only(&self, port: u16) -> bool {
        let is_own = self.published.iter().any(|(_, own)| *own == port) || self.exposed.contains(&port);
        !is_own && self.published.iter().any(|(host, _)| *host == port)
    }
}

impl Machine {
    /// Takes in the PHP-FPM of another container.
    pub fn take_in(&mut self, service: usize, other: Machine) {
        let masters = other.masters.into_iter().map(|master| Master { service: Some(service), ..master });
        self.masters.extend(masters);
        self.unloaded.extend(other.unloaded);
    }

    /// Where this machine's programs find what a master opens: the endpoint itself, that of a shared volume, or
    /// nowhere.
    pub(super) fn seen_from_here(&self, master: &Master, endpoint: &Endpoint) -> Option<Endpoint> {
        match (&self.network, master.service) {
            (Some(network), Some(service)) => network.seen_from_here(service, endpoint),
            _ => Some(endpoint.clone()),
        }
    }

    /// Whether something that a master opens can be found by this machine's programs.
    pub(super) fn is_near(&self, master: &Master) -> bool {
        let service = self.network.as_ref().and_then(|network| network.service_of(master));
        service.is_none_or(|service| service.way == Way::SameLoopback || !service.shared.is_empty())
    }

    /// Whether the pools of some master may be found by this machine's programs.
    pub fn has_masters_near(&self) -> bool {
        self.masters.iter().any(|master| self.is_near(master))
    }

    /// What a dial comes to that leads out of the container, or should; nothing where it stays inside, or where
    /// it leads is not known.
    pub(super) fn across(&self, hand_over: &HandOver, address: &Address) -> Option<Reach> {
        let network = self.network.as_ref()?;
        match address {
            Address::Name(name, port) if !address.is_local() => network.by_name(self, hand_over, name, *port),
            Address::Ip(other) if !is_local(other.ip()) => None,
            Address::Ip(other) if network.is_on_host => network.published(self, hand_over, other.port()),
            Address::Name(_, port) if network.is_on_host => network.published(self, hand_over, *port),
            _ => network.at_home(self, hand_over, address),
        }
    }

    /// The service of a master that a dial reaches over a network of containers: it never comes from a loopback.
    pub fn service_across(&self, dial: &Dial, master: usize) -> Option<&Service> {
        let service = self.network.as_ref()?.service_of(&self.masters[master])?;
        let is_by_port = !matches!(dial.address, Address::Unix(_));
        Some(service).filter(|service| is_by_port && service.way == Way::Network)
    }
}
