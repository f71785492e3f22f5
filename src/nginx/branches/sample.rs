//! A text that an expression matches, so that what it takes can be asked of the rest of a configuration.

/// What a sample is made of so far.
struct Reader<'a> {
    rest: &'a str,
    /// The group that is to hold a text: its number or name, and the text.
    wanted: (&'a str, &'a str),
    groups: usize,
    /// Whether the group was met.
    met: bool,
}

/// A text that an expression may match with a text in one of its groups. Whoever asks lets the expression itself
/// judge it: what looks ahead, and what classes hold, is not looked at here.
pub(super) fn sample(expression: &str, group: &str, text: &str) -> Option<String> {
    let mut reader = Reader { rest: expression, wanted: (group, text), groups: 0, met: false };
    let sample = reader.alternatives(0)?;
    (reader.rest.is_empty() && reader.met).then_some(sample)
}

/// Brackets may be nested so deep.
const MAX_DEPTH: usize = 16;

impl Reader<'_> {
    /// The first of several alternatives, or the one with the wanted group.
    fn alternatives(&mut self, depth: usize) -> Option<String> {
        let mut chosen: Option<String> = None;
        loop {
            let met = self.met;
            let one = self.sequence(depth)?;
            if chosen.is_none() || self.met != met {
                chosen = Some(one);
            }
            match self.rest.strip_prefix('|') {
                Some(rest) => self.rest = rest,
                None => return chosen,
            }
        }
    }

    fn sequence(&mut self, depth: usize) -> Option<String> {
        let mut text = String::new();
        while !self.rest.is_empty() && !self.rest.starts_with(['|', ')']) {
            let met = self.met;
            let atom = self.atom(depth)?;
            let least = self.quantifier()?;
            // A group that is wanted takes part.
            text.push_str(&atom.repeat(if self.met == met { least } else { least.max(1) }));
        }
        Some(text)
    }

    fn atom(&mut self, depth: usize) -> Option<String> {
        let first = self.rest.chars().next()?;
        self.rest = &self.rest[first.len_utf8()..];
        Some(match first {
            '^' | '$' => String::new(),
            '.' => "x".into(),
            '(' => return self.group(depth + 1),
            '[' => self.class()?,
            '\\' => {
                let escaped = self.rest.chars().next()?;
                self.rest = &self.rest[escaped.len_utf8()..];
                match escaped {
                    'd' => "1".into(),
                    'w' => "a".into(),
                    's' => " ".into(),
                    'b' => String::new(),
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
        let is_wanted = captures && (self.groups.to_string() == self.wanted.0 || name == Some(self.wanted.0));
        let inside = self.alternatives(depth).filter(|_| depth < MAX_DEPTH)?;
        self.rest = self.rest.strip_prefix(')')?;
        self.met |= is_wanted;
        Some(match (is_wanted, looks) {
            (true, _) => self.wanted.1.to_owned(),
            (_, true) => String::new(),
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
            return Some("x".into());
        }
        let first = match inside.strip_prefix('\\') {
            Some(rest) if rest.starts_with('d') => '1',
            Some(rest) if rest.starts_with('w') => 'a',
            Some(rest) => rest.chars().next()?,
            None => inside.chars().next()?,
        };
        Some(first.to_string())
    }

    /// How often what stands before is there at least.
    fn quantifier(&mut self) -> Option<usize> {
        let (least, length) = match self.rest.chars().next() {
            Some('*' | '?') => (0, 1),
            Some('+') => (1, 1),
            Some('{') => {
                let end = self.rest.find('}')?;
                let least = self.rest[1..end].split(',').next()?;
                (least.parse().ok().filter(|count| *count <= 64)?, end + 1)
            }
            _ => return Some(1),
        };
        self.rest = &self.rest[length..];
        // Lazy or possessive.
        self.rest = self.rest.strip_prefix(['?', '+']).unwrap_or(self.rest);
        Some(least)
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
}
