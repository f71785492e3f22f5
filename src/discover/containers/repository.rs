//! What a repository holds that containers are made of.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::super::environment::is_open;
use super::super::root::inside;
use super::super::walk::MAX_SIZE;
use super::Compose;
use super::compose::{self, Service};
use super::dockerfile::Recipe;
use super::env::Env;
use super::variables::Text;
use crate::deployment::Plan;
use crate::host::disk::Disk;
use crate::host::overlay::PathMap;
use crate::host::{Host, normalize, shown};

/// What the files of containers are taken out of.
pub(super) struct Repository<'a> {
    pub root: &'a Path,
    pub disk: &'a Disk,
    /// Its files that may be configuration of nginx or PHP-FPM.
    pub files: BTreeSet<PathBuf>,
    /// Those of them that the environment may be filled into.
    pub templates: BTreeSet<PathBuf>,
    /// The Dockerfiles that were read for services, by the stage that is built and the arguments.
    pub recipes: HashMap<PathBuf, HashMap<Wanted, Option<Rc<Recipe>>>>,
    /// How many files may still go into containers.
    pub left: usize,
    /// How many services may still be read.
    pub services: usize,
    /// How many PHP-FPMs may still be joined with an nginx.
    pub joined: usize,
}

/// Which image a Dockerfile is read for: the stage, and the arguments of the build.
type Wanted = (Option<String>, BTreeMap<String, Option<String>>);

/// How an image is built.
pub(super) struct Built {
    /// What its Dockerfile says.
    pub recipe: Rc<Recipe>,
    /// The directory that it is built in.
    pub context: PathBuf,
    /// The Dockerfile.
    pub file: Text,
}

/// Of more templates in containers than this, what is filled in is not known.
const MAX_FILLED: usize = 200;

/// The templates of which each container that has them knows the environment.
pub(super) fn filled<'a>(repository: &Repository<'_>, plans: impl Iterator<Item = &'a Plan>) -> BTreeSet<PathBuf> {
    let mut filled: BTreeMap<PathBuf, bool> = BTreeMap::new();
    let rendered = plans.flat_map(|plan| {
        let is_template = |map: &&PathMap| plan.templates.contains(&map.to);
        plan.maps.iter().filter(is_template).map(move |map| (plan, map))
    });
    for (number, (plan, map)) in rendered.enumerate() {
        if number == MAX_FILLED {
            return BTreeSet::new();
        }
        let path = repository.root.join(map.from.strip_prefix("/").unwrap_or(&map.from));
        let text = repository.read(&path).unwrap_or_default();
        let is_known = !text.lines().any(|line| is_open(line, plan.environment.as_deref()));
        *filled.entry(path).or_insert(true) &= is_known;
    }
    filled.into_iter().filter(|(_, is_known)| *is_known).map(|(path, _)| path).collect()
}

impl Repository<'_> {
    /// The text of a file. Links are followed inside the repository only, as they are in the configuration itself.
    pub(super) fn read(&self, path: &Path) -> Option<String> {
        let bytes = path.starts_with(self.root).then(|| self.disk.read(&inside(self.root, path)).ok()).flatten()?;
        String::from_utf8(bytes).ok().filter(|text| text.len() as u64 <= MAX_SIZE)
    }

    /// The name of a file in reports, and its text; empty where it cannot be read.
    pub(super) fn text(&self, path: &Path) -> Text {
        (shown(&inside(self.root, path)), self.read(path).unwrap_or_default().into())
    }

    /// A compose file, with the variables that the `.env` beside it sets.
    pub(super) fn compose(&mut self, path: &Path) -> Compose {
        let text = self.text(path);
        let env = path.parent().and_then(|directory| self.read(&directory.join(".env")));
        let env = env.map(|text| Env::read(&text)).unwrap_or_default();
        let file = compose::read(&text, &env);
        let file = match self.services.checked_sub(file.services.len()) {
            Some(left) => {
                self.services = left;
                file
            }
            None => compose::File { is_cut: true, ..compose::File::default() },
        };
        Compose { path: path.to_owned(), file, text, env, is_part: false }
    }

    /// Compose files, with the files that they extend and include, whatever those are called.
    pub(super) fn with_named(&mut self, mut composes: Vec<Compose>) -> Vec<Compose> {
        let mut known: BTreeSet<PathBuf> = composes.iter().map(|compose| compose.path.clone()).collect();
        let mut at = 0;
        while let Some(compose) = composes.get(at) {
            let new: Vec<PathBuf> = compose.named().filter(|path| !known.contains(path)).collect();
            for path in new {
                if known.insert(path.clone()) && self.read(&path).is_some() {
                    composes.push(Compose { is_part: true, ..self.compose(&path) });
                }
            }
            at += 1;
        }
        composes
    }

    /// How the image of a service is built that is built here.
    pub(super) fn built(&mut self, service: &Service, directory: &Path) -> Option<Built> {
        let build = service.build.as_ref()?;
        let context = normalize(&directory.join(&build.context));
        let path = normalize(&context.join(&build.dockerfile));
        let file = self.text(&path);
        let wanted = (build.target.clone(), build.args.clone());
        let known = self.recipes.get(&path).and_then(|recipes| recipes.get(&wanted)).cloned();
        let is_there = !file.1.is_empty();
        let read = || is_there.then(|| Rc::new(Recipe::read(&file.1, build.target.as_deref(), &build.args)));
        let recipe = known.unwrap_or_else(read);
        self.recipes.entry(path).or_default().insert(wanted, recipe.clone());
        Some(Built { recipe: recipe?, context, file })
    }
}
