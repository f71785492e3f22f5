//! nginx's side: workers, servers and upstream groups. Where a request is handed over is told in `hand_overs`.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ecow::EcoString;

use super::access::Identity;
use super::buffers::PAGE;
use super::certificates::MissingFile;
use super::hand_overs::{HandOver, Reader};
use super::{Origin, Predicted, Setting, Site, View};
use crate::host::facts::Facts;
use crate::host::glob;
use crate::nginx::ast::{Directive, Word};
use crate::nginx::branches::Variables;
use crate::nginx::examine::Refusal;
use crate::nginx::levels::{Config, Context, LevelId};
use crate::nginx::load::{Files, IncludeProblem, IncludeProblemKind, is_packaged};
use crate::nginx::regex::Patterns;
use crate::source::Span;
use crate::values::address::{Address, AddressError};

/// nginx with one main file.
#[derive(Debug)]
pub struct Nginx {
    /// The parsed files.
    pub files: Arc<Files>,
    /// The version whose behaviour is predicted.
    pub version: Predicted,
    /// The configuration with includes followed.
    pub config: Config,
    /// Who the workers are.
    pub worker: Worker,
    /// Whether everything was read: nothing else can define a group or set a resolver.
    pub is_whole: bool,
    /// Bytes of a memory page of its host.
    pub page: u64,
    /// The servers of `http`.
    pub servers: Vec<Server>,
    /// The groups of `http`.
    pub upstreams: Vec<Upstream>,
    /// The numbers of the groups by their names in lower case.
    by_name: HashMap<String, usize>,
    /// The places where requests are handed over.
    pub hand_overs: Vec<HandOver>,
    /// The passes whose variables can take more values than are followed.
    pub more_branches: Vec<Span>,
    /// The expressions of its locations and rewrite code.
    pub patterns: Patterns,
    /// Where requests end, for each server.
    pub sites: Vec<Site>,
    /// Whether what is not in view may still be there when it runs.
    pub is_partial: bool,
    /// Where relative paths begin, if it is known.
    pub prefix: Option<PathBuf>,
    /// What `nginx -t` refuses in it.
    pub refusals: Vec<Refusal>,
    /// The names of hosts that nginx looks up when it starts.
    pub looked_up: Vec<String>,
    /// The files that it opens at the start and that are not there.
    pub missing_files: Vec<MissingFile>,
}

/// The identity of nginx's workers: `setgid(group)`, `initgroups(user, group)`, `setuid(user)`.
#[derive(Clone, Debug)]
pub struct Worker {
    /// The user.
    pub user: Setting<String>,
    /// The group: the second argument of `user`, else the group of the user's name. The primary
    /// group of the password database plays no part.
    pub group: Setting<String>,
    /// The two with the groups that list the user.
    pub identity: Identity,
}

impl Worker {
    /// Makes of it one of whom nothing is known.
    pub(super) fn hide(&mut self) {
        self.identity = Identity { user: String::new(), group: String::new(), groups: None };
    }

    /// Whether it is known who they are.
    pub fn is_known(&self) -> bool {
        !self.identity.user.is_empty()
    }
}

/// A server block.
#[derive(Debug)]
pub struct Server {
    /// Its level.
    pub level: LevelId,
    /// Its names; empty when it has none.
    pub names: Box<[EcoString]>,
    /// The arguments of its `listen` lines.
    pub listens: Box<[Word]>,
}

impl Server {
    /// The first name a person would call it by, if it has one.
    pub fn shown_name(&self) -> Option<&str> {
        self.names.iter().map(EcoString::as_str).find(|name| !name.is_empty() && *name != "_")
    }
}

/// An upstream group.
#[derive(Debug)]
pub struct Upstream {
    /// The name; nginx compares it without case.
    pub name: String,
    /// The opening line.
    pub span: Span,
    /// Its level.
    pub level: LevelId,
    /// The members.
    pub peers: Vec<Peer>,
}

/// An address that a hand-over may dial.
#[derive(Clone, Debug)]
pub struct Peer {
    /// The address, or why nginx does not take it.
    pub address: Result<Address, AddressError>,
    /// The address as written, without scheme and URI.
    pub written: String,
    /// Where it is written.
    pub span: Span,
    /// Marked `down`.
    pub down: bool,
    /// Marked `backup`.
    pub backup: bool,
    /// Resolved again at run time (`resolve`).
    pub resolve: bool,
    /// Whether no port is written and nginx takes 80.
    pub port_defaulted: bool,
    /// The branch of a variable that leads to it.
    pub branch: Option<Arc<Branch>>,
}

/// A branch of a variable that leads to an address.
#[derive(Debug)]
pub struct Branch {
    /// The key by which a `map` or the like chooses it.
    pub key: String,
    /// The values on the way to the address.
    pub via: Vec<Span>,
    /// The group that the address is a member of, where the variable names the group.
    pub group: Option<usize>,
    /// Its number: of one branch, peers stand in for another.
    pub number: usize,
}

impl Nginx {
    /// How many servers are written: a snippet is looked at as if it stood in one, and holds none.
    pub fn written_servers(&self) -> usize {
        let opener = |server: &&Server| self.config.level(server.level).opener.is_some();
        self.servers.iter().filter(opener).count()
    }

    /// Reads servers, groups and hand-overs out of a configuration.
    pub fn new(files: Arc<Files>, config: Config, facts: &Facts, main: &Path, view: View) -> Self {
        let worker = worker(&config, facts, main);
        let is_whole = is_whole(&files, config.level(config.main()).context, view);
        let mut nginx = Nginx {
            files,
            version: Predicted::nginx(facts),
            config,
            worker,
            is_whole,
            page: facts.page_size.unwrap_or(PAGE),
            servers: Vec::new(),
            upstreams: Vec::new(),
            by_name: HashMap::new(),
            hand_overs: Vec::new(),
            more_branches: Vec::new(),
            patterns: Patterns::default(),
            sites: Vec::new(),
            is_partial: view.is_partial(),
            prefix: facts.build.prefix.clone(),
            refusals: Vec::new(),
            looked_up: Vec::new(),
            missing_files: Vec::new(),
        };
        let upstreams: Vec<_> = nginx.config.levels(Context::Upstream).collect();
        nginx.upstreams = upstreams.into_iter().filter_map(|level| upstream(&nginx.config, level)).collect();
        let names = nginx.upstreams.iter().enumerate().rev();
        nginx.by_name = names.map(|(at, group)| (group.name.to_ascii_lowercase(), at)).collect();
        let mut servers: Vec<_> = nginx.config.levels(Context::Server).collect();
        // A fragment may hold what stands in a server or in a location: its top level is that place.
        let top = nginx.config.main();
        if nginx.config.level(top).context == Context::Location {
            servers.push(top);
        }
        let (config, upstreams, by_name) = (&nginx.config, &nginx.upstreams[..], &nginx.by_name);
        let page = nginx.page;
        let reader = Reader { config, variables: Variables::new(config), upstreams, by_name, page };
        for level in servers {
            reader.collect(level, nginx.servers.len(), &mut nginx.hand_overs);
            nginx.servers.push(server(config, level));
        }
        nginx.more_branches = reader.variables.into_exceeded();
        nginx
    }

    /// What shows that requests of a server come through another proxy, if something does: `proxy_protocol` on one of
    /// its `listen` lines.
    pub fn proxy_protocol(&self, server: usize) -> Option<Span> {
        let level = self.servers.get(server)?.level;
        let mut listens = self.config.own(level, "listen");
        Some(listens.find(|listen| listen.args.iter().any(|word| word.text == "proxy_protocol"))?.head)
    }

    /// Whether nginx takes the address of the client from what the proxy in front says.
    pub fn knows_client(&self, level: LevelId) -> bool {
        !self.config.effective_list(level, "set_real_ip_from").is_empty()
    }

    /// The server that a level is or is in.
    pub fn server_around(&self, level: LevelId) -> Option<&Server> {
        let is_server = |id: &LevelId| self.config.level(*id).context == Context::Server;
        let level = self.config.outwards(level).find(is_server)?;
        // The servers stand in the order in which they open.
        self.servers.binary_search_by_key(&level, |server| server.level).ok().map(|at| &self.servers[at])
    }

    /// The server that answers on the address of a `listen`, as written, where no name decides: of those that
    /// listen there, the one that says so, or the first.
    pub fn default_of(&self, address: &str) -> Option<&Server> {
        let sharing = || self.servers.iter().filter(|it| it.listens.iter().any(|listen| listen.text == address));
        let says_so = |server: &&Server| {
            let mut listens = self.config.own(server.level, "listen").filter(|it| it.arg(0) == Some(address));
            listens.any(|it| it.args.iter().any(|word| matches!(word.text.as_str(), "default_server" | "default")))
        };
        sharing().find(says_so).or_else(|| sharing().next())
    }

    /// The hand-overs that requests come to.
    pub fn served(&self) -> impl Iterator<Item = &HandOver> {
        self.hand_overs.iter().filter(|hand_over| !hand_over.is_idle)
    }

    /// The hand-overs of a server.
    pub fn hand_overs_of(&self, server: usize) -> impl Iterator<Item = &HandOver> {
        self.hand_overs[self.numbers_of(server)].iter()
    }

    /// The numbers of the hand-overs of a server, which stand side by side.
    pub fn numbers_of(&self, server: usize) -> Range<usize> {
        let from = self.hand_overs.partition_point(|hand_over| hand_over.server < server);
        let count = self.hand_overs[from..].iter().take_while(|hand_over| hand_over.server == server).count();
        from..from + count
    }

    /// Whether a file that is not in view may set anything on a level or around it.
    pub fn is_open(&self, level: LevelId) -> bool {
        let brings = |include: &Directive| {
            let Some(argument) = include.args.first() else { return true };
            !is_packaged(Path::new(argument.text.as_str())) && (self.is_partial || !glob::is_pattern(&argument.text))
        };
        let mut unread = self.config.outwards(level).flat_map(|id| self.config.level(id).unread());
        unread.any(|(_, include)| brings(include))
    }

    /// The upstream group of a name.
    pub fn upstream(&self, name: &str) -> Option<&Upstream> {
        self.by_name.get(&name.to_ascii_lowercase()).map(|at| &self.upstreams[*at])
    }
}

/// Whether a configuration that begins in a context is nginx's main one and all that its includes name is in view, but
/// for modules and the files of nginx's package: they bring neither groups nor resolvers.
pub(super) fn is_whole(files: &Files, top: Context, view: View) -> bool {
    let unread =
        |problem: &IncludeProblem| !matches!(problem.kind, IncludeProblemKind::NoMatch | IncludeProblemKind::Cycle);
    let matched = |problem: &IncludeProblem| !(view.is_partial() && problem.kind == IncludeProblemKind::NoMatch);
    let module = |problem: &IncludeProblem| problem.path.components().any(|part| part.as_os_str() == "modules");
    let brings_none = |problem: &IncludeProblem| module(problem) || is_packaged(&problem.path);
    let known = |problem: &IncludeProblem| brings_none(problem) || !unread(problem) && matched(problem);
    top == Context::Main && files.problems.iter().all(known)
}

fn worker(config: &Config, facts: &Facts, main: &Path) -> Worker {
    let (user, group) = match config.own(config.main(), "user").last() {
        Some(directive) if !directive.args.is_empty() => {
            let user = &directive.args[0];
            let group = directive.args.get(1).map_or_else(
                || Setting::default(user.text.to_string(), directive.head),
                |group| Setting::written(group.text.to_string(), group.span),
            );
            (Setting::written(user.text.to_string(), directive.head), group)
        }
        _ => {
            let (user, group) = packaged_identity(facts, main);
            (Setting { value: user, origin: Origin::Packaged }, Setting { value: group, origin: Origin::Packaged })
        }
    };
    let identity = Identity::new(&facts.accounts, &user.value, &group.value);
    Worker { user, group, identity }
}

/// The user and group that nginx was built with.
fn packaged_identity(facts: &Facts, main: &Path) -> (String, String) {
    let (user, group) = match main {
        main if main.starts_with("/usr/local/etc/nginx") => ("www", "www"),
        _ => ("nobody", "nogroup"),
    };
    let user = facts.build.user.clone().unwrap_or_else(|| user.into());
    let group = facts.build.group.clone().unwrap_or_else(|| group.into());
    (user, group)
}

fn server(config: &Config, level: LevelId) -> Server {
    let words = |name| config.own(level, name).flat_map(|directive| directive.args.iter());
    Server {
        level,
        names: words("server_name").map(|word| word.text.clone()).collect(),
        listens: config.own(level, "listen").filter_map(|listen| listen.args.first().cloned()).collect(),
    }
}

fn opener(config: &Config, level: LevelId) -> Option<&Arc<Directive>> {
    config.level(level).opener.as_ref()
}

fn upstream(config: &Config, level: LevelId) -> Option<Upstream> {
    let opener = opener(config, level)?;
    let name = opener.arg(0).unwrap_or_default().to_owned();
    // Lua chooses the address; what is written is a stand-in.
    let by_lua = config.level(level).settings.iter().any(|directive| directive.name().starts_with("balancer_by_lua"));
    let peers = config.own(level, "server").filter_map(|server| {
        let address = server.args.first()?;
        let flag = |name: &str| server.args.iter().skip(1).any(|word| word.text == name);
        let mut peer = Peer {
            down: flag("down"),
            backup: flag("backup"),
            resolve: flag("resolve"),
            ..Peer::new(&address.text, address.span, Some(80))
        };
        let by_service = server.args.iter().any(|word| word.text.starts_with("service="));
        let no_port = Address::parse(&address.text, None) == Err(AddressError::NoPort);
        peer.port_defaulted = no_port && !by_service;
        (!by_lua).then_some(peer)
    });
    Some(Upstream { name, span: opener.head, level, peers: peers.collect() })
}

impl Peer {
    /// The key by which a `map` or the like chooses the address.
    pub fn key(&self) -> Option<&str> {
        self.branch.as_ref().map(|branch| branch.key.as_str())
    }

    /// The number of the branch of a variable that it belongs to.
    pub fn branch_number(&self) -> Option<usize> {
        self.branch.as_ref().map(|branch| branch.number)
    }

    /// Whether it is a member of a group that a variable names.
    pub fn is_of_named_group(&self) -> bool {
        self.branch.as_ref().is_some_and(|branch| branch.group.is_some())
    }

    /// The address that is written at a place; `default_port` is taken where it names none.
    pub(super) fn new(written: &str, span: Span, default_port: Option<u16>) -> Self {
        Peer {
            address: Address::parse(written, default_port),
            written: written.to_owned(),
            span,
            down: false,
            backup: false,
            resolve: false,
            port_defaulted: false,
            branch: None,
        }
    }
}
