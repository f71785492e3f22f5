//! Chooses the lines that a finding shows, and makes them fit to be shown.
//!
//! The result is one text in which the stretches of all files lie end to end, cleaned and cut to
//! the width, with marks that say where in it the labels came to lie. Only lines that are shown
//! are ever looked at, so the cost depends on the labels and not on the size of the files.

use std::collections::BTreeMap;
use std::ops::Range;

use super::{Style, clean, redact, wrap};
use crate::finding::Label;
use crate::source::{FileId, Position, Source, Sources};

/// Labels beyond this many are named in a sentence, not shown.
pub(super) const MOST_LABELS: usize = 12;

/// Columns from one tab stop to the next.
pub(super) const TAB: usize = 4;

/// Labels this many lines apart still share a stretch: to break it would take as much room.
const NEAR: usize = 4;

/// What the frame takes of the width.
const FRAME: usize = 9;

/// The lines of one finding.
pub(super) struct Snippet {
    /// The lines of all stretches.
    pub(super) text: String,
    /// Neighbouring lines of one file, in the order of the text; they do not touch.
    pub(super) stretches: Vec<Stretch>,
    /// The labels, in the order of the text; they do not overlap and are not empty.
    pub(super) marks: Vec<Mark>,
}

/// Neighbouring lines of one file.
pub(super) struct Stretch {
    /// What the file is called.
    pub(super) path: String,
    /// The part of the text that holds the lines.
    pub(super) range: Range<usize>,
    /// Number of the first and the last line in the file, counted from 1.
    pub(super) first_line: usize,
    pub(super) last_line: usize,
}

/// A label, where it came to lie.
pub(super) struct Mark {
    /// The part of the text that it is about.
    pub(super) range: Range<usize>,
    /// Where that is in the file.
    pub(super) position: Position,
    /// Whether it is the primary place of the finding.
    pub(super) primary: bool,
    /// What is to be said about it, with line breaks where it is too long for one line.
    pub(super) text: String,
}

/// A label within its line.
struct Place<'a> {
    /// Offsets in the bytes of the line; empty only if the line is.
    range: Range<usize>,
    position: Position,
    primary: bool,
    text: &'a str,
}

impl Snippet {
    /// Lays out the labels of a finding: the file of the primary one first, then the others in the
    /// order in which the labels name them, each from top to bottom.
    pub(super) fn new(labels: &[Label], sources: &Sources, style: Style) -> Self {
        let mut snippet = Snippet { text: String::new(), stretches: Vec::new(), marks: Vec::new() };
        let mut files: Vec<(FileId, BTreeMap<usize, Vec<Place<'_>>>)> = Vec::new();
        for (index, label) in labels.iter().take(MOST_LABELS).enumerate() {
            let place = place(label, index == 0, sources.get(label.span.file));
            let at = files.iter().position(|(file, _)| *file == label.span.file).unwrap_or_else(|| {
                files.push((label.span.file, BTreeMap::new()));
                files.len() - 1
            });
            files[at].1.entry(place.position.line).or_default().push(place);
        }
        for (file, lines) in files {
            snippet.add_file(sources.get(file), lines, style);
        }
        snippet
    }

    fn add_file(&mut self, source: &Source, mut lines: BTreeMap<usize, Vec<Place<'_>>>, style: Style) {
        let numbers: Vec<usize> = lines.keys().copied().collect();
        for near in numbers.chunk_by(|left, right| right - left <= NEAR) {
            let (Some(first), Some(last)) = (near.first(), near.last()) else { continue };
            let first_line = first - usize::from(is_context(source, first - 1));
            let last_line = last + usize::from(is_context(source, last + 1));
            let start = self.text.len();
            for number in first_line..=last_line {
                if number > first_line {
                    self.text.push('\n');
                }
                self.add_line(&redact::line(source.line(number)), lines.remove(&number).unwrap_or_default(), style);
            }
            let path = clean::line(&source.path, style);
            self.stretches.push(Stretch { path, range: start..self.text.len(), first_line, last_line });
            // The gap that keeps this stretch from touching the next one.
            self.text.push('\n');
        }
    }

    fn add_line(&mut self, line: &[u8], places: Vec<Place<'_>>, style: Style) {
        let room = style.width.saturating_sub(FRAME).clamp(40, 300);
        let shown = ShownLine::new(line, &places, room, style);
        let start = self.text.len();
        let mut marks: Vec<Mark> = places
            .into_iter()
            .map(|place| Mark {
                range: shown.range(&place.range),
                position: place.position,
                primary: place.primary,
                text: clean::lines(place.text, style),
            })
            .collect();
        separate(&mut marks);
        for mark in &mut marks {
            let middle = mark.range.start.midpoint(mark.range.end);
            let before = shown.text.get(..middle).map_or(0, clean::width);
            mark.text = wrap::wrap(&mark.text, room.saturating_sub(before + 4).max(32)).join("\n");
            mark.range = start + mark.range.start..start + mark.range.end;
        }
        self.text.push_str(&shown.text);
        self.marks.append(&mut marks);
    }
}

/// Whether a line beside a label is worth showing.
fn is_context(source: &Source, number: usize) -> bool {
    !source.line(number).trim_ascii().is_empty()
}

/// Finds a label in its line. Of a label over several lines only the first is shown, and an empty
/// one is widened to a character, for nobody sees a mark without width.
fn place<'a>(label: &'a Label, primary: bool, source: &Source) -> Place<'a> {
    let position = source.position(label.span.start);
    let line = source.line(position.line);
    let before = &source.bytes()[..position.offset];
    let line_start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let mut start = (position.offset - line_start).min(line.len());
    let mut end = (label.span.end as usize).saturating_sub(line_start);
    if end > line.len() {
        end = line.trim_ascii_end().len();
    }
    if end <= start {
        if start == line.len() {
            start = char_start(line, start.saturating_sub(1));
        }
        end = line.len().min(start + 1);
    }
    Place { range: start..end, position, primary, text: &label.text }
}

/// The start of the character that the byte at `at` belongs to.
fn char_start(line: &[u8], at: usize) -> usize {
    let is_start = |at: &usize| line.get(*at).is_none_or(|byte| byte & 0b1100_0000 != 0b1000_0000);
    (at.saturating_sub(3)..=at).rev().find(is_start).unwrap_or(at)
}

/// Moves marks of one line apart. miette would push the second of two that overlap to where the
/// first one ends, away from its text.
fn separate(marks: &mut Vec<Mark>) {
    marks.sort_by_key(|mark| (mark.range.start, mark.range.end));
    let mut apart: Vec<Mark> = Vec::with_capacity(marks.len());
    for mark in marks.drain(..) {
        match apart.last_mut() {
            // Both begin with the same text (a directive and its name): one mark says both.
            Some(last) if last.range.start == mark.range.start => {
                last.range.end = last.range.end.max(mark.range.end);
                if !last.text.is_empty() && !mark.text.is_empty() {
                    last.text.push('\n');
                }
                last.text.push_str(&mark.text);
                if mark.primary {
                    last.primary = true;
                    last.position = mark.position;
                }
            }
            Some(last) => {
                last.range.end = last.range.end.min(mark.range.start);
                apart.push(mark);
            }
            None => apart.push(mark),
        }
    }
    *marks = apart;
}

/// A line as it is shown, and where its bytes went.
struct ShownLine {
    text: String,
    /// Offsets in the line with the offsets in `text` they became, ascending in both.
    offsets: Vec<(usize, usize)>,
}

impl ShownLine {
    fn new(line: &[u8], places: &[Place<'_>], room: usize, style: Style) -> Self {
        let mut shown = ShownLine { text: String::new(), offsets: Vec::new() };
        let mut end = 0;
        for piece in pieces(line, places, room) {
            if piece.start > end {
                shown.text.push_str(clean::ellipsis(style));
            }
            end = piece.end;
            shown.add(line, piece, style);
        }
        if end < line.len() {
            shown.text.push_str(clean::ellipsis(style));
        }
        if shown.text.is_empty() && !places.is_empty() {
            // A mark needs something to stand under.
            shown.text.push(' ');
        }
        shown
    }

    fn add(&mut self, line: &[u8], piece: Range<usize>, style: Style) {
        let mut at = piece.start;
        for chunk in line[piece].utf8_chunks() {
            for c in chunk.valid().chars() {
                self.offsets.push((at, self.text.len()));
                at += c.len_utf8();
                if c == '\t' {
                    let stop = TAB - clean::width(&self.text) % TAB;
                    self.text.push_str(&" ".repeat(stop));
                } else {
                    self.text.push(clean::visible(c, style));
                }
            }
            if !chunk.invalid().is_empty() {
                self.offsets.push((at, self.text.len()));
                at += chunk.invalid().len();
                self.text.push(clean::invalid(style));
            }
        }
        self.offsets.push((at, self.text.len()));
    }

    /// Where a range of the line's bytes is in the text, widened to whole characters.
    fn range(&self, range: &Range<usize>) -> Range<usize> {
        let before = self.offsets.partition_point(|(offset, _)| *offset <= range.start);
        let start = before.checked_sub(1).map_or(0, |index| self.offsets[index].1);
        let after = self.offsets.partition_point(|(offset, _)| *offset < range.end);
        let end = self.offsets.get(after).map_or(self.text.len(), |(_, end)| *end);
        // The end of the text is a character too when there is no other (an empty line).
        if start < end { start..end } else { start.min(self.text.len().saturating_sub(1))..self.text.len() }
    }
}

/// The parts of a line that are shown: all of it if it fits, else its start if that holds the
/// labels, else what is around each label.
fn pieces(line: &[u8], places: &[Place<'_>], room: usize) -> Vec<Range<usize>> {
    let fits = fitting(line, room);
    if places.iter().all(|place| place.range.end <= fits) {
        return std::iter::once(0..fits).collect();
    }
    let room = (room / places.len().max(1)).max(40);
    let mut around: Vec<Range<usize>> = places
        .iter()
        .map(|place| {
            let start = char_start(line, place.range.start.saturating_sub(room / 4));
            let end = place.range.end.min(place.range.start + room / 2) + room / 4;
            start..char_start(line, end.min(line.len()))
        })
        .collect();
    around.sort_by_key(|piece| piece.start);
    let mut pieces: Vec<Range<usize>> = Vec::with_capacity(around.len());
    for piece in around {
        match pieces.last_mut() {
            Some(last) if piece.start <= last.end => last.end = last.end.max(piece.end),
            _ => pieces.push(piece),
        }
    }
    pieces
}

/// How many bytes from the start of a line fit into `room` columns.
fn fitting(line: &[u8], room: usize) -> usize {
    // No character has more than four bytes, so nothing beyond this can matter.
    let head = &line[..char_start(line, line.len().min(4 * room))];
    let mut used = 0;
    let mut bytes = 0;
    for chunk in head.utf8_chunks() {
        for c in chunk.valid().chars() {
            used += clean::columns(c);
            if used > room {
                return bytes;
            }
            bytes += c.len_utf8();
        }
        used += usize::from(!chunk.invalid().is_empty());
        if used > room {
            return bytes;
        }
        bytes += chunk.invalid().len();
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Span;

    const STYLE: Style = Style { color: false, unicode: true, width: 100 };

    /// Lays out labels on one file and says what each marks.
    fn marked(bytes: &[u8], spans: &[(usize, usize)]) -> (Snippet, Vec<String>) {
        let mut sources = Sources::default();
        let file = sources.add("a".into(), None, bytes.to_vec());
        let label = |&(start, end): &(usize, usize)| Label { span: Span::new(file, start, end), text: "x".into() };
        let labels: Vec<Label> = spans.iter().map(label).collect();
        let snippet = Snippet::new(&labels, &sources, STYLE);
        let marked = snippet.marks.iter().map(|mark| snippet.text[mark.range.clone()].to_owned()).collect();
        (snippet, marked)
    }

    #[test]
    fn marks_stay_on_their_text_whatever_is_exchanged_before_it() {
        let line = b"\t\xff\xfe\x1b[1m\xc3\xa4 user www;";
        let start = line.len() - 4;
        let (snippet, marked) = marked(line, &[(start, start + 3)]);
        assert_eq!(snippet.text.trim_end(), "    \u{fffd}\u{fffd}␛[1mä user www;");
        assert_eq!(marked, ["www"]);
    }

    #[test]
    fn empty_labels_get_a_character() {
        assert_eq!(marked(b"ab\ncd\n", &[(1, 1)]).1, ["b"]);
        assert_eq!(marked(b"ab\ncd\n", &[(2, 2)]).1, ["b"]);
        assert_eq!(marked("aä\n".as_bytes(), &[(3, 3)]).1, ["ä"]);
        assert_eq!(marked(b"ab\n", &[(3, 3)]).1, [" "]);
        assert_eq!(marked(b"", &[(0, 0)]).1, [" "]);
        assert_eq!(marked(b"ab", &[(99, 99)]).1, ["b"]);
    }

    #[test]
    fn a_block_is_shown_by_its_first_line() {
        let (snippet, marked) = marked(b"server {\n  listen 80;\n}\n", &[(0, 24)]);
        assert_eq!(marked, ["server {"]);
        assert_eq!(snippet.stretches[0].last_line, 2);
    }

    #[test]
    fn overlapping_labels_are_moved_apart() {
        assert_eq!(marked(b"abcdef", &[(0, 6), (2, 4)]).1, ["ab", "cd"]);
        assert_eq!(marked(b"abcdef", &[(0, 6), (0, 2)]).1, ["abcdef"]);
        let (snippet, texts) = marked(b"server {\n}\n\n", &[(0, 10), (0, 11)]);
        assert_eq!(texts, ["server {"]);
        assert_eq!(snippet.marks[0].text, "x\nx");
    }

    #[test]
    fn far_lines_are_separate_and_near_ones_are_not() {
        let text = b"a1\na2\na3\na4\na5\na6\na7\na8\na9\n";
        assert_eq!(marked(text, &[(0, 2), (12, 14)]).0.stretches.len(), 1);
        assert_eq!(marked(text, &[(0, 2), (15, 17)]).0.stretches.len(), 2);
    }

    #[test]
    fn of_a_long_line_the_surroundings_of_each_label_are_shown() {
        let mut line = vec![b'x'; 100_000];
        line[50_000..50_003].copy_from_slice(b"abc");
        line[90_000..90_003].copy_from_slice(b"def");
        let (snippet, texts) = marked(&line, &[(50_000, 50_003), (90_000, 90_003)]);
        assert_eq!(texts, ["abc", "def"]);
        assert!(snippet.text.len() < 300, "{}", snippet.text.len());
        let (snippet, texts) = marked(&line, &[(0, 99_999)]);
        assert!(snippet.text.len() < 300 && texts[0].starts_with("xxx"));
    }

    /// Every combination of offsets in bytes chosen to be awkward: nothing panics, every mark is
    /// inside its stretch, not empty, and marks never overlap.
    #[test]
    fn any_spans_in_any_bytes_hold_the_invariants() {
        let awkward: [&[u8]; 6] =
            [b"", b"\n", b"\r\n\r\n", b"\xff\xf0\x9f\n\t\x80", "ä漢\u{202e}\n\ta\r\nb".as_bytes(), b"a\rb\n \n\nc"];
        for bytes in awkward {
            for a in 0..=bytes.len() + 1 {
                for b in a..=bytes.len() + 1 {
                    for c in 0..=bytes.len() {
                        let (snippet, _) = marked(bytes, &[(a, b), (c, b.max(c))]);
                        let mut last = 0;
                        for mark in &snippet.marks {
                            assert!(last <= mark.range.start && mark.range.start < mark.range.end);
                            assert!(snippet.stretches.iter().any(|stretch| {
                                stretch.range.start <= mark.range.start && mark.range.end <= stretch.range.end
                            }));
                            last = mark.range.end;
                        }
                    }
                }
            }
        }
    }
}
