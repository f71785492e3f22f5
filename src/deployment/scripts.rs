//! Which script PHP-FPM is asked for: `SCRIPT_FILENAME` and its like for a sample request of each hand-over.
//!
//! The sample is a `.php` file of the tree that ends at the hand-over, else a URI that its location takes.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use ecow::EcoString;

use super::candidates::candidates;
use super::params::{AllParams, Params, Sent};
use super::routes::{Asks, BATCH, Following, Site, expression};
use super::{Dial, HandOver, Machine, Nginx, PoolId, Protocol, Reach};
use crate::host::{Host, Kind, normalize};
use crate::nginx::ast::Key;
use crate::nginx::flow::{End, Way};
use crate::nginx::levels::{Config, Context, LevelId};
use crate::nginx::locations::{Found, parts};
use crate::nginx::variables::{Evaluated, Piece, evaluate};
use crate::parallel;
use crate::php::layers::IniValue;
use crate::source::Span;

/// A FastCGI hand-over that serves PHP, with what it asks for.
#[derive(Debug)]
pub struct Script {
    /// The number of the nginx.
    pub nginx: usize,
    /// The number of the hand-over in it.
    pub hand_over: usize,
    /// Its parameters.
    pub params: Arc<Params>,
    /// The `root` or `alias` in force.
    pub root: Option<Root>,
    /// A request that ends here, if one is known.
    pub sample: Option<Box<Sample>>,
    /// The pools that it reaches.
    pub pools: Box<[PoolId]>,
    /// A URI that its expression takes and that another location gets instead, where it gets none at all.
    pub shadowed: Option<(EcoString, LevelId)>,
    /// The pools whose status address ends here, each with the setting.
    pub statuses: Box<[(PoolId, Span)]>,
    /// The script that it is asked for when the site's own address is, if that is known.
    pub front: Option<String>,
    /// Whether it is asked for style sheets, scripts and images as well.
    pub takes_assets: bool,
    /// The further endings that its location spells out, such as `.html`.
    pub endings: Box<[&'static str]>,
    /// Whether nobody is known to answer: nothing is asked for then.
    pub is_dead: bool,
}

/// The `root` or `alias` in force on a level.
#[derive(Clone, Debug)]
pub struct Root {
    /// The whole statement.
    pub span: Span,
    /// Its argument.
    pub written: EcoString,
    /// For `alias`, how many bytes of the URI it replaces; `usize::MAX` where it replaces all.
    pub alias: Option<usize>,
    /// Whether it is relative, and the tree has the directory at its top.
    pub is_beside: bool,
}

/// A request for a script.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The URI that the client asks for.
    pub uri: EcoString,
    /// Whether nginx's own mapping of the URI names a file of the tree.
    pub is_real: bool,
    /// `$fastcgi_script_name`
    pub script_name: EcoString,
    /// `SCRIPT_FILENAME`, where one is sent.
    pub filename: Option<Evaluated>,
    /// Where each pool looks for it on the host.
    pub looks: Box<[Look]>,
    /// `$fastcgi_path_info`
    path_info: EcoString,
    /// `$document_root`
    base: Option<Evaluated>,
    /// How many bytes of the URI an `alias` replaces.
    alias: Option<usize>,
    way: Way,
}

/// Where a pool looks for a script.
#[derive(Clone, Debug)]
pub struct Look {
    /// The pool.
    pub pool: PoolId,
    /// The path on the host, `chroot` included.
    pub path: PathBuf,
    /// Whether the tree has a file there.
    pub is_there: bool,
    /// Whether the tree has the directory.
    pub has_directory: bool,
    /// The `open_basedir` that leaves it out.
    pub excluded: Option<IniValue>,
}

impl Sample {
    /// `SCRIPT_FILENAME` where all of it is known.
    pub fn path(&self) -> Option<&str> {
        self.filename.as_ref()?.text()
    }

    /// The file that nginx's own mapping gives; `None` where it is not known.
    pub fn mapped(&self) -> Option<String> {
        self.file()?.text().map(str::to_owned)
    }

    /// `$request_filename`
    fn file(&self) -> Option<Evaluated> {
        map(self.base.as_ref()?, self.alias, &self.way.uri)
    }

    /// `$document_root` where all of it is known.
    pub fn document_root(&self) -> Option<&str> {
        self.base.as_ref()?.text()
    }

    /// The known end of `SCRIPT_FILENAME`, behind the last variable that is not known.
    pub fn tail(&self) -> &str {
        match self.filename.as_ref().and_then(|filename| filename.pieces.last()) {
            Some(Piece::Text(text)) => text,
            _ => "",
        }
    }

    /// A value as it is sent with this request, as far as it is known.
    pub fn fill(&self, config: &Config, level: LevelId, value: &str) -> Evaluated {
        let written = evaluate(config, level, value);
        let mut filled = Evaluated::default();
        for piece in written.pieces {
            let Piece::Variable(name) = &piece else {
                filled.push(piece);
                continue;
            };
            let group = || self.way.captures.get(name).map(|text| vec![Piece::Text(text.to_owned())]);
            let known = self.value(name).or_else(group);
            known.unwrap_or(vec![piece]).into_iter().for_each(|piece| filled.push(piece));
        }
        filled
    }

    /// What a variable of nginx holds with this request, where that is known.
    fn value(&self, variable: &str) -> Option<Vec<Piece>> {
        let text = match variable {
            "uri" | "document_uri" => &self.way.uri,
            "request_uri" => &self.uri,
            "fastcgi_script_name" => &self.script_name,
            "fastcgi_path_info" => &self.path_info,
            "request_method" => "GET",
            "args" | "query_string" | "is_args" | "content_type" | "content_length" => "",
            "request_filename" => return self.file().map(|file| file.pieces),
            "document_root" | "realpath_root" => return self.base.as_ref().map(|base| base.pieces.clone()),
            _ => return None,
        };
        Some(vec![Piece::Text(text.to_owned())])
    }
}

/// The directives that say where files lie.
pub(super) const ROOTS: [(Key, &str); 2] = [(Key::of("root"), "root"), (Key::of("alias"), "alias")];

impl Root {
    /// The one in force on a level.
    pub fn of(config: &Config, level: LevelId) -> Option<Self> {
        config.outwards(level).find_map(|id| {
            let found = config.last_of(id, &ROOTS)?;
            let alias = (found.name() == "alias").then(|| replaced(config, id));
            Some(Root { span: found.head, written: found.args.first()?.text.clone(), alias, is_beside: false })
        })
    }

    /// The file that a URI stands for: `$request_filename`.
    pub fn map(&self, base: &Evaluated, uri: &str) -> Option<Evaluated> {
        map(base, self.alias, uri)
    }
}

/// The file that a URI stands for below `base`; of [`Root::alias`].
fn map(base: &Evaluated, alias: Option<usize>, uri: &str) -> Option<Evaluated> {
    let rest = match alias {
        Some(usize::MAX) => "",
        Some(cut) => uri.get(cut..)?,
        None => uri,
    };
    Some(base.followed_by(rest))
}

/// How many bytes of a URI an `alias` on this level replaces.
fn replaced(config: &Config, level: LevelId) -> usize {
    let place = config.outwards(level).find(|id| config.level(*id).context == Context::Location);
    let opener = place.and_then(|id| config.level(id).opener.as_ref());
    match opener.and_then(|opener| parts(opener)) {
        Some(("~" | "~*", _)) | None => usize::MAX,
        Some((_, text)) => text.len(),
    }
}

/// The scripts of all hand-overs that serve PHP.
pub fn scripts(machine: &Machine, host: &dyn Host) -> Vec<Script> {
    let sites = machine.nginx.iter().enumerate().flat_map(|(at, nginx)| nginx.sites.iter().map(move |site| (at, site)));
    let sites: Vec<(usize, &Site)> = sites.collect();
    let params: Vec<AllParams> = machine.nginx.iter().map(|_| AllParams::default()).collect();
    let scripts = parallel::map(&sites, BATCH, |(number, site)| {
        let nginx = &machine.nginx[*number];
        let reader = Reader { machine, nginx, host, site, router: site.router(nginx, host), params: &params[*number] };
        let hand_overs = nginx.numbers_of(site.number);
        hand_overs.filter_map(|hand_over| reader.script(*number, hand_over)).collect::<Box<[Script]>>()
    });
    let mut all = Vec::with_capacity(scripts.iter().map(|of_site| of_site.len()).sum());
    all.extend(scripts.into_iter().flatten());
    all
}

/// What is known when the scripts of a site are read.
struct Reader<'a> {
    machine: &'a Machine,
    nginx: &'a Nginx,
    host: &'a dyn Host,
    site: &'a Site,
    router: Following<'a>,
    /// The parameters that were met before.
    params: &'a AllParams,
}

impl Reader<'_> {
    /// The script of a hand-over that serves PHP, by the numbers of its nginx and itself.
    fn script(&self, nginx: usize, at: usize) -> Option<Script> {
        let hand_over = &self.nginx.hand_overs[at];
        let dials = self.machine.dials_of_hand_over(nginx, at);
        let mut pools: Vec<PoolId> = dials.iter().flat_map(|dial| dial.reach.pools()).copied().collect();
        pools.sort();
        pools.dedup();
        let serves_php = hand_over.serves_php || !pools.is_empty();
        if hand_over.protocol != Protocol::Fastcgi || !serves_php {
            return None;
        }
        let is_nobody = |dial: &Dial| dial.reach.is_nowhere() || matches!(dial.reach, Reach::Other(_));
        let mut script = Script {
            nginx,
            hand_over: at,
            params: self.params.of(&self.nginx.config, hand_over.level, self.machine.view.is_partial()),
            root: self.root(hand_over),
            sample: None,
            pools: pools.into(),
            shadowed: None,
            statuses: Box::default(),
            front: None,
            takes_assets: false,
            endings: Box::default(),
            is_dead: !dials.is_empty() && dials.iter().all(is_nobody),
        };
        script.sample = self.sample(hand_over, &script).map(Box::new);
        script.endings = endings(self.nginx, hand_over, &script, self.site);
        if let Some(front) = &self.site.front {
            let comes_here = |way: &Way, uri: &str| way.end == End::Passed(hand_over.level) && way.uri == uri;
            script.statuses = self.statuses(&script.pools, |path| comes_here(&self.router.follow_page(path), path));
            script.takes_assets = ASSETS.iter().all(|asset| comes_here(&self.router.follow(asset), asset));
            script.front = Some(&front.0).filter(|way| comes_here(way, "/")).and_then(|way| {
                let front = self.asked(hand_over, &script, ("/".into(), false, way.clone()));
                front.path().map(str::to_owned)
            });
            script.shadowed = script.sample.is_none().then(|| shadowed(self.nginx, hand_over, self.site)).flatten();
        }
        Some(script)
    }

    fn root(&self, hand_over: &HandOver) -> Option<Root> {
        let mut root = Root::of(&self.nginx.config, hand_over.level)?;
        if !root.written.starts_with(['/', '$']) {
            let at_top = Path::new("/").join(root.written.as_str());
            let is_directory = self.host.entry(&at_top).is_ok_and(|entry| entry.kind == Kind::Directory);
            let nested = self.nginx.prefix.as_ref().map(|prefix| prefix.join(root.written.as_str()));
            let is_nested = nested.is_some_and(|nested| self.host.entry(&nested).is_ok());
            root.is_beside = root.written.contains('/') && is_directory && !is_nested;
        }
        Some(root)
    }

    /// The pools whose status address comes to the script.
    fn statuses(&self, pools: &[PoolId], comes_here: impl Fn(&str) -> bool) -> Box<[(PoolId, Span)]> {
        let addresses = pools.iter().filter_map(|id| {
            let status = self.machine.pool(*id).settings.get("pm.status_path")?;
            let path = status.text.as_deref().filter(|path| path.starts_with('/'))?;
            comes_here(path).then_some((*id, status.span))
        });
        addresses.collect()
    }

    /// A request that ends at a hand-over.
    fn sample(&self, hand_over: &HandOver, script: &Script) -> Option<Sample> {
        let ends_here = |way: &Way| way.end == End::Passed(hand_over.level);
        let mut files = self.site.visits.iter().filter(|visit| visit.asks == Asks::File);
        let asked = match files.find(|visit| ends_here(&visit.way)) {
            Some(visit) => (visit.uri.clone(), true, visit.way.clone()),
            None => candidates(self.nginx, hand_over, self.site).find_map(|uri| {
                let way = self.router.follow(&uri);
                ends_here(&way).then(|| (uri, false, (*way).clone()))
            })?,
        };
        Some(self.asked(hand_over, script, asked))
    }

    /// What PHP-FPM is asked for when a request ends at a hand-over.
    fn asked(&self, hand_over: &HandOver, script: &Script, (uri, is_real, way): (EcoString, bool, Way)) -> Sample {
        let mut sample = Sample {
            script_name: EcoString::new(),
            uri,
            is_real,
            filename: None,
            looks: Box::default(),
            path_info: EcoString::new(),
            base: None,
            alias: script.root.as_ref().and_then(|root| root.alias),
            way,
        };
        sample.evaluate(self.nginx, hand_over, script);
        if let Some(path) = sample.path().filter(|path| path.starts_with('/')).map(str::to_owned) {
            sample.looks = script.pools.iter().filter_map(|pool| look(self.machine, *pool, &path, self.host)).collect();
        }
        sample
    }
}

impl Sample {
    fn evaluate(&mut self, nginx: &Nginx, hand_over: &HandOver, script: &Script) {
        let (config, level) = (&nginx.config, hand_over.level);
        let text = |text: &str| Evaluated { pieces: vec![Piece::Text(text.to_owned())], ..Evaluated::default() };
        let uri = self.way.uri.clone();
        let split = config.effective(level, "fastcgi_split_path_info").and_then(|split| split.arg(0));
        let groups = split.and_then(|split| nginx.patterns.get(split, false).captures(&uri).flatten());
        let groups = groups.as_ref().and_then(|groups| Some((groups.get("1")?, groups.get("2").unwrap_or_default())));
        let (mut script_name, path_info) = match groups {
            Some((script, info)) => (script.into(), info.into()),
            None => (uri, EcoString::new()),
        };
        if script_name.ends_with('/') {
            let index = config.effective(level, "fastcgi_index").and_then(|index| index.arg(0));
            script_name.push_str(index.unwrap_or_default());
        }
        (self.script_name, self.path_info) = (script_name, path_info);
        let base = match &script.root {
            Some(root) => nginx.absolute(self.fill(config, level, &root.written), root.alias.is_none()),
            None => nginx.prefix.as_ref().map(|prefix| text(&format!("{}/html", prefix.display()))),
        };
        self.base = base;
        if let Sent::Yes(param) = script.params.get("SCRIPT_FILENAME") {
            self.filename = Some(self.fill(config, level, param.value()));
        }
    }
}

/// The endings besides `.php` that the location of a hand-over takes by an expression.
fn endings(nginx: &Nginx, hand_over: &HandOver, script: &Script, site: &Site) -> Box<[&'static str]> {
    let found = script.sample.as_ref().and_then(|sample| sample.uri.strip_suffix(".php"));
    let Some((start, pattern)) = found.zip(expression(nginx, hand_over.level)) else { return Box::default() };
    let takes = |ending: &&&str| {
        let uri = format!("{start}{ending}");
        // Its own expression is asked first, for most take nothing else, and the search asks all.
        pattern.matches(&uri) == Some(true)
            && matches!(site.locations.find(&uri), Found::At(location, _) if location.level == hand_over.level)
    };
    // One that takes anything spells nothing out.
    let endings: Box<[_]> = ENDINGS.iter().filter(takes).copied().collect();
    if endings.contains(&".none") { Box::default() } else { endings }
}

/// A URI that the expression of a hand-over takes, and the other location that gets it.
fn shadowed(nginx: &Nginx, hand_over: &HandOver, site: &Site) -> Option<(EcoString, LevelId)> {
    let pattern = expression(nginx, hand_over.level)?;
    let own = hand_over.level;
    let mut uris = candidates(nginx, hand_over, site).filter(|uri| uri.ends_with(".php"));
    uris.find_map(|uri| match site.locations.find(&uri) {
        Found::At(other, _) if other.level != own && pattern.matches(&uri) == Some(true) => {
            // Inside another location an expression is asked for that one's URIs only.
            let config = &nginx.config;
            let is_outermost = config.level(own).parent == config.level(other.level).parent;
            is_outermost.then_some((uri, other.level))
        }
        _ => None,
    })
}

/// Endings that locations are known to name.
const ENDINGS: [&str; 9] = [".html", ".htm", ".phtml", ".inc", ".php3", ".php5", ".php7", ".phar", ".none"];

/// Files that no script is meant to make.
const ASSETS: [&str; 4] = ["/style.css", "/app.js", "/logo.png", "/assets/theme/style.css"];

/// Where a pool looks for a path.
fn look(machine: &Machine, id: PoolId, path: &str, host: &dyn Host) -> Option<Look> {
    let root = match machine.pool(id).settings.get("chroot") {
        Some(chroot) => chroot.text.clone()?,
        None => String::new(),
    };
    let path = normalize(Path::new(&format!("{root}{path}")));
    // The files of another container are not this host's.
    let is_here = machine.masters[id.master].service.is_none();
    let kind = |path: &Path| host.entry(path).ok().filter(|_| is_here).map(|entry| entry.kind);
    let is_there = kind(&path) == Some(Kind::File);
    let parent = path.parent().filter(|parent| *parent != Path::new("/"));
    let has_directory = parent.is_some_and(|parent| kind(parent) == Some(Kind::Directory));
    let excluded = excluded(machine, id, &path, host).filter(|_| root.is_empty());
    Some(Look { pool: id, path, is_there, has_directory, excluded })
}

/// The `open_basedir` of a pool that leaves a path out: PHP compares both without links.
fn excluded(machine: &Machine, id: PoolId, path: &Path, host: &dyn Host) -> Option<IniValue> {
    let value = machine.masters[id.master].ini.of_pool(&machine.pool(id).settings, "open_basedir")?;
    let text = value.text.clone().filter(|text| !text.is_empty() && text != "none")?;
    let real = |path: &Path| host.entry(path).map_or_else(|_| normalize(path), |entry| entry.real);
    let script = path.parent().map(|directory| real(directory).join(path.file_name().unwrap_or_default()));
    let script = script?.to_string_lossy().into_owned();
    let admits = |base: &str| {
        let resolved = real(Path::new(base)).to_string_lossy().into_owned();
        // Without a slash at its end an entry is the start of a path.
        let start = if base.ends_with('/') { format!("{}/", resolved.trim_end_matches('/')) } else { resolved };
        !base.starts_with('/') || script.starts_with(&start)
    };
    (!text.split(':').filter(|base| !base.is_empty()).any(admits)).then_some(value)
}

impl Machine {
    /// The nginx and the hand-over of a script.
    pub fn of_script(&self, script: &Script) -> (&Nginx, &HandOver) {
        let nginx = &self.nginx[script.nginx];
        (nginx, &nginx.hand_overs[script.hand_over])
    }
}

impl Nginx {
    /// A path as nginx completes it: without the last slash where it is a `root`; `None` where it is relative and the
    /// prefix is not known.
    pub(super) fn absolute(&self, mut path: Evaluated, is_root: bool) -> Option<Evaluated> {
        if let Some(Piece::Text(start)) = path.pieces.first_mut() {
            if !start.starts_with('/') {
                *start = self.prefix.as_ref()?.join(&start).to_string_lossy().into_owned();
            }
        }
        if let (true, Some(Piece::Text(end))) = (is_root, path.pieces.last_mut()) {
            if end.ends_with('/') {
                end.pop();
            }
        }
        Some(path)
    }
}
