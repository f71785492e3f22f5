//! What nginx keeps: open files and sessions.

use super::taken;
use crate::nginx::ast::Word;
use crate::nginx::examine::values::{Read, each, refuse};
use crate::nginx::literals;

pub(super) fn open_file_cache(args: &[Word]) -> Read {
    each(args, |at, text| {
        let is_right = match text.split_once('=') {
            Some(("max", number)) => literals::number(number).is_some_and(|number| number > 0),
            Some(("inactive", time)) => literals::seconds(time).is_some(),
            _ => text == "off",
        };
        match is_right {
            true => Ok(()),
            false => {
                let refusal = format!("invalid \"open_file_cache\" parameter \"{text}\"");
                refuse(at, "`max=1000`, `inactive=20s` or `off`", refusal)
            }
        }
    })?;
    match args.iter().any(|word| word.text == "off" || word.text.starts_with("max=")) {
        true => Ok(()),
        false => refuse(0, "`max=` as well", "\"open_file_cache\" must have the \"max\" parameter"),
    }
}

pub(super) fn session_cache(at: usize, text: &str) -> Read {
    let is_right = matches!(text, "off" | "none" | "builtin")
        || text.strip_prefix("builtin:").is_some_and(|number| literals::number(number).is_some())
        || shared(text);
    match is_right {
        true => Ok(()),
        false => {
            refuse(at, "`off`, `none`, `builtin` or `shared:name:10m`", format!("invalid session cache \"{text}\""))
        }
    }
}

/// `shared:name:size`
pub(super) fn shared(text: &str) -> bool {
    let zone = text.strip_prefix("shared:").and_then(|zone| zone.split_once(':'));
    zone.is_some_and(|(name, size)| !name.is_empty() && literals::size(size).is_some_and(|size| size >= 32 << 10))
}

/// One of three words, and perhaps `from=`.
pub(super) fn disable_symlinks(args: &[Word]) -> Read {
    let is_mode = |text: &str| matches!(text, "on" | "off" | "if_not_owner");
    each(args, |at, text| match is_mode(text) || text.starts_with("from=") {
        true => Ok(()),
        false => refuse(at, "`on`, `off`, `if_not_owner` or `from=`", format!("invalid parameter \"{text}\"")),
    })?;
    let mut modes = args.iter().filter(|word| is_mode(&word.text));
    match (modes.next().map(|word| word.text.as_str()), args) {
        (None, _) => {
            let refusal = "\"disable_symlinks\" must have \"off\", \"on\" or \"if_not_owner\" parameter";
            refuse(0, "`on` or `if_not_owner` as well", refusal)
        }
        (Some(_), [one, other]) if is_mode(&one.text) && is_mode(&other.text) => {
            let refusal = format!("duplicate parameters \"{} {}\"", one.text, other.text);
            refuse(1, "one of `on`, `off` and `if_not_owner`, and perhaps `from=`", refusal)
        }
        (Some("off"), [_, _]) => {
            refuse(args.len() - 1, "`off` alone", "\"from=\" cannot be used with \"off\" parameter")
        }
        _ => Ok(()),
    }
}

pub(super) fn ocsp_cache(text: &str) -> Read {
    match text == "off" || shared(text) {
        true => Ok(()),
        false => refuse(0, "`off` or `shared:name:1m`", format!("invalid OCSP cache \"{text}\"")),
    }
}

pub(super) fn directio(text: &str) -> Read {
    taken("directio", text == "off" || literals::offset(text).is_some(), "`off` or a size")
}

pub(super) fn aio(text: &str) -> Read {
    let is_right = matches!(text, "on" | "off" | "sendfile" | "threads") || text.starts_with("threads=");
    taken("aio", is_right, "`on`, `off` or `threads`")
}
