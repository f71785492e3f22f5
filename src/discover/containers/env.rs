//! Variables of a compose file (compose specification, "Interpolation"): what `.env` beside it says, and the
//! defaults that the file gives. Dockerfiles write theirs in the same way.

use std::collections::BTreeMap;

/// The values of variables that are known.
#[derive(Clone, Debug, Default)]
pub(super) struct Env(BTreeMap<String, String>);

impl Env {
    /// Reads a `.env` file.
    pub fn read(text: &str) -> Self {
        Env(lines(text).map(|(_, name, value)| (name.to_owned(), value.to_owned())).collect())
    }

    /// Sets a variable; nothing is known of one without a value.
    pub fn set(&mut self, name: &str, value: Option<String>) {
        match value {
            Some(value) => self.0.insert(name.to_owned(), value),
            None => self.0.remove(name),
        };
    }

    /// How many variables are known.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// A text with the variables filled in that are known; the others stay as they are.
    pub fn fill(&self, text: &str) -> String {
        let mut filled = String::new();
        let mut rest = text;
        // Where one brace is not closed, none behind it is.
        let closing = text.rfind('}').map_or(usize::MAX, |at| text.len() - at);
        while let Some(at) = rest.find('$') {
            filled.push_str(&rest[..at]);
            rest = &rest[at..];
            let braced = rest.strip_prefix("${").filter(|inside| inside.len() >= closing);
            let (whole, value) = match braced.and_then(|inside| inside.split_once('}')) {
                Some((inside, _)) => (&rest[..inside.len() + 3], self.braced(inside)),
                None => {
                    let name = rest[1..].split(|char: char| !char.is_ascii_alphanumeric() && char != '_').next();
                    let name = name.unwrap_or_default();
                    (&rest[..=name.len()], self.0.get(name).cloned())
                }
            };
            filled.push_str(value.as_deref().unwrap_or(whole));
            rest = &rest[whole.len()..];
        }
        filled.push_str(rest);
        filled
    }

    /// What stands between braces: a name, or a name and what counts where it has no value.
    fn braced(&self, inside: &str) -> Option<String> {
        let end = inside.find(|char: char| !char.is_ascii_alphanumeric() && char != '_').unwrap_or(inside.len());
        let (name, operator) = inside.split_at(end);
        let value = self.0.get(name);
        match operator {
            "" => value.cloned(),
            _ => match operator.strip_prefix(":-") {
                Some(default) => {
                    Some(value.filter(|value| !value.is_empty()).map_or(default, |value| value).to_owned())
                }
                None => Some(value.map_or(operator.strip_prefix('-')?, |value| value).to_owned()),
            },
        }
    }
}

/// The variables of a `.env` file: the line of each, counted from 1, the name and the value.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str, &str)> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    lines.filter(|(_, line)| !line.starts_with('#')).filter_map(|(at, line)| {
        let (name, value) = line.trim_start_matches("export ").split_once('=')?;
        let value = value.trim();
        let quote = value.chars().next().filter(|first| matches!(first, '"' | '\''));
        let value = match quote {
            Some(quote) => value[1..].split(quote).next().unwrap_or_default(),
            None => value.split(" #").next().unwrap_or_default().trim_end(),
        };
        Some((at, name.trim(), value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_take_their_values_or_defaults() {
        let env = Env::read("# a comment\nROOT=./web # where it lies\nexport NAME = \"shop\"\nEMPTY=\n");
        for (text, want) in [
            ("$ROOT:/srv", "./web:/srv"),
            ("${NAME}-${ROOT}", "shop-./web"),
            ("${GONE:-./a}:/b", "./a:/b"),
            ("${EMPTY:-a}${EMPTY-b}", "a"),
            ("${NAME:-x}", "shop"),
            ("${GONE}/$GONE", "${GONE}/$GONE"),
            ("${GONE:?must be set} a$", "${GONE:?must be set} a$"),
            ("${open", "${open"),
            ("${NAME} ${open ${", "shop ${open ${"),
        ] {
            assert_eq!(env.fill(text), want, "{text}");
        }
    }
}
