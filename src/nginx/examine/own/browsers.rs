//! The modules that tell browsers apart.

use crate::nginx::ast::Word;
use crate::nginx::examine::values::{Read, refuse, regex};

/// `unlisted`, or a browser and its first modern version.
pub(super) fn modern_browser(args: &[Word]) -> Read {
    let name = args[0].text.as_str();
    let Some(version) = args.get(1) else {
        return match name {
            "unlisted" => Ok(()),
            // nginx refuses this without a word of why.
            _ => refuse(0, "`unlisted`, or a browser and a version", "test failed"),
        };
    };
    let known = ["msie", "gecko", "opera", "safari", "konqueror"];
    match known.iter().any(|known| known.eq_ignore_ascii_case(name)) {
        _ if !version.text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') => {
            refuse(1, "a version such as `5.5`", format!("invalid browser version \"{}\"", version.text))
        }
        true => Ok(()),
        false => refuse(0, format!("one of {}", known.join(", ")), format!("unknown browser name \"{name}\"")),
    }
}

/// Regexes, and `msie6` and `degradation`, which are words of their own.
pub(super) fn gzip_disable(args: &[Word]) -> Read {
    let is_word = |text: &str| matches!(text, "msie6" | "degradation");
    let mut patterns = args.iter().enumerate().filter(|(_, word)| !is_word(&word.text));
    patterns.try_for_each(|(at, word)| regex(at, &word.text))
}
