//! Versions of nginx and PHP.

use std::fmt;

/// A version, of which only the leading parts may be known: `8.2` is `8.2.0` here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u16, pub u16, pub u16);

impl Version {
    /// Reads `1.22.1`, `8.2`, `8`, and what packages append: `8.2.35-1~deb12u1`.
    pub fn parse(text: &str) -> Option<Self> {
        let end = text.find(|char: char| !char.is_ascii_digit() && char != '.').unwrap_or(text.len());
        let mut parts = text[..end].trim_end_matches('.').split('.');
        let major = parts.next()?.parse().ok()?;
        let mut next = || parts.next().map_or(Some(0), |part| part.parse().ok());
        Some(Version(major, next()?, next()?))
    }

    /// Reads the version in a path or a package's name, which may come without the dot: `8.2`, `82`, `7`.
    pub fn of_package(text: &str) -> Option<Self> {
        match text.len() {
            2 if text.bytes().all(|byte| byte.is_ascii_digit()) => {
                Version::parse(&format!("{}.{}", &text[..1], &text[1..]))
            }
            _ => Version::parse(text),
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Version(major, minor, 0) => write!(f, "{major}.{minor}"),
            Version(major, minor, patch) => write!(f, "{major}.{minor}.{patch}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_in_all_spellings() {
        for (text, want) in [
            ("1.22.1", Some(Version(1, 22, 1))),
            ("8.2", Some(Version(8, 2, 0))),
            ("8", Some(Version(8, 0, 0))),
            ("8.2.35-1~deb12u1", Some(Version(8, 2, 35))),
            ("", None),
            ("x", None),
            ("1..2", None),
            ("99999.1", None),
        ] {
            assert_eq!(Version::parse(text), want, "{text}");
        }
        assert_eq!(Version::of_package("82"), Some(Version(8, 2, 0)));
        assert_eq!(Version::of_package("7.4"), Some(Version(7, 4, 0)));
        assert!(Version(1, 29, 7) > Version(1, 29, 0) && Version(1, 9, 0) < Version(1, 22, 1));
    }
}
