//! The environment of a container's programs, as far as the files of a repository say.
//!
//! The image of nginx fills it into `/etc/nginx/templates/*.template` when it starts (`envsubst`, in
//! `20-envsubst-on-templates.sh`): a name that is set becomes its value, any other text stays. PHP-FPM fills it into
//! its own files, where a name that is not set is empty.

use std::collections::BTreeMap;
use std::sync::Arc;

/// The environment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Environment {
    variables: BTreeMap<String, Variable>,
    /// Whether nothing sets more than these and what images set.
    pub is_whole: bool,
}

/// A variable that is set, or may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// The value, where files say it.
    pub value: Option<String>,
    /// The file that sets it, as reports name it, and its text.
    pub file: (String, Arc<str>),
    /// The line there, counted from 1.
    pub line: usize,
}

/// What is known of a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said<'a> {
    /// It has this value.
    Value(&'a str),
    /// Nothing sets it.
    Unset,
    /// Neither is known.
    Unknown,
}

/// What the official images, their shells and Docker set.
const SET_BY_OTHERS: [&str; 27] = [
    "ACME_VERSION",
    "DYNPKG_RELEASE",
    "GPG_KEYS",
    "HOME",
    "HOSTNAME",
    "LANG",
    "NGINX_LOCAL_RESOLVERS",
    "NGINX_VERSION",
    "NJS_RELEASE",
    "NJS_VERSION",
    "OLDPWD",
    "PATH",
    "PHPIZE_DEPS",
    "PHP_ASC_URL",
    "PHP_CFLAGS",
    "PHP_CPPFLAGS",
    "PHP_EXTRA_BUILD_DEPS",
    "PHP_EXTRA_CONFIGURE_ARGS",
    "PHP_INI_DIR",
    "PHP_LDFLAGS",
    "PHP_SHA256",
    "PHP_URL",
    "PHP_VERSION",
    "PKG_RELEASE",
    "PWD",
    "SHLVL",
    "TERM",
];

impl Environment {
    /// Sets a variable, whatever it was before.
    pub fn set(&mut self, name: String, variable: Variable) {
        self.variables.insert(name, variable);
    }

    /// Forgets all values, as something else may set others.
    pub fn forget_values(&mut self) {
        self.variables.values_mut().for_each(|variable| variable.value = None);
    }

    /// What is known of a variable.
    pub fn get(&self, name: &str) -> Said<'_> {
        let is_of_others = || SET_BY_OTHERS.contains(&name);
        match self.variables.get(name) {
            Some(variable) => variable.value.as_deref().map_or(Said::Unknown, Said::Value),
            None if self.is_whole && !is_of_others() => Said::Unset,
            None => Said::Unknown,
        }
    }

    /// The variable of a name.
    pub fn variable(&self, name: &str) -> Option<&Variable> {
        self.variables.get(name)
    }

    /// A word of nginx's as `envsubst` leaves it; nothing where that is not known, or is no longer one word.
    pub fn fill(&self, word: &str) -> Option<String> {
        let mut filled = String::with_capacity(word.len());
        let mut rest = word;
        for (before, name, whole) in names(word) {
            match self.get(name) {
                Said::Value(value) if value.chars().all(is_plain) => {
                    filled.push_str(&rest[..before - (word.len() - rest.len())]);
                    filled.push_str(value);
                    rest = &word[before + whole..];
                }
                Said::Unset => {}
                // An expression has variables of nginx, which nothing sets.
                Said::Unknown if !name.starts_with(|char: char| char.is_ascii_uppercase()) => {}
                Said::Value(_) | Said::Unknown => return None,
            }
        }
        filled.push_str(rest);
        Some(filled).filter(|filled| !filled.is_empty())
    }
}

/// Whether a character is one inside of a word, wherever that stands.
fn is_plain(char: char) -> bool {
    char.is_alphanumeric() || "_-.:/,+@%=*?[]".contains(char)
}

/// The names behind a `$` in a text, with braces or without: where each `$` stands, the name, and the length of both
/// with the braces.
pub fn names(text: &str) -> impl Iterator<Item = (usize, &str, usize)> {
    text.match_indices('$').filter_map(|(at, _)| {
        let behind = &text[at + 1..];
        let inside = behind.strip_prefix('{').unwrap_or(behind);
        let end = inside.find(|char: char| !char.is_ascii_alphanumeric() && char != '_').unwrap_or(inside.len());
        let name =
            Some(&inside[..end]).filter(|name| !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()))?;
        let braces = behind.len() - inside.len();
        let is_closed = braces == 0 || inside[end..].starts_with('}');
        is_closed.then_some((at, name, 1 + end + 2 * braces))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(is_whole: bool) -> Environment {
        let mut environment = Environment { is_whole, ..Environment::default() };
        let mut set = |name: &str, value: Option<&str>| {
            let file = ("compose.yaml".to_owned(), Arc::from(""));
            environment.set(name.into(), Variable { value: value.map(str::to_owned), file, line: 1 });
        };
        set("HOST", Some("php"));
        set("PORT", Some("9000"));
        set("LIST", Some("a; b"));
        set("FROM_SHELL", None);
        set("host", Some("x"));
        environment
    }

    #[test]
    fn words_are_filled_in() {
        let is = |is_whole: bool, word: &str| environment(is_whole).fill(word);
        for (word, open, whole) in [
            ("${HOST}:$PORT", Some("php:9000"), Some("php:9000")),
            ("$HOSTS/$uri", None, Some("$HOSTS/$uri")),
            ("/a$HOST-b${PORT", Some("/aphp-b${PORT"), Some("/aphp-b${PORT")),
            ("$uri$1$", Some("$uri$1$"), Some("$uri$1$")),
            ("$host", Some("x"), Some("x")),
            ("${LIST}", None, None),
            ("${FROM_SHELL}", None, None),
            ("${GONE}", None, Some("${GONE}")),
            ("${PHP_VERSION}", None, None),
        ] {
            assert_eq!(is(false, word).as_deref(), open, "{word}");
            assert_eq!(is(true, word).as_deref(), whole, "{word}");
        }
    }
}
