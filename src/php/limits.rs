//! What PHP-FPM refuses of single values once it has read everything, in the words of `fpm_conf.c` and
//! `fpm_log.c`. What its readers refuse line by line is in [`super::readers`].

use super::load::{Assigned, PoolSettings, last};
use super::{readers, settings};

/// A value that is refused.
#[derive(Clone, Debug)]
pub struct Refused<'a> {
    /// Where it is set.
    pub at: &'a Assigned,
    /// PHP-FPM's words, without the pool in front.
    pub refusal: String,
    /// What can be written instead.
    pub help: &'static str,
}

/// The mechanisms that PHP-FPM has on Linux.
const MECHANISMS: [&str; 3] = ["epoll", "poll", "select"];

/// Those of other systems, which may be meant for one of them.
const FOREIGN_MECHANISMS: [&str; 3] = ["kqueue", "port", "/dev/poll"];

/// What is refused of the global settings. `on_linux` is whether no other system may be meant.
pub fn of_global(global: &[Assigned], on_linux: bool) -> Vec<Refused<'_>> {
    let mut refused = Vec::new();
    let mut number = |key: &str, wrong: fn(i32) -> bool, refusal: &str, help| {
        let Some(at) = last(global, key) else { return };
        if at.number().is_some_and(wrong) {
            refused.push(Refused { at, refusal: refusal.to_owned(), help });
        }
    };
    number(
        "log_limit",
        |value| value < 512,
        "log_limit must be greater than 512",
        "write 512 or more, or nothing for 1024",
    );
    number("process.max", |value| value < 0, "process_max can't be negative", "write 0 for no limit");
    number("process.priority", is_no_priority, PRIORITY, PRIORITY_HELP);
    refused.extend(mechanism(global, on_linux));
    refused
}

const PRIORITY: &str = "process.priority must be included into [-19,20]";
const PRIORITY_HELP: &str = "write a number from -19 to 20";

/// 64 is PHP-FPM's own mark for a priority that nobody set.
fn is_no_priority(value: i32) -> bool {
    !(-19..=20).contains(&value) && value != 64
}

fn mechanism(global: &[Assigned], on_linux: bool) -> Option<Refused<'_>> {
    let at = last(global, "events.mechanism")?;
    let text = at.text.as_deref()?;
    let is = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(text));
    if is(&MECHANISMS) || !on_linux && is(&FOREIGN_MECHANISMS) {
        return None;
    }
    let refusal = format!("event mechanism '{text}' is not available on this system");
    Some(Refused { at, refusal, help: "remove the line: PHP-FPM takes the best one there is" })
}

/// Whether the mechanism cannot wait for the first request of an `ondemand` pool.
pub fn mechanism_without_edges(global: &[Assigned]) -> Option<&Assigned> {
    let at = last(global, "events.mechanism")?;
    let text = at.text.as_deref()?;
    ["poll", "select"].iter().any(|name| name.eq_ignore_ascii_case(text)).then_some(at)
}

/// What is refused of a pool's settings, in PHP-FPM's order.
pub fn of_pool(pool: &PoolSettings) -> Vec<Refused<'_>> {
    let mut refused = Vec::new();
    if let Some(at) = pool.get("process.priority").filter(|at| at.number().is_some_and(is_no_priority)) {
        refused.push(Refused { at, refusal: PRIORITY.to_owned(), help: PRIORITY_HELP });
    }
    // With a listener of its own, the status may be at `/`.
    let shortest = if pool.get("pm.status_listen").is_some() { 1 } else { 2 };
    refused.extend(page(pool, "pm.status_path", "status path", shortest));
    refused.extend(page(pool, "ping.path", "ping path", 2));
    let pings = pool.get("ping.path").is_some_and(|at| at.text.as_deref().is_none_or(|text| !text.is_empty()));
    if let Some(at) = pool.get("ping.response").filter(|at| pings && at.text.as_deref() == Some("")) {
        let refusal = "the ping response page '' is not long enough".to_owned();
        refused.push(Refused { at, refusal, help: "write a word, or remove the line: `pong` is the default" });
    }
    if let Some(at) = pool.get("access.log").filter(|at| at.text.as_deref() == Some("")) {
        // A log is opened when all pools are read, so no pool stands before the words.
        let refusal = "failed to open access log ()".to_owned();
        refused.push(Refused { at, refusal, help: "write a path, or remove the line for no log" });
    }
    let has_log = pool.get("access.log").is_some();
    if let Some(at) = pool.get("access.format").filter(|_| has_log) {
        if let Some(text) = at.text.as_deref().filter(|text| !is_access_format(text)) {
            let refusal = format!("wrong format for access.format '{text}'");
            refused.push(Refused {
                at,
                refusal,
                help: "use the tokens of PHP-FPM's manual, such as %R, %t, %r, %s and %d",
            });
        }
    }
    refused.extend(chroot(pool));
    let known = pool.assigned.iter().filter(|at| settings::find(&at.key, at.index.is_some()).is_some());
    refused.extend(known.filter_map(|at| entry(at).or_else(|| empty_variable(at))));
    refused
}

/// A `chroot` may begin with `$prefix`; in another place that is refused.
fn chroot(pool: &PoolSettings) -> Option<Refused<'_>> {
    let at = pool.get("chroot")?;
    let text = at.text.as_deref().filter(|text| !text.starts_with('/') && !text.starts_with("$prefix"))?;
    let refusal = format!("the chroot path '{text}' must start with a '/'");
    text.contains("$prefix").then_some(Refused { at, refusal, help: "write `$prefix` first, or the whole path" })
}

/// A page that PHP-FPM answers itself.
fn page<'a>(pool: &'a PoolSettings, key: &str, what: &str, shortest: usize) -> Option<Refused<'a>> {
    let at = pool.get(key)?;
    let text = at.text.as_deref().filter(|text| !text.is_empty())?;
    let wrong = if !text.starts_with('/') {
        "must start with a '/'"
    } else if text.len() < shortest {
        "is not long enough"
    } else if text.bytes().any(|byte| !byte.is_ascii_alphanumeric() && !b"/-_.~".contains(&byte)) {
        "must contain only the following characters '[alphanum]/_-.~'"
    } else {
        return None;
    };
    let help = "write a path such as /status: a `/` and letters, digits, `/`, `_`, `-`, `.` or `~`";
    Some(Refused { at, refusal: format!("the {what} '{text}' {wrong}"), help })
}

/// The brackets of an array setting. PHP-FPM stops at its line, also in the global section.
pub fn entry(at: &Assigned) -> Option<Refused<'_>> {
    let (key, index, text) = (at.key.as_str(), at.index.as_deref()?, at.text.as_deref());
    match key {
        "access.suppress_path" if !index.is_empty() => Some(Refused {
            at,
            refusal: "Keys provided to field 'access.suppress_path' are ignored".to_owned(),
            help: "write `access.suppress_path[] = /path`",
        }),
        "access.suppress_path" if text.is_some_and(|text| !text.starts_with('/')) => Some(Refused {
            at,
            refusal: "Values provided to field 'access.suppress_path' must begin with '/'".to_owned(),
            help: "write a path that begins with `/`",
        }),
        "access.suppress_path" => None,
        _ if index.is_empty() && at.index_known => Some(Refused {
            at,
            refusal: format!("You must provide a key for field '{key}'"),
            help: "write the name between the brackets",
        }),
        _ => None,
    }
}

/// A variable of the environment without a value.
fn empty_variable(at: &Assigned) -> Option<Refused<'_>> {
    let is_empty = at.value_span != at.key_span && at.text.as_deref() == Some("");
    (is_empty && at.key == "env" && at.index.is_some()).then(|| Refused {
        at,
        refusal: "empty value".to_owned(),
        help: "remove the line: a variable that is not set is empty for most programs",
    })
}

/// Whether PHP-FPM takes a text for `access.format`.
fn is_access_format(text: &str) -> bool {
    let mut rest = text.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        if *byte != b'%' {
            continue;
        }
        // `%{name}e`, perhaps with several braces, of which the last counts.
        let mut name: &[u8] = b"";
        while let [b'{', inside @ ..] = rest {
            let Some(end) = inside.iter().position(|byte| *byte == b'}') else { return false };
            name = &inside[..end];
            rest = &inside[end + 1..];
            if rest.is_empty() {
                return false;
            }
        }
        let Some((token, behind)) = rest.split_first() else { return true };
        rest = behind;
        let one_of =
            |words: &[&str]| name.is_empty() || words.iter().any(|word| name.eq_ignore_ascii_case(word.as_bytes()));
        let is_right = match token {
            b'%' | b'f' | b'l' | b'm' | b'n' | b'p' | b'P' | b'q' | b'Q' | b'r' | b'R' | b's' | b'T' | b't' | b'u' => {
                true
            }
            b'C' => one_of(&["total", "user", "system"]),
            b'd' => one_of(&["seconds", "milliseconds", "milli", "miliseconds", "mili", "microseconds", "micro"]),
            b'M' => one_of(&["bytes", "kilobytes", "kilo", "megabytes", "mega"]),
            b'e' | b'o' => !name.is_empty(),
            _ => false,
        };
        if !is_right {
            return false;
        }
    }
    true
}

impl Assigned {
    /// The number that PHP-FPM reads here, if it is known and accepted.
    pub fn number(&self) -> Option<i32> {
        readers::int(self.text.as_deref()?).value()
    }

    /// The seconds that PHP-FPM reads here, if they are known and accepted.
    pub fn seconds(&self) -> Option<i32> {
        readers::time(self.text.as_deref()?).value()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_formats() {
        for right in
            ["%R - %u %t \"%m %r%Q%q\" %s %f %{milli}d %{kilo}M %C%%", "", "x%", "%{a}{REMOTE}e", "%{Content-Type}o"]
        {
            assert!(is_access_format(right), "{right}");
        }
        for wrong in ["%a", "%{x}d", "%e", "%{open", "%{x}", "%o", "%{days}M"] {
            assert!(!is_access_format(wrong), "{wrong}");
        }
    }
}
