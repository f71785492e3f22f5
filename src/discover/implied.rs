//! Where the files lie that a main file includes under the path they have when they are deployed.

use std::path::{Path, PathBuf};

use crate::deployment::{Plan, Selection, View};
use crate::host::disk::Disk;
use crate::host::layout::MasterLayout;
use crate::host::overlay::PathMap;
use crate::host::{Host, glob, normalize};

/// Where people keep a main file away from its place, they keep what it includes beside it:
/// `docker/nginx/nginx.conf` says `/etc/nginx/conf.d/*.conf` and means `docker/nginx/conf.d/*.conf`.
pub(super) fn implied_maps(plan: &mut Plan) {
    if plan.view != View::Files {
        return;
    }
    let Ok(host) = Disk::new(&plan.root) else { return };
    // Relative patterns of PHP-FPM begin at its prefix, those of nginx at the main file.
    let of_fpm = |main: &PathBuf| (main.clone(), Some(MasterLayout::of(main).prefix));
    let mains = plan.selection.nginx_mains.iter().map(|main| (main.clone(), None));
    let mains: Vec<_> = mains.chain(plan.selection.fpm_mains.iter().map(of_fpm)).collect();
    let mut maps = Vec::new();
    for (main, prefix) in &mains {
        let directory = main.parent().unwrap_or(Path::new("/"));
        for target in absolute_includes(&host, main, prefix.as_deref()) {
            let is_pattern = |name: &str| glob::is_pattern(name);
            // The directory of the pattern, or the file.
            let fixed = target.split('/').take_while(|part| !is_pattern(part)).collect::<Vec<_>>().join("/");
            let parts: Vec<&str> = fixed.split('/').filter(|part| !part.is_empty()).collect();
            let beside = (1..parts.len()).map(|at| directory.join(parts[at..].join("/")));
            let is_there = |path: &PathBuf| host.entry(path).is_ok();
            if let Some(from) =
                Some(normalize(Path::new(&fixed))).filter(|to| !is_there(to)).and(beside.into_iter().find(is_there))
            {
                let to = normalize(Path::new(&fixed));
                // What is enabled are links, mostly to where it is available.
                let beside =
                    |path: &Path| path.ends_with("sites-enabled").then(|| path.with_file_name("sites-available"));
                if let (Some(from), Some(to)) = (beside(&from).filter(is_there), beside(&to)) {
                    maps.push(PathMap { from, to });
                }
                maps.push(PathMap { from, to });
            }
        }
    }
    plan.maps.extend(maps);
}

/// Has pool files that are named beside the main file of their PHP-FPM read through it: where they lie, if it includes
/// them there, and otherwise as if they lay in the directory that it includes and that is not here.
pub(super) fn take_in_pools(plan: &mut Plan) {
    let (Ok(host), [main]) = (Disk::new(&plan.root), &plan.selection.fpm_mains[..]) else { return };
    let patterns = absolute_includes(&host, main, Some(&MasterLayout::of(main).prefix));
    let only_main = Selection { fpm_mains: vec![main.clone()], ..Selection::default() };
    let mut alone = Plan::new(plan.root.clone(), View::Files, only_main);
    implied_maps(&mut alone);
    let is_included = |path: &Path| patterns.iter().any(|pattern| glob::matches_path(pattern, path));
    let in_place = |pool: &Path, map: &PathMap| Some(map.to.join(pool.strip_prefix(&map.from).ok()?));
    let mut maps = Vec::new();
    plan.selection.fpm_pools.retain(|pool| {
        if is_included(pool) || alone.maps.iter().filter_map(|map| in_place(pool, map)).any(|pool| is_included(&pool)) {
            return false;
        }
        let name = pool.file_name().unwrap_or_default();
        let missing = patterns.iter().filter(|pattern| glob::expand(&host, pattern).is_empty());
        let places = missing.filter_map(|pattern| Some(Path::new(pattern).parent()?.join(name)));
        let Some(to) = places.into_iter().find(|place| is_included(place)) else { return true };
        maps.push(PathMap { from: pool.clone(), to });
        false
    });
    // What images and hand-made prefixes hold, other files may complete.
    let in_view = plan.selection.fpm_pools.is_empty() && !maps.is_empty();
    plan.selection.fpm_is_whole = in_view && patterns.iter().all(|pattern| pattern.starts_with("/etc/"));
    plan.maps.extend(maps);
}

/// The absolute paths and patterns that a main file of either program includes; relative ones only where
/// they begin at a prefix.
fn absolute_includes(host: &dyn Host, main: &Path, prefix: Option<&Path>) -> Vec<String> {
    let text = host.read(main).unwrap_or_default();
    let begins_at_prefix = |path: String| match prefix {
        Some(prefix) => prefix.join(path).to_string_lossy().into_owned(),
        None => path,
    };
    includes(&text).map(begins_at_prefix).filter(|path| path.starts_with('/')).collect()
}

/// What the lines of a file of either program include: `include /etc/nginx/conf.d/*.conf;` or
/// `include = /etc/php/8.2/fpm/pool.d/*.conf`.
fn includes(text: &[u8]) -> impl Iterator<Item = String> {
    let text = String::from_utf8_lossy(text).into_owned();
    let included = |line: &str| {
        let rest = line.split("include").nth(1).filter(|_| !line.trim_start().starts_with(['#', ';']))?;
        let path = rest.trim_start_matches([' ', '\t', '=', '"', '\'']).split([';', ' ', '"', '\'']).next()?;
        Some(path.trim_end().to_owned()).filter(|path| !path.is_empty())
    };
    text.lines().filter_map(included).collect::<Vec<_>>().into_iter()
}

/// The directory where the relative includes of a fragment begin, if it is not its own: nginx begins at the
/// main file's, which lies above. It is the nearest that holds what is included, else the one that is called
/// after nginx.
pub(super) fn include_base(root: &Path, fragment: &Path) -> Option<PathBuf> {
    let host = Disk::new(root).ok()?;
    let inside = |path: &Path| Path::new("/").join(path.strip_prefix(root).unwrap_or(path));
    let own = fragment.parent()?;
    let relative: Vec<_> =
        includes(&host.read(&inside(fragment)).ok()?).filter(|path| !path.starts_with('/')).collect();
    if relative.is_empty() {
        return None;
    }
    let holds = |directory: &&Path| {
        let directory = inside(directory);
        let matches = |pattern: &Path| !glob::expand(&host, &pattern.to_string_lossy()).is_empty();
        let is_there = |path: &Path| host.entry(path).is_ok();
        relative.iter().any(|path| match glob::is_pattern(path) {
            true => matches(&directory.join(path)),
            false => is_there(&directory.join(path)),
        })
    };
    let above = || own.ancestors().take_while(|directory| directory.starts_with(root));
    let is_nginx = |directory: &&Path| directory.file_name().is_some_and(|name| name == "nginx");
    let base = above().find(holds).or_else(|| above().find(is_nginx))?;
    (base != own).then(|| base.to_owned())
}
