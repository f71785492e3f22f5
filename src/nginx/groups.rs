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
    let texts: Option<Vec<Vec<String>>> = found.inside.split('|').map(spelled_out).collect();
    texts.map(|texts| texts.concat()).filter(|texts| texts.len() <= MAX_TEXTS)
}

/// A group that can hold more texts is no list of them.
const MAX_TEXTS: usize = 64;

/// The texts that literals and small classes of letters stand for: `v[12]`.
fn spelled_out(text: &str) -> Option<Vec<String>> {
    let Some((before, rest)) = text.split_once('[') else { return Some(vec![literal(text)?]) };
    let (class, behind) = rest.split_once(']')?;
    let starts = if before.is_empty() { vec![String::new()] } else { vec![literal(before)?] };
    let ends = if behind.is_empty() { vec![String::new()] } else { spelled_out(behind)? };
    let letters = letters(class)?;
    let with = |start: &String| {
        let all = letters.iter().flat_map(|letter| ends.iter().map(move |end| format!("{start}{letter}{end}")));
        all.collect::<Vec<_>>()
    };
    Some(starts.iter().flat_map(with).collect()).filter(|texts: &Vec<String>| texts.len() <= MAX_TEXTS)
}

/// The letters of a class: some, or a range of few.
fn letters(class: &str) -> Option<Vec<char>> {
    let all: Vec<char> = class.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < all.len() {
        match all[at..] {
            [from, '-', to, ..] if from.is_ascii_alphanumeric() && to.is_ascii_alphanumeric() => {
                found.extend(from..=to);
                at += 3;
            }
            [letter, ..] if letter.is_ascii_alphanumeric() => {
                found.push(letter);
                at += 1;
            }
            _ => return None,
        }
    }
    Some(found).filter(|found| !found.is_empty() && found.len() <= MAX_LETTERS)
}

/// A class of more letters stands for any of them.
const MAX_LETTERS: usize = 10;

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
        assert_eq!(texts("^/(?<ver>v[12]|[a-c]x|y)/", "ver").as_deref(), Some("v1 v2 ax bx cx y"));
        for (expression, group) in [
            ("^/(.+)$", "1"),
            ("^/(a|b)?$", "1"),
            ("^/(a.c)", "1"),
            ("^/(x[a-z])", "1"),
            ("^/(x[^a])", "1"),
            ("^/(x[ab]+)", "1"),
            ("^/([0-9][0-9])", "1"),
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
