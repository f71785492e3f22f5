//! Where requests are logged, and how.

use crate::nginx::ast::Word;
use crate::nginx::examine::url::{self, Kind};
use crate::nginx::examine::values::{Read, compiles, each, refuse};
use crate::nginx::literals;

/// `access_log`: a path or `syslog:`, a format, and parameters; `stream` has no format of its own.
pub(super) fn access_log(args: &[Word], in_stream: bool) -> Read {
    let path = args[0].text.as_str();
    if path == "off" {
        return match args.get(1) {
            Some(more) => refuse(1, "nothing behind `off`", format!("invalid parameter \"{}\"", more.text)),
            None => Ok(()),
        };
    }
    let parameters = path.strip_prefix("syslog:");
    match parameters {
        Some(parameters) => syslog(0, parameters)?,
        None => compiles(0, path)?,
    }
    if in_stream && args.len() == 1 {
        return refuse(0, "a format as well: `log_format` names it", "log format is not specified");
    }
    each(args.get(2..).unwrap_or_default(), |at, text| {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        let bad = |wanted: &str, refusal: String| refuse(at + 2, wanted, refusal);
        match (key, key != text) {
            ("buffer", true) if literals::size(value).is_none_or(|size| size == 0) => {
                bad("a size", format!("invalid buffer size \"{value}\""))
            }
            ("flush", true) if literals::milliseconds(value).is_none_or(|time| time == 0) => {
                bad("a time", format!("invalid flush time \"{value}\""))
            }
            ("gzip", true) if !literals::number(value).is_some_and(|level| (1..=9).contains(&level)) => {
                bad("a level from 1 to 9", format!("invalid compression level \"{value}\""))
            }
            ("if", true) => compiles(at + 2, value),
            ("buffer" | "flush" | "gzip", true) | ("gzip", false) => Ok(()),
            _ => bad("`buffer=32k`, `flush=5s`, `gzip` or `if=$variable`", format!("invalid parameter \"{text}\"")),
        }
    })?;
    let at = |starts: &[&str]| {
        let words = args.iter().enumerate().skip(2);
        let mut matching = words.filter(|(_, word)| starts.iter().any(|start| word.text.starts_with(start)));
        matching.next().map(|(at, _)| at)
    };
    match (at(&["buffer=", "gzip"]), at(&["flush="])) {
        (None, Some(flush)) => {
            refuse(flush, "`buffer=` as well", format!("no buffer is defined for access_log \"{path}\""))
        }
        (Some(_), _) if parameters.is_none() && path.contains('$') => {
            refuse(0, "a path without variables, or no buffer", "buffered logs cannot have variables in name")
        }
        (Some(buffer), _) if parameters.is_some() => {
            refuse(buffer, "no buffer for syslog", "logs to syslog cannot be buffered")
        }
        _ => Ok(()),
    }
}

/// What follows `syslog:`, in the word at `at`.
pub(super) fn syslog(at: usize, text: &str) -> Read {
    const FACILITIES: &str = "kern user mail daemon auth intern lpr news uucp clock authpriv ftp ntp audit alert cron \
                              local0 local1 local2 local3 local4 local5 local6 local7";
    const SEVERITIES: &str = "emerg alert crit error warn notice info debug";
    let bad = |wanted: &str, refusal: String| refuse(at, wanted, refusal);
    let mut seen: Vec<&str> = Vec::new();
    for parameter in text.split(',') {
        let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let known = |names: &str| names.split(' ').any(|name| name.trim() == value);
        if key != parameter && seen.contains(&key) {
            return bad("each parameter once", format!("duplicate syslog \"{key}\""));
        }
        match (key, key != parameter) {
            ("server", true) => {
                if let Err(why) = url::parse(value, Kind::default()) {
                    return bad("`server=` and an address", format!("{why} in syslog server \"{value}\""));
                }
            }
            ("facility", true) if !known(FACILITIES) => {
                return bad("a facility such as `local7`", format!("unknown syslog facility \"{value}\""));
            }
            ("severity", true) if !known(SEVERITIES) => {
                return bad("a severity such as `info`", format!("unknown syslog severity \"{value}\""));
            }
            ("tag", true) if value.len() > 32 => {
                return bad("a tag of at most 32 characters", "syslog tag length exceeds 32".into());
            }
            ("tag", true) if !value.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') => {
                let refusal = "syslog \"tag\" only allows alphanumeric characters and underscore";
                return bad("a tag of letters, digits and `_`", refusal.into());
            }
            ("facility" | "severity" | "tag", true) | ("nohostname", false) => {}
            _ => {
                let refusal = format!("unknown syslog parameter \"{parameter}\"");
                return bad("`server=`, `facility=`, `severity=`, `tag=` or `nohostname`", refusal);
            }
        }
        seen.push(key);
    }
    match seen.contains(&"server") {
        true => Ok(()),
        false => bad("`server=` as well", "no syslog server specified".into()),
    }
}

/// `log_format`: each of its texts with the variables in it.
pub(super) fn log_format(args: &[Word]) -> Read {
    let escape = args.get(1).and_then(|word| word.text.strip_prefix("escape="));
    if let Some(escape) = escape.filter(|escape| !matches!(*escape, "json" | "default" | "none")) {
        let wanted = "`escape=json`, `escape=default` or `escape=none`";
        return refuse(1, wanted, format!("unknown log format escaping \"{escape}\""));
    }
    let texts = if escape.is_some() { 2 } else { 1 };
    each(args.get(texts..).unwrap_or_default(), |at, text| match compiles(at + texts, text) {
        Ok(()) => Ok(()),
        Err(mut refused) => {
            // Here nginx shows the rest of the text.
            if refused.refusal == "invalid variable name" {
                refused.refusal = format!("invalid parameter \"{}\"", text.split('$').next_back().unwrap_or_default());
            }
            Err(refused)
        }
    })
}

/// `off`, or a number of files and how long they stay open.
pub(super) fn open_log_file_cache(args: &[Word]) -> Read {
    each(args, |at, text| {
        let is_right = match text.split_once('=') {
            Some(("max" | "min_uses", number)) => literals::number(number).is_some_and(|number| number > 0),
            Some(("inactive" | "valid", time)) => literals::seconds(time).is_some(),
            _ => text == "off",
        };
        let refusal = || format!("invalid \"open_log_file_cache\" parameter \"{text}\"");
        if is_right { Ok(()) } else { refuse(at, "`max=1000`, `inactive=20s` or `off`", refusal()) }
    })?;
    match args.iter().any(|word| word.text == "off" || word.text.starts_with("max=")) {
        true => Ok(()),
        false => refuse(0, "`max=` as well", "\"open_log_file_cache\" must have \"max\" parameter"),
    }
}
