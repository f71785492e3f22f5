//! Keeps text from files and messages from driving a terminal.
//!
//! Every character that would not simply appear at its place is exchanged for one visible
//! character of one column, so that nothing shifts and the reader sees that something is there.

use super::Style;

/// Beyond this many characters a text is a mistake of whoever wrote it, and is cut.
const LONGEST_TEXT: usize = 4000;

/// Whether a character does something else than appear: controls (C0, DEL, C1), marks of writing
/// direction, separators of lines, and what takes no room at all.
pub(super) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// The character to print for `c`: itself, or a visible stand-in.
pub(super) fn visible(c: char, style: Style) -> char {
    match c {
        _ if !is_hidden(c) => c,
        _ if !style.unicode => '?',
        // Unicode has pictures of the ASCII controls: ␛ for escape, ␍ for a carriage return.
        '\0'..='\u{1f}' => char::from_u32(0x2400 + c as u32).unwrap_or(char::REPLACEMENT_CHARACTER),
        '\u{7f}' => '\u{2421}',
        _ => char::REPLACEMENT_CHARACTER,
    }
}

/// The stand-in for bytes that are not UTF-8.
pub(super) fn invalid(style: Style) -> char {
    if style.unicode { char::REPLACEMENT_CHARACTER } else { '?' }
}

/// What marks a place where something was left out.
pub(super) fn ellipsis(style: Style) -> &'static str {
    if style.unicode { "…" } else { "..." }
}

/// A text that may have several lines, fit to be printed.
pub(super) fn lines(text: &str, style: Style) -> String {
    let mut cleaned = String::with_capacity(text.len().min(LONGEST_TEXT));
    for (count, c) in text.chars().enumerate() {
        if count == LONGEST_TEXT {
            cleaned.push_str(ellipsis(style));
            break;
        }
        match c {
            '\n' => cleaned.push('\n'),
            '\t' => cleaned.push(' '),
            c => cleaned.push(visible(c, style)),
        }
    }
    cleaned
}

/// A text fit to be printed as part of one line.
pub(super) fn line(text: &str, style: Style) -> String {
    lines(text, style).replace('\n', " ")
}

/// How many columns a character takes, near enough to know when a line is full.
///
/// The exact answer depends on the terminal; miette measures with a table of its own where carets
/// have to meet their text.
pub(super) fn columns(c: char) -> usize {
    match c {
        '\t' => super::snippet::TAB,
        '\0'..='\u{10ff}' => 1,
        // Box drawing, arrows, typographic marks: what this program itself writes.
        '\u{2000}'..='\u{2e7f}' | char::REPLACEMENT_CHARACTER => 1,
        _ => 2,
    }
}

/// How many columns a text takes, near enough.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNICODE: Style = Style { color: false, unicode: true, width: 100 };
    const ASCII: Style = Style { unicode: false, ..UNICODE };

    #[test]
    fn nothing_that_drives_a_terminal_is_left() {
        let nasty = "a\u{1b}[31mb\rc\u{7}d\u{9b}2Je\u{202e}f\u{feff}g\u{7f}h\u{2028}i";
        assert_eq!(line(nasty, UNICODE), "a␛[31mb␍c␇d\u{fffd}2Je\u{fffd}f\u{fffd}g␡h\u{fffd}i");
        assert_eq!(line(nasty, ASCII), "a?[31mb?c?d?2Je?f?g?h?i");
    }

    #[test]
    fn line_breaks_stay_only_where_lines_are_wanted() {
        assert_eq!(lines("a\n\tb", UNICODE), "a\n b");
        assert_eq!(line("a\nb", UNICODE), "a b");
    }

    #[test]
    fn a_huge_text_is_cut() {
        let whole = "x".repeat(LONGEST_TEXT);
        assert_eq!(line(&whole, UNICODE), whole);
        let cut = line(&"x".repeat(100_000), UNICODE);
        assert_eq!(cut.chars().count(), LONGEST_TEXT + 1);
        assert!(cut.ends_with('…'));
    }
}
