//! Shows a rule's document, which is Markdown, in the terminal.

use super::paint::{Ink, paint};
use super::{Style, clean, wrap};

/// `text` for reading in a terminal: headings bold, code indented, long lines wrapped.
///
/// Without colours it stays Markdown, nearly as it was: whoever sends it to a file wants that.
pub fn markdown(text: &str, style: Style) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    // The fence that opened the code block we are in.
    let mut fence: Option<&str> = None;
    for line in text.lines() {
        let cleaned = clean_line(line, style);
        match (fence, fence_of(line)) {
            (Some(open), Some(close)) if close.starts_with(open) && line.trim().len() == close.len() => {
                fence = None;
                push_fence(&mut out, &cleaned, style);
            }
            (Some(_), _) => push_code(&mut out, &cleaned, style),
            (None, Some(open)) => {
                fence = Some(open);
                push_fence(&mut out, &cleaned, style);
            }
            (None, None) => push_prose(&mut out, &cleaned, style),
        }
    }
    out
}

/// The run of backticks or tildes that a line begins with, if it is a fence.
fn fence_of(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let mark = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let run = line.len() - line.trim_start_matches(mark).len();
    (run >= 3).then(|| &line[..run])
}

/// Tabs stay: in an example they may be the point.
fn clean_line(line: &str, style: Style) -> String {
    line.chars().map(|c| if c == '\t' { c } else { clean::visible(c, style) }).collect()
}

/// Indentation shows where code is; with colours the fences themselves are only noise.
fn push_fence(out: &mut String, line: &str, style: Style) {
    if !style.color {
        out.push_str(line);
        out.push('\n');
    }
}

fn push_code(out: &mut String, line: &str, style: Style) {
    if line.is_empty() {
        out.push('\n');
        return;
    }
    if style.color {
        out.push_str("    ");
    }
    out.push_str(line);
    out.push('\n');
}

fn push_prose(out: &mut String, line: &str, style: Style) {
    let is_table = line.trim_start().starts_with('|');
    let heading = line.trim_start_matches('#');
    let level = line.len() - heading.len();
    if (1..=6).contains(&level) && heading.starts_with(' ') {
        let shown = if style.color { paint(heading.trim(), Ink::Strong, true) } else { line.to_owned() };
        out.push_str(&shown);
        out.push('\n');
    } else if is_table || line.is_empty() {
        // Without its backticks a cell would be too narrow for its column.
        out.push_str(line);
        out.push('\n');
    } else {
        let (label, text) = line.split_at(item_indent(line));
        let mut wrapped = String::new();
        wrap::hanging(&mut wrapped, label, label.len(), text, style.width);
        out.push_str(&inline(&wrapped, style));
    }
}

/// How far the lines that continue a list item or a quotation are indented.
fn item_indent(line: &str) -> usize {
    let text = line.trim_start_matches(' ');
    let blanks = line.len() - text.len();
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let marked = match (digits, text.as_bytes().get(digits..digits + 2)) {
        (0, Some(b"- " | b"* " | b"+ ")) => 2,
        (1.., Some(b". " | b") ")) => digits + 2,
        _ => 0,
    };
    blanks + marked
}

/// Colours `code` and **strong** text. Without colours nothing changes, and marks without a
/// partner are only text.
fn inline(text: &str, style: Style) -> String {
    if !style.color {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(at) = rest.find(['`', '*']) {
        let (before, marked) = rest.split_at(at);
        out.push_str(before);
        let (mark, ink) = match marked {
            _ if marked.starts_with('`') => ("`", Ink::Advice),
            _ if marked.starts_with("**") => ("**", Ink::Strong),
            _ => ("*", Ink::Strong),
        };
        rest = &marked[mark.len()..];
        match rest.split_once(mark).filter(|_| mark != "*") {
            Some((inside, after)) => {
                out.push_str(&paint_lines(inside, ink));
                rest = after;
            }
            None => out.push_str(mark),
        }
    }
    out.push_str(rest);
    out
}

/// Colours each line by itself, so that a pager can start anywhere.
fn paint_lines(text: &str, ink: Ink) -> String {
    text.split('\n').map(|line| paint(line, ink, true)).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Style = Style { color: false, unicode: true, width: 40 };
    const COLOR: Style = Style { color: true, ..PLAIN };
    const TEXT: &str = "# A *title*\n\nUse `a` and **b**.\n\n```nginx\nserver {\n\n\tx;\n}\n```\n\n- one two three four five six seven eight\n";

    #[test]
    fn without_colours_only_long_lines_change() {
        let expected = TEXT.replace(" eight", "\n  eight");
        assert_eq!(markdown(TEXT, PLAIN), expected);
    }

    #[test]
    fn with_colours_marks_become_colours() {
        let expected = "\u{1b}[1mA *title*\u{1b}[0m\n\nUse \u{1b}[1;36ma\u{1b}[0m and \u{1b}[1mb\u{1b}[0m.\n\n    \
            server {\n\n    \tx;\n    }\n\n- one two three four five six seven\n  eight\n";
        assert_eq!(markdown(TEXT, COLOR), expected);
    }

    #[test]
    fn a_fence_is_closed_only_by_its_like() {
        let text = "````\n```\n# no heading\n````\n# heading\n";
        assert_eq!(markdown(text, COLOR), "    ```\n    # no heading\n\u{1b}[1mheading\u{1b}[0m\n");
    }

    #[test]
    fn marks_without_a_partner_and_tables_stay_as_they_are() {
        let text = "2 * 3, sites/**, `x\n| `a` | b |\n";
        assert_eq!(markdown(text, COLOR), text);
    }

    #[test]
    fn controls_do_not_get_through() {
        assert_eq!(markdown("a\u{1b}[2Jb", PLAIN), "a␛[2Jb\n");
    }
}
