//! How many workers a pool may have: `pm` and the numbers that go with it, as PHP-FPM takes them once
//! it has read everything, and what it refuses of them. In the order of `fpm_conf.c`, where the first
//! thing refused is the only one told.

use super::load::{Assigned, PoolSettings};
use super::readers;
use crate::source::Span;

/// The process managers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manager {
    /// All workers at once.
    Static,
    /// Between the spare servers.
    Dynamic,
    /// None until a request comes.
    OnDemand,
}

impl Manager {
    /// The word for it in a pool.
    pub fn name(self) -> &'static str {
        match self {
            Manager::Static => "static",
            Manager::Dynamic => "dynamic",
            Manager::OnDemand => "ondemand",
        }
    }

    /// The manager of a word, in any case.
    pub fn of(word: &str) -> Option<Self> {
        match word.to_ascii_lowercase().as_str() {
            "static" => Some(Manager::Static),
            "dynamic" => Some(Manager::Dynamic),
            "ondemand" => Some(Manager::OnDemand),
            _ => None,
        }
    }
}

/// The numbers of workers that packages ship: `pm.max_children`, start, least and most spare servers.
const SHIPPED: [[i32; 4]; 2] = [[5, 2, 1, 3], [50, 5, 5, 35]];

/// A number of a pool, and the line that sets it.
#[derive(Clone, Copy, Debug)]
pub struct Number<'a> {
    /// The value in force; 0 where nothing sets it and PHP-FPM has no default.
    pub value: i32,
    /// The line; `None` where nothing sets it.
    pub at: Option<&'a Assigned>,
}

/// A pool's `pm.*`.
#[derive(Clone, Copy, Debug)]
pub struct Workers<'a> {
    /// `pm`.
    pub manager: Manager,
    /// The line of `pm`.
    pub manager_at: &'a Assigned,
    /// `pm.max_children`.
    pub max_children: Number<'a>,
    /// `pm.start_servers`, 0 or less where PHP-FPM works it out.
    pub start: Number<'a>,
    /// `pm.min_spare_servers`.
    pub min_spare: Number<'a>,
    /// `pm.max_spare_servers`.
    pub max_spare: Number<'a>,
    /// `pm.max_spawn_rate`.
    pub spawn_rate: Number<'a>,
    /// `pm.process_idle_timeout` in seconds.
    pub idle_timeout: Number<'a>,
}

/// What PHP-FPM refuses of a pool's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflict {
    /// This one is not positive; for those without default perhaps because nothing sets it.
    NotPositive(&'static str),
    /// There are more spare servers than workers.
    SpareAboveChildren,
    /// The spare servers are the wrong way round.
    SpareReversed,
    /// `pm.start_servers` is not between the spare servers.
    StartOutside,
}

impl<'a> Workers<'a> {
    /// The numbers of a pool; `None` where no manager is known, or a number that matters to it comes
    /// from the environment or cannot be read.
    pub fn read(pool: &'a PoolSettings) -> Option<Self> {
        let manager_at = pool.get("pm")?;
        let manager = Manager::of(manager_at.text.as_deref()?)?;
        let number = |key: &str, default: i32, read: fn(&str) -> Option<i32>| match pool.get(key) {
            Some(at) => Some(Number { value: read(at.text.as_deref()?)?, at: Some(at) }),
            None => Some(Number { value: default, at: None }),
        };
        let int = |key, default| number(key, default, |text| readers::int(text).value());
        // The numbers of another manager are read over, whatever they are.
        let of = |wanted, read: Option<Number<'a>>, default| match manager == wanted {
            true => read,
            false => Some(Number { value: default, at: None }),
        };
        Some(Workers {
            manager,
            manager_at,
            max_children: int("pm.max_children", 0)?,
            start: of(Manager::Dynamic, int("pm.start_servers", 0), 0)?,
            min_spare: of(Manager::Dynamic, int("pm.min_spare_servers", 0), 0)?,
            max_spare: of(Manager::Dynamic, int("pm.max_spare_servers", 0), 0)?,
            spawn_rate: of(Manager::Dynamic, int("pm.max_spawn_rate", 32), 32)?,
            idle_timeout: of(
                Manager::OnDemand,
                number("pm.process_idle_timeout", 10, |text| readers::time(text).value()),
                10,
            )?,
        })
    }

    /// The workers of a pool that has at least one; `None` as in [`read`](Workers::read), and where `pm.max_children`
    /// is not positive.
    pub fn of(pool: &'a PoolSettings) -> Option<Self> {
        Workers::read(pool).filter(|workers| workers.max_children.value > 0)
    }

    /// At most so many run.
    pub fn most(&self) -> u32 {
        u32::try_from(self.max_children.value).unwrap_or(0)
    }

    /// The value of `pm.max_children`; where nothing sets it, that of `pm`.
    pub fn most_span(&self) -> Span {
        self.max_children.at.unwrap_or(self.manager_at).value_span
    }

    /// So many run from the start, and never fewer than the spare ones.
    pub fn at_start(&self) -> u32 {
        let count = match self.manager {
            Manager::Static => self.max_children.value,
            Manager::Dynamic => self.started().min(self.max_children.value),
            Manager::OnDemand => 0,
        };
        u32::try_from(count).unwrap_or(0)
    }

    /// Whether the numbers are those that a package ships.
    pub fn is_shipped(&self) -> bool {
        let numbers = [self.max_children.value, self.started(), self.min_spare.value, self.max_spare.value];
        self.manager == Manager::Dynamic && SHIPPED.contains(&numbers)
    }

    /// The number of a setting.
    pub fn number(&self, key: &str) -> Option<Number<'a>> {
        Some(match key {
            "pm.max_children" => self.max_children,
            "pm.start_servers" => self.start,
            "pm.min_spare_servers" => self.min_spare,
            "pm.max_spare_servers" => self.max_spare,
            "pm.max_spawn_rate" => self.spawn_rate,
            "pm.process_idle_timeout" => self.idle_timeout,
            _ => return None,
        })
    }

    /// The number of workers that a dynamic pool starts with: where nothing says, half way between the
    /// spare servers.
    pub fn started(&self) -> i32 {
        match self.start.value {
            ..=0 => self.min_spare.value + (self.max_spare.value - self.min_spare.value) / 2,
            set => set,
        }
    }

    /// What PHP-FPM refuses, if it does.
    pub fn conflict(&self) -> Option<Conflict> {
        let (min, max, children) = (self.min_spare.value, self.max_spare.value, self.max_children.value);
        match self.manager {
            _ if children < 1 => Some(Conflict::NotPositive("pm.max_children")),
            Manager::Static => None,
            Manager::OnDemand if self.idle_timeout.value < 1 => Some(Conflict::NotPositive("pm.process_idle_timeout")),
            Manager::OnDemand => None,
            Manager::Dynamic if min <= 0 => Some(Conflict::NotPositive("pm.min_spare_servers")),
            Manager::Dynamic if max <= 0 => Some(Conflict::NotPositive("pm.max_spare_servers")),
            Manager::Dynamic if min > children || max > children => Some(Conflict::SpareAboveChildren),
            Manager::Dynamic if max < min => Some(Conflict::SpareReversed),
            Manager::Dynamic if !(min..=max).contains(&self.started()) => Some(Conflict::StartOutside),
            Manager::Dynamic if self.spawn_rate.value < 1 => Some(Conflict::NotPositive("pm.max_spawn_rate")),
            Manager::Dynamic => None,
        }
    }

    /// PHP-FPM's words about a conflict, behind `[pool NAME] `.
    pub fn refusal(&self, conflict: Conflict) -> String {
        let (min, max, children) = (self.min_spare.value, self.max_spare.value, self.max_children.value);
        match conflict {
            Conflict::NotPositive(key @ ("pm.max_children" | "pm.max_spawn_rate")) => {
                format!("{key} must be a positive value")
            }
            Conflict::NotPositive("pm.process_idle_timeout") => {
                format!("pm.process_idle_timeout({}s) must be greater than 0s", self.idle_timeout.value)
            }
            Conflict::NotPositive(key) => {
                format!("{key}({}) must be a positive value", self.number(key).map_or(0, |number| number.value))
            }
            Conflict::SpareAboveChildren => format!(
                "pm.min_spare_servers({min}) and pm.max_spare_servers({max}) cannot be greater than pm.max_children({children})"
            ),
            Conflict::SpareReversed => {
                format!("pm.max_spare_servers({max}) must not be less than pm.min_spare_servers({min})")
            }
            Conflict::StartOutside => format!(
                "pm.start_servers({}) must not be less than pm.min_spare_servers({min}) and not greater than pm.max_spare_servers({max})",
                self.start.value
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use std::path::Path;

    use super::*;
    use crate::host::memory::Memory;
    use crate::php::load::load;
    use crate::source::Sources;

    fn refusal(text: &str) -> Option<String> {
        let mut host = Memory::default();
        host.add("/fpm.conf", format!("[www]\n{text}\n"));
        let fpm = load(&host, &mut Sources::default(), Path::new("/fpm.conf"), Path::new("/usr")).unwrap();
        let workers = Workers::read(&fpm.pools[0])?;
        workers.conflict().map(|conflict| workers.refusal(conflict))
    }

    #[test]
    fn the_first_conflict_is_told() {
        let dynamic = |children, start, min, max| {
            refusal(&format!(
                "pm=dynamic\npm.max_children={children}\npm.start_servers={start}\npm.min_spare_servers={min}\npm.max_spare_servers={max}"
            ))
            .unwrap_or_default()
        };
        assert_eq!(dynamic(5, 2, 1, 3), "");
        assert_eq!(dynamic(5, 0, 1, 3), "");
        assert_eq!(dynamic(5, -9, 1, 3), "");
        assert_eq!(dynamic(0, 2, 1, 3), "pm.max_children must be a positive value");
        assert_eq!(dynamic(5, 2, 0, 3), "pm.min_spare_servers(0) must be a positive value");
        assert_eq!(dynamic(5, 2, 3, 1), "pm.max_spare_servers(1) must not be less than pm.min_spare_servers(3)");
        assert!(dynamic(2, 1, 1, 3).contains("cannot be greater than pm.max_children(2)"));
        assert!(dynamic(5, 4, 1, 3).starts_with("pm.start_servers(4) must not be less"));
    }

    #[test]
    fn other_managers_read_their_own_numbers_only() {
        let spare = "pm.min_spare_servers=9\npm.max_spare_servers=1\npm.max_spawn_rate=0";
        assert_eq!(refusal(&format!("pm=static\npm.max_children=1\n{spare}")), None);
        assert_eq!(refusal(&format!("pm=OnDemand\npm.max_children=1\n{spare}")), None);
        assert_eq!(
            refusal("pm=ondemand\npm.max_children=1\npm.process_idle_timeout=0.5s").unwrap(),
            "pm.process_idle_timeout(0s) must be greater than 0s"
        );
        assert_eq!(refusal("pm=static\npm.max_children=${N}"), None);
    }

    fn counted(text: &str) -> Option<(Manager, u32, u32, bool)> {
        let mut host = Memory::default();
        host.add("/f.conf", format!("[www]\n{text}"));
        let configuration = load(&host, &mut Sources::default(), Path::new("/f.conf"), Path::new("/usr")).unwrap();
        let workers = Workers::of(&configuration.pools[0])?;
        Some((workers.manager, workers.most(), workers.at_start(), workers.is_shipped()))
    }

    #[test]
    fn workers_are_counted_as_fpm_does() {
        let dynamic = "pm=dynamic\npm.max_children=5\npm.min_spare_servers=1\npm.max_spare_servers=3\n";
        assert_eq!(counted("pm=static\npm.max_children=9\n"), Some((Manager::Static, 9, 9, false)));
        assert_eq!(counted("pm=ondemand\npm.max_children=9\n"), Some((Manager::OnDemand, 9, 0, false)));
        assert_eq!(counted(dynamic), Some((Manager::Dynamic, 5, 2, true)));
        assert_eq!(counted(&format!("{dynamic}pm.start_servers=3\n")), Some((Manager::Dynamic, 5, 3, false)));
        assert_eq!(counted("pm=static\n"), None);
        assert_eq!(counted("pm=static\npm.max_children=0\n"), None);
        assert_eq!(counted("pm=fast\npm.max_children=9\n"), None);
    }
}
