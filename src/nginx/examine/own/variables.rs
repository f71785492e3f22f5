//! Words that name or define variables.

use crate::nginx::ast::Word;
use crate::nginx::examine::names::is_fixed;
use crate::nginx::examine::values::{Read, each, refuse};
use crate::nginx::pcre;

/// A word that names a variable.
fn names_variable(at: usize, text: &str) -> Read {
    match text.starts_with('$') && text.len() > 1 {
        true => Ok(()),
        false => refuse(at, "a variable, with its `$`", format!("invalid variable name \"{text}\"")),
    }
}

/// A word that names a variable to be defined.
pub(super) fn defines(at: usize, text: &str) -> Read {
    match text.starts_with('$') && text.len() > 1 {
        true if is_fixed(&text[1..]) => {
            refuse(at, "a name that nginx does not use itself", format!("the duplicate \"{}\" variable", &text[1..]))
        }
        _ => names_variable(at, text),
    }
}

/// The named groups of a regex of `http`, which define variables.
pub(in crate::nginx::examine) fn captures(at: usize, pattern: &str) -> Read {
    match pcre::names(pattern).find(|name| is_fixed(name)) {
        Some(name) => {
            let wanted = format!("a group of another name: `${name}` is nginx's own");
            refuse(at, wanted, format!("the duplicate \"{name}\" variable"))
        }
        None => Ok(()),
    }
}

/// The name of a variable that is defined. The names that `stream` keeps for itself are not known here.
pub(super) fn defined(at: usize, text: &str, in_stream: bool) -> Read {
    match in_stream {
        true => names_variable(at, text),
        false => defines(at, text),
    }
}

/// `geo`: perhaps the variable with the address, then the one that is defined.
pub(super) fn geo(args: &[Word], in_stream: bool) -> Read {
    let last = args.len() - 1;
    each(&args[..last], names_variable)?;
    defined(last, &args[last].text, in_stream)
}
