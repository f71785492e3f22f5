//! Whether PHP-FPM looks for a script in another place than where it lies.

use std::path::{Path, PathBuf};

use super::scripts::Look;
use super::{Machine, Pool, PoolId, Sample, Script, Sent, Service, Shared};
use crate::host::normalize;
use crate::php::layers::IniValue;
use crate::source::Span;

/// Why the script is not where PHP-FPM looks.
#[derive(Debug)]
pub enum Misplaced<'a> {
    /// `alias` is in force, and the value puts the whole URI behind it.
    Alias,
    /// The pool's `chroot` comes before the path, which holds it already.
    Chroot(PoolId, &'a Look, Span),
    /// The value has no directory at all.
    NoDirectory,
    /// The script lies where nginx maps the URI, and nothing lies where PHP-FPM looks.
    Elsewhere,
    /// `/scripts`, which stands for a directory in nginx's sample.
    Placeholder,
    /// The pools are in another container, which mounts the same directory in another place: the service, the mount,
    /// and where the script is there.
    OtherMount(&'a Service, &'a Shared, PathBuf),
    /// The pools are in another container, which does not mount what nginx's does: the service, and the place.
    NoMount(&'a Service, &'a Path),
    /// With `cgi.fix_pathinfo = 0`, `PATH_TRANSLATED` decides: its place, its value, and the setting.
    Translated(Span, String, IniValue),
}

impl Machine {
    /// Why the sample of a script is not found, for certain.
    pub fn misplaced<'a>(&'a self, script: &Script, sample: &'a Sample) -> Option<Misplaced<'a>> {
        if let Some(translated) = self.translated(script, sample) {
            return Some(translated);
        }
        let Sent::Yes(param) = script.params.get("SCRIPT_FILENAME") else { return None };
        let path = sample.path().filter(|path| path.starts_with('/'))?;
        let mapped = sample.mapped();
        let mapped = mapped.as_deref();
        let is_there = sample.looks.iter().any(|look| look.is_there || look.has_directory);
        if is_there {
            return None;
        }
        if !self.has_chroot(script) {
            if let Some(found) = self.mounted_elsewhere(script, sample, Path::new(path)) {
                return Some(found).filter(|_| !self.answers_itself(script, sample));
            }
            if mapped.is_some_and(|mapped| same(mapped, path)) {
                return None;
            }
        }
        for look in &sample.looks {
            let Some(chroot) = self.pool(look.pool).settings.get("chroot") else { continue };
            let root = chroot.text.as_deref().unwrap_or_default().trim_end_matches('/');
            let inside = path.strip_prefix(root).is_some_and(|rest| rest.starts_with('/'));
            if !root.is_empty() && inside {
                return Some(Misplaced::Chroot(look.pool, look, chroot.span));
            }
        }
        if self.has_chroot(script) {
            return None;
        }
        let by_variable = ["$document_root", "$realpath_root"].iter().any(|root| param.value().contains(root));
        let whole = param.value().contains("$fastcgi_script_name") || param.value().contains("$uri");
        if script.root.as_ref().is_some_and(|root| root.alias.is_some()) && by_variable && whole {
            return Some(Misplaced::Alias);
        }
        // From here on both sides must see the same files.
        if script.pools.is_empty() || self.in_container {
            return None;
        }
        let name = |path: &str| path.rsplit('/').next().map(str::to_owned);
        match () {
            () if !whole || name(path) != name(&sample.script_name) => None,
            () if self.answers_itself(script, sample) => None,
            () if path == sample.script_name => Some(Misplaced::NoDirectory),
            () if path == format!("/scripts{}", sample.script_name) => Some(Misplaced::Placeholder),
            () if sample.is_real && !self.view.is_partial() => Some(Misplaced::Elsewhere),
            () => None,
        }
    }

    /// Where the script is in the container of its pools, if not at its path.
    fn mounted_elsewhere(&self, script: &Script, sample: &Sample, path: &Path) -> Option<Misplaced<'_>> {
        let id = script.pools.first()?;
        let network = self.network.as_ref()?;
        let service = network.service_of(&self.masters[id.master])?;
        if let Some((shared, place)) = service.has_elsewhere(path) {
            return Some(Misplaced::OtherMount(service, shared, place));
        }
        // Only what nginx has for certain is missed by whoever wrote the two services.
        let is_same = sample.mapped().is_some_and(|mapped| Path::new(&*mapped) == path);
        let mount =
            network.mounts.iter().filter(|mount| path.starts_with(mount)).max_by_key(|it| it.components().count())?;
        (sample.is_real && is_same && service.has_none_at(path)).then_some(Misplaced::NoMount(service, mount))
    }

    /// Whether PHP-FPM answers a request without a script: its status page or its ping.
    fn answers_itself(&self, script: &Script, sample: &Sample) -> bool {
        let asked = |id: &PoolId| {
            let settings = &self.pool(*id).settings;
            let own = ["pm.status_path", "ping.path"].into_iter().filter_map(|name| settings.get(name));
            own.into_iter().any(|path| path.text.as_deref() == Some(sample.script_name.as_str()))
        };
        script.pools.iter().any(asked)
    }

    fn has_chroot(&self, script: &Script) -> bool {
        let chroot = |pool: &Pool| pool.settings.get("chroot").is_some_and(|it| it.text.as_deref() != Some("/"));
        script.pools.iter().any(|id| chroot(self.pool(*id)))
    }

    /// `PATH_TRANSLATED`, where it decides and names something that is no script.
    fn translated<'a>(&self, script: &Script, sample: &'a Sample) -> Option<Misplaced<'a>> {
        let Sent::Yes(param) = script.params.get("PATH_TRANSLATED") else { return None };
        let off = script.pools.iter().find_map(|id| self.path_info_off(*id))?;
        let (nginx, hand_over) = self.of_script(script);
        let value = sample.fill(&nginx.config, hand_over.level, param.value());
        let value = value.text()?.to_owned();
        let is_script = Some(value.as_str()) == sample.path() || value.ends_with(".php");
        let is_left_out = param.if_not_empty() && value.is_empty();
        (!is_script && !is_left_out).then_some(Misplaced::Translated(param.span(), value, off))
    }

    /// The line that turns `cgi.fix_pathinfo` off for a pool.
    pub fn path_info_off(&self, id: PoolId) -> Option<IniValue> {
        let value = self.masters[id.master].ini.of_pool(&self.pool(id).settings, "cgi.fix_pathinfo")?;
        let text = value.text.clone()?.to_ascii_lowercase();
        matches!(text.as_str(), "0" | "off" | "no" | "false" | "").then_some(value)
    }
}

fn same(one: &str, other: &str) -> bool {
    normalize(Path::new(one)) == normalize(Path::new(other))
}
