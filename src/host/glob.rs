//! `glob(3)` as nginx and PHP-FPM call it: no flags, bytewise order.

use std::path::{Path, PathBuf};

use ::glob::{MatchOptions, Pattern};

use super::{Host, normalize};

/// More matches than this are not followed, and no more directories are listed for one pattern: the largest hosts have
/// some ten thousand sites, and links that lead in a circle make a pattern double with each of its components.
pub const MAX_MATCHES: usize = 100_000;

/// Whether `glob(3)` would look for files instead of taking the text as a name.
pub fn is_pattern(text: &str) -> bool {
    text.contains(['*', '?', '['])
}

/// The directory that `glob(3)` opens first: what stands before the first component with a wildcard.
pub fn fixed_directory(pattern: &str) -> PathBuf {
    let components = pattern.split('/').filter(|component| !component.is_empty());
    let fixed: PathBuf = components.take_while(|component| !is_pattern(component)).map(unescape).collect();
    normalize(&fixed)
}

/// The paths that match an absolute pattern.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matches {
    /// In bytewise order, at most [`MAX_MATCHES`].
    pub paths: Vec<PathBuf>,
    /// Whether there are more.
    pub has_more: bool,
}

/// The paths that match an absolute pattern, in bytewise order, at most [`MAX_MATCHES`].
pub fn expand(host: &dyn Host, pattern: &str) -> Vec<PathBuf> {
    matching(host, pattern).paths
}

/// The paths that match an absolute pattern, and whether these are all.
pub fn matching(host: &dyn Host, pattern: &str) -> Matches {
    matching_up_to(host, pattern, MAX_MATCHES)
}

fn matching_up_to(host: &dyn Host, pattern: &str, most: usize) -> Matches {
    let mut found = vec![PathBuf::from("/")];
    let components: Vec<&str> = pattern.split('/').filter(|component| !component.is_empty()).collect();
    let (mut listed, mut has_more) = (0, false);
    for (index, component) in components.iter().enumerate() {
        let is_last = index + 1 == components.len();
        let matcher = Matcher::new(component);
        let mut next = Vec::new();
        for directory in &found {
            if next.len() > most {
                break;
            }
            if !is_pattern(component) {
                let path = directory.join(unescape(component));
                // A dangling link still matches at the end of a pattern, as it does for glob(3).
                if !is_last || found.len() == 1 || host.entry(&path).is_ok() {
                    next.push(path);
                }
                continue;
            }
            if listed > most {
                has_more = true;
                break;
            }
            listed += 1;
            for name in host.list(directory) {
                if matcher.matches(&name.to_string_lossy()) {
                    next.push(directory.join(name));
                }
            }
        }
        found = next;
    }
    found.sort();
    has_more |= found.len() > most;
    found.truncate(most);
    Matches { paths: found.into_iter().map(|path| normalize(&path)).collect(), has_more }
}

/// Whether a file name matches one component of a pattern.
pub fn matches(component: &str, name: &str) -> bool {
    Matcher::new(component).matches(name)
}

/// One component of a pattern, ready to be compared with many names.
enum Matcher<'a> {
    /// `*` or `*.conf`, by far the most common ones: what comes behind the star.
    Ending(&'a str),
    /// A name. What cannot be compiled (`[` never closed) glob(3) takes for one too.
    Name(&'a str),
    Pattern(Pattern),
}

impl<'a> Matcher<'a> {
    fn new(component: &'a str) -> Self {
        match component {
            "*" | "*.conf" => Matcher::Ending(&component[1..]),
            _ if !component.contains(['*', '?', '[', '\\']) => Matcher::Name(component),
            _ => Pattern::new(&translate(component)).map_or(Matcher::Name(component), Matcher::Pattern),
        }
    }

    fn matches(&self, name: &str) -> bool {
        let options =
            MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };
        match self {
            Matcher::Ending(ending) => name.ends_with(ending) && !name.starts_with('.'),
            Matcher::Name(component) => *component == name,
            Matcher::Pattern(pattern) => pattern.matches_with(name, options),
        }
    }
}

/// Whether an absolute path matches an absolute pattern, component by component.
pub fn matches_path(pattern: &str, path: &Path) -> bool {
    let path = path.to_string_lossy();
    let mut names = path.split('/').filter(|name| !name.is_empty());
    let mut components = pattern.split('/').filter(|component| !component.is_empty());
    components.all(|component| names.next().is_some_and(|name| matches(component, name))) && names.next().is_none()
}

/// The classes of characters of POSIX, as bytes are classed without a locale.
const CLASSES: [(&str, &str); 6] = [
    ("[:alpha:]", "a-zA-Z"),
    ("[:digit:]", "0-9"),
    ("[:alnum:]", "a-zA-Z0-9"),
    ("[:lower:]", "a-z"),
    ("[:upper:]", "A-Z"),
    ("[:xdigit:]", "0-9a-fA-F"),
];

/// From the language of `glob(3)` to that of the `glob` crate: `\x` is `[x]`, `[^` is `[!`,
/// `[[:digit:]]` is `[0-9]`, and `**` means no more than `*`.
fn translate(component: &str) -> String {
    let mut out = String::new();
    let component = CLASSES.iter().fold(component.to_owned(), |text, (class, range)| text.replace(class, range));
    let mut chars = component.chars().peekable();
    while let Some(char) = chars.next() {
        match (char, chars.peek().copied()) {
            ('*', Some('*')) => {}
            ('\\', Some(next)) => {
                chars.next();
                out.push_str(&Pattern::escape(&next.to_string()));
            }
            ('[', Some('^')) => {
                chars.next();
                out.push_str("[!");
            }
            _ => out.push(char),
        }
    }
    out
}

fn unescape(component: &str) -> String {
    let mut chars = component.chars();
    let mut out = String::new();
    while let Some(char) = chars.next() {
        out.push(if char == '\\' { chars.next().unwrap_or('\\') } else { char });
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::memory::Memory;

    #[test]
    fn names_match_as_glob_3_matches_them() {
        for (pattern, name, want) in [
            ("*.conf", "a.conf", true),
            ("*.conf", ".a.conf", false),
            (".*.conf", ".a.conf", true),
            ("*", "a~", true),
            ("**", "a", true),
            ("a?c", "abc", true),
            ("[a-c]*", "b", true),
            ("[^a]", "b", true),
            ("[[:alpha:]_]", "b", true),
            ("[^[:digit:]]", "5", false),
            ("[!a]", "a", false),
            ("{a,b}", "a", false),
            ("{a,b}", "{a,b}", true),
            (r"\*", "*", true),
            (r"\*", "a", false),
            ("[", "[", true),
        ] {
            assert_eq!(matches(pattern, name), want, "{pattern} {name}");
        }
    }

    #[test]
    fn the_number_of_matches_is_bounded() {
        let mut host = Memory::default();
        for number in 0..10 {
            host.add(format!("/{}/{number}", number % 2), "");
        }
        let found = |most| {
            let found = matching_up_to(&host, "/*/*", most);
            (found.paths.len(), found.has_more)
        };
        assert_eq!([found(11), found(10), found(9), found(1)], [(10, false), (10, false), (9, true), (1, true)]);
    }

    #[test]
    fn the_number_of_listed_directories_is_bounded() {
        let mut host = Memory::default();
        (0..10).for_each(|number| host.add(format!("/{number}/a"), ""));
        host.add("/9/b", "");
        let found = |most| {
            let found = matching_up_to(&host, "/*/b", most);
            let deep = matching_up_to(&host, "/*/*b", most);
            (found.paths.len(), deep.paths.len(), deep.has_more)
        };
        // Ten below the root.
        assert_eq!([found(10), found(9)], [(1, 1, false), (1, 0, true)]);
    }

    #[test]
    fn what_is_opened_first() {
        for (pattern, directory) in [("/a/b/*.conf", "/a/b"), ("/a//*/b/?", "/a"), ("/*", "/"), ("/a/b", "/a/b")] {
            assert_eq!(fixed_directory(pattern), Path::new(directory), "{pattern}");
        }
    }

    #[test]
    fn order_is_bytewise() {
        let mut host = Memory::default();
        for name in ["9.conf", "10.conf", "a.conf", "B.conf", "_.conf"] {
            host.add(format!("/d/{name}"), "");
        }
        let found: Vec<_> = expand(&host, "/d/*.conf").iter().map(|path| path.display().to_string()).collect();
        assert_eq!(found, ["/d/10.conf", "/d/9.conf", "/d/B.conf", "/d/_.conf", "/d/a.conf"]);
        assert_eq!(expand(&host, "/*/a.conf"), [Path::new("/d/a.conf")]);
        assert_eq!(expand(&host, "/e/*.conf"), Vec::<PathBuf>::new());
    }
}
