//! The top of the main file and `events`: processes, threads, the error log.

use super::{logs, taken};
use crate::nginx::ast::Word;
use crate::nginx::examine::values::{Read, each, refuse};
use crate::nginx::literals;

/// The most processors that a mask counts.
const MAX_CPUS: usize = 1024;

pub(super) fn error_log(args: &[Word]) -> Read {
    match args[0].text.split_once(':') {
        Some(("syslog", parameters)) => logs::syslog(0, parameters)?,
        Some(("memory", size)) if literals::size(size).is_none_or(|size| size < 2 << 10) => {
            return refuse(0, "`memory:` and a size such as `32m`", format!("invalid buffer size \"{size}\""));
        }
        _ => {}
    }
    let levels = ["emerg", "alert", "crit", "error", "warn", "notice", "info", "debug"];
    let mut plain = None;
    for (at, word) in args.iter().enumerate().skip(1) {
        let (level, is_plain) = (word.text.as_str(), levels.contains(&&*word.text));
        if is_plain && at > 1 {
            return refuse(at, "one level", format!("duplicate log level \"{level}\""));
        }
        // The levels of debugging need a build with it.
        if !is_plain && (plain.is_some() || !level.starts_with("debug_")) {
            let wanted = format!("a level: {}", levels.join(", "));
            return refuse(at, wanted, format!("invalid log level \"{level}\""));
        }
        plain = plain.or(is_plain.then_some(at));
    }
    Ok(())
}

/// `auto`, perhaps with one mask, or masks of zeros and ones.
pub(super) fn worker_cpu_affinity(args: &[Word]) -> Read {
    let is_auto = args[0].text == "auto";
    if is_auto && args.len() > 2 {
        let refusal = "invalid number of arguments in \"worker_cpu_affinity\" directive";
        return refuse(2, "one mask behind `auto`", refusal);
    }
    each(&args[usize::from(is_auto)..], |at, mask| {
        let at = at + usize::from(is_auto);
        let wrong = mask.chars().rev().find(|sign| !matches!(sign, '0' | '1' | ' '));
        match wrong {
            _ if mask.len() > MAX_CPUS => {
                let refusal = format!("\"worker_cpu_affinity\" supports up to {MAX_CPUS} CPUs only");
                refuse(at, format!("a mask of at most {MAX_CPUS} digits"), refusal)
            }
            Some(sign) => {
                let refusal = format!("invalid character \"{sign}\" in \"worker_cpu_affinity\"");
                refuse(at, "`auto`, or masks of `0` and `1` such as `0101`", refusal)
            }
            None => Ok(()),
        }
    })
}

/// A name, `threads=` and perhaps `max_queue=`; nginx passes over words that it does not know.
pub(super) fn thread_pool(args: &[Word]) -> Read {
    each(args, |at, text| match text.split_once('=').filter(|_| at > 0) {
        Some(("threads", number)) if literals::number(number).is_none_or(|number| number == 0) => {
            refuse(at, "a number of threads", format!("invalid threads value \"{text}\""))
        }
        Some(("max_queue", number)) if literals::number(number).is_none() => {
            refuse(at, "a number", format!("invalid max_queue value \"{text}\""))
        }
        _ => Ok(()),
    })?;
    match args.iter().skip(1).any(|word| word.text.starts_with("threads=")) {
        true => Ok(()),
        false => refuse(0, "`threads=` as well", "\"thread_pool\" must have \"threads\" parameter"),
    }
}

pub(super) fn worker_processes(text: &str) -> Read {
    taken("worker_processes", text == "auto" || literals::number(text).is_some(), "a number or `auto`")
}

pub(super) fn worker_priority(text: &str) -> Read {
    match literals::number(text.strip_prefix(['-', '+']).unwrap_or(text)) {
        Some(_) => Ok(()),
        None => refuse(0, "a number from -20 to 20", "\"worker_priority\" directive invalid number"),
    }
}

/// `use`
pub(super) fn event_method(text: &str) -> Read {
    match ["select", "poll", "epoll", "kqueue", "/dev/poll", "eventport"].contains(&text) {
        true => Ok(()),
        false => refuse(0, "`epoll`, `kqueue`, `poll` or `select`", format!("invalid event type \"{text}\"")),
    }
}
