//! Names of hosts: servers of names, names of servers, and the names that links may come from.

use crate::nginx::ast::Word;
use crate::nginx::examine::url::{self, Kind};
use crate::nginx::examine::values::{Read, each, refuse, regex};
use crate::nginx::literals;
use crate::values::version::Version;

/// With this release addresses of version 4 can be left out.
const IPV4: Version = Version(1, 23, 1);

/// The name servers and parameters of a `resolver`.
pub(super) fn resolver(args: &[Word], in_mail: bool, version: Option<Version>) -> Read {
    if in_mail && args[0].text == "off" {
        return Ok(());
    }
    let mut has_server = false;
    for (at, word) in args.iter().enumerate() {
        let text = word.text.as_str();
        let is_right = match text.split_once('=') {
            Some(("valid", time)) => literals::seconds(time).is_some(),
            Some(("ipv4", _)) if version.is_some_and(|version| version < IPV4) => {
                let refusal = format!("host not found in resolver \"{text}\"");
                return refuse(
                    at,
                    format!("`ipv6=off` or `valid=30s`; `ipv4=` is known from nginx {IPV4} on"),
                    refusal,
                );
            }
            Some(("ipv4" | "ipv6", flag)) => matches!(flag, "on" | "off"),
            // A parameter of the commercial edition.
            Some(("status_zone", _)) => true,
            _ => {
                has_server = true;
                if let Err(why) = url::parse(text, Kind::default()) {
                    let refusal = format!("{why} in resolver \"{text}\"");
                    return refuse(at, "an address of a name server, such as `127.0.0.1:5353`", refusal);
                }
                true
            }
        };
        if !is_right {
            return refuse(at, "`valid=30s` or `ipv6=off`", format!("invalid parameter: {text}"));
        }
    }
    match has_server {
        true => Ok(()),
        false => refuse(0, "the address of a name server as well", "no name servers defined"),
    }
}

/// Whether nginx can put a name into its tables of names with wildcards (`ngx_hash_add_key`).
pub(in crate::nginx::examine) fn is_wildcard_name(name: &str) -> bool {
    let stars = name.matches('*').count();
    let is_wildcard = name.len() > 2 && (name.starts_with("*.") || name.ends_with(".*"));
    !name.contains("..") && !name.contains('\0') && (stars == 0 || stars == 1 && is_wildcard)
}

pub(super) fn server_name(args: &[Word]) -> Read {
    each(args, |at, name| {
        let bytes = name.as_bytes();
        let is_wrong = match bytes.first() {
            Some(b'*') => bytes.len() < 3 || bytes[1] != b'.',
            Some(b'.') => bytes.len() < 2,
            _ => false,
        };
        match name {
            "~" => refuse(at, "a regex behind `~`", "empty regex in server name \"~\""),
            _ if is_wrong => refuse(
                at,
                "a name, or a wildcard such as `*.example.com`",
                format!("server name \"{name}\" is invalid"),
            ),
            _ => Ok(()),
        }
    })
}

pub(super) fn valid_referers(args: &[Word]) -> Read {
    each(args, |at, text| match text.strip_prefix('~') {
        _ if text.is_empty() => refuse(at, "a name", "invalid referer \"\""),
        Some("") => refuse(at, "a regex behind `~`", "empty regex in \"~\""),
        Some(pattern) => regex(at, pattern),
        None if matches!(text, "none" | "blocked" | "server_names") => Ok(()),
        None => {
            let name = text.split('/').next().unwrap_or_default();
            let earlier = |word: &Word| word.text.split('/').next().unwrap_or_default().eq_ignore_ascii_case(name);
            match is_wildcard_name(name) {
                false => {
                    let refusal = format!("invalid hostname or wildcard \"{name}\"");
                    refuse(at, "a name, or a wildcard such as `*.example.com`", refusal)
                }
                true if !name.contains('*') && !name.starts_with('.') && args[..at].iter().any(earlier) => {
                    refuse(at, "each name once", format!("conflicting parameter \"{name}\""))
                }
                true => Ok(()),
            }
        }
    })
}
