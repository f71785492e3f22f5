//! One container: its files in the places that they have inside of it, and what can be told of its programs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::root::{self, inside};
use super::compose::Service;
use super::copies;
use super::dockerfile::{Recipe, is_place_of_fpm, is_place_of_nginx};
use super::effects::{Effects, MAX_SCRIPTS};
use super::packages::are_installed;
use super::scripts;
use super::{Built, Repository};
use crate::deployment::{Plan, Selection, View};
use crate::host::disk::Disk;
use crate::host::facts::FactsFile;
use crate::host::overlay::{Added, Overlay, PathMap};
use crate::host::profile::Profile;
use crate::host::{Host, Kind, layout, normalize};
use crate::values::environment::Environment;

/// A container, as far as files of the repository go into it.
pub(super) struct Container {
    /// The file that describes it, and the service in it.
    pub name: String,
    /// The image that it begins with, such as `php:8.2-fpm`.
    pub base: String,
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
    /// Whether its nginx may read files that are not in view.
    has_unseen_files: bool,
    /// Whether what is written in nginx's files may be rewritten there.
    is_rewritten: bool,
    /// Whether more than its image's program may run in it.
    pub runs_more: bool,
    /// Whether files may be in it that come from another image or from the net.
    pub has_foreign_files: bool,
    /// Whether its users may be others than those of its image, or its program be started as another than root.
    pub has_own_accounts: bool,
    /// What is known of its environment.
    pub environment: Environment,
    /// The versions of PHP-FPM that packages install in it.
    packages: Vec<String>,
    /// Whether it starts its image's program as the image does.
    pub starts_own: bool,
    /// Whether nothing but mounts puts files into it.
    pub is_plain: bool,
    /// Where files are mounted that it may not write to.
    pub read_only: Vec<String>,
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
        let of_copies = || recipe.copies.iter().zip(maps.iter().flatten());
        let is_missing =
            |is_place: fn(&str) -> bool| of_copies().any(|((_, to), found)| found.is_empty() && is_place(to));
        let (fpm_is_missing, nginx_is_missing) = (is_missing(is_place_of_fpm), is_missing(is_place_of_nginx));
        let is_whole = maps.is_some();
        let mut maps = maps.unwrap_or_default().concat();
        let effects = Effects::of(recipe, &maps, repository);
        maps.extend(copies::linked(recipe, maps.iter()));
        Container {
            name,
            base: recipe.base.clone(),
            is_whole,
            maps,
            is_changed: effects.changes_fpm || fpm_is_missing,
            has_unseen_files: effects.writes_nginx || nginx_is_missing,
            is_rewritten: effects.rewrites_nginx,
            runs_more: recipe.runs_more,
            has_foreign_files: recipe.has_foreign_files,
            // It starts nginx as nginx, whatever the main file says.
            has_own_accounts: recipe.has_own_accounts || recipe.base.contains("unprivileged"),
            added: Vec::new(),
            hidden: Vec::new(),
            environment: Environment::default(),
            packages: recipe.packages.clone(),
            starts_own: !recipe.starts_other,
            is_plain: false,
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
        let hidden: Vec<PathBuf> = binds.iter().filter(is_directory).map(|map| map.to.clone()).collect();
        container.maps.retain(|map| !hidden.iter().any(|directory| map.to.starts_with(directory)));
        container.hidden = hidden;
        // What lies on the host, in a volume, or in a file that is not here yet, cannot be told.
        let is_in_view = |to: &str| binds.iter().any(|map| map.to == normalize(Path::new(to)));
        let targets = || service.mounts.iter().map(|(_, to)| &**to);
        container.is_changed |= targets().any(|to| is_place_of_fpm(to) && !is_in_view(to));
        let has_command = service.command.is_some() || service.has_entrypoint;
        container.has_unseen_files |= targets().any(|to| is_place_of_nginx(to) && !is_in_view(to));
        container.has_own_accounts |= targets().any(|to| matches!(to, "/etc/passwd" | "/etc/group"));
        container.maps.splice(0..0, binds);
        let command = service.command.as_deref().filter(|_| !service.has_entrypoint);
        container.fpm_main = command.and_then(fpm_main);
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
        container.has_unseen_files |= has_command && !container.starts_own || service.extends.is_some();
        container.starts_own &= !service.has_user && service.extends.is_none();
        container.is_plain = !service.is_filled && service.extends.is_none();
        container.read_only.clone_from(&service.read_only);
        container.runs_more |= service.has_entrypoint;
        container.has_own_accounts |= has_command || service.has_user || service.extends.is_some();
        container.is_changed |= service.extends.is_some();
        container
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

    /// Whether what is written in nginx's files may be rewritten there, by a command or by a script that nginx's image
    /// runs before.
    fn may_be_rewritten(&self, repository: &Repository<'_>) -> bool {
        let rewrites = |map: &PathMap| {
            let path = repository.root.join(map.from.strip_prefix("/").unwrap_or(&map.from));
            repository.read(&path).is_none_or(|text| text.lines().any(scripts::rewrites_nginx))
        };
        let scripts: Vec<_> = self.maps.iter().filter(|map| map.to.starts_with("/docker-entrypoint.d")).collect();
        self.is_rewritten || scripts.len() > MAX_SCRIPTS || scripts.into_iter().any(rewrites)
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
        let brings_main = self.is_distribution() && root::has_sites_only(&host);
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
                _ => self.is_distribution() && are_installed(self.image(), &self.packages, &masters),
            };
        if !(has_nginx || has_fpm) || has_fpm && !is_known || has_nginx && self.may_be_rewritten(repository) {
            return None;
        }
        let unfilled = host.list(Path::new("/etc/nginx/templates")).len() > maps.len() - self.maps.len();
        let selection = Selection { fpm_mains: main.into_iter().collect(), ..Selection::default() };
        let plan = Plan {
            in_container: true,
            has_own_accounts: self.has_own_accounts || brings_main,
            has_unseen_files: self.has_unseen_files || unfilled || !(profile.is_some() || self.is_distribution()),
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
}

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

/// Whether a main file of PHP-FPM includes others.
fn has_include(text: &[u8]) -> bool {
    String::from_utf8_lossy(text).lines().any(|line| line.trim_start().starts_with("include"))
}
