//! How many workers PHP-FPM runs, and the memory there is for them.

use super::{Machine, Nginx, PoolId, State, opcache};
use crate::host::facts::{Facts, Size};
use crate::host::units::Unit;
use crate::nginx::literals;
use crate::php::load::{Assigned, PoolSettings};
use crate::php::readers;
use crate::php::workers::Workers;
use crate::source::Span;
use crate::values::version::Version;

/// What an FPM master itself occupies, in bytes.
pub const MASTER: u64 = 20 << 20;

/// A number of a pool as PHP-FPM reads it, with the line that sets it.
pub fn number<'a>(settings: &'a PoolSettings, key: &str) -> Option<(i32, &'a Assigned)> {
    let assigned = settings.get(key)?;
    Some((readers::int(assigned.text.as_deref()?).value()?, assigned))
}

/// Memory that the workers of some masters share.
#[derive(Clone, Debug)]
pub struct Budget<'a> {
    /// All of it, in bytes.
    pub total: u64,
    /// What says so.
    pub because: String,
    /// What everything else on the host needs.
    pub reserve: u64,
    /// What opcache shares between workers.
    pub opcache: u64,
    /// How many masters.
    pub masters: u64,
    /// The pools with their workers.
    pub pools: Vec<(PoolId, Workers<'a>)>,
    /// How many workers may run in all: the sum, or less where `process.max` cuts it.
    pub workers: u64,
}

impl Budget<'_> {
    /// What is left for workers.
    pub fn left(&self) -> u64 {
        self.total.saturating_sub(self.reserve + self.opcache + self.masters * MASTER)
    }

    /// How `left` comes about, in MiB.
    pub fn sum(&self) -> String {
        let mut sum = format!("{} MiB {}", self.total >> 20, self.because);
        for (bytes, what) in
            [(self.reserve, "reserve"), (self.opcache, "opcache"), (self.masters * MASTER, "for the master")]
        {
            if bytes > 0 {
                sum.push_str(&format!(" − {} {what}", bytes >> 20));
            }
        }
        format!("{sum} = {} MiB", self.left() >> 20)
    }
}

/// The memory of a machine and of each unit that has a limit of its own, with the pools that run in it.
pub fn budgets(machine: &Machine) -> Vec<Budget<'_>> {
    let running: Vec<usize> = (0..machine.masters.len()).filter(|master| runs(machine, *master)).collect();
    let mut budgets = Vec::new();
    if let Some(total) = machine.facts.memory {
        let reserve = machine.facts.reserved_memory.unwrap_or(0);
        budgets.push(budget(machine, &running, total, "of memory".into(), reserve));
    }
    for master in running {
        let name = &machine.masters[master].layout.unit;
        let unit = machine.facts.units.get(name);
        if let Some((total, key)) = unit.and_then(|unit| unit_memory(unit, machine.facts.memory)) {
            budgets.push(budget(machine, &[master], total, format!("({key} of {name})"), 0));
        }
    }
    budgets.retain(|budget| !budget.pools.is_empty());
    budgets
}

fn budget<'a>(machine: &'a Machine, masters: &[usize], total: u64, because: String, reserve: u64) -> Budget<'a> {
    let pools = machine.pools().filter(|(id, _)| masters.contains(&id.master));
    let pools: Vec<_> = pools.filter_map(|(id, pool)| Some((id, Workers::of(&pool.settings)?))).collect();
    let of_master = |master: usize| {
        let sum =
            pools.iter().filter(|(id, _)| id.master == master).map(|(_, workers)| u64::from(workers.most())).sum();
        process_max(machine, master).map_or(sum, |(most, _)| u64::from(most).min(sum))
    };
    Budget {
        workers: masters.iter().map(|master| of_master(*master)).sum(),
        opcache: masters.iter().map(|master| shared_by_opcache(machine, *master)).sum(),
        masters: masters.len() as u64,
        total,
        because,
        reserve,
        pools,
    }
}

/// Whether the pools of a master are to be counted: those that packages left behind often never run.
pub fn runs(machine: &Machine, master: usize) -> bool {
    let found = &machine.masters[master];
    let is_called = || machine.callers.keys().any(|id| id.master == master);
    !found.is_stopped() && (found.state == State::Started || machine.masters.len() == 1 || is_called())
}

/// `process.max` of a master, if it is set to more than 0, with the line that sets it.
pub fn process_max(machine: &Machine, master: usize) -> Option<(u32, Span)> {
    let assigned = machine.masters[master].configuration.global("process.max")?;
    let value = readers::int(assigned.text.as_deref()?).value()?;
    Some((u32::try_from(value).ok().filter(|value| *value > 0)?, assigned.span))
}

/// What opcache shares, if the ini files in view load it.
fn shared_by_opcache(machine: &Machine, master: usize) -> u64 {
    let ini = &machine.masters[master].ini;
    let text = |name| ini.get(name).and_then(|value| value.text.as_deref());
    let is_on = text("opcache.enable").is_none_or(readers::ini_flag);
    let is_loaded = ini.files.iter().any(|file| file.to_string_lossy().contains("opcache"))
        || text("zend_extension").is_some_and(|value| value.contains("opcache"));
    let is_set = text("opcache.memory_consumption").is_some();
    match is_on && (is_loaded || is_set) {
        true => u64::from(opcache::memory(ini).unsigned_abs()) << 20,
        false => 0,
    }
}

/// The memory that a unit's processes may use together, and the setting that says so.
fn unit_memory(unit: &Unit, of_host: Option<u64>) -> Option<(u64, &'static str)> {
    let limits = ["MemoryMax", "MemoryHigh", "MemoryLimit"].into_iter().filter_map(|key| {
        let text = unit.get(&format!("Service.{key}"))?.trim();
        let bytes = match text.strip_suffix('%') {
            Some(percent) => of_host?.checked_mul(percent.trim().parse().ok()?)? / 100,
            None => Size::parse(text)?.0,
        };
        Some((bytes, key))
    });
    limits.min()
}

impl Nginx {
    /// How many worker processes run, if it is known, with the line that says so.
    pub fn worker_processes(&self, facts: &Facts) -> (Option<u64>, Option<Span>) {
        match self.config.own(self.config.main(), "worker_processes").last() {
            None => (Some(1), None),
            Some(written) => {
                let text = written.arg(0).unwrap_or_default();
                let count = if text == "auto" { facts.cpus.map(u64::from) } else { literals::number(text) };
                (count, Some(written.head))
            }
        }
    }

    /// Whether groups keep connections open without being told to, as nginx does since 1.29.7.
    pub fn keeps_connections(&self) -> bool {
        self.version.version >= Version(1, 29, 7)
    }

    /// How many connections a worker process has, with the line that says so.
    pub fn worker_connections(&self) -> (u64, Option<Span>) {
        let events = self.config.levels(crate::nginx::levels::Context::Events).next();
        let written = events.and_then(|level| self.config.own(level, "worker_connections").last());
        let count = written.and_then(|written| literals::number(written.arg(0)?));
        (count.unwrap_or(512), written.map(|written| written.head))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    #[test]
    fn limits_of_units_are_sizes_and_percentages() {
        let unit = |text: &str| {
            let mut unit = Unit::default();
            for pair in text.split(' ') {
                let (key, value) = pair.split_once('=').unwrap();
                unit.settings.insert(format!("Service.{key}"), vec![value.into()]);
            }
            unit_memory(&unit, Some(1000))
        };
        assert_eq!(unit("MemoryMax=4K"), Some((4096, "MemoryMax")));
        assert_eq!(unit("MemoryMax=infinity"), None);
        assert_eq!(unit("MemoryMax=4K MemoryHigh=50%"), Some((500, "MemoryHigh")));
    }
}
