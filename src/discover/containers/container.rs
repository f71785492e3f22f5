//! One container: its files in the places that they have inside of it, and what can be told of its programs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::root::{self, inside};
use super::compose::Service;
use super::dockerfile::{Recipe, is_place_of_fpm};
use super::packages::are_installed;
use super::scripts::{self, script_changes_files};
use super::{Built, Repository};
use crate::deployment::{Plan, Selection, View};
use crate::host::disk::Disk;
use crate::host::facts::{FactsFile, GroupFact, UserFact, Versions};
use crate::host::overlay::{Added, Overlay, PathMap};
use crate::host::profile::Profile;
use crate::host::{Host, Kind, glob, layout, normalize};
use crate::values::environment::Environment;
use crate::values::version::Version;

/// Where the image of nginx looks for templates, and where it puts what it makes of them.
const TEMPLATES: &str = "/etc/nginx/templates";
const RENDERED: &str = "/etc/nginx/conf.d";

/// So many links of a Dockerfile are looked at.
const MAX_LINKS: usize = 100;

/// The variables that say otherwise, or that not all variables are filled in.
const OTHERWISE: [&str; 4] = [
    "NGINX_ENVSUBST_TEMPLATE_DIR",
    "NGINX_ENVSUBST_TEMPLATE_SUFFIX",
    "NGINX_ENVSUBST_OUTPUT_DIR",
    "NGINX_ENVSUBST_FILTER",
];

/// A container, as far as files of the repository go into it.
pub(super) struct Container {
    /// The file that describes it, and the service in it.
    pub name: String,
    /// The image that it begins with, such as `php:8.2-fpm`.
    base: String,
    /// Its files.
    pub maps: Vec<PathMap>,
    /// Those of them that are a part of other files.
    added: Vec<Added>,
    /// The directories whose own files a mount hides.
    hidden: Vec<PathBuf>,
    /// Whether these are all of them.
    is_whole: bool,
    /// Whether what it runs may change files or name others.
    is_changed: bool,
    /// Whether more than its image's program may run in it.
    pub runs_more: bool,
    /// Whether files may be in it that come from another image or from the net.
    has_foreign_files: bool,
    /// Whether its users may be others than those of its image, or its program be started as another than root.
    pub has_own_accounts: bool,
    /// What is known of its environment.
    pub environment: Environment,
    /// The versions of PHP-FPM that packages install in it.
    packages: Vec<String>,
    /// Whether it starts its image's program as the image does.
    starts_own: bool,
    /// Where files are mounted that it may not write to.
    read_only: Vec<String>,
    /// The main file of PHP-FPM that its command names, or that a PHP-FPM without a name for one reads.
    fpm_main: Option<PathBuf>,
}

/// What a container holds that can be checked.
pub(super) struct Holds {
    /// What is checked.
    pub plan: Plan,
    /// Whether files of the repository are a part of it.
    pub is_given: bool,
    /// Whether nginx has a main file there.
    pub has_nginx: bool,
    /// Whether it is known what PHP-FPM reads there.
    pub has_fpm: bool,
}

impl Container {
    /// The container that a Dockerfile describes.
    pub fn new(recipe: &Recipe, context: &Path, name: String, repository: &mut Repository<'_>) -> Self {
        let copied = recipe.copies.iter().map(|(from, to)| repository.copied(from, to, context));
        let maps: Option<Vec<Vec<PathMap>>> = copied.collect();
        let linked: Vec<PathMap> = recipe
            .links
            .iter()
            .take(MAX_LINKS)
            .filter_map(|link| linked(link, maps.iter().flatten().flatten()))
            .collect();
        let of_copies = || recipe.copies.iter().zip(maps.iter().flatten());
        let is_missing = of_copies().any(|((_, to), found)| found.is_empty() && is_place_of_fpm(to));
        // A script that is here can be read.
        let all = maps.iter().flatten().flatten();
        let text = |script: &String| {
            let copied = all.clone().find(|map| map.to == Path::new(script))?;
            repository.read(&repository.root.join(copied.from.strip_prefix("/").ok()?))
        };
        let may_change = |script: &String| match text(script) {
            Some(text) => script_changes_files(&text),
            None => scripts::named(script).next().is_some(),
        };
        let starts_another = || {
            all.clone().filter(|map| is_of_supervisor(&map.to)).any(|map| {
                let path = repository.root.join(map.from.strip_prefix("/").unwrap_or(&map.from));
                repository.read(&path).is_some_and(|text| text.lines().any(scripts::names_main))
            })
        };
        let is_changed = recipe.is_changed || is_missing || recipe.scripts.iter().any(may_change) || starts_another();
        Container {
            name,
            base: recipe.base.clone(),
            is_whole: maps.is_some(),
            maps: maps.unwrap_or_default().into_iter().flatten().chain(linked).collect(),
            is_changed,
            runs_more: recipe.runs_more,
            has_foreign_files: recipe.has_foreign_files,
            // It starts nginx as nginx, whatever the main file says.
            has_own_accounts: recipe.has_own_accounts || recipe.base.contains("unprivileged"),
            added: Vec::new(),
            hidden: Vec::new(),
            environment: Environment::default(),
            packages: recipe.packages.clone(),
            starts_own: !recipe.starts_other,
            read_only: Vec::new(),
            fpm_main: None,
        }
    }

    /// The container of a service, with the Dockerfile that it is built from and the directory of its context.
    pub fn of_service(
        service: &Service,
        built: Option<&Built>,
        name: String,
        directory: &Path,
        repository: &mut Repository<'_>,
    ) -> Self {
        let root = repository.root;
        let mut container = match built {
            Some(Built { recipe, context, .. }) => Container::new(recipe, context, name, repository),
            None => {
                // How an image is built that no Dockerfile here describes, nobody knows.
                let is_unknown = service.build.is_some();
                let base = service.image.clone().unwrap_or_default();
                let recipe = if is_unknown { Recipe::unknown() } else { Recipe::default() };
                let recipe = Recipe { base, ..recipe };
                Container::new(&recipe, directory, name, repository)
            }
        };
        // What is mounted covers what was copied.
        let binds = service.binds.iter().filter_map(|(from, to)| {
            let from = normalize(&directory.join(from));
            let here = inside(root, &from);
            let is_here = from.starts_with(root) && repository.disk.entry(&here).is_ok();
            is_here.then(|| PathMap { from: here, to: normalize(Path::new(to)) })
        });
        let binds = binds.collect::<Vec<_>>();
        let is_directory =
            |map: &&PathMap| repository.disk.entry(&map.from).is_ok_and(|entry| entry.kind == Kind::Directory);
        container.hidden = binds.iter().filter(is_directory).map(|map| map.to.clone()).collect();
        // What lies on the host, in a volume, or in a file that is not here yet, cannot be told.
        let is_in_view = |to: &str| binds.iter().any(|map| map.to == normalize(Path::new(to)));
        let targets = || service.mounts.iter().map(|(_, to)| &**to);
        container.is_changed |= targets().any(|to| is_place_of_fpm(to) && !is_in_view(to));
        container.has_own_accounts |= targets().any(|to| matches!(to, "/etc/passwd" | "/etc/group"));
        container.maps.splice(0..0, binds);
        let command = service.command.as_deref().filter(|_| !service.has_entrypoint);
        container.fpm_main = command.and_then(fpm_main);
        let has_command = service.command.is_some() || service.has_entrypoint;
        container.is_changed |= has_command && container.is_php() && container.fpm_main.is_none();
        let starts_other = |program: &[String]| {
            let program = program.first().map(|program| program.rsplit('/').next().unwrap_or(program));
            !matches!(program, Some("nginx" | "nginx-debug"))
        };
        container.starts_own = match &service.command {
            _ if service.has_entrypoint => false,
            Some(command) => !starts_other(command),
            None => container.starts_own,
        };
        container.starts_own &= !service.has_user && service.extends.is_none();
        container.read_only.clone_from(&service.read_only);
        container.runs_more |= service.has_entrypoint;
        container.has_own_accounts |= has_command || service.has_user || service.extends.is_some();
        container.is_changed |= service.extends.is_some();
        container
    }

    /// The image without its registry: `php` of `docker.io/library/php:8.2-fpm`, and the tag.
    fn image(&self) -> (&str, &str) {
        let base = self.base.trim_start_matches("docker.io/").trim_start_matches("library/");
        base.split('@').next().unwrap_or_default().split_once(':').unwrap_or((base, ""))
    }

    fn is_php(&self) -> bool {
        PHP_IMAGES.contains(&self.image().0) && self.image().1.contains("fpm")
    }

    pub fn is_nginx(&self) -> bool {
        matches!(self.image().0, "nginx" | "nginxinc/nginx-unprivileged")
    }

    /// Lays files into it that are a part of others. Of the directories `hidden` nothing else is left.
    pub fn lay(&mut self, added: Vec<Added>, hidden: Vec<PathBuf>) {
        self.added = added;
        self.hidden.extend(hidden);
    }

    /// Whether nothing sets a variable but the image and whoever starts it: nginx's image reads scripts that may.
    pub fn knows_environment(&self) -> bool {
        let is_script = |map: &PathMap| map.to.starts_with("/docker-entrypoint.d");
        (self.is_nginx() || self.image().0 == "php") && self.starts_own && !self.maps.iter().any(is_script)
    }

    /// Whether its image brings no scripts: the one of PHP alone, with nothing that is copied from elsewhere.
    pub fn is_bare(&self) -> bool {
        self.image().0 == "php" && !self.has_foreign_files
    }

    /// What it holds that can be checked; nothing where that cannot be told from the files.
    pub fn holds(&self, repository: &Repository<'_>) -> Option<Holds> {
        // Paths are ordered by their components: the first one behind a directory is in it, if any is.
        let behind = |map: &PathMap| repository.files.range(map.from.clone()..).next();
        let is_given = !self.added.is_empty()
            || self.maps.iter().any(|map| behind(map).is_some_and(|file| file.starts_with(&map.from)));
        if !self.is_whole {
            return None;
        }
        let profile = match () {
            () if self.is_php() => Some(Profile::DockerPhp),
            () if self.is_nginx() => Some(Profile::DockerNginx),
            () => None,
        };
        let mut added = profile.map(Profile::files).unwrap_or_default();
        added.retain(|file| !self.hidden.iter().any(|directory| file.path.starts_with(directory)));
        added.extend(self.added.iter().cloned());
        let rendered = self.rendered(repository);
        let templates = rendered.iter().map(|map| map.to.clone()).collect();
        let maps = [rendered, self.maps.clone()].concat();
        let mut host = Overlay::of_maps(Disk::new(repository.root).ok()?, &maps, &added);
        let brings_main = is_distribution(self.image().0) && root::has_sites_only(&host);
        if brings_main {
            added.push(root::packaged_main());
            host = Overlay::of_maps(Disk::new(repository.root).ok()?, &maps, &added);
        }
        let has_nginx = layout::NGINX_MAINS.iter().any(|main| host.entry(Path::new(main)).is_ok());
        let main = self.fpm_main.clone().filter(|main| host.entry(main).is_ok());
        let masters = layout::masters(&host);
        let has_fpm = main.is_some() || !masters.is_empty();
        // Which pools an unknown image brings, or what a command makes of them, cannot be told.
        let is_known = !self.is_changed
            && match &main {
                // A main file that includes nothing is all that its PHP-FPM reads, whatever the image.
                Some(main) if profile.is_none() => host.read(main).is_ok_and(|text| !has_include(&text)),
                _ if profile.is_some() => true,
                _ => is_distribution(self.image().0) && are_installed(self.image(), &self.packages, &masters),
            };
        if !(has_nginx || has_fpm) || has_fpm && !is_known {
            return None;
        }
        let selection = Selection { fpm_mains: main.into_iter().collect(), ..Selection::default() };
        let plan = Plan {
            in_container: true,
            has_own_accounts: self.has_own_accounts || brings_main,
            maps,
            only_maps: true,
            environment: Some(Arc::new(self.environment.clone())),
            templates,
            added,
            facts: vec![FactsFile { versions: Some(self.versions(profile)), ..self.accounts() }],
            ..Plan::new(repository.root.to_owned(), View::Overlay, selection)
        };
        Some(Holds { plan, is_given, has_nginx, has_fpm })
    }

    /// The templates that the image of nginx fills in when it starts, at the places where it puts what comes out: those
    /// below `/etc/nginx/templates` go below `/etc/nginx/conf.d` (`20-envsubst-on-templates.sh`, since release 1.19).
    fn rendered(&self, repository: &Repository<'_>) -> Vec<PathMap> {
        let is_old = Version::parse(self.image().1).is_some_and(|version| (1..19).contains(&version.1));
        let is_open = |place: &Path| !self.read_only.iter().any(|closed| place.starts_with(closed));
        let is_elsewhere = OTHERWISE.iter().any(|name| self.environment.variable(name).is_some());
        let mut rendered = Vec::new();
        if !self.is_nginx() || !self.starts_own || is_old || is_elsewhere || !is_open(Path::new(RENDERED)) {
            return rendered;
        }
        for map in &self.maps {
            let behind = repository.templates.range(map.from.clone()..);
            for from in behind.take_while(|path| path.starts_with(&map.from)) {
                let there =
                    from.strip_prefix(&map.from).map(|rest| map.to.join(rest).components().collect::<PathBuf>());
                let there = there.ok().filter(|there| there.extension().is_some_and(|ending| ending == "template"));
                let inside = there.as_ref().and_then(|there| there.strip_prefix(TEMPLATES).ok());
                let to = inside.map(|inside| Path::new(RENDERED).join(inside.with_extension("")));
                rendered.extend(to.filter(|to| is_open(to)).map(|to| PathMap { from: from.clone(), to }));
            }
        }
        rendered
    }

    /// The account that the images of nginx make, as far as nothing changes it.
    fn accounts(&self) -> FactsFile {
        let mut facts = FactsFile::default();
        if self.is_nginx() && !self.has_own_accounts {
            let name = || "nginx".to_owned();
            let user = UserFact { uid: Some(101), group: Some(name()), groups: Some([name()].into()) };
            facts.users.insert(name(), user);
            facts.groups.insert(name(), GroupFact { gid: Some(101), ..GroupFact::default() });
        }
        facts
    }

    /// The versions that the tag of its image names.
    fn versions(&self, profile: Option<Profile>) -> Versions {
        let (image, tag) = self.image();
        let version = |text: &str| Version::parse(text).map(|_| text.to_owned());
        match profile {
            Some(Profile::DockerNginx) => Versions { nginx: version(tag), php: None },
            Some(_) if image == "php" => Versions { nginx: None, php: version(tag) },
            // `wordpress:6.5-php8.2-fpm`
            Some(_) => Versions { nginx: None, php: tag.split_once("php").and_then(|(_, tag)| version(tag)) },
            None => Versions::default(),
        }
    }
}

/// Official images that are made from `php`; with a tag `fpm` they run PHP-FPM as that does.
const PHP_IMAGES: [&str; 12] = [
    "php",
    "backdrop",
    "drupal",
    "friendica",
    "joomla",
    "matomo",
    "mediawiki",
    "monica",
    "nextcloud",
    "phpmyadmin",
    "wordpress",
    "yourls",
];

/// The main file that PHP-FPM reads when it is started by a command: the one behind `-y`, or that of the builds
/// whose program is called `php-fpm`.
fn fpm_main(command: &[String]) -> Option<PathBuf> {
    let program = command.first()?.rsplit('/').next()?;
    if program != "php-fpm" {
        return None;
    }
    let at = command.iter().position(|word| word == "-y" || word == "--fpm-config");
    let named = at.map(|at| command.get(at + 1));
    let glued = command.iter().find_map(|word| word.strip_prefix("--fpm-config=").or(word.strip_prefix("-y")));
    match (named, glued) {
        (Some(named), _) => named.map(PathBuf::from),
        (None, Some(named)) => Some(PathBuf::from(named)),
        (None, None) => Some(PathBuf::from("/usr/local/etc/php-fpm.conf")),
    }
}

/// Whether something that comes to lie here says which programs are started.
fn is_of_supervisor(path: &Path) -> bool {
    ["supervis", "/services.d/", "/s6"].iter().any(|word| path.to_string_lossy().contains(word))
}

/// The file that is found behind a link, if it is one of those that were copied.
fn linked<'a>((to, at): &(String, String), mut maps: impl Iterator<Item = &'a PathMap>) -> Option<PathMap> {
    let target = normalize(Path::new(to));
    let (map, rest) = maps.find_map(|map| Some((map, target.strip_prefix(&map.to).ok()?)))?;
    let from = if rest.as_os_str().is_empty() { map.from.clone() } else { map.from.join(rest) };
    let is_directory = at.ends_with('/') || at.ends_with("/sites-enabled") || at.ends_with("/conf.d");
    let place = if is_directory { Path::new(at).join(target.file_name()?) } else { PathBuf::from(at) };
    Some(PathMap { from, to: normalize(&place) })
}

/// Whether a main file of PHP-FPM includes others.
fn has_include(text: &[u8]) -> bool {
    String::from_utf8_lossy(text).lines().any(|line| line.trim_start().starts_with("include"))
}

impl Repository<'_> {
    /// Where `COPY` puts files of the context, which is the Dockerfile's directory or the repository; none where
    /// these are more than may still be looked at.
    fn copied(&mut self, sources: &[String], to: &str, context: &Path) -> Option<Vec<PathMap>> {
        let is_directory = to.ends_with('/') || to.ends_with("/.") || sources.len() > 1;
        let mut maps = Vec::new();
        for source in sources {
            let source = source.trim_start_matches("./").trim_start_matches('/');
            let in_context = [context, self.root].into_iter().find_map(|context| {
                let pattern = inside(self.root, &normalize(&context.join(source)));
                let found = match glob::is_pattern(source) {
                    true => glob::expand(self.disk, &pattern.to_string_lossy()),
                    false => Some(pattern).filter(|path| self.disk.entry(path).is_ok()).into_iter().collect(),
                };
                Some(found).filter(|found| !found.is_empty())
            });
            let found = in_context.unwrap_or_default();
            // To look for one that is not there costs as much as to find one.
            self.left = self.left.checked_sub(found.len().max(1))?;
            for from in found {
                let is_file = self.disk.entry(&from).is_ok_and(|entry| entry.kind != Kind::Directory);
                let name = from.file_name().filter(|_| is_file && (is_directory || glob::is_pattern(source)));
                let to = name.map_or_else(|| PathBuf::from(to), |name| Path::new(to).join(name));
                maps.push(PathMap { to: normalize(&to), from });
            }
        }
        Some(maps)
    }
}

/// Whether an image holds a distribution and nothing else.
fn is_distribution(image: &str) -> bool {
    let known = ["alpine", "debian", "ubuntu", "fedora", "rockylinux", "almalinux", "centos", "archlinux"];
    known.contains(&image)
}
