//! The constants of PHP that a bare word of a value can name.

use std::collections::HashSet;
use std::sync::OnceLock;

/// What a bare word stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// A constant whose value is the same everywhere.
    Known(&'static str),
    /// A constant whose value depends on the build or the release.
    Undecided,
    /// No constant of PHP's core: the word is text.
    Text,
}

/// The levels of errors, which configuration is full of, as PHP 7 and 8 number them.
/// (PHP 8.4 takes E_STRICT out of E_ALL; nothing here compares them.)
const LEVELS: &[(&str, &str)] = &[
    ("E_ALL", "32767"),
    ("E_COMPILE_ERROR", "64"),
    ("E_COMPILE_WARNING", "128"),
    ("E_CORE_ERROR", "16"),
    ("E_CORE_WARNING", "32"),
    ("E_DEPRECATED", "8192"),
    ("E_ERROR", "1"),
    ("E_NOTICE", "8"),
    ("E_PARSE", "4"),
    ("E_RECOVERABLE_ERROR", "4096"),
    ("E_STRICT", "2048"),
    ("E_USER_DEPRECATED", "16384"),
    ("E_USER_ERROR", "256"),
    ("E_USER_NOTICE", "1024"),
    ("E_USER_WARNING", "512"),
    ("E_WARNING", "2"),
];

/// What a bare word stands for. The names are those of PHP 8.2 with the extensions that are always
/// built in; constants of other extensions count as text.
pub fn find(word: &str) -> Word {
    static NAMES: OnceLock<HashSet<&str>> = OnceLock::new();
    if let Some((_, value)) = LEVELS.iter().find(|(name, _)| *name == word) {
        Word::Known(value)
    } else if NAMES.get_or_init(|| include_str!("constants.txt").lines().collect()).contains(word) {
        Word::Undecided
    } else {
        Word::Text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        assert_eq!(find("E_ALL"), Word::Known("32767"));
        assert_eq!(find("PHP_VERSION"), Word::Undecided);
        assert_eq!(find("M_PI"), Word::Undecided);
        // Constants are case-sensitive, and most words in capitals are none.
        for text in ["e_all", "php_version", "DB_HOST", "www", ""] {
            assert_eq!(find(text), Word::Text, "{text}");
        }
    }
}
