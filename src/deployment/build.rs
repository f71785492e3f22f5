//! From files, facts and options to a [`Machine`].

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::access::Paths;
use super::{
    Fragment, Lookup, Machine, Master, Nginx, Plan, View, back_ends, certificates, connect, frontend, idle, masters,
    routes, scripts, unloaded,
};
use crate::host::facts::Facts;
use crate::host::layout::NGINX_MAINS;
use crate::host::{Host, ReadError, name, rotation};
use crate::nginx::directives::Places;
use crate::nginx::examine::{self, Build};
use crate::nginx::levels::{Config, Context, context_of_tree};
use crate::nginx::load::Files;
use crate::parallel;
use crate::php::layers::Ini;
use crate::source::{FileId, Sources, is_brought};
use crate::values::address::{Address, Endpoint};
use crate::values::version::Version;

/// Why there is nothing to look at.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A main file that was named or found cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Unreadable {
        /// The file, as it lies inside the root.
        path: PathBuf,
        /// Why.
        source: ReadError,
    },
    /// Neither an nginx nor a PHP-FPM configuration was found.
    #[error(
        "no nginx.conf and no php-fpm.conf was found in the usual places; name them with --nginx-conf and --fpm-conf"
    )]
    Nothing,
}

/// Reads the programs of one host, which [`connect`] joins.
///
/// `declared` are the directives of nginx that modules of the user's own bring.
pub fn programs(
    host: &dyn Host,
    facts: Facts,
    plan: &Plan,
    declared: &BTreeSet<String>,
    sources: &mut Sources,
) -> Result<Machine, BuildError> {
    let view = plan.view;
    let (mut nginx, mut mains) = (Vec::new(), Vec::new());
    let mut loaded: BTreeSet<String> = BTreeSet::new();
    let nginx_mains = nginx_mains(host, plan);
    for entry in entries(host, plan, &nginx_mains) {
        // A fragment that a main file includes is checked there.
        let shown = format!("{}{}", sources.prefix, name(entry.host, entry.main));
        if loaded.contains(&shown) {
            continue;
        }
        let found = read_nginx(&entry, host, plan, &facts, declared, sources)?;
        loaded.extend(found.files.trees().map(|(file, _)| sources.get(file).path.clone()));
        nginx.push(found);
        mains.push((entry.host, entry.main));
    }
    let masters = masters::masters(host, &facts, plan, sources)?;
    if nginx.is_empty() && masters.is_empty() {
        return Err(BuildError::Nothing);
    }
    let mut unloaded = unloaded::pools(host, sources, &masters);
    for (nginx, (host, main)) in nginx.iter().zip(&mains) {
        unloaded.extend(unloaded::servers(*host, sources, nginx, main));
    }
    let paths = Paths::gather(host, &facts, || sockets(&nginx, &masters));
    let (dials, callers) = Default::default();
    Ok(Machine {
        view,
        in_container: plan.in_container,
        network: plan.network.clone(),
        unpaired: plan.unpaired.clone(),
        facts,
        paths,
        nginx,
        masters,
        dials,
        callers,
        scripts: Vec::new(),
        unloaded,
        rotations: if view.is_partial() { Vec::new() } else { rotation::read(host, sources) },
        left_out: 0,
        user_inis: BTreeMap::new(),
        lookup: Lookup::default(),
    })
}

/// A configuration of nginx: where it begins.
struct Entry<'a> {
    host: &'a dyn Host,
    main: &'a Path,
    view: View,
    /// Whether its file belongs into a main file that does not include it here.
    fragment: Option<&'a Fragment>,
}

/// The main files that a plan names, else the one in the usual places.
fn nginx_mains(host: &dyn Host, plan: &Plan) -> Vec<PathBuf> {
    let selection = &plan.selection;
    // A relative main file begins at nginx's prefix.
    let prefix = selection.prefix.as_deref().unwrap_or(Path::new("/"));
    let mut mains: Vec<PathBuf> = selection.nginx_mains.iter().map(|main| prefix.join(main)).collect();
    if !plan.names_nginx() && plan.view != View::Files {
        // What is there and cannot be read is found, so that its error is told.
        let is_there = |main: &PathBuf| host.entry(main).err() != Some(ReadError::NotFound);
        mains.extend(NGINX_MAINS.iter().map(PathBuf::from).find(is_there));
    }
    mains
}

/// The configurations of nginx: main files, behind them fragments, so that one which a main file includes is known by
/// then, and dumps.
fn entries<'a>(host: &'a dyn Host, plan: &'a Plan, mains: &'a [PathBuf]) -> impl Iterator<Item = Entry<'a>> {
    let view = plan.view;
    let mains = mains.iter().map(move |main| Entry { host, main, view, fragment: None });
    let fragments = plan.selection.fragments.iter();
    let fragments = fragments.map(move |it| Entry { host, main: &it.path, view, fragment: Some(it) });
    // A dump is all that its nginx has loaded.
    let dumps = plan.dumps.iter().map(|dump| Entry { host: dump, main: &dump.main, view: View::Root, fragment: None });
    mains.chain(fragments).chain(dumps)
}

/// Reads a configuration of nginx that runs on `runs_on`, whatever its files are read from.
fn read_nginx(
    entry: &Entry<'_>,
    runs_on: &dyn Host,
    plan: &Plan,
    facts: &Facts,
    declared: &BTreeSet<String>,
    sources: &mut Sources,
) -> Result<Nginx, BuildError> {
    let Entry { host, main, view, fragment } = *entry;
    let mut files = Files::default();
    let id = match fragment.and_then(|fragment| fragment.base.as_ref()) {
        Some(base) => files.load_from(host, sources, main, base),
        None => files.load(host, sources, main),
    };
    let id = id.map_err(|source| unreadable(main, source))?;
    let is_main =
        fragment.is_none() && (view != View::Files || main.file_name().is_some_and(|name| name == "nginx.conf"));
    let unknown = if is_main { Context::Main } else { Context::Other };
    let inferred = context_of_tree(files.tree(id));
    let context = match inferred {
        Some(Context::Main) => Context::Main,
        inferred => plan.selection.context.or(inferred).unwrap_or(unknown),
    };
    // A repository's nginx.conf may be what an image includes into `http`.
    let place = match inferred {
        Some(Context::Main) => Places::MAIN,
        _ if view != View::Files && fragment.is_none() => Places::MAIN,
        _ => plan.selection.context.map_or(Places::ANY, place_of),
    };
    let build = build_of(&files, id, context, view, main, facts, declared);
    let (files, sources) = (Arc::new(files), &*sources);
    let model = || {
        let mut found = Nginx::new(files.clone(), Config::resolve(&files, id, context), facts, main, view);
        found.sites = routes::sites(&found, runs_on);
        found
    };
    // Neither needs what the other finds.
    let (mut found, examined) = parallel::both(model, || examine::examine(&files, sources, id, place, &build));
    (found.refusals, found.looked_up) = (examined.refusals, examined.looked_up);
    // Whom the workers run as stands in a main file that is not in view, or is not what the main file says.
    if is_brought(&name(host, main)) && !plan.in_container || plan.has_own_accounts {
        found.worker.hide();
    }
    found.missing_files = certificates::missing(&found, facts, host, main);
    Ok(found)
}

/// Finds out who dials whom on a machine, and what scripts that leads to. `host` is where its nginx runs.
pub fn connect(machine: &mut Machine, host: &dyn Host, sources: &mut Sources) {
    if let Some(network) = &mut machine.network {
        network.file = Some(sources.add(network.path.clone(), None, std::mem::take(&mut network.text)));
    }
    follow_requests(machine, host);
    machine.user_inis = user_inis(machine, host, sources);
}

/// Finds out which hand-over reaches which listener, and what requests end in which script.
fn follow_requests(machine: &mut Machine, host: &dyn Host) {
    for nginx in &mut machine.nginx {
        nginx.sites = routes::sites(nginx, host);
        for idle in idle::idle(nginx) {
            nginx.hand_overs[idle].is_idle = true;
        }
    }
    let others = back_ends::known(&machine.facts, &machine.nginx);
    (machine.dials, machine.left_out) = connect::dials(machine, host, others);
    machine.callers = connect::callers(&machine.dials);
    machine.lookup = Lookup::new(machine);
    connect::nearest(machine);
    machine.scripts = scripts::scripts(machine, host);
}

/// The `.user.ini` of each document root, by the hand-overs from there. All pools of a hand-over read the
/// same one, unless one of them is told another name for it.
fn user_inis(machine: &Machine, host: &dyn Host, sources: &mut Sources) -> BTreeMap<(usize, usize), Arc<Ini>> {
    let mut read: HashMap<PathBuf, Option<Arc<Ini>>> = HashMap::new();
    let mut found = BTreeMap::new();
    for script in &machine.scripts {
        let Some(root) = script.sample.as_ref().and_then(|sample| sample.document_root()) else { continue };
        let names = script.pools.iter().map(|id| {
            let name = machine.masters[id.master].ini.of_pool(&machine.pool(*id).settings, "user_ini.filename");
            name.map_or_else(|| ".user.ini".to_owned(), |name| name.text.unwrap_or_default())
        });
        let names: BTreeSet<String> = names.filter(|name| !name.is_empty()).collect();
        let [name] = names.iter().collect::<Vec<_>>()[..] else { continue };
        let load = || Ini::load_user(host, sources, Path::new(root), name).map(Arc::new);
        if let Some(ini) = read.entry(Path::new(root).join(name)).or_insert_with(load) {
            found.insert((script.nginx, script.hand_over), Arc::clone(ini));
        }
    }
    found
}

/// What is known of the program that reads a configuration.
fn build_of(
    files: &Files,
    id: FileId,
    context: Context,
    view: View,
    main: &Path,
    facts: &Facts,
    declared: &BTreeSet<String>,
) -> Build {
    let modules = &facts.build.modules;
    let is_whole = frontend::is_whole(files, context, view) && !view.is_partial();
    Build {
        version: facts.versions.nginx.as_deref().and_then(Version::parse),
        modules: (!modules.is_empty()).then(|| modules.iter().cloned().collect()),
        declared: declared.clone(),
        is_whole,
        // Modules are loaded at the top of the main file only.
        knows_modules: is_whole || context == Context::Main && files.knows_top(id),
        is_bundle: main.components().any(|part| part.as_os_str() == "openresty"),
    }
}

/// The place of the statements of a fragment whose context the user names.
fn place_of(context: Context) -> Places {
    match context {
        Context::Main => Places::MAIN,
        Context::Events => Places::EVENTS,
        Context::Http => Places::HTTP,
        Context::Server => Places::SERVER,
        Context::Location => Places::LOCATION,
        Context::IfInServer => Places::SERVER_IF,
        Context::IfInLocation => Places::LOCATION_IF,
        Context::LimitExcept => Places::LIMIT_EXCEPT,
        Context::Upstream => Places::UPSTREAM,
        Context::Records | Context::Other => Places::ANY,
    }
}

pub(super) fn unreadable(path: &Path, source: ReadError) -> BuildError {
    BuildError::Unreadable { path: path.to_owned(), source }
}

/// The sockets that are dialled or created: their owners and directories matter.
fn sockets(nginx: &[Nginx], masters: &[Master]) -> Vec<PathBuf> {
    let peers = nginx.iter().flat_map(|nginx| nginx.hand_overs.iter().flat_map(|hand_over| hand_over.peers(nginx)));
    let dialled = peers.filter_map(|peer| match &peer.address {
        Ok(Address::Unix(path)) => Some(Endpoint::unix(Path::new(path))),
        _ => None,
    });
    let sockets = masters.iter().flat_map(|master| &master.pools).flat_map(|pool| pool.sockets());
    let created = sockets.flat_map(|socket| socket.bound.endpoints().to_vec());
    let paths = dialled.chain(created).filter_map(|endpoint| match endpoint {
        Endpoint::Unix(path) => Some(path),
        Endpoint::Tcp(_) => None,
    });
    paths.collect()
}
