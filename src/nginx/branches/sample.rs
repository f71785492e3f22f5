//! Texts that an expression matches, so that what they lead to can be asked of the rest of a configuration.

/// What a sample is made of so far.
struct Reader<'a> {
    rest: &'a str,
    /// The group that is to hold a text: its number or name, and the text.
    wanted: Option<(&'a str, &'a str)>,
    taste: Taste,
    groups: usize,
    /// Whether the group was met.
    met: bool,
}

/// What a sample is made of where an expression leaves the choice.
#[derive(Clone, Copy)]
struct Taste {
    /// The letter for `.` and for what a class leaves out.
    letter: char,
    /// Of alternatives this one, or the last.
    alternative: usize,
    /// Whether what may be left out or stand once more is there once more.
    is_long: bool,
}

/// Of so many alternatives each is tried.
const ALTERNATIVES: usize = 8;

/// The letters that are tried where any would do.
const LETTERS: [char; 5] = ['x', 'a', '1', '-', '/'];

/// A text that an expression may match with a text in one of its groups. Whoever asks lets the expression itself
/// judge it: what looks ahead, and what classes hold, is not looked at here.
pub(super) fn sample(expression: &str, group: &str, text: &str) -> Option<String> {
    samples(expression, Some((group, text))).next()
}

/// Texts that an expression may match, each once and not many; `wanted` is a group and the text that it is to hold.
pub(crate) fn samples<'a>(
    expression: &'a str,
    wanted: Option<(&'a str, &'a str)>,
) -> impl Iterator<Item = String> + use<'a> {
    let alternatives = 1 + expression.matches('|').count().min(ALTERNATIVES - 1);
    let tastes = (0..alternatives).flat_map(|alternative| {
        let long = [false, true].into_iter();
        long.flat_map(move |is_long| LETTERS.map(|letter| Taste { letter, alternative, is_long }))
    });
    let mut known: Vec<String> = Vec::new();
    tastes.filter_map(move |taste| {
        let mut reader = Reader { rest: expression, wanted, taste, groups: 0, met: wanted.is_none() };
        let sample = reader.alternatives(0).filter(|_| reader.rest.is_empty() && reader.met)?;
        if known.contains(&sample) {
            return None;
        }
        known.push(sample.clone());
        Some(sample)
    })
}

/// Brackets may be nested so deep.
const MAX_DEPTH: usize = 16;

impl Reader<'_> {
    /// One of several alternatives, the one with the wanted group first.
    fn alternatives(&mut self, depth: usize) -> Option<String> {
        let mut chosen: Option<String> = None;
        let mut has_wanted = false;
        for number in 0.. {
            let met = self.met;
            let one = self.sequence(depth)?;
            let is_met = self.met != met;
            if chosen.is_none() || is_met || !has_wanted && number <= self.taste.alternative {
                chosen = Some(one);
            }
            has_wanted |= is_met;
            match self.rest.strip_prefix('|') {
                Some(rest) => self.rest = rest,
                None => break,
            }
        }
        chosen
    }

    fn sequence(&mut self, depth: usize) -> Option<String> {
        let mut text = String::new();
        while !self.rest.is_empty() && !self.rest.starts_with(['|', ')']) {
            let met = self.met;
            let atom = self.atom(depth)?;
            let count = self.quantifier()?;
            // A group that is wanted takes part.
            text.push_str(&atom.repeat(if self.met == met { count } else { count.max(1) }));
        }
        Some(text)
    }

    fn atom(&mut self, depth: usize) -> Option<String> {
        let first = self.rest.chars().next()?;
        self.rest = &self.rest[first.len_utf8()..];
        Some(match first {
            '^' | '$' => String::new(),
            '.' => self.taste.letter.into(),
            '(' => return self.group(depth + 1),
            '[' => self.class()?,
            '\\' => {
                let escaped = self.rest.chars().next()?;
                self.rest = &self.rest[escaped.len_utf8()..];
                match escaped {
                    'd' => "1".into(),
                    'w' => "a".into(),
                    's' => " ".into(),
                    'b' | 'A' | 'z' | 'Z' => String::new(),
                    'D' | 'S' | 'W' => "-".into(),
                    other if other.is_ascii_alphanumeric() => return None,
                    other => other.to_string(),
                }
            }
            other => other.to_string(),
        })
    }

    fn group(&mut self, depth: usize) -> Option<String> {
        let names = [("?<", '>'), ("?P<", '>'), ("?'", '\'')];
        let looks = ["?=", "?!", "?<=", "?<!"].iter().any(|look| self.rest.starts_with(look));
        let (mut name, mut captures) = (None, !self.rest.starts_with('?'));
        if !looks {
            for (open, close) in names {
                let inside = self.rest.strip_prefix(open);
                if let Some((found, rest)) = inside.and_then(|inside| inside.split_once(close)) {
                    (name, captures, self.rest) = (Some(found), true, rest);
                    break;
                }
            }
        }
        if !captures {
            let opens = ["?=", "?!", "?<=", "?<!", "?:"].iter().find(|open| self.rest.starts_with(**open))?;
            self.rest = &self.rest[opens.len()..];
        }
        self.groups += usize::from(captures);
        let is_wanted = |(group, _): &(&str, &str)| self.groups.to_string() == *group || name == Some(*group);
        let wanted = self.wanted.filter(|wanted| captures && is_wanted(wanted));
        let inside = self.alternatives(depth).filter(|_| depth < MAX_DEPTH)?;
        self.rest = self.rest.strip_prefix(')')?;
        self.met |= wanted.is_some();
        Some(match (wanted, looks) {
            (Some((_, text)), _) => text.to_owned(),
            (None, true) => String::new(),
            _ => inside,
        })
    }

    /// One letter of a class.
    fn class(&mut self) -> Option<String> {
        let end = self.rest.char_indices().skip(1).find(|(at, char)| {
            *char == ']' && !self.rest[..*at].ends_with('\\') && *at > usize::from(self.rest.starts_with('^'))
        })?;
        let inside = &self.rest[..end.0];
        self.rest = &self.rest[end.0 + 1..];
        if inside.starts_with('^') {
            return Some(self.taste.letter.into());
        }
        let first = match inside.strip_prefix('\\') {
            Some(rest) if rest.starts_with('d') => '1',
            Some(rest) if rest.starts_with('w') => 'a',
            Some(rest) => rest.chars().next()?,
            None => inside.chars().next()?,
        };
        Some(first.to_string())
    }

    /// How often what stands before is there.
    fn quantifier(&mut self) -> Option<usize> {
        let (least, most, length) = match self.rest.chars().next() {
            Some('*') => (0, usize::MAX, 1),
            Some('?') => (0, 1, 1),
            Some('+') => (1, usize::MAX, 1),
            Some('{') => {
                let end = self.rest.find('}')?;
                let (least, most) = self.rest[1..end].split_once(',').unwrap_or((&self.rest[1..end], ""));
                let least = least.parse().ok().filter(|count| *count <= 64)?;
                let is_fixed = !self.rest[1..end].contains(',');
                (least, if is_fixed { least } else { most.parse().unwrap_or(usize::MAX) }, end + 1)
            }
            _ => return Some(1),
        };
        self.rest = &self.rest[length..];
        // Lazy or possessive.
        self.rest = self.rest.strip_prefix(['?', '+']).unwrap_or(self.rest);
        Some(if self.taste.is_long && most > least { least + 1 } else { least })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_hold_the_text_in_the_group() {
        for (expression, group, text, expected) in [
            (r"^(?<tenant>shop|blog)\.example$", "tenant", "blog", "blog.example"),
            (r"^/(?:v1|v2)/(fr|de)/.+\.php$", "1", "de", "/v1/de/x.php"),
            (r"^(www\.)?([a-z0-9-]+)\.test$", "2", "alpha", "alpha.test"),
            (r"^/(a|b)?/([0-9]{2,4})$", "1", "b", "/b/00"),
            (r"^/(?!admin)(?<app>[^/]+)/", "app", "x", "/x/"),
            (r"a|(b)c", "1", "b", "bc"),
        ] {
            assert_eq!(sample(expression, group, text).as_deref(), Some(expected), "{expression}");
        }
        for expression in ["(a", r"\Qa\E(a)", "a)", "(?i)(a)", "b", "[a"] {
            assert_eq!(sample(expression, "1", "a"), None, "{expression}");
        }
    }
    #[test]
    fn samples_differ_where_an_expression_leaves_the_choice() {
        let all = |expression| samples(expression, None).collect::<Vec<_>>();
        assert_eq!(all("^a(b|c)?$"), ["a", "ab", "ac"]);
        assert_eq!(all("^.[^.]$"), ["xx", "aa", "11", "--", "//"]);
        assert_eq!(all("^(www[.])?shop[0-9]{2}"), ["shop00", "www.shop00"]);
        assert!(all("(a").is_empty());
    }
}
