//! Whether a regular expression can be compiled: the mistakes that PCRE refuses for certain.
//!
//! This is no parser of all that PCRE knows. Where an expression holds something that is not known
//! here, it is taken as right.

/// What PCRE finds wrong with an expression: parentheses and brackets that do not pair, a quantifier
/// with nothing before it, names and references that cannot be, a backslash at the end.
pub fn fault(pattern: &str) -> Option<&'static str> {
    // Comments, and modes in which blanks mean nothing, follow rules of their own.
    if ["(?x", "(?#", "\\Q", "(*", "(?+"].iter().any(|unknown| pattern.contains(unknown)) {
        return None;
    }
    let mut reader = Reader { bytes: pattern.as_bytes(), at: 0, open: Vec::new(), is_repeatable: false };
    while reader.at < reader.bytes.len() {
        if let Err(stop) = reader.item() {
            return match stop {
                Stop::Fault(fault) => Some(fault),
                Stop::Unknown => None,
            };
        }
    }
    match reader.open.is_empty() {
        true => misnamed(pattern),
        false => Some("missing closing parenthesis"),
    }
}

/// Why an expression is not read on.
enum Stop {
    /// PCRE refuses it.
    Fault(&'static str),
    /// It holds what is not known here.
    Unknown,
}

/// What a pair of parentheses does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Group {
    Plain,
    /// It looks ahead, to where it likes.
    Ahead,
    /// It looks behind, at a text of fixed length.
    Behind,
}

/// Goes through an expression item by item.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The groups that are open.
    open: Vec<Group>,
    /// Whether a quantifier may follow.
    is_repeatable: bool,
}

impl Reader<'_> {
    fn item(&mut self) -> Result<(), Stop> {
        let rest = &self.bytes[self.at..];
        self.at += 1;
        match rest {
            [b'\\', ..] => return self.escape(),
            [b'[', ..] => return self.class(),
            [b'(', b'?', ..] => return self.special_group(),
            [b'(', ..] => {
                self.open.push(Group::Plain);
                self.is_repeatable = false;
            }
            [b')', ..] => match self.open.pop() {
                Some(_) => self.is_repeatable = true,
                None => return Err(Stop::Fault("unmatched closing parenthesis")),
            },
            [b'*' | b'+', ..] => return self.quantifier(1, true),
            [b'?', ..] => return self.quantifier(1, false),
            [b'{', ..] => match counted(rest) {
                Some(length) => return self.quantifier(length, rest[length - 2] == b','),
                None => self.is_repeatable = true,
            },
            [b'|' | b'^' | b'$', ..] => self.is_repeatable = false,
            _ => self.is_repeatable = true,
        }
        Ok(())
    }

    fn escape(&mut self) -> Result<(), Stop> {
        let is_property = |letter: &u8| b"CLMNPSZ".contains(letter) || !letter.is_ascii_alphabetic();
        match &self.bytes[self.at..] {
            [] => return Err(Stop::Fault("\\ at end of pattern")),
            [b'p' | b'P', letter, ..] if !is_property(letter) => {
                return Err(Stop::Fault("unknown property after \\P or \\p"));
            }
            _ => {}
        }
        self.at += 1;
        self.is_repeatable = true;
        Ok(())
    }

    fn class(&mut self) -> Result<(), Stop> {
        let begin = self.at;
        let end = class(self.bytes, begin - 1).ok_or(Stop::Unknown)?;
        if self.bytes.get(begin..end).is_some_and(is_backwards) {
            return Err(Stop::Fault("range out of order in character class"));
        }
        if end >= self.bytes.len() {
            return Err(Stop::Fault("missing terminating ] for character class"));
        }
        self.at = end + 1;
        self.is_repeatable = true;
        Ok(())
    }

    /// `(?` begins an assertion, a name or a mode: what follows up to its sign is no quantifier.
    fn special_group(&mut self) -> Result<(), Stop> {
        self.at += 1;
        let rest = &self.bytes[self.at..];
        let options = rest.iter().take_while(|byte| b"imnsxJU^-".contains(byte)).count();
        let is_known = match rest.get(options) {
            Some(b':' | b')') | None => true,
            Some(_) if options > 0 => false,
            Some(byte) => !byte.is_ascii_alphabetic() || b"PRCa".contains(byte),
        };
        match rest {
            [b'<' | b'\'', name, ..] | [b'P', b'<', name, ..] if name.is_ascii_digit() => {
                return Err(Stop::Fault("subpattern name must start with a non-digit"));
            }
            [b'<', name @ ..] if !ends_name(name) => {
                return Err(Stop::Fault("syntax error in subpattern name (missing terminator?)"));
            }
            _ if !is_known => return Err(Stop::Fault("unrecognized character after (? or (?-")),
            _ => {}
        }
        self.open.push(match rest {
            [b'<', b'=' | b'!', ..] => Group::Behind,
            [b'=' | b'!', ..] => Group::Ahead,
            _ => Group::Plain,
        });
        self.is_repeatable = false;
        // A condition is a group of its own: `(?(1)a|b)`.
        let has_sign = rest.get(options).is_some_and(|sign| !b"()".contains(sign));
        self.at += options + usize::from(has_sign);
        Ok(())
    }

    /// A quantifier of so many bytes. One without an end may not stand where the expression looks behind.
    fn quantifier(&mut self, length: usize, is_endless: bool) -> Result<(), Stop> {
        if !self.is_repeatable {
            return Err(Stop::Fault("quantifier does not follow a repeatable item"));
        }
        let looks = self.open.iter().rev().find(|group| **group != Group::Plain);
        if is_endless && looks == Some(&Group::Behind) {
            return Err(Stop::Fault("lookbehind assertion is not fixed length"));
        }
        self.at += length - 1;
        // Behind a quantifier another sign makes it lazy or possessive.
        if matches!(self.bytes.get(self.at), Some(b'?' | b'+')) {
            self.at += 1;
        }
        self.is_repeatable = false;
        Ok(())
    }
}

/// Two groups of one name, or a reference to a group that is not there.
fn misnamed(pattern: &str) -> Option<&'static str> {
    let groups: Vec<Option<&str>> = groups(pattern).collect();
    let mut names: Vec<&str> = groups.iter().flatten().copied().collect();
    let all = names.len();
    names.sort_unstable();
    names.dedup();
    // Alternatives that are numbered alike may have one name, and a mode lets all groups have it.
    if names.len() < all && !pattern.contains("(?|") && !pattern.contains('J') {
        return Some("two named subpatterns have the same name (PCRE2_DUPNAMES not set)");
    }
    let mut rest = pattern.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = match (first, behind) {
            (b'\\', [number @ b'1'..=b'7', behind @ ..]) => {
                let is_one = !behind.first().is_some_and(u8::is_ascii_digit);
                if is_one && usize::from(number - b'0') > groups.len() && !pattern.contains('[') {
                    return Some("reference to non-existent subpattern");
                }
                behind
            }
            (b'\\', [_, behind @ ..]) => behind,
            _ => behind,
        };
    }
    None
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
            "(a",
            "a)",
            "[a",
            "*a",
            "a|+b",
            "a\\",
            "(?<x>a",
            "(*",
            "a**b{2}{",
            "^*",
            "(?s<u>a)",
            "(?z)",
            "(?<n.+)",
            "[^z-a]",
            "[999-6]",
            "(?<n>a)(?<n>b)",
            r"(a)\2",
            "(?<=a*)b",
            "(?<!(?:a+))b",
            "(?<=a{2,})b",
            "(?:*a)",
            "(?i:*a)",
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
            r"(a)\1",
            r"[\7]",
            "(?|(?<n>a)|(?<n>b))",
            "(?J)(?<n>a)(?<n>b)",
            "(?<=a{2})b*",
            "(?<=a|bc)d+",
            "(?<n>a*)b+",
            "(?i)(?!a)b?",
            "(?)",
            "(?<=(?=a+)a)b",
            "(?(?=a)b|c)",
            "(a)?(?(1)b|c)",
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
