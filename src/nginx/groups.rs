//! The groups of an expression, as far as their text alone says what they can hold.

/// A group that captures.
struct Group<'a> {
    name: Option<&'a str>,
    inside: &'a str,
    /// What follows its closing bracket.
    behind: &'a str,
}

/// The names of an expression's groups.
pub fn names(expression: &str) -> impl Iterator<Item = &str> {
    // A name is short: what is longer is no group, and nobody looks for its end again and again.
    let name = |rest: &'_ str| rest.bytes().take(MAX_NAME + 1).position(|byte| matches!(byte, b'>' | b'\''));
    let opens = expression.match_indices("(?").map(|(at, open)| &expression[at + open.len()..]);
    let inside = opens.filter_map(|rest| rest.strip_prefix("P<").or_else(|| rest.strip_prefix(['<', '\''])));
    inside.filter_map(move |rest| Some(&rest[..name(rest)?]))
}

/// The longest name that PCRE takes for a group.
const MAX_NAME: usize = 128;

/// Whether an expression has a group of this name.
pub fn has(expression: &str, name: &str) -> bool {
    names(expression).any(|found| found == name)
}

/// How many groups of an expression capture.
pub fn count(expression: &str) -> usize {
    groups(expression).map_or(0, |groups| groups.len())
}

/// The texts that a group can hold, by number or name, where it is a list of literals: `(shop|blog)`.
pub fn alternatives(expression: &str, group: &str) -> Option<Vec<String>> {
    let groups = groups(expression)?;
    let found = match group.parse::<usize>() {
        Ok(number) => groups.get(number.checked_sub(1)?)?,
        Err(_) => groups.iter().find(|found| found.name == Some(group))?,
    };
    // A group that may be left out or repeated can hold other texts.
    if found.behind.starts_with(['?', '*', '+', '{']) {
        return None;
    }
    found.inside.split('|').map(literal).collect()
}

fn literal(text: &str) -> Option<String> {
    let plain = text.replace("\\.", ".").replace("\\-", "-");
    let dots = text.matches('.').count() == text.matches("\\.").count();
    let allowed = |char: char| char.is_ascii_alphanumeric() || matches!(char, '_' | '-' | '.');
    (!plain.is_empty() && dots && plain.chars().all(allowed)).then_some(plain)
}

/// The groups that capture, in the order in which they open; none where brackets do not match.
fn groups(expression: &str) -> Option<Vec<Group<'_>>> {
    let bytes = expression.as_bytes();
    let mut found: Vec<Group<'_>> = Vec::new();
    let mut open: Vec<Option<(usize, usize)>> = Vec::new();
    let mut in_class = false;
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'\\' => at += 1,
            b'[' if !in_class => in_class = true,
            b']' => in_class = false,
            b'(' if !in_class => {
                let rest = &expression[at + 1..];
                let (captures, name, skip) = opening(rest);
                open.push(captures.then_some((found.len(), at + 1 + skip)));
                if captures {
                    found.push(Group { name, inside: "", behind: "" });
                }
            }
            b')' if !in_class => {
                if let Some((number, start)) = open.pop()? {
                    found[number].inside = expression.get(start..at)?;
                    found[number].behind = expression.get(at + 1..)?;
                }
            }
            _ => {}
        }
        at += 1;
    }
    open.is_empty().then_some(found)
}

/// Whether an opening bracket captures, its name, and how long what belongs to the bracket is.
fn opening(rest: &str) -> (bool, Option<&str>, usize) {
    for (open, close) in [("?<", '>'), ("?P<", '>'), ("?'", '\'')] {
        let named = rest.strip_prefix(open).filter(|rest| !rest.starts_with(['=', '!']));
        if let Some(end) = named.and_then(|rest| rest.find(close)) {
            return (true, Some(&rest[open.len()..open.len() + end]), open.len() + end + 1);
        }
    }
    (!rest.starts_with('?'), None, 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_literals_are_known() {
        let texts = |expression, group| alternatives(expression, group).map(|texts| texts.join(" "));
        assert_eq!(texts("^/(shop|blog)/.*\\.php$", "1").as_deref(), Some("shop blog"));
        assert_eq!(texts("^/(?:x)(?<app>a|b\\.c)/(d)", "app").as_deref(), Some("a b.c"));
        assert_eq!(texts("^/([(])(?<app>a)/(d)", "3").as_deref(), Some("d"));
        for (expression, group) in [
            ("^/(.+)$", "1"),
            ("^/(a|b)?$", "1"),
            ("^/(a.c)", "1"),
            ("^/(a)", "2"),
            ("(a|)", "1"),
            ("(a", "1"),
            ("(a)", "0"),
        ] {
            assert_eq!(texts(expression, group), None, "{expression}");
        }
    }

    #[test]
    fn groups_are_found_by_name() {
        assert!(has("^(?<app>.+)", "app") && has("(?P<a>x)", "a") && has("(?'a'x)", "a"));
        assert!(!has("^(?<apple>.+)", "app") && !has("app", "app"));
    }
}
