//! A repository: what lies where, and what belongs together.
//!
//! nginx and PHP-FPM are paired by a root-shaped prefix, by what Dockerfiles and compose files say, or
//! because they are the only ones of each kind. Otherwise they are not joined: each is checked on its
//! own, and the pairing is told as unchecked.
#![allow(clippy::disallowed_methods, reason = "one of the few places that read files")]

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::{DiscoverError, unreadable};
use super::implied::{implied_maps, include_base};
use super::recognise::is_of_fpm;
use super::root::{self, inside};
use super::walk::{Found, walk};
use super::{Plans, containers};
use crate::deployment::{Fragment, Plan, Selection, View};
use crate::finding::Unchecked;
use crate::host::disk::Disk;
use crate::host::overlay::Added;
use crate::host::{glob, layout, shown};

/// Walks a repository and plans its deployments.
pub fn plans(directory: &Path, plans: &mut Plans) -> Result<(), DiscoverError> {
    let root = directory.canonicalize().map_err(|source| unreadable(directory, source))?;
    fs::read_dir(&root).map_err(|source| unreadable(directory, source))?;
    let mut found = walk(&root);
    let before = plans.plans.len();
    let in_container = !found.containers.is_empty();
    for host in std::mem::take(&mut found.roots) {
        let name = shown(&inside(&root, &host));
        plans.notes.push(format!("{name}: the root of a host"));
        let plan = Plan::new(host, View::Overlay, Selection::default());
        let named_so = ["docker", "container"].iter().any(|word| name.to_ascii_lowercase().contains(word));
        let in_container = in_container || named_so;
        let (own, held) = of_root(Plan { shown_prefix: format!("{name}/"), in_container, ..plan });
        plans.plans.extend(own);
        found.templates.extend(held.templates);
        found.filled_in.extend(held.filled_in);
        found.fixtures.extend(held.fixtures);
        found.closed.extend(held.closed);
    }
    let described = containers::plans(&root, &found);
    found.beyond.extend(described.beyond);
    found.filled_in.retain(|path| !described.filled.contains(path));
    let all = described.plans.iter().map(|(_, plan)| plan);
    let joined = all.clone().flat_map(|plan| plan.neighbours.iter().map(|(_, other)| other));
    found.forget_embedded(all.chain(joined).flat_map(|plan| &plan.added));
    for (name, plan) in described.plans {
        plans.notes.push(format!("{name}: a container"));
        let has_fpm = !found.fpm_mains.is_empty() || !found.fpm_pools.is_empty();
        let unpaired = found.containers.first().filter(|_| has_fpm).map(|path| in_containers(&root, path));
        plans.plans.push(Plan { unpaired: plan.unpaired.clone().or(unpaired), ..plan });
    }
    pair(&root, &found, plans);
    for plan in &mut plans.plans[before..] {
        let is_named = |added: &&Added| plan.selection.files().any(|file| *file == added.path);
        let own: Vec<Added> = found.embedded.iter().filter(is_named).cloned().collect();
        plan.added.extend(own);
    }
    tell_what_is_passed_over(&root, &found, plans);
    plans.plans[before..].iter_mut().for_each(|plan| plan.repository = Some(root.clone()));
    match plans.plans.len() > before {
        true => Ok(()),
        false if !found.closed.is_empty() => Err(unreadable(&found.closed[0], io::ErrorKind::PermissionDenied.into())),
        false if !found.templates.is_empty() => {
            Err(DiscoverError::OnlyTemplates { path: directory.to_owned(), count: found.templates.len() })
        }
        false => Err(DiscoverError::Nothing { path: directory.to_owned() }),
    }
}

/// Plans what the tree of a host holds, and says what is passed over there.
pub fn root(plan: Plan, plans: &mut Plans) {
    let root = plan.root.clone();
    let (own, held) = of_root(plan);
    plans.plans.extend(own);
    tell_what_is_passed_over(&root, &held, plans);
}

/// The plans of a host's tree: itself, and what neither of its programs loads. Returns what it holds, too.
fn of_root(mut plan: Plan) -> (Vec<Plan>, Found) {
    let (mut held, mut has_main) = root::complete(&mut plan);
    if plan.view.is_partial() {
        let templates = held.templates.iter().filter(|path| fs::read(path).is_ok_and(|text| !is_of_fpm(&text)));
        plan.without.extend(templates.map(|path| inside(&plan.root, path)));
        has_main &= !plan.without.iter().any(|path| layout::NGINX_MAINS.iter().any(|main| Path::new(main) == path));
    }
    let (host, prefix, in_container) = (plan.root.clone(), plan.shown_prefix.clone(), plan.in_container);
    // Of a whole tree with a main file, it is told what that does not load.
    let is_told = plan.view == View::Root && has_main;
    let layouts = Disk::new(&host).map(|host| layout::masters(&host)).unwrap_or_default();
    let has_programs = has_main || !plan.added.is_empty() || !layouts.is_empty();
    let mut plans = vec![plan];
    if !is_told {
        let rest = |selection| Plan {
            shown_prefix: prefix.clone(),
            in_container,
            unless_loaded: true,
            ..Plan::new(host.clone(), View::Files, selection)
        };
        // What lies where PHP-FPM's packages look for it is loaded or told by its master.
        let is_elsewhere = |path: &PathBuf| {
            let path = inside(&host, path);
            !layouts.iter().any(|layout| layout.main == path || glob::matches_path(&layout.pools, &path))
        };
        held.fpm_mains.retain(is_elsewhere);
        held.fpm_pools.retain(is_elsewhere);
        each_on_its_own(&host, &held, &pool_sets(&host, &held), rest, &mut plans);
    }
    // A tree of files that no main file loads is no more than those.
    if !has_programs && (plans.len() > 1 || !held.templates.is_empty()) {
        plans.remove(0);
    }
    (plans, held)
}

fn pair(root: &Path, found: &Found, plans: &mut Plans) {
    let in_container = !found.containers.is_empty();
    let plan = |selection| Plan { in_container, ..Plan::new(root.to_owned(), View::Files, selection) };
    let nginx_kinds = if found.nginx.is_empty() { &found.fragments } else { &found.nginx };
    let pools = pool_sets(root, found);
    let fpm_kinds = found.fpm_mains.len().max(pools.len());
    let both = !nginx_kinds.is_empty() && fpm_kinds > 0;
    if both && nginx_kinds.len() == 1 && fpm_kinds == 1 && !in_container {
        plans.notes.push("one nginx and one PHP-FPM configuration: they are taken to belong together".into());
        // What the main file does not include is checked on its own.
        let (first, rest) = match found.nginx.is_empty() {
            true => (found.fragments.clone(), Vec::new()),
            false => (Vec::new(), found.fragments.clone()),
        };
        plans.plans.push(plan(Selection {
            nginx_mains: found.nginx.iter().map(|path| inside(root, path)).collect(),
            fragments: first.iter().map(|path| fragment(root, path)).collect(),
            fpm_mains: found.fpm_mains.iter().map(|path| inside(root, path)).collect(),
            fpm_pools: pools.iter().flatten().map(|path| inside(root, path)).collect(),
            ..Selection::default()
        }));
        let rest = Found { fragments: rest, by_environment: found.by_environment.clone(), ..Found::default() };
        each_on_its_own(root, &rest, &[], plan, &mut plans.plans);
        tell(root, found, &pools, plans);
        return;
    }
    let unpaired = both.then(|| match found.containers.first() {
        Some(path) => in_containers(root, path),
        None => format!("{} nginx and {} PHP-FPM configurations may be alternatives", nginx_kinds.len(), fpm_kinds),
    });
    plans.unpaired.extend(unpaired.clone());
    // What containers load is checked there.
    let plan = |selection| Plan { unpaired: unpaired.clone(), unless_loaded: in_container, ..plan(selection) };
    each_on_its_own(root, found, &pools, plan, &mut plans.plans);
    tell(root, found, &pools, plans);
}

/// Plans every file for itself, the files that main files may include behind those.
fn each_on_its_own(
    root: &Path,
    found: &Found,
    pools: &[Vec<PathBuf>],
    plan: impl Fn(Selection) -> Plan,
    plans: &mut Vec<Plan>,
) {
    let inside = |path: &PathBuf| inside(root, path);
    let nginx = found.nginx.iter().map(|main| Selection { nginx_mains: vec![inside(main)], ..Selection::default() });
    plans.extend(nginx.map(&plan));
    for path in found.fragments.iter().chain(&found.by_environment) {
        let selection = Selection { fragments: vec![fragment(root, path)], ..Selection::default() };
        plans.push(Plan { unless_loaded: true, ..plan(selection) });
    }
    let mains = found.fpm_mains.iter().map(|main| Selection { fpm_mains: vec![inside(main)], ..Selection::default() });
    plans.extend(mains.map(&plan));
    let sets = pools.iter().map(|set| set.iter().map(inside).collect());
    plans.extend(sets.map(|fpm_pools| plan(Selection { fpm_pools, ..Selection::default() })));
}

/// Why nginx and PHP-FPM are not joined where a file describes containers.
fn in_containers(root: &Path, path: &Path) -> String {
    format!("{} puts nginx and PHP-FPM into containers", shown(&inside(root, path)))
}

fn fragment(root: &Path, path: &Path) -> Fragment {
    Fragment { path: inside(root, path), base: include_base(root, path).map(|base| inside(root, &base)) }
}

/// Says what the files of a repository were taken for.
fn tell(root: &Path, found: &Found, pools: &[Vec<PathBuf>], plans: &mut Plans) {
    let name = |path: &PathBuf| shown(&inside(root, path));
    let kinds = [
        (&found.nginx, "nginx's main file"),
        (&found.fragments, "nginx, a fragment"),
        (&found.fpm_mains, "PHP-FPM's main file"),
        (&found.by_environment, "nginx, a template that the environment fills in"),
        (&found.containers, "what containers are made of"),
    ];
    for (paths, kind) in kinds {
        plans.notes.extend(paths.iter().map(|path| format!("{}: {kind}", name(path))));
    }
    let together = |set: &Vec<PathBuf>| set.iter().map(name).collect::<Vec<_>>().join(", ");
    plans.notes.extend(pools.iter().map(|set| format!("{}: pools of PHP-FPM", together(set))));
}

/// Says what was found and not looked into.
fn tell_what_is_passed_over(root: &Path, found: &Found, plans: &mut Plans) {
    let name = |path: &PathBuf| shown(&inside(root, path));
    plans.notes.extend(found.templates.iter().map(|path| format!("{}: a template, which is passed over", name(path))));
    plans.notes.extend(found.fixtures.iter().map(|path| format!("{}: test data, which is passed over", name(path))));
    let rendered = |files: &[PathBuf]| if files.len() == 1 { "the rendered file" } else { "the rendered files" };
    // What is not checked; what one file and several are called; what would supply it.
    let all = [
        ("include-unreadable", &found.beyond, "all services or texts in", ["", "files"], "files with fewer of them"),
        (
            "placeholder-left",
            &found.templates,
            "what is made of",
            ["the template ", "templates"],
            rendered(&found.templates),
        ),
        (
            "placeholder-left",
            &found.filled_in,
            "what the environment fills into",
            ["", "templates"],
            rendered(&found.filled_in),
        ),
        (
            "include-unreadable",
            &found.closed,
            "what is in",
            ["", "closed files and folders"],
            "an account that may read it",
        ),
    ];
    for (rule, files, what, [one, several], option) in all {
        let needs = match &files[..] {
            [] => continue,
            [only] => format!("{what} {one}{}", name(only)),
            [first, ..] => format!("{what} {} {several}, such as {}", files.len(), name(first)),
        };
        plans.passed_over.push(Unchecked { rule, needs, option: option.into() });
    }
}

/// Folders from which PHP-FPM takes every `*.conf`.
const POOL_FOLDERS: [&str; 4] = ["pool.d", "php-fpm.d", "fpm.d", "pools.d"];

/// The pool files that no main file includes, those that are loaded together as one set: alternatives
/// (`php7.4/www.conf`, `php8.3/www.conf`) lie in folders of their own.
fn pool_sets(root: &Path, found: &Found) -> Vec<Vec<PathBuf>> {
    let claimed = found.fpm_mains.iter().flat_map(|main| included_beside(root, main)).collect::<Vec<_>>();
    let mut sets: Vec<Vec<PathBuf>> = Vec::new();
    for pool in &found.fpm_pools {
        let folder = pool.parent().unwrap_or(root);
        if claimed.iter().any(|place| place == folder || place == pool) {
            continue;
        }
        let is_conf = |pool: &Path| pool.extension().is_some_and(|ending| ending == "conf");
        let shared = folder.file_name().is_some_and(|name| POOL_FOLDERS.iter().any(|known| *known == name));
        let together =
            |set: &Vec<PathBuf>| shared && is_conf(pool) && set[0].parent() == Some(folder) && is_conf(&set[0]);
        match sets.iter_mut().find(|set| together(set)) {
            Some(set) => set.push(pool.clone()),
            None => sets.push(vec![pool.clone()]),
        }
    }
    sets
}

/// The folders and files beside a main file of PHP-FPM that it includes.
fn included_beside(root: &Path, main: &Path) -> Vec<PathBuf> {
    let selection = Selection { fpm_mains: vec![inside(root, main)], ..Selection::default() };
    let mut plan = Plan::new(root.to_owned(), View::Files, selection);
    implied_maps(&mut plan);
    plan.maps.into_iter().map(|map| root.join(map.from.strip_prefix("/").unwrap_or(&map.from))).collect()
}
