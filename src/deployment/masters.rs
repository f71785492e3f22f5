//! The masters of PHP-FPM on a host: what they read, whether they run, and what they open.

use std::path::Path;

use super::access::WRITE;
use super::build::{BuildError, unreadable};
use super::pools::{Master, State};
use super::{Plan, Selection, View, connect, openings};
use crate::host::facts::{Facts, MasterFact, MasterState};
use crate::host::layout::{self, MasterLayout};
use crate::host::units::Unit;
use crate::host::{Host, ReadError, glob};
use crate::php::layers::Ini;
use crate::php::load::{Configuration, load, load_pools, load_test_output};
use crate::source::Sources;

/// The masters that a plan names, else those of the usual places.
pub(super) fn masters(
    host: &dyn Host,
    facts: &Facts,
    plan: &Plan,
    sources: &mut Sources,
) -> Result<Vec<Master>, BuildError> {
    let mut masters = read_all(host, facts, plan.view, &plan.selection, sources)?;
    for master in &mut masters {
        master.openings = openings::openings(host, facts, master);
    }
    for pool in masters.iter_mut().flat_map(|master| &mut master.pools) {
        pool.follow_links(|path| connect::socket(path, facts, host));
        let access = pool.listener.as_mut().map(|listener| &mut listener.access);
        if let Some(access) = access.filter(|access| plan.has_own_accounts && !access.is_open(WRITE)) {
            access.unknown = Some("the users of the container of PHP-FPM".into());
        }
    }
    Ok(masters)
}

fn read_all(
    host: &dyn Host,
    facts: &Facts,
    view: View,
    selection: &Selection,
    sources: &mut Sources,
) -> Result<Vec<Master>, BuildError> {
    let mut masters = Vec::new();
    for main in &selection.fpm_mains {
        let layout = MasterLayout::of(main);
        let configuration = read(host, &layout, facts, sources).map_err(|source| unreadable(main, source))?;
        let ini = ini(host, &layout, selection, sources);
        let master = Master::new(configuration, layout, ini, facts, true);
        masters.push(Master { is_whole: selection.fpm_is_whole, ..master });
    }
    for test in &selection.fpm_tests {
        let printed = load_test_output(host, sources, test).map_err(|source| unreadable(test, source))?;
        for configuration in printed {
            let layout = MasterLayout::of(&configuration.main);
            let ini = ini(host, &layout, selection, sources);
            masters.push(Master::new(configuration, layout, ini, facts, true));
        }
    }
    if !selection.fpm_pools.is_empty() {
        let layout = MasterLayout::of(&selection.fpm_pools[0]);
        let configuration = load_pools(host, sources, &layout.main, &selection.fpm_pools, &layout.prefix)
            .map_err(|(pool, source)| unreadable(&pool, source))?;
        let ini = ini(host, &layout, selection, sources);
        masters.push(Master::new(configuration, layout, ini, facts, true));
    }
    for pinned in &selection.php_inis {
        host.entry(pinned).map_err(|source| unreadable(pinned, source))?;
    }
    if !masters.is_empty() || view == View::Files {
        return Ok(masters);
    }
    for layout in layout::masters(host) {
        match read(host, &layout, facts, sources) {
            Ok(configuration) => {
                let ini = ini(host, &layout, selection, sources);
                masters.push(Master::new(configuration, layout, ini, facts, false));
            }
            Err(ReadError::NotFound) => {}
            Err(source) => return Err(unreadable(&layout.main, source)),
        }
    }
    Ok(masters)
}

/// The ini files of a master: those that are pinned, else those of its packaging.
fn ini(host: &dyn Host, layout: &MasterLayout, selection: &Selection, sources: &mut Sources) -> Ini {
    match selection.php_inis.as_slice() {
        [] => Ini::load(host, sources, std::slice::from_ref(&layout.ini), &layout.scan),
        pinned => Ini::load(host, sources, pinned, &layout.scan),
    }
}

fn read(
    host: &dyn Host,
    layout: &MasterLayout,
    facts: &Facts,
    sources: &mut Sources,
) -> Result<Configuration, ReadError> {
    let fact = facts.masters.iter().find(|fact| fact.config == layout.main);
    let prefix = fact.and_then(|fact| fact.prefix.as_deref()).unwrap_or(&layout.prefix);
    match load(host, sources, &layout.main, prefix) {
        Err(ReadError::NotFound) => {
            let pools = glob::expand(host, &layout.pools);
            if pools.is_empty() {
                return Err(ReadError::NotFound);
            }
            load_pools(host, sources, &layout.main, &pools, prefix).map_err(|(_, error)| error)
        }
        read => read,
    }
}

/// Whether a master runs: from facts, else from the units of the tree.
///
/// A unit that exists and that no `*.wants` holds is not started at boot. A unit that does not exist
/// while those of other PHP versions do is not installed.
pub(super) fn master_state(layout: &MasterLayout, fact: Option<&MasterFact>, facts: &Facts) -> State {
    match fact.and_then(|fact| fact.state) {
        Some(MasterState::Absent) => return State::Absent("the facts file says `state = \"absent\"`".into()),
        Some(MasterState::Disabled) => return State::Disabled("the facts file says `state = \"disabled\"`".into()),
        Some(MasterState::Enabled | MasterState::Running) => return State::Started,
        None => {}
    }
    let (units, name) = (&facts.units, &layout.unit);
    let other_versions = || {
        units
            .iter()
            .filter(|(other, unit)| *other != name && other.contains("php") && other.contains("fpm") && unit.wanted)
    };
    // Another unit may start this version: one written by hand, or the instance of a template.
    let program = format!("php-fpm{}", layout.version);
    let starts_it = |unit: &Unit| {
        let names = |word: &String| Path::new(word) == layout.main || word.rsplit('/').next() == Some(&program);
        unit.start_command().iter().any(names)
    };
    let elsewhere = units.iter().any(|(other, unit)| other != name && (starts_it(unit) || other.contains("fpm@")));
    if elsewhere || units.other_starters {
        return State::Unknown;
    }
    match units.get(name) {
        Some(unit) if unit.masked => State::Disabled(format!("its unit {name} is masked")),
        Some(unit) if unit.wanted => State::Started,
        Some(unit) if units.wants_known && !unit.path.as_os_str().is_empty() && other_versions().next().is_some() => {
            State::Disabled(format!("its unit {name} is not enabled"))
        }
        None if units.packaged_known => State::Absent(format!("there is no unit {name}")),
        None if units.wants_known && other_versions().next().is_some() => {
            State::Disabled(format!("nothing starts {name} at boot, while other versions are started"))
        }
        _ => State::Unknown,
    }
}
