//! Settings of opcache with which PHP does not start, and PHP-FPM neither. Tried with PHP 8.2.

use std::ops::RangeInclusive;

use super::pools::Master;
use crate::host::accounts::Lookup;
use crate::host::facts::Facts;
use crate::php::layers::{Ini, IniValue};
use crate::php::readers;
use crate::values::version::Version;

/// What opcache shares between the workers, and what of it holds strings, in MiB; what is out of range
/// leaves the default.
const MEMORY: (i32, RangeInclusive<i32>) = (128, 8..=i32::MAX);
const STRINGS: (i32, RangeInclusive<i32>) = (8, 0..=4095);

/// A setting that PHP refuses.
#[derive(Clone, Copy, Debug)]
pub enum Refused<'a> {
    /// Scripts are loaded at the start, and root may not do it without a user.
    NoUser(&'a IniValue),
    /// The user who is to load them does not exist.
    UnknownUser(&'a IniValue),
    /// Only files shall hold compiled scripts, and no directory is named.
    NoFileCache(&'a IniValue),
    /// More is asked for strings than there is in all: the setting, its MiB and those of all.
    Strings(&'a IniValue, i32, i32),
    /// More MiB than any host has.
    Memory(&'a IniValue, i32),
}

/// Whether a master loads opcache. From PHP 8.5 on it is always there.
pub fn runs(master: &Master) -> bool {
    let is_opcache = |text: &str| matches!(text.rsplit('/').next(), Some("opcache" | "opcache.so"));
    let mut loaded = master.ini.settings.iter().filter(|setting| setting.name == "zend_extension");
    let built_in = master.version.version >= Version(8, 5, 0);
    let enabled = master.ini.get("opcache.enable").and_then(|found| found.text.as_deref());
    (built_in || loaded.any(|setting| setting.value.text.as_deref().is_some_and(is_opcache)))
        && enabled.is_none_or(readers::ini_flag)
}

/// How many MiB opcache shares between the workers.
pub fn memory(ini: &Ini) -> i32 {
    number(ini, "opcache.memory_consumption", &MEMORY).1
}

/// A number and the line that sets it; what is out of range leaves the default.
fn number<'a>(ini: &'a Ini, key: &str, (default, range): &(i32, RangeInclusive<i32>)) -> (Option<&'a IniValue>, i32) {
    let found = ini.get(key);
    let value = found.and_then(|found| found.text.as_deref()).map(readers::leading_int);
    (found, value.filter(|value| range.contains(value)).unwrap_or(*default))
}

/// What a master's opcache refuses; each ends the start.
pub fn refused<'a>(master: &'a Master, facts: &Facts) -> Vec<Refused<'a>> {
    let ini = &master.ini;
    let set = |key: &str| ini.get(key).filter(|found| found.text.as_deref().is_none_or(|text| !text.is_empty()));
    let mut refused = Vec::new();
    if let Some(preload) = set("opcache.preload").filter(|_| master.is_started_by_root(facts)) {
        match set("opcache.preload_user") {
            None => refused.push(Refused::NoUser(preload)),
            Some(user) => {
                let is_unknown = |name: &String| facts.accounts.user(name) == Lookup::Missing;
                refused.extend(user.text.as_ref().is_some_and(is_unknown).then_some(Refused::UnknownUser(user)));
            }
        }
    }
    let only = set("opcache.file_cache_only").filter(|only| only.text.as_deref().is_some_and(readers::ini_flag));
    if let Some(only) = only {
        refused.extend(set("opcache.file_cache").is_none().then_some(Refused::NoFileCache(only)));
        return refused;
    }
    let (memory_at, memory) = number(ini, "opcache.memory_consumption", &MEMORY);
    let (strings_at, strings) = number(ini, "opcache.interned_strings_buffer", &STRINGS);
    if let Some(at) = strings_at.or(memory_at).filter(|_| strings >= memory) {
        refused.push(Refused::Strings(at, strings, memory));
    }
    // How much more than its memory a host promises depends on its swap.
    let promised = facts.memory.map_or(1 << 40, |memory| memory.saturating_mul(4)) >> 20;
    if let Some(at) = memory_at.filter(|_| u64::from(memory.unsigned_abs()) > promised) {
        refused.push(Refused::Memory(at, memory));
    }
    refused
}
