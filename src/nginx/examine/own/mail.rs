//! The directives of `mail`.

use crate::nginx::ast::Word;
use crate::nginx::examine::url::{self, Kind};
use crate::nginx::examine::values::{Read, refuse};

/// The address of the HTTP server that is asked who may log in.
pub(super) fn auth_http(text: &str) -> Read {
    let scheme = text.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("http://"));
    let address = if scheme { &text[7..] } else { text };
    match url::parse(address, Kind { listens: false, has_uri: true }) {
        Ok(_) => Ok(()),
        Err(why) => refuse(0, "an address such as `127.0.0.1:9000/auth`", format!("{why} in auth_http \"{address}\"")),
    }
}

pub(super) fn protocol(word: &Word) -> Read {
    match &*word.text {
        "imap" | "pop3" | "smtp" => Ok(()),
        other => refuse(0, "`imap`, `pop3` or `smtp`", format!("unknown protocol \"{other}\"")),
    }
}
