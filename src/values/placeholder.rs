//! Values that are filled in when a file is deployed.

/// Whether a word is a placeholder of some template: `@CLEAR_ENV@`, `__PORT__`, `%LISTEN%`, `<port>`,
/// or a name all in capitals, of two letters at least.
pub fn is_placeholder(word: &str) -> bool {
    let inside = word.trim_matches(['@', '%', '_', '<', '>', '{', '}', '$', '#']);
    let wrapped = inside.len() + 2 <= word.len();
    let capitals =
        inside.len() > 1 && inside.chars().all(|char| char.is_ascii_uppercase() || matches!(char, '_' | '-'));
    let name = !inside.is_empty() && inside.chars().all(|char| char.is_ascii_alphanumeric() || "_-. ".contains(char));
    capitals || wrapped && name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_told_from_values() {
        for word in ["@CLEAR_ENV@", "__PORT__", "%listen%", "<port>", "{{ port }}", "VALET_HOME_PATH"] {
            assert!(is_placeholder(word), "{word}");
        }
        for word in ["", "5k", "30sec", "dynamik", "2", "run", "$x", "@", "X"] {
            assert!(!is_placeholder(word), "{word}");
        }
    }
}
