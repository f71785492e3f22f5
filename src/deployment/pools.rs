//! PHP-FPM's side: masters, pools, and the socket that each pool will really create.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::access::Permissions;
use super::body_limits::Sizes;
use super::limits::{Heartbeat, Run};
use super::openings::Openings;
use super::{Origin, Predicted, View};
use crate::host::accounts::{Accounts, Lookup};
use crate::host::facts::Facts;
use crate::host::layout::MasterLayout;
use crate::php::layers::Ini;
use crate::php::load::{Assigned, Configuration, PoolSettings};
use crate::php::readers;
use crate::php::settings::{Directive, FREEBSD};
use crate::source::Span;
use crate::values::address::{Endpoint, Listen, MAX_SOCKET_PATH};

/// An FPM master process and what it reads.
#[derive(Debug)]
pub struct Master {
    /// Whether the user names all that it reads, though other files of the host are not in view.
    pub is_whole: bool,
    /// Its files and settings.
    pub configuration: Configuration,
    /// Where its packaging puts things.
    pub layout: MasterLayout,
    /// The version of PHP whose behaviour is predicted.
    pub version: Predicted,
    /// Whether it runs.
    pub state: State,
    /// The other container that it runs in, by its number in the machine's network.
    pub service: Option<usize>,
    /// Where relative paths begin, and whether that is known rather than assumed.
    pub prefix: PathBuf,
    /// Whether `prefix` comes from a unit, a fact or an option.
    pub prefix_known: bool,
    /// Started with `-R`: pools may run as root.
    pub allow_root: bool,
    /// The ini settings below those of the pools.
    pub ini: Ini,
    /// The pools.
    pub pools: Vec<Pool>,
    /// What it opens when it starts, as far as that is known to fail.
    pub openings: Openings,
    /// How often it looks whether a request runs too long.
    pub heartbeat: Heartbeat,
}

/// Whether a master runs, and how that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Its program is not installed; the text says what shows it.
    Absent(String),
    /// Nothing starts it at boot; the text says what shows it.
    Disabled(String),
    /// It is started at boot, or runs.
    Started,
    /// Nothing says.
    Unknown,
}

/// A pool.
#[derive(Debug)]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// Its first header.
    pub header: Span,
    /// Its settings.
    pub settings: PoolSettings,
    /// The socket; `None` when no `listen` is in force.
    pub listener: Option<Listener>,
    /// The socket where FPM answers for the pool's status besides (`pm.status_listen`).
    pub status: Option<StatusListener>,
    /// The pages that FPM answers itself, without the slashes around: status and ping.
    pub own_pages: Vec<String>,
    /// The places of `listen` lines that a later one replaces.
    pub overridden: Vec<(Endpoint, Span)>,
    /// How long it lets a request run; `None` where a value depends on the environment.
    pub run: Option<Run>,
    /// How large a body its scripts take; `None` where a value depends on the environment.
    pub sizes: Option<Sizes>,
}

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

impl Master {
    /// Where the pool listens that the package brings, if it may be there: the tree holds pools alone, and none
    /// of them takes the place of the packaged one.
    pub(super) fn packaged_pool(&self) -> Option<Endpoint> {
        let configuration = &self.configuration;
        let is_replaced = self.pools.iter().any(|pool| pool.name == "www");
        let listen = Listen::parse(&self.layout.packaged_listen(), &self.prefix);
        listen.endpoint().filter(|_| !configuration.has_main && !is_replaced)
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

impl Master {
    /// Puts a master together.
    pub fn new(configuration: Configuration, layout: MasterLayout, ini: Ini, facts: &Facts, runs: bool) -> Self {
        let fact = facts.masters.iter().find(|fact| fact.config == configuration.main);
        let command = facts.units.get(&layout.unit).map(|unit| unit.start_command()).unwrap_or_default();
        let option = |short: &str, long: &str| {
            let at = command.iter().position(|word| word == short || word == long);
            at.and_then(|at| command.get(at + 1)).map(PathBuf::from)
        };
        let known = fact.and_then(|fact| fact.prefix.clone()).or_else(|| option("-p", "--prefix"));
        let prefix_known = known.is_some() || !command.is_empty();
        let prefix = known.unwrap_or_else(|| layout.prefix.clone());
        let flag = command.iter().any(|word| word == "-R" || word == "--allow-to-run-as-root");
        let mut master = Master {
            is_whole: false,
            state: if runs { State::Started } else { super::masters::master_state(&layout, fact, facts) },
            allow_root: fact.and_then(|fact| fact.allow_root).unwrap_or(flag),
            service: None,
            pools: Vec::new(),
            openings: Openings::default(),
            heartbeat: Heartbeat::None,
            ini,
            version: Predicted::php(facts, &layout),
            configuration,
            layout,
            prefix,
            prefix_known,
        };
        let pools = std::mem::take(&mut master.configuration.pools);
        master.pools = pools.into_iter().map(|settings| Pool::new(settings, &master, facts)).collect();
        master.heartbeat = Heartbeat::of(&master.pools);
        let limits: Vec<_> =
            master.pools.iter().map(|pool| (master.run(pool, None), master.sizes(pool, None))).collect();
        for (pool, (run, sizes)) in master.pools.iter_mut().zip(limits) {
            (pool.run, pool.sizes) = (run, sizes);
        }
        master
    }

    /// The user and group that the master itself runs as: those of its unit, else root.
    fn started_as(&self, facts: &Facts) -> (String, Option<String>) {
        let unit = facts.units.get(&self.layout.unit);
        let value = |key: &str| unit.and_then(|unit| unit.get(key)).map(str::to_owned);
        let Some(user) = value("Service.User").filter(|user| user != "root") else {
            return ("root".into(), Some("root".into()));
        };
        let primary = match facts.accounts.user(&user) {
            Lookup::Found(user) => user.group,
            Lookup::Missing | Lookup::Unknown => None,
        };
        (user, value("Service.Group").or(primary))
    }

    /// Whether it is known to run as root: its packaging starts it so, and no unit or supervisor may say
    /// otherwise. Images often run it as another user, which no file of the tree tells.
    pub fn is_started_by_root(&self, facts: &Facts) -> bool {
        let unit = facts.units.get(&self.layout.unit).is_some();
        (unit || self.layout.is_of_servers()) && !facts.units.other_starters && self.started_as(facts).0 == "root"
    }

    /// Whether its unit starts it as another user than root.
    pub fn is_started_by_another(&self, facts: &Facts) -> bool {
        self.started_as(facts).0 != "root"
    }

    /// Whether all that its pools are made of is in view: files on their own may be completed by
    /// others, and the official images bring a pool that a file of one's own completes.
    pub fn is_complete(&self, view: View) -> bool {
        let in_image = self.layout.main.starts_with("/usr/local/etc") && !self.configuration.has_main;
        (self.is_whole || !view.is_partial()) && !in_image && !self.configuration.is_cut()
    }

    /// Whether its build may know a directive. The official images are built without the options that
    /// some need.
    pub fn may_know(&self, directive: &Directive, in_container: bool) -> bool {
        let in_image = in_container && self.layout.main.starts_with("/usr/local/etc");
        match directive.needs {
            None => true,
            Some(FREEBSD) => !self.layout.is_of_linux(),
            Some(_) => !in_image,
        }
    }

    /// Whether it is known not to run, now or after the next boot.
    pub fn is_stopped(&self) -> bool {
        matches!(self.state, State::Absent(_) | State::Disabled(_))
    }

    /// Whether it is known not to run now.
    pub fn is_absent(&self) -> bool {
        matches!(self.state, State::Absent(_))
    }
}

impl Pool {
    /// Puts the socket where the links on its way lead.
    pub(super) fn follow_links(&mut self, socket: impl Fn(&Path) -> Endpoint) {
        if let Some(Bound::At(endpoint)) = self.listener.as_mut().map(|listener| &mut listener.bound) {
            if let Endpoint::Unix(path) = &*endpoint {
                *endpoint = socket(path);
            }
        }
    }

    /// Its sockets: that of `listen`, and that of `pm.status_listen`.
    pub fn sockets(&self) -> impl Iterator<Item = Socket<'_>> {
        let own = self.listener.as_ref().map(|listener| Socket {
            is_status: false,
            span: listener.span,
            written: &listener.written,
            bound: &listener.bound,
        });
        let status = self.status.as_ref().map(|status| Socket {
            is_status: true,
            span: status.span,
            written: &status.written,
            bound: &status.bound,
        });
        own.into_iter().chain(status)
    }

    fn new(settings: PoolSettings, master: &Master, facts: &Facts) -> Self {
        let listener = Listener::new(&settings, master, facts);
        let prefix = prefix(&settings, &master.prefix).unwrap_or_else(|| master.prefix.clone());
        let status = settings.get("pm.status_listen").map(|listen| StatusListener {
            span: listen.value_span,
            written: listen.text.clone().unwrap_or_default(),
            // A relative path begins at the master's prefix, whatever the pool's own is.
            bound: match listen.text.as_deref() {
                None | Some("") => Bound::Unknown,
                Some(text) => bound(Listen::parse(text, &master.prefix), facts),
            },
        });
        let overridden = overridden(&settings, listener.as_ref(), &prefix);
        let pages = ["pm.status_path", "ping.path"].into_iter().filter_map(|key| settings.get(key)?.text.as_deref());
        let pages = pages.map(|page| page.trim_matches('/')).filter(|page| !page.is_empty());
        let own_pages = pages.map(str::to_owned).collect();
        let (name, header) = (settings.name.clone(), settings.header);
        Pool { name, header, settings, listener, status, own_pages, overridden, run: None, sizes: None }
    }
}

/// The literal places of all `listen` lines but the one in force.
fn overridden(settings: &PoolSettings, listener: Option<&Listener>, prefix: &Path) -> Vec<(Endpoint, Span)> {
    let lost =
        settings.all("listen").filter(|assigned| listener.is_some_and(|found| found.span != assigned.value_span));
    let placed = lost.filter_map(|assigned| {
        let endpoint = Listen::parse(assigned.text.as_deref()?, prefix).endpoint()?;
        Some((endpoint, assigned.value_span))
    });
    placed.collect()
}

impl Listener {
    fn new(settings: &PoolSettings, master: &Master, facts: &Facts) -> Option<Self> {
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

/// Where a pool's relative paths begin: its own `prefix`, completed with the master's.
fn prefix(settings: &PoolSettings, master: &Path) -> Option<PathBuf> {
    match settings.get("prefix") {
        Some(prefix) => Some(master.join(prefix.text.as_deref()?)),
        None => Some(master.to_owned()),
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
