//! The pages of `error_page`: which of them the tree does not have, and which locations serve nothing else.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use ecow::EcoString;

use super::scripts::Root;
use super::{Nginx, Site};
use crate::host::{Host, Kind};
use crate::nginx::ast::Directive;
use crate::nginx::levels::{Config, LevelId};
use crate::nginx::locations::Takes;
use crate::nginx::variables::evaluate;

/// What is known of the error pages of a server.
#[derive(Debug, Default)]
pub struct Pages {
    /// The URIs of pages that are no file, although their directory is there.
    pub missing: BTreeSet<EcoString>,
    /// The named locations that only `error_page` names: nginx is showing a page when a request comes there.
    pub only: BTreeSet<LevelId>,
}

impl Pages {
    /// Those of a site.
    pub(super) fn new(nginx: &Nginx, site: &Site, server: LevelId, host: &dyn Host) -> Self {
        let settings = settings(&nginx.config, server);
        let mut pages = Pages::default();
        let is_page = |setting: &&&Directive| setting.name() == "error_page";
        for target in settings.iter().filter(is_page).filter_map(|page| page.args.last()) {
            let uri = target.text.split('?').next().unwrap_or_default();
            if uri.starts_with('/') && !uri.contains('$') && is_missing(nginx, site, server, uri, host) {
                pages.missing.insert(uri.into());
            }
        }
        let mut locations = site.locations.all().filter(|it| matches!(it.takes, Takes::Named)).peekable();
        if locations.peek().is_some() {
            let mentions = Mentions::of(&settings);
            pages.only = locations.filter(|it| mentions.only_pages(&it.text)).map(|it| it.level).collect();
        }
        pages
    }
}

/// The named locations that lines speak of.
#[derive(Debug, Default)]
pub(super) struct Mentions<'a> {
    /// Their names, each with whether no line but `error_page` has it.
    names: HashMap<&'a str, bool>,
    /// Whether a name may be made up: by a variable, or by the code of a module.
    any: bool,
}

impl<'a> Mentions<'a> {
    pub(super) fn of(settings: &[&'a Directive]) -> Self {
        let mut mentions = Mentions::default();
        for setting in settings {
            let (name, is_page) = (setting.name(), setting.name() == "error_page");
            mentions.any |= ["_by_lua", "js_", "perl"].iter().any(|part| name.contains(part));
            mentions.any |= is_page && setting.args.last().is_some_and(|target| target.text.starts_with('$'));
            for word in setting.args.iter().filter(|word| word.text.starts_with('@')) {
                mentions.any |= word.text.contains('$');
                *mentions.names.entry(&word.text).or_insert(true) &= is_page;
            }
        }
        mentions
    }

    /// Whether a line names a location, or may.
    pub(super) fn may_name(&self, name: &str) -> bool {
        self.any || self.names.contains_key(name)
    }

    /// Whether lines name a location, and none but `error_page`.
    fn only_pages(&self, name: &str) -> bool {
        !self.any && self.names.get(name) == Some(&true)
    }
}

/// Whether the tree has the directory of a page, and not the page.
fn is_missing(nginx: &Nginx, site: &Site, server: LevelId, uri: &str, host: &dyn Host) -> bool {
    let level = site.locations.place(uri).unwrap_or(server);
    let Some(root) = Root::of(&nginx.config, level) else { return false };
    let written = evaluate(&nginx.config, level, &root.written);
    let path = nginx.absolute(written, root.alias.is_none()).and_then(|base| root.map(&base, uri));
    let Some(path) = path.as_ref().and_then(|path| path.text()).map(Path::new) else { return false };
    let is_directory = |path: &Path| host.entry(path).is_ok_and(|entry| entry.kind == Kind::Directory);
    path.parent().is_some_and(is_directory) && host.entry(path).is_err()
}

/// The settings of a server and of the levels inside, and the error pages of those around it.
pub(super) fn settings(config: &Config, server: LevelId) -> Vec<&Directive> {
    let around = config.outwards(server).skip(1).flat_map(|level| config.own(level, "error_page"));
    let mut found: Vec<&Directive> = around.map(AsRef::as_ref).collect();
    let mut pending = vec![server];
    while let Some(level) = pending.pop() {
        found.extend(config.level(level).settings.iter().map(AsRef::as_ref));
        pending.extend(&config.level(level).blocks);
    }
    found
}
