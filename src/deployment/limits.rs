//! The limits that a request meets on its way to a pool, outside in: how long nginx waits, when FPM
//! kills, what PHP counts. How large a body may be is told in `body_limits`.
//!
//! nginx's timers run between two reads or writes. FPM looks at its workers with every heartbeat, a
//! third of the shortest timeout of all pools of the master, so it strikes up to a third later than
//! it says. PHP counts processor time only (on Linux), so a script that waits is not stopped by
//! `max_execution_time`. Tried with nginx 1.22 and PHP-FPM 8.2.

use super::buffers::Buffers;
use super::{HandOver, Master, Nginx, Origin, Pool, Protocol, Setting};
use crate::nginx::levels::{Config, LevelId};
use crate::nginx::literals;
use crate::php::layers::Ini;
use crate::php::load::Assigned;
use crate::php::readers;
use crate::source::Span;

/// A timer of nginx towards its back end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timer {
    /// Until the connection is made.
    Connect,
    /// Between two writes of the request.
    Send,
    /// Between two reads of the answer.
    Read,
}

impl Timer {
    /// All of them, in the order in which a request meets them.
    pub const ALL: [Timer; 3] = [Timer::Connect, Timer::Send, Timer::Read];

    /// What nginx logs when it expires.
    pub const fn log(self) -> &'static str {
        match self {
            Timer::Connect => "upstream timed out (110: Connection timed out) while connecting to upstream",
            Timer::Send => "upstream timed out (110: Connection timed out) while sending request to upstream",
            Timer::Read => "upstream timed out (110: Connection timed out) while reading response header from upstream",
        }
    }
}

impl Protocol {
    /// The directive of a timer.
    pub const fn timer(self, timer: Timer) -> &'static str {
        let [connect, send, read] = match self {
            Protocol::Fastcgi => ["fastcgi_connect_timeout", "fastcgi_send_timeout", "fastcgi_read_timeout"],
            Protocol::Http => ["proxy_connect_timeout", "proxy_send_timeout", "proxy_read_timeout"],
            Protocol::Uwsgi => ["uwsgi_connect_timeout", "uwsgi_send_timeout", "uwsgi_read_timeout"],
            Protocol::Scgi => ["scgi_connect_timeout", "scgi_send_timeout", "scgi_read_timeout"],
            Protocol::Grpc => ["grpc_connect_timeout", "grpc_send_timeout", "grpc_read_timeout"],
            Protocol::Memcached => ["memcached_connect_timeout", "memcached_send_timeout", "memcached_read_timeout"],
        };
        match timer {
            Timer::Connect => connect,
            Timer::Send => send,
            Timer::Read => read,
        }
    }
}

/// What nginx waits without a directive, in milliseconds.
const NGINX_WAITS: u64 = 60_000;

/// The value in force at a level for a directive with one argument: what `read` makes of it, or the
/// default; nothing where nginx would refuse it.
pub fn effective<T>(
    config: &Config,
    level: LevelId,
    name: &str,
    read: impl Fn(&str) -> Option<T>,
    default: Setting<T>,
) -> Option<Setting<T>> {
    match config.effective(level, name) {
        Some(directive) => Some(Setting::written(read(directive.arg(0)?)?, directive.head)),
        None => Some(default),
    }
}

impl HandOver {
    /// The name of a timer's directive.
    pub fn timer_name(&self, timer: Timer) -> &'static str {
        self.protocol.timer(timer)
    }

    /// The buffers towards the back end; `None` where nginx refuses a value.
    pub fn buffers(&self, nginx: &Nginx) -> Option<Buffers> {
        Buffers::at(&nginx.config, self.level, self.protocol.prefix(), nginx.page)
    }

    /// How long nginx waits here, in milliseconds; `None` where it refuses the value.
    pub fn waits(&self, timer: Timer) -> Option<Setting<u64>> {
        self.limits.waits[timer as usize]
    }
}

/// The limits of nginx that are in force where a request is handed over; `None` where nginx refuses a value.
#[derive(Clone, Copy, Debug)]
pub struct NginxLimits {
    /// The timers towards the back end in milliseconds, in the order of [`Timer::ALL`].
    waits: [Option<Setting<u64>>; 3],
    /// The largest body that nginx takes, in bytes; 0 is no limit.
    pub body: Option<Setting<u64>>,
    /// The buffer for the header of the answer, where none of the buffers is refused.
    pub header: Option<Setting<u64>>,
}

impl NginxLimits {
    /// The limits on a level, for a hand-over that stands at a place; `page` is a memory page in bytes.
    pub(super) fn of(config: &Config, level: LevelId, protocol: Protocol, span: Span, page: u64) -> Self {
        let waits = |timer| {
            let default = Setting::default(NGINX_WAITS, span);
            effective(config, level, protocol.timer(timer), literals::milliseconds, default)
        };
        let body = Setting::default(1 << 20, span);
        NginxLimits {
            waits: Timer::ALL.map(waits),
            body: effective(config, level, "client_max_body_size", literals::offset, body),
            header: Buffers::at(config, level, protocol.prefix(), page).map(|buffers| buffers.header),
        }
    }
}

/// How often a master looks at its workers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Heartbeat {
    /// No pool has a timeout.
    #[default]
    None,
    /// So many milliseconds.
    Every(u64),
    /// Never, because of this value: FPM's sum overflows, and no timeout of any pool strikes.
    Off(Span),
    /// A value depends on the environment.
    Unknown,
}

/// FPM's heart beats no faster, in milliseconds.
const FASTEST: i32 = 130;

impl Heartbeat {
    /// The heartbeat of a master with these pools.
    pub(super) fn of(pools: &[Pool]) -> Self {
        let mut beat: Option<(i32, Span)> = None;
        for pool in pools {
            for key in ["request_terminate_timeout", "request_slowlog_timeout"] {
                let Some(assigned) = pool.settings.get(key) else { continue };
                let Some(text) = &assigned.text else { return Heartbeat::Unknown };
                let seconds = readers::time(text).value().unwrap_or(0);
                let third = seconds.wrapping_mul(1000) / 3;
                if seconds != 0 && beat.is_none_or(|(least, _)| third < least) {
                    beat = Some((third, assigned.value_span));
                }
            }
        }
        match beat {
            None => Heartbeat::None,
            Some((third, _)) if third > 0 => Heartbeat::Every(third.max(FASTEST) as u64),
            Some((_, span)) => Heartbeat::Off(span),
        }
    }
}

/// How long a pool lets a request run.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// `request_terminate_timeout` in seconds of the clock; 0 is never, also where the heart does not
    /// beat.
    pub terminate: Setting<u64>,
    /// When FPM has struck at the latest, in milliseconds; 0 where it never does.
    pub struck_by: u64,
    /// The value that stops the heart, where one does.
    pub stopped_by: Option<Span>,
    /// `max_execution_time` in seconds of processor time; 0 is never.
    pub cpu: Setting<u64>,
}

/// `max_execution_time` of PHP-FPM when nobody says, and of every php.ini that PHP ships.
pub const STOCK_CPU: u64 = 30;

impl Run {
    /// When FPM has struck at the latest, in words.
    pub fn latest(&self) -> String {
        shown_time(self.struck_by.div_ceil(1000) * 1000)
    }

    /// Whether somebody chose `max_execution_time`: php.ini as shipped says 30 too.
    pub fn cpu_is_chosen(&self) -> bool {
        self.cpu.is_written() && self.cpu.value != STOCK_CPU
    }
}

impl Master {
    /// How long a pool lets a request run; `None` where a value depends on the environment. `user` is the
    /// `.user.ini` of the document root.
    pub(super) fn run(&self, pool: &Pool, user: Option<&Ini>) -> Option<Run> {
        let written = pool.settings.get("request_terminate_timeout");
        let terminate = match written {
            Some(assigned) => Setting::written(fpm_seconds(assigned)?, assigned.span),
            None => Setting::default(0, pool.header),
        };
        let (beat, stopped_by) = match self.heartbeat {
            Heartbeat::None => (0, None),
            Heartbeat::Every(beat) => (beat, None),
            Heartbeat::Off(span) => (0, Some(span)),
            Heartbeat::Unknown => return None,
        };
        let terminate = if stopped_by.is_some() { Setting { value: 0, ..terminate } } else { terminate };
        let struck_by = if terminate.value == 0 { 0 } else { terminate.value * 1000 + beat };
        let cpu = self.ini_size(pool, user, "max_execution_time", STOCK_CPU as i64)?;
        let cpu = Setting { value: u64::try_from(cpu.value).unwrap_or(0), origin: cpu.origin };
        Some(Run { terminate, struck_by, stopped_by, cpu })
    }

    /// A number or size of php.ini as a pool's scripts have it; `None` where it depends on the
    /// environment.
    pub(super) fn ini_size(&self, pool: &Pool, user: Option<&Ini>, name: &str, default: i64) -> Option<Setting<i64>> {
        match self.ini.of_request(&pool.settings, user, name) {
            Some(found) => Some(Setting::written(readers::size(&found.text?).value()?, found.span)),
            None => Some(Setting { value: default, origin: Origin::Packaged }),
        }
    }

    /// Whether php.ini is in view, or a pool sets the value itself: else an image may bring another.
    pub fn ini_is_known(&self, pool: &Pool, name: &str) -> bool {
        !self.ini.files.is_empty() || self.ini.of_pool(&pool.settings, name).is_some()
    }

    /// `process_control_timeout` in seconds.
    pub fn control_timeout(&self) -> Option<Setting<u64>> {
        match self.configuration.global("process_control_timeout") {
            Some(assigned) => Some(Setting::written(fpm_seconds(assigned)?, assigned.span)),
            None => Some(Setting { value: 0, origin: Origin::Packaged }),
        }
    }
}

/// A time of FPM in seconds; `None` where it is refused or depends on the environment. A negative
/// one never strikes.
pub fn fpm_seconds(assigned: &Assigned) -> Option<u64> {
    Some(u64::try_from(assigned.seconds()?).unwrap_or(0))
}

/// A time as people write it: `300ms`, `60s`.
pub fn shown_time(milliseconds: u64) -> String {
    match (milliseconds / 1000, milliseconds % 1000) {
        (seconds, 0) => format!("{seconds}s"),
        (0, rest) => format!("{rest}ms"),
        (seconds, rest) => format!("{seconds}.{}s", format!("{rest:03}").trim_end_matches('0')),
    }
}

/// A size as people write it: `64`, `8k`, `1m`, `2g`.
pub fn shown_size(bytes: u64) -> String {
    let units = [(30, "g"), (20, "m"), (10, "k")];
    match units.iter().find(|(shift, _)| bytes > 0 && bytes.trailing_zeros() >= *shift) {
        Some((shift, unit)) => format!("{}{unit}", bytes >> shift),
        None => bytes.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_sizes_are_shown_as_people_write_them() {
        let times = [(0, "0s"), (300, "300ms"), (1000, "1s"), (1500, "1.5s"), (1050, "1.05s"), (400_000, "400s")];
        for (milliseconds, shown) in times {
            assert_eq!(shown_time(milliseconds), shown);
        }
        let sizes =
            [(0, "0"), (64, "64"), (8192, "8k"), (1 << 20, "1m"), (5 << 30, "5g"), (1000, "1000"), (1 << 40, "1024g")];
        for (bytes, shown) in sizes {
            assert_eq!(shown_size(bytes), shown);
        }
    }
}
