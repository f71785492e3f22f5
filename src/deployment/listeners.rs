//! The socket that a pool will really create: where, whose, and who may come in.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::Origin;
use super::access::Permissions;
use super::pools::{Master, Pool};
use crate::host::accounts::{Accounts, Lookup};
use crate::host::facts::Facts;
use crate::php::load::{Assigned, PoolSettings};
use crate::php::readers;
use crate::source::Span;
use crate::values::address::{Endpoint, Listen, MAX_SOCKET_PATH};

/// The socket of a pool.
#[derive(Debug)]
pub struct Listener {
    /// The assignment of `listen` in force.
    pub span: Span,
    /// The value as written.
    pub written: String,
    /// Where the socket will be.
    pub bound: Bound,
    /// Owner, group and mode of a unix socket, as FPM will set them.
    pub access: Permissions,
    /// Where the owner comes from.
    pub owner: Origin,
    /// Where the group comes from.
    pub group: Origin,
    /// Where the mode comes from.
    pub mode: Origin,
    /// `listen.acl_users` and `listen.acl_groups` that are not empty.
    pub acl: Vec<Span>,
    /// `listen.allowed_clients`, for TCP.
    pub allowed_clients: Option<AllowedClients>,
}

/// The socket of `pm.status_listen`. To PHP-FPM it is a pool of its own, `NAME_status`.
#[derive(Debug)]
pub struct StatusListener {
    /// The value of `pm.status_listen`.
    pub span: Span,
    /// The value as written.
    pub written: String,
    /// Where the socket will be.
    pub bound: Bound,
}

impl StatusListener {
    pub(super) fn new(settings: &PoolSettings, master: &Master, facts: &Facts) -> Option<Self> {
        let listen = settings.get("pm.status_listen")?;
        Some(StatusListener {
            span: listen.value_span,
            written: listen.text.clone().unwrap_or_default(),
            // A relative path begins at the master's prefix, whatever the pool's own is.
            bound: match listen.text.as_deref() {
                None | Some("") => Bound::Unknown,
                Some(text) => bound(Listen::parse(text, &master.prefix), facts),
            },
        })
    }
}

/// One of a pool's sockets, as PHP-FPM opens it.
#[derive(Clone, Copy, Debug)]
pub struct Socket<'a> {
    /// Whether it is that of `pm.status_listen`.
    pub is_status: bool,
    /// The value that names it.
    pub span: Span,
    /// The value as written.
    pub written: &'a str,
    /// Where it will be.
    pub bound: &'a Bound,
}

impl Socket<'_> {
    /// The setting that names it.
    pub fn key(&self) -> &'static str {
        if self.is_status { "pm.status_listen" } else { "listen" }
    }

    /// Whose it is, in words.
    pub fn owner(&self, pool: &Pool) -> String {
        if self.is_status { format!("the status page of pool {}", pool.name) } else { format!("pool {}", pool.name) }
    }

    /// The name that PHP-FPM gives its pool.
    pub fn pool_name(&self, pool: &Pool) -> String {
        if self.is_status { format!("{}_status", pool.name) } else { pool.name.clone() }
    }
}

/// Where a socket will be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Here.
    At(Endpoint),
    /// At one of these: FPM takes the first address that the resolver gives.
    OneOf(Vec<Endpoint>),
    /// Nowhere: FPM refuses to start with this message.
    Refused(String),
    /// It depends on the environment or on a name.
    Unknown,
}

impl Bound {
    /// The places it may be at.
    pub fn endpoints(&self) -> &[Endpoint] {
        match self {
            Bound::At(endpoint) => std::slice::from_ref(endpoint),
            Bound::OneOf(endpoints) => endpoints,
            Bound::Refused(_) | Bound::Unknown => &[],
        }
    }

    /// The path of a unix socket.
    pub fn socket(&self) -> Option<&Path> {
        match self {
            Bound::At(Endpoint::Unix(path)) => Some(path),
            _ => None,
        }
    }
}

/// The value of `listen.allowed_clients`: literal addresses, separated by commas without blanks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedClients {
    /// Where the value stands.
    pub span: Span,
    /// The addresses that FPM takes.
    pub addresses: Vec<IpAddr>,
    /// The items that FPM drops: names, networks, items with a blank.
    pub dropped: Vec<String>,
}

impl AllowedClients {
    fn read(assigned: &Assigned) -> Option<Self> {
        let text = assigned.text.as_deref()?;
        let (mut addresses, mut dropped) = (Vec::new(), Vec::new());
        for item in text.split(',').filter(|item| !item.is_empty()) {
            match item.parse() {
                Ok(address) => addresses.push(address),
                Err(_) => dropped.push(item.to_owned()),
            }
        }
        Some(AllowedClients { span: assigned.value_span, addresses, dropped })
    }

    /// Whether a client with this address is served.
    pub fn admits(&self, client: IpAddr) -> bool {
        self.addresses.iter().any(|address| address.to_canonical() == client.to_canonical())
    }
}

impl Listener {
    pub(super) fn new(settings: &PoolSettings, master: &Master, facts: &Facts) -> Option<Self> {
        let listen = settings.get("listen")?;
        let bound = match &listen.text {
            Some(text) if text.is_empty() => return None,
            Some(text) => match prefix(settings, &master.prefix) {
                Some(prefix) => bound(Listen::parse(text, &prefix), facts),
                None if text.starts_with('/') || text.contains(':') => {
                    bound(Listen::parse(text, &master.prefix), facts)
                }
                None => Bound::Unknown,
            },
            None => Bound::Unknown,
        };
        let (access, [owner, group, mode], acl) =
            socket_access(settings, listen, &facts.accounts, master.started_as(facts));
        let is_tcp = !matches!(bound.endpoints(), [Endpoint::Unix(_), ..]);
        let allowed_clients = settings.get("listen.allowed_clients").filter(|_| is_tcp);
        Some(Listener {
            span: listen.value_span,
            written: listen.text.clone().unwrap_or_default(),
            bound,
            access,
            owner,
            group,
            mode,
            acl,
            allowed_clients: allowed_clients.and_then(AllowedClients::read),
        })
    }
}

fn bound(listen: Listen, facts: &Facts) -> Bound {
    match listen {
        Listen::Unix(path) => {
            // FPM cuts longer paths without a word.
            let bytes = path.as_os_str().as_encoded_bytes();
            let cut = String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_SOCKET_PATH)]).into_owned();
            Bound::At(Endpoint::unix(Path::new(&cut)))
        }
        Listen::Ip(address) => Bound::At(Endpoint::Tcp(address)),
        Listen::InvalidPort(port) => Bound::Refused(format!("invalid port value '{port}'")),
        Listen::InvalidHost => Bound::Refused("getaddrinfo: Name or service not known".to_owned()),
        Listen::NoInterface(text) => {
            Bound::Refused(format!("unable to bind listening socket for address '{text}': Invalid argument (22)"))
        }
        Listen::Name(name, port) => {
            let endpoints: Vec<_> = addresses(&name, facts)
                .into_iter()
                .map(|address| Endpoint::Tcp(SocketAddr::new(address, port)))
                .collect();
            match endpoints.as_slice() {
                [] => Bound::Unknown,
                [endpoint] => Bound::At(endpoint.clone()),
                _ => Bound::OneOf(endpoints),
            }
        }
    }
}

/// The addresses of a name as far as facts tell them; `localhost` has both loopbacks unless they say
/// otherwise.
pub fn addresses(name: &str, facts: &Facts) -> Vec<IpAddr> {
    match facts.hosts.get(name) {
        Some(addresses) => {
            let unique: BTreeSet<_> = addresses.iter().copied().collect();
            unique.into_iter().collect()
        }
        None if name.eq_ignore_ascii_case("localhost") => {
            vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
        }
        None => Vec::new(),
    }
}

/// Where a pool's relative paths begin: its own `prefix`, completed with the master's.
pub(super) fn prefix(settings: &PoolSettings, master: &Path) -> Option<PathBuf> {
    match settings.get("prefix") {
        Some(prefix) => Some(master.join(prefix.text.as_deref()?)),
        None => Some(master.to_owned()),
    }
}

/// The literal places of all `listen` lines but the one in force.
pub(super) fn overridden(settings: &PoolSettings, listener: Option<&Listener>, prefix: &Path) -> Vec<(Endpoint, Span)> {
    let lost =
        settings.all("listen").filter(|assigned| listener.is_some_and(|found| found.span != assigned.value_span));
    let placed = lost.filter_map(|assigned| {
        let endpoint = Listen::parse(assigned.text.as_deref()?, prefix).endpoint()?;
        Some((endpoint, assigned.value_span))
    });
    placed.collect()
}

/// The bits of `listen.mode`; FPM takes every text for an octal number.
fn mode_bits(text: &str) -> u32 {
    readers::octal_mode(text).value().unwrap_or(0)
}

/// Owner, group and mode that a master gives a unix socket; `started_as` is the master's own user
/// and group.
///
/// With an access control list, `listen.owner` and `listen.group` do not apply. `listen.owner`
/// alone also sets the group to that user's primary one (since PHP 8.1.15), unless it is a number.
fn socket_access(
    settings: &PoolSettings,
    listen: &Assigned,
    accounts: &Accounts,
    started_as: (String, Option<String>),
) -> (Permissions, [Origin; 3], Vec<Span>) {
    let written =
        |key: &str| settings.get(key).filter(|assigned| assigned.text.as_deref().is_none_or(|text| !text.is_empty()));
    let default = Origin::Default(listen.value_span);
    let origin = |assigned: Option<&Assigned>| assigned.map_or(default, |found| Origin::Written(found.span));
    let (acl_users, acl_groups) = (written("listen.acl_users"), written("listen.acl_groups"));
    let names = |assigned: Option<&Assigned>| -> BTreeMap<String, bool> {
        let text = assigned.and_then(|assigned| assigned.text.as_deref()).unwrap_or_default();
        text.split(',').filter(|name| !name.is_empty()).map(|name| (name.to_owned(), true)).collect()
    };
    let acl: Vec<Span> = [acl_users, acl_groups].into_iter().flatten().map(|assigned| assigned.span).collect();
    let mode = written("listen.mode");
    let bits = mode.and_then(|mode| mode.text.as_deref()).map_or(0o660, mode_bits);
    let from_environment = [mode, acl_users, acl_groups].into_iter().flatten().find(|assigned| assigned.text.is_none());
    let mut access = Permissions {
        owner: Some(started_as.0),
        group: started_as.1,
        mode: bits,
        acl_users: names(acl_users),
        acl_groups: names(acl_groups),
        unknown: from_environment.map(|assigned| format!("the value of {}", assigned.key)),
    };
    let (owner, group) = match acl.is_empty() {
        true => (written("listen.owner"), written("listen.group")),
        false => (None, None),
    };
    if let Some(owner) = owner {
        let name = owner.text.clone();
        let is_number = name.as_deref().is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
        if !is_number {
            access.group = match name.as_deref().map(|name| accounts.user(name)) {
                Some(Lookup::Found(user)) => user.group,
                _ => None,
            };
        }
        access.owner = name;
    }
    if let Some(group) = group {
        access.group = group.text.clone();
    }
    let group_origin = if group.is_none() && owner.is_some() { origin(owner) } else { origin(group) };
    (access, [origin(owner), group_origin, origin(mode)], acl)
}
