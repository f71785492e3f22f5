//! What a value looks like in the file, where PHP reads something else.

use super::constants::{Word, find};

/// The first operator outside quotes in a value as written. PHP works it out on numbers, and any text
/// counts as 0. None where all that is joined are constants and numbers, as in `E_ALL & ~E_NOTICE`:
/// that is what the operators are for.
pub fn operator_on_text(written: &str) -> Option<char> {
    let (mut operator, mut text) = (None, false);
    let mut word = String::new();
    let mut quote: Option<char> = None;
    let mut characters = written.chars().chain([' ']);
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some('"'), '\\') => drop(characters.next()),
            (Some(open), _) if character == open => quote = None,
            (Some(_), _) => text = true,
            (None, '"' | '\'') => quote = Some(character),
            (None, '\\') => {
                text = true;
                characters.next();
            }
            (None, '&' | '|' | '^' | '~' | '!' | '(' | ')' | ' ' | '\t') => {
                text |= is_text(&word);
                word.clear();
                if "&|^~!".contains(character) {
                    operator = operator.or(Some(character));
                }
            }
            (None, _) => word.push(character),
        }
    }
    operator.filter(|_| text)
}

/// Whether a word is neither a number nor a constant, nor something that is put in its place.
fn is_text(word: &str) -> bool {
    let is_number = word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
    // What looks like a constant may be one of an extension.
    let is_constant = find(word) != Word::Text || word.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    !is_number && !is_constant && !word.starts_with("${")
}

/// The text that a `;` directly behind a value cuts off, if it looks like a part of the value: no blank
/// stands on either side. `behind` is the rest of the line behind the value.
pub fn cut_off(behind: &[u8]) -> Option<String> {
    let rest = behind.strip_prefix(b";")?;
    let length = rest.iter().take_while(|byte| !matches!(byte, b'\n' | b'\r')).count();
    let rest = String::from_utf8_lossy(&rest[..length]);
    let is_part = rest.chars().next().is_some_and(|first| !first.is_whitespace() && first != ';' && first != '-');
    // A comment proper may follow in turn.
    let rest = rest.split(" ;").next().unwrap_or_default();
    is_part.then(|| rest.trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operators() {
        for fine in ["E_ALL & ~E_NOTICE", "\"a&b\"", "5|3", "'~/x'", "${X}|1", "a\"&\"b", "E_ALL & ~E_MINE", "plain"] {
            assert_eq!(operator_on_text(fine), None, "{fine}");
        }
        for (wrong, operator) in [("foo&bar", '&'), ("~/dir", '~'), ("a|b", '|'), ("!x", '!'), ("5 ^ \"a\"", '^')] {
            assert_eq!(operator_on_text(wrong), Some(operator), "{wrong}");
        }
    }

    #[test]
    fn cuts() {
        assert_eq!(cut_off(b";def ; x\n").as_deref(), Some("def"));
        for fine in [&b""[..], b"\n", b";\n", b"; c\n", b" ;c\n", b";;\n", b";--- x"] {
            assert_eq!(cut_off(fine), None, "{fine:?}");
        }
    }
}
