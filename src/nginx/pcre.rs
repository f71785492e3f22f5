//! Whether a regular expression can be compiled: the mistakes that PCRE refuses for certain.
//!
//! This is no parser of all that PCRE knows. Where an expression holds something that is not known
//! here, it is taken as right.

/// What PCRE finds wrong with an expression: parentheses and brackets that do not pair, a quantifier
/// with nothing before it, a backslash at the end.
pub fn fault(pattern: &str) -> Option<&'static str> {
    let bytes = pattern.as_bytes();
    // Comments, and modes in which blanks mean nothing, follow rules of their own.
    if pattern.contains("(?x")
        || pattern.contains("(?#")
        || pattern.contains("\\Q")
        || pattern.contains("(*")
        || pattern.contains("(?+")
    {
        return None;
    }
    let (mut depth, mut at) = (0usize, 0);
    let mut repeatable = false;
    while let Some(byte) = bytes.get(at) {
        match *byte {
            b'\\' if at + 1 == bytes.len() => return Some("\\ at end of pattern"),
            b'\\'
                if matches!(bytes[at + 1], b'p' | b'P')
                    && bytes
                        .get(at + 2)
                        .is_some_and(|letter| letter.is_ascii_alphabetic() && !b"CLMNPSZ".contains(letter)) =>
            {
                return Some("unknown property after \\P or \\p");
            }
            b'\\' => {
                at += 1;
                repeatable = true;
            }
            b'[' => {
                let begin = at + 1;
                at = class(bytes, at)?;
                if bytes.get(begin..at).is_some_and(is_backwards) {
                    return Some("range out of order in character class");
                }
                if at >= bytes.len() {
                    return Some("missing terminating ] for character class");
                }
                repeatable = true;
            }
            b'(' => {
                depth += 1;
                repeatable = false;
                // `(?` begins an assertion, a name or a mode: what follows up to its sign is no quantifier.
                if bytes.get(at + 1) == Some(&b'?') {
                    let options = bytes[at + 2..].iter().take_while(|byte| b"imnsxJU^-".contains(byte)).count();
                    let next = bytes.get(at + 2 + options);
                    let is_known = match next {
                        Some(b':' | b')') | None => true,
                        Some(_) if options > 0 => false,
                        Some(byte) => !byte.is_ascii_alphabetic() || b"PRCa".contains(byte),
                    };
                    let named = match bytes.get(at + 2..) {
                        Some([b'<' | b'\'', name, ..]) | Some([b'P', b'<', name, ..]) => Some(*name),
                        _ => None,
                    };
                    if named.is_some_and(|name| name.is_ascii_digit()) {
                        return Some("subpattern name must start with a non-digit");
                    }
                    if next == Some(&b'<') && options == 0 && !ends_name(&bytes[at + 3..]) {
                        return Some("syntax error in subpattern name (missing terminator?)");
                    }
                    if !is_known {
                        return Some("unrecognized character after (? or (?-");
                    }
                    at += 2;
                }
            }
            b')' if depth == 0 => return Some("unmatched closing parenthesis"),
            b')' => {
                depth -= 1;
                repeatable = true;
            }
            b'*' | b'+' | b'?' if !repeatable => return Some("quantifier does not follow a repeatable item"),
            b'*' | b'+' | b'?' => {
                // Behind a quantifier another sign makes it lazy or possessive.
                if matches!(bytes.get(at + 1), Some(b'?' | b'+')) {
                    at += 1;
                }
                repeatable = false;
            }
            b'{' => {
                if let Some(length) = counted(&bytes[at..]) {
                    if !repeatable {
                        return Some("quantifier does not follow a repeatable item");
                    }
                    at += length - 1;
                    if matches!(bytes.get(at + 1), Some(b'?' | b'+')) {
                        at += 1;
                    }
                    repeatable = false;
                } else {
                    repeatable = true;
                }
            }
            b'|' => repeatable = false,
            b'^' | b'$' => repeatable = false,
            _ => repeatable = true,
        }
        at += 1;
    }
    (depth > 0).then_some("missing closing parenthesis")
}

/// Whether a class of plain digits and letters holds a range whose end comes before its begin.
fn is_backwards(class: &[u8]) -> bool {
    let mut rest = class.strip_prefix(b"^").unwrap_or(class);
    if !rest.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-') {
        return false;
    }
    while let [first, behind @ ..] = rest {
        rest = match behind {
            [b'-', last, behind @ ..] if last < first => return true,
            [b'-', _, behind @ ..] => behind,
            _ => behind,
        };
    }
    false
}

/// Whether the name of a group, which begins here, comes to its `>`; assertions have no name.
fn ends_name(rest: &[u8]) -> bool {
    let name = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    name == 0 || rest.get(name) == Some(&b'>') || !rest.is_ascii()
}

/// Where a class that begins at `at` ends; the length of the text when it never does, and nothing when it
/// holds what is not known here.
fn class(bytes: &[u8], at: usize) -> Option<usize> {
    let mut end = at + 1;
    if bytes.get(end) == Some(&b'^') {
        end += 1;
    }
    if bytes.get(end) == Some(&b']') {
        end += 1;
    }
    while let Some(byte) = bytes.get(end) {
        match *byte {
            b'\\' => end += 1,
            b'[' if matches!(bytes.get(end + 1), Some(b':' | b'.' | b'=')) => {
                let sign = bytes[end + 1];
                match bytes[end + 2..].windows(2).position(|pair| pair == [sign, b']']) {
                    Some(length) => end += length + 3,
                    None => return None,
                }
            }
            b']' => return Some(end),
            _ => {}
        }
        end += 1;
    }
    Some(bytes.len())
}

/// The length of `{2}`, `{2,}` or `{2,3}`.
fn counted(bytes: &[u8]) -> Option<usize> {
    let close = bytes.iter().position(|byte| *byte == b'}')?;
    let inside = &bytes[1..close];
    let digits = inside.iter().all(|byte| byte.is_ascii_digit() || *byte == b',');
    let commas = inside.iter().filter(|byte| **byte == b',').count();
    (digits && commas <= 1 && inside.first().is_some_and(u8::is_ascii_digit)).then_some(close + 1)
}

/// How many groups an expression captures; none where it holds what is not known here.
pub fn captures(pattern: &str) -> Option<usize> {
    fault(pattern).is_none().then(|| groups(pattern).count())
}

/// The names of its groups, which become variables.
pub fn names(pattern: &str) -> impl Iterator<Item = &str> {
    groups(pattern).flatten()
}

/// The groups that capture, each with its name if it has one.
fn groups(pattern: &str) -> impl Iterator<Item = Option<&str>> {
    let bytes = pattern.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match *byte {
            b'\\' => at += 1,
            b'[' => at = class(bytes, at).unwrap_or(at),
            b'(' => {
                let behind = &pattern[at + 1..];
                let named = ["?P<", "?<", "?'"].iter().find_map(|sign| behind.strip_prefix(sign));
                let named = named.filter(|rest| !rest.starts_with(['=', '!']));
                match named.and_then(|rest| rest.split(['>', '\'']).next()) {
                    Some(name) => found.push(Some(name)),
                    None if behind.starts_with(['?', '*']) => {}
                    None => found.push(None),
                }
            }
            _ => {}
        }
        at += 1;
    }
    found.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tried with nginx.
    #[test]
    fn mistakes_that_pcre_refuses() {
        for pattern in [
            "(a", "a)", "[a", "*a", "a|+b", "a\\", "(?<x>a", "(*", "a**b{2}{", "^*", "(?s<u>a)", "(?z)", "(?<n.+)",
            "[^z-a]", "[999-6]",
        ] {
            let known = fault(pattern).is_some();
            assert_eq!(known, !matches!(pattern, "(*"), "{pattern}");
        }
        for pattern in [
            "",
            "^/a(b)?c*$",
            r"\.php$",
            "[]a]",
            "[[:alpha:]]+",
            "a{2,3}?",
            "a{",
            "{a}",
            "(?:a|b)++",
            "(?<n>a)",
            "(?i)a",
            "(?i-s:a)",
            "(?^i)a",
            "(?=a)b",
            "(?<=a)(?<!b)c",
            "[a-z-0]",
            "[-a]",
            "[9-]",
        ] {
            assert_eq!(fault(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn groups_are_counted_and_named() {
        assert_eq!(captures(r"^(.+\.php)(/.*)$"), Some(2));
        assert_eq!(captures(r"(?:a)\((?<b>c)[(]"), Some(1));
        assert_eq!(names("(?<a>x)(?P<b>y)(?'c'z)(?<=d)").collect::<Vec<_>>(), ["a", "b", "c"]);
    }
}
