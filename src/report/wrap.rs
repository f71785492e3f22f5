//! Breaks long texts into lines.

use super::clean;

/// The lines of `text`, none longer than `width` columns unless a single word is.
///
/// Words are never broken: paths and log lines are there to be copied.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    text.split('\n').flat_map(|line| wrap_line(line, width)).collect()
}

/// Wraps one line. What it is indented by is kept, for all the lines it becomes.
fn wrap_line(line: &str, width: usize) -> Vec<String> {
    let words = line.trim_start_matches(' ');
    let indent = &line[..line.len() - words.len()];
    let mut lines = Vec::new();
    let mut current = indent.to_owned();
    let mut used = clean::width(indent);
    let mut is_empty = true;
    for word in words.split(' ') {
        let room = clean::width(word);
        if !is_empty && used + 1 + room > width {
            lines.push(std::mem::replace(&mut current, indent.to_owned()));
            used = clean::width(indent);
            is_empty = true;
        }
        if !is_empty {
            current.push(' ');
            used += 1;
        }
        current.push_str(word);
        used += room;
        is_empty = false;
    }
    lines.push(current);
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}

/// Appends `label` and, in a column of its own beside it, `text`.
pub(super) fn hanging(out: &mut String, label: &str, indent: usize, text: &str, width: usize) {
    for (number, line) in wrap(text, width.saturating_sub(indent).max(20)).iter().enumerate() {
        if number == 0 {
            out.push_str(label);
            out.push_str(line);
        } else if !line.is_empty() {
            out.push_str(&" ".repeat(indent));
            out.push_str(line);
        }
        out.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_whole_and_line_breaks_and_indents_stay() {
        assert_eq!(wrap("one two three\n  four five", 9), ["one two", "three", "  four", "  five"]);
        assert_eq!(wrap("/a/very/long/path x", 5), ["/a/very/long/path", "x"]);
        assert_eq!(wrap("", 5), [""]);
    }

    #[test]
    fn a_hanging_text_keeps_to_its_column() {
        let mut out = String::new();
        hanging(&mut out, "  note: ", 8, "aaaa bbbb cccc dddd eeee ffff", 28);
        assert_eq!(out, "  note: aaaa bbbb cccc dddd\n        eeee ffff\n");
    }
}
