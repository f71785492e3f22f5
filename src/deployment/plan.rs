//! What is to be built: the root of a deployment, how much of it is in view, and its main files.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::Network;
use crate::host::dump::Dump;
use crate::host::facts::FactsFile;
use crate::host::overlay::{Added, PathMap};
use crate::host::profile::Profile;
use crate::nginx::levels::Context;
use crate::values::environment::Environment;

/// One deployment to check.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The directory that is the root of the deployment's host.
    pub root: PathBuf,
    /// What paths of this root are called in reports: empty, or a directory with a closing `/`.
    pub shown_prefix: String,
    /// How much of the host is in view.
    pub view: View,
    /// Whether a compose file or a Dockerfile shows that the files belong to containers.
    pub in_container: bool,
    /// Whether a container's users may be others than those of its image, or its programs be started as another
    /// than root.
    pub has_own_accounts: bool,
    /// Whether its nginx may read files that are not in view.
    pub has_unseen_files: bool,
    /// The repository that it is a part of.
    pub repository: Option<PathBuf>,
    /// Whether it is checked only if its files were not loaded by another deployment before.
    pub unless_loaded: bool,
    /// For a container of a compose file, the other containers of its project.
    pub network: Option<Network>,
    /// What is read of the PHP-FPMs in those containers: their numbers in [`Network::services`], and their files.
    pub neighbours: Vec<(usize, Plan)>,
    /// Why nginx and PHP-FPM were not joined, where both are there.
    pub unpaired: Option<String>,
    /// The main files.
    pub selection: Selection,
    /// What the configuration file calls it.
    pub name: Option<String>,
    /// Files that are elsewhere when they are deployed.
    pub maps: Vec<PathMap>,
    /// Whether nothing else of the root is there.
    pub only_maps: bool,
    /// What is known of the environment of a container's programs.
    pub environment: Option<Arc<Environment>>,
    /// The files of its nginx that the environment is filled into, where they are inside of the container.
    pub templates: BTreeSet<PathBuf>,
    /// Texts that are on no disk.
    pub added: Vec<Added>,
    /// Files that must be rendered first, and are as good as not there.
    pub without: Vec<PathBuf>,
    /// What `nginx -T` has printed.
    pub dumps: Vec<Dump>,
    /// The packaging, where the user names one.
    pub profile: Option<Profile>,
    /// Facts that belong to this deployment alone, the weakest first.
    pub facts: Vec<FactsFile>,
}

impl Plan {
    /// A deployment of a whole directory that is not known to be a container's.
    pub fn new(root: PathBuf, view: View, selection: Selection) -> Self {
        Plan {
            root,
            shown_prefix: String::new(),
            view,
            in_container: false,
            has_own_accounts: false,
            has_unseen_files: false,
            repository: None,
            unless_loaded: false,
            network: None,
            neighbours: Vec::new(),
            unpaired: None,
            selection,
            name: None,
            maps: Vec::new(),
            only_maps: false,
            environment: None,
            templates: BTreeSet::new(),
            added: Vec::new(),
            without: Vec::new(),
            dumps: Vec::new(),
            profile: None,
            facts: Vec::new(),
        }
    }

    /// Whether it names files of nginx to begin with.
    pub fn names_nginx(&self) -> bool {
        let selection = &self.selection;
        !selection.nginx_mains.is_empty() || !selection.fragments.is_empty() || !self.dumps.is_empty()
    }
}

/// How much of a host is in view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// The running host.
    Live,
    /// A tree that holds a host's configuration whole.
    Root,
    /// A tree that is laid over what a package or an image brings.
    Overlay,
    /// Files that belong together, but other files may belong to them as well.
    Files,
}

impl View {
    /// Whether what is not in view may still be there when the deployment runs.
    pub fn is_partial(self) -> bool {
        matches!(self, View::Overlay | View::Files)
    }
}

/// What a run is to look at, as the command line or a configuration file says.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// nginx main files; empty for the usual places.
    pub nginx_mains: Vec<PathBuf>,
    /// Files that main files of nginx may include, to be checked on their own only if none does.
    pub fragments: Vec<Fragment>,
    /// FPM main files that run; empty for every one in the usual places.
    pub fpm_mains: Vec<PathBuf>,
    /// The context that the statements of nginx's files belong into, where the user says so.
    pub context: Option<Context>,
    /// Files with what `php-fpm -tt` has printed.
    pub fpm_tests: Vec<PathBuf>,
    /// Pool files that belong to a master whose main file is not in view.
    pub fpm_pools: Vec<PathBuf>,
    /// Whether the main files of PHP-FPM bring all that their pools are made of, though other files of the host are not
    /// in view.
    pub fpm_is_whole: bool,
    /// php.ini files in the order in which they are read; empty for the masters' own.
    pub php_inis: Vec<PathBuf>,
    /// nginx's `-p`.
    pub prefix: Option<PathBuf>,
}

/// A file that belongs into a main file of nginx which does not include it here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// The file.
    pub path: PathBuf,
    /// The directory where its relative includes begin; its own, unless something speaks for another.
    pub base: Option<PathBuf>,
}

impl Selection {
    /// Whether the user says what is to be looked at, and how.
    pub fn is_given(&self) -> bool {
        let pinned = self.files().next().is_some() || !self.php_inis.is_empty();
        pinned || self.context.is_some() || self.prefix.is_some()
    }

    /// The files that it names, but for php.ini.
    pub fn files(&self) -> impl Iterator<Item = &PathBuf> {
        let fragments = self.fragments.iter().map(|fragment| &fragment.path);
        self.nginx_mains.iter().chain(fragments).chain(&self.fpm_mains).chain(&self.fpm_pools)
    }
}

impl Fragment {
    /// A fragment whose includes begin where it lies.
    pub fn at(path: PathBuf) -> Self {
        Fragment { path, base: None }
    }
}
