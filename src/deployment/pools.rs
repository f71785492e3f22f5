//! PHP-FPM's side: masters and their pools.

use std::path::{Path, PathBuf};

use super::body_limits::Sizes;
use super::limits::{Heartbeat, Run};
use super::listeners::{Bound, Listener, Socket, StatusListener, overridden, prefix};
use super::openings::Openings;
use super::{Predicted, View};
use crate::host::accounts::Lookup;
use crate::host::facts::Facts;
use crate::host::layout::MasterLayout;
use crate::php::layers::Ini;
use crate::php::load::{Configuration, PoolSettings};
use crate::php::settings::{Directive, FREEBSD};
use crate::source::Span;
use crate::values::address::{Endpoint, Listen};

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
    pub(super) fn started_as(&self, facts: &Facts) -> (String, Option<String>) {
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
        let status = StatusListener::new(&settings, master, facts);
        let overridden = overridden(&settings, listener.as_ref(), &prefix);
        let pages = ["pm.status_path", "ping.path"].into_iter().filter_map(|key| settings.get(key)?.text.as_deref());
        let pages = pages.map(|page| page.trim_matches('/')).filter(|page| !page.is_empty());
        let own_pages = pages.map(str::to_owned).collect();
        let (name, header) = (settings.name.clone(), settings.header);
        Pool { name, header, settings, listener, status, own_pages, overridden, run: None, sizes: None }
    }
}
