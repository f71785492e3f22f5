//! The values of directives whose kind says how they are read.

use std::net::Ipv6Addr;

use crate::nginx::ast::{Directive, Word};
use crate::nginx::directives::{Entry, Value};
use crate::nginx::literals;
use crate::nginx::pcre;
use crate::nginx::variables;
use crate::values::version::Version;

/// A word that nginx refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Which argument, counted from 0.
    pub argument: usize,
    /// What would be taken, as a noun phrase.
    pub wanted: String,
    /// nginx's own words.
    pub refusal: String,
}

/// `Err` with a refused argument.
pub(super) fn refuse<T>(
    argument: usize,
    wanted: impl Into<String>,
    refusal: impl Into<String>,
) -> Result<T, Box<Refused>> {
    Err(Box::new(Refused { argument, wanted: wanted.into(), refusal: refusal.into() }))
}

pub(super) type Read<T = ()> = Result<T, Box<Refused>>;

const SIZE: &str = "a size: digits, then perhaps `k` or `m`";
const OFFSET: &str = "a size: digits, then perhaps `k`, `m` or `g`";
const MSEC: &str = "a time: `30s`, `500ms`, `1m30s`";
const SEC: &str = "a time of whole seconds: `30s`, `10m`, `1d`";

/// Reads the arguments of a directive whose number of arguments is right.
pub(super) fn check(entry: &Entry, directive: &Directive, version: Option<Version>) -> Read {
    let arg = |index: usize| directive.arg(index).unwrap_or_default();
    let (name, first) = (entry.name, arg(0));
    let invalid = |wanted: &str| refuse(0, wanted, format!("\"{name}\" directive invalid value"));
    let number = |text: &str| match literals::number(text) {
        Some(number) => Ok(number),
        None if name == "worker_connections" => refuse(0, "a number", format!("invalid number \"{text}\"")),
        None => refuse(0, "a number", format!("\"{name}\" directive invalid number")),
    };
    match entry.value {
        Value::Flag if literals::flag(compared(first)).is_none() => refuse(
            0,
            "`on` or `off`",
            format!("invalid value \"{first}\" in \"{name}\" directive, it must be \"on\" or \"off\""),
        ),
        Value::Size if literals::size(first).is_none() => invalid(SIZE),
        Value::SizeOf(words) => match literals::size(first) {
            None => invalid(SIZE),
            size if words.split(' ').any(|word| literals::size(word) == size) => Ok(()),
            _ => {
                let listed = words.split(' ').collect::<Vec<_>>();
                let listed = listed.split_last().map(|(last, rest)| format!("{}, or {last}", rest.join(", ")));
                let listed = listed.unwrap_or_default();
                refuse(0, format!("one of {listed}"), format!("\"{name}\" directive must be {listed}"))
            }
        },
        Value::Pool => match literals::size(first) {
            None => invalid(SIZE),
            Some(size) if size < 112 => refuse(0, "at least 112", "the pool size must be no less than 112"),
            Some(size) if size % 16 != 0 => refuse(0, "a multiple of 16", "the pool size must be a multiple of 16"),
            Some(_) => Ok(()),
        },
        Value::Offset if literals::offset(first).is_none() => invalid(OFFSET),
        Value::Msec if literals::milliseconds(first).is_none() => invalid(MSEC),
        Value::Sec if literals::seconds(first).is_none() => invalid(SEC),
        Value::Number => number(first).map(drop),
        Value::NumberIn(least, most) => match number(first)? {
            number if (least..=most).contains(&number) => Ok(()),
            _ => {
                let refusal = format!("value must be between {least} and {most}");
                refuse(0, format!("a number between {least} and {most}"), refusal)
            }
        },
        Value::Power => match number(first)? {
            number if number.is_power_of_two() => Ok(()),
            _ => refuse(0, "a power of two", format!("\"{name}\" directive must be a power of two")),
        },
        Value::One(words) | Value::Some(words) => {
            for (at, arg) in directive.args.iter().enumerate() {
                word(at, compared(&arg.text), words, version)?;
            }
            Ok(())
        }
        Value::Vars | Value::VarsList => each(&directive.args, compiles),
        Value::SizeVars => {
            compiles(0, first)?;
            match first.contains('$') || literals::size(first).is_some() {
                true => Ok(()),
                false => invalid(SIZE),
            }
        }
        Value::Buffers => match (literals::number(first), literals::size(arg(1))) {
            (Some(count), Some(size)) if count > 0 && size > 0 => Ok(()),
            (Some(count), _) if count > 0 => refuse(1, SIZE, format!("\"{name}\" directive invalid value")),
            _ => invalid("a number and a size: `8 16k`"),
        },
        Value::Path if levels(&directive.args[1..]) > 10 => {
            refuse(1, "levels of at most 10 letters together", format!("\"{name}\" directive invalid value"))
        }
        Value::Path => each(&directive.args[1..], |at, text| match literals::number(text) {
            Some(number) if number > 0 => Ok(()),
            _ => refuse(at + 1, "the letters of a level: 1 to 3", format!("\"{name}\" directive invalid value")),
        }),
        Value::Access => each(&directive.args, access),
        Value::CacheValid => cache_valid(&directive.args),
        Value::CachePath => cache_path(&directive.args),
        Value::Bind => bind(&directive.args),
        Value::Param if directive.args.len() == 3 && arg(2) != "if_not_empty" => {
            refuse(2, "`if_not_empty`", format!("invalid parameter \"{}\"", arg(2)))
        }
        Value::Param => compiles(1, arg(1)),
        Value::Pair if name.ends_with("_set_header") => compiles(1, arg(1)),
        _ => Ok(()),
    }
}

/// What nginx compares of a word: it ends at a zero byte.
fn compared(text: &str) -> &str {
    text.split('\0').next().unwrap_or_default()
}

/// The sum of the levels of a directory for temporary files.
fn levels(words: &[Word]) -> u64 {
    words.iter().filter_map(|word| literals::number(&word.text)).fold(0, u64::saturating_add)
}

/// Reads each of some words.
pub(super) fn each(words: &[Word], read: impl Fn(usize, &str) -> Read) -> Read {
    words.iter().enumerate().try_for_each(|(at, word)| read(at, &word.text))
}

/// One of some words, of which each may have the release that brought it: `2@1.29.4`.
pub(super) fn word(at: usize, text: &str, words: &str, version: Option<Version>) -> Read {
    let known = words.split(' ').any(|known| {
        let (word, since) = known.split_once('@').unwrap_or((known, ""));
        let is_there = Version::parse(since).zip(version).is_none_or(|(since, version)| since <= version);
        word.eq_ignore_ascii_case(text) && is_there
    });
    let shown = |known: &str| format!("`{}`", known.split('@').next().unwrap_or_default());
    match known {
        true => Ok(()),
        false => {
            let wanted = words.split(' ').map(shown).collect::<Vec<_>>().join(", ");
            refuse(at, format!("one of {wanted}"), format!("invalid value \"{text}\""))
        }
    }
}

/// A text in which variables count.
pub(super) fn compiles(at: usize, text: &str) -> Read {
    match variables::syntax(text) {
        Ok(()) => Ok(()),
        Err(refusal) => refuse(at, "`$name` or `${name}`; a `$` alone means nothing here", refusal),
    }
}

/// An expression that PCRE can compile.
pub(super) fn regex(at: usize, pattern: &str) -> Read {
    match pcre::fault(pattern) {
        Some(fault) => {
            let wanted = format!("a regex that compiles; this one has: {fault}");
            refuse(at, wanted, format!("pcre2_compile() failed: {fault} in \"{pattern}\""))
        }
        None => Ok(()),
    }
}

fn access(at: usize, text: &str) -> Read {
    let rights = text.split_once(':').filter(|(who, _)| matches!(*who, "user" | "group" | "all")).map(|(_, what)| what);
    match rights {
        Some("r" | "w" | "rw") => Ok(()),
        _ => refuse(at, "`user:rw`, `group:r` or `all:r`", format!("invalid value \"{text}\"")),
    }
}

fn cache_valid(args: &[Word]) -> Read {
    let Some((time, codes)) = args.split_last() else { return Ok(()) };
    if literals::seconds(&time.text).is_none() {
        return refuse(args.len() - 1, SEC, format!("invalid time value \"{}\"", time.text));
    }
    each(codes, |at, text| match literals::number(text) {
        _ if text == "any" => Ok(()),
        Some(100..=599) => Ok(()),
        _ => refuse(at, "a status between 100 and 599, or `any`", format!("invalid status \"{text}\"")),
    })
}

fn cache_path(args: &[Word]) -> Read {
    each(&args[1..], |at, text| {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        let bad = |wanted: &str, refusal: String| refuse(at + 1, wanted, refusal);
        match key {
            "levels" => {
                let level = |level: &str| matches!(level, "1" | "2");
                let levels: Vec<_> = value.split(':').collect();
                match levels.len() <= 3 && levels.into_iter().all(level) {
                    true => Ok(()),
                    false => {
                        bad("up to three levels of 1 or 2: `levels=1:2`", format!("invalid \"levels\" \"{text}\""))
                    }
                }
            }
            "use_temp_path" if matches!(value, "on" | "off") => Ok(()),
            "use_temp_path" => {
                bad("`on` or `off`", format!("invalid use_temp_path value \"{text}\", it must be \"on\" or \"off\""))
            }
            "keys_zone" => match value.split_once(':').map(|(name, size)| (name, literals::size(size))) {
                Some((_, Some(size))) if size >= 8 << 10 => Ok(()),
                Some((name, Some(_))) => bad("at least 8k", format!("keys zone \"{name}\" is too small")),
                _ => bad("`keys_zone=name:10m`", format!("invalid keys zone size \"{text}\"")),
            },
            "inactive" if literals::seconds(value).is_some() => Ok(()),
            "inactive" => bad(SEC, format!("invalid inactive value \"{text}\"")),
            "max_size" | "min_free" if literals::offset(value).is_some() => Ok(()),
            "max_size" | "min_free" => bad(OFFSET, format!("invalid {key} value \"{text}\"")),
            "loader_files" | "manager_files" | "purger_files" if literals::number(value).is_some() => Ok(()),
            "loader_files" | "manager_files" | "purger_files" => {
                bad("a number", format!("invalid {key} value \"{text}\""))
            }
            "loader_sleep" | "loader_threshold" | "manager_sleep" | "manager_threshold" | "purger_sleep"
            | "purger_threshold" => match literals::milliseconds(value) {
                Some(_) => Ok(()),
                None => bad(MSEC, format!("invalid {key} value \"{text}\"")),
            },
            "purger" if matches!(value, "on" | "off") => Ok(()),
            _ => bad("`levels=`, `keys_zone=`, `max_size=` or `inactive=`", format!("invalid parameter \"{text}\"")),
        }
    })?;
    match args.iter().any(|word| word.text.starts_with("keys_zone=")) {
        true => Ok(()),
        false => refuse(0, "`keys_zone=name:10m` as well", "must have \"keys_zone\" parameter"),
    }
}

/// A local address, `off` or a variable, and perhaps `transparent`.
fn bind(args: &[Word]) -> Read {
    let address = args[0].text.as_str();
    // An IPv6 address has brackets where a port follows, and only there.
    let with_port = |text: &str| {
        let (host, port) = text.rsplit_once(':')?;
        let is_port = literals::number(port).is_some_and(|port| (1..=65535).contains(&port));
        let inside = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let is_host =
            inside.map_or_else(|| literals::ipv4(host).is_some(), |inside| inside.parse::<Ipv6Addr>().is_ok());
        Some(is_port && is_host)
    };
    let is_address = literals::ipv4(address).is_some()
        || address.parse::<Ipv6Addr>().is_ok()
        || with_port(address).is_some_and(|is_right| is_right);
    match address {
        "off" if args.len() == 1 => Ok(()),
        address if address.contains('$') => compiles(0, address),
        _ if is_address => Ok(()),
        _ => refuse(0, "an address of this host, or `off`", format!("invalid address \"{address}\"")),
    }?;
    match args.get(1).map(|word| word.text.as_str()) {
        None | Some("transparent") => Ok(()),
        Some(other) => refuse(1, "`transparent`", format!("invalid parameter \"{other}\"")),
    }
}
