//! The texts that were read, and places in them.
//!
//! Every other part of the program speaks of places as [`Span`]s: a file and two byte offsets.
//! Lines and columns exist only where something is shown to a person, and are worked out there.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use crate::values::environment::Environment;

/// One text that was read, by its number in [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u32);

impl FileId {
    /// How many texts were read before it.
    pub fn number(self) -> usize {
        self.0 as usize
    }
}

/// A stretch of one file: byte offsets, `start` included and `end` excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file the offsets count in.
    pub file: FileId,
    /// Offset of the first byte.
    pub start: u32,
    /// Offset behind the last byte.
    pub end: u32,
}

impl Span {
    /// The bytes from `start` up to `end` of `file`.
    pub fn new(file: FileId, start: usize, end: usize) -> Self {
        // A source never holds more than u32::MAX bytes (`Sources::add` cuts it).
        let clamp = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Span { file, start: clamp(start), end: clamp(end.max(start)) }
    }

    /// The stretch from the start of `self` to the end of `last`, which is in the same file.
    pub fn to(self, last: Span) -> Self {
        Span { end: last.end.max(self.end), ..self }
    }

    /// The offsets as a range for slicing.
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A place as people and machine formats name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Line, counted from 1.
    pub line: usize,
    /// Column in characters, counted from 1.
    pub column: usize,
    /// Offset in bytes, counted from 0.
    pub offset: usize,
}

/// One text: the bytes as they are in the file, and what the file is called.
#[derive(Debug)]
pub struct Source {
    /// The path by which the file was reached, relative to the root, with `/`.
    pub path: String,
    /// The file that `path` names when a symbolic link lies between, relative to the root.
    pub real_path: Option<String>,
    /// The environment that is filled into it when it is read.
    pub environment: Option<Arc<Environment>>,
    bytes: Vec<u8>,
    line_starts: OnceLock<Vec<u32>>,
    marks: OnceLock<Vec<(u32, u32)>>,
}

/// How far apart the marks of a long line are.
const STRIDE: usize = 1024;

impl Source {
    /// The whole text.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Offsets at which the lines begin. Line ends are LF; a CR before one belongs to the line.
    fn line_starts(&self) -> &[u32] {
        self.line_starts.get_or_init(|| {
            let ends = self.bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
            std::iter::once(0).chain(ends.map(|(at, _)| at as u32 + 1)).collect()
        })
    }

    /// How many lines the text has; a line break at the very end begins no further line.
    pub fn line_count(&self) -> usize {
        let starts = self.line_starts();
        let last_is_empty = starts.last().is_some_and(|start| *start as usize == self.bytes.len());
        (starts.len() - usize::from(last_is_empty)).max(1)
    }

    /// The bytes of a line (counted from 1) without its line end; empty beyond the last line.
    pub fn line(&self, number: usize) -> &[u8] {
        let starts = self.line_starts();
        let Some(start) = number.checked_sub(1).and_then(|index| starts.get(index)) else {
            return &[];
        };
        let end = starts.get(number).map_or(self.bytes.len(), |next| *next as usize);
        let line = &self.bytes[*start as usize..end];
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        line.strip_suffix(b"\r").unwrap_or(line)
    }

    /// The place of a line (counted from 1) of this text, whose number is `file`.
    pub fn line_span(&self, file: FileId, number: usize) -> Span {
        let start =
            number.checked_sub(1).and_then(|index| self.line_starts().get(index)).map_or(0, |start| *start as usize);
        Span::new(file, start, start + self.line(number).len())
    }

    /// The same without the blanks around what stands there.
    pub fn statement_span(&self, file: FileId, number: usize) -> Span {
        let (whole, text) = (self.line_span(file, number), self.line(number));
        let start = whole.start as usize + text.len() - text.trim_ascii_start().len();
        Span::new(file, start, start + text.trim_ascii().len())
    }

    /// The line, column and offset of a byte offset; offsets beyond the end name the end.
    pub fn position(&self, offset: u32) -> Position {
        let offset = (offset as usize).min(self.bytes.len());
        let starts = self.line_starts();
        let line = starts.partition_point(|start| *start as usize <= offset);
        let start = starts[line - 1] as usize;
        let (from, before) = match offset - start < STRIDE {
            true => (start, 0),
            false => self.mark(start, offset),
        };
        Position { line, column: before + characters(&self.bytes[from..offset]) + 1, offset }
    }

    /// The last mark before an offset on the line that begins at `start`: where it is, and how many characters
    /// of the line stand before it.
    fn mark(&self, start: usize, offset: usize) -> (usize, usize) {
        let marks = self.marks.get_or_init(|| self.marks());
        let behind = marks.partition_point(|(at, _)| *at as usize <= offset);
        let last = behind.checked_sub(1).map(|last| marks[last]).filter(|(at, _)| *at as usize > start);
        last.map_or((start, 0), |(at, before)| (at as usize, before as usize))
    }

    /// Places inside of long lines, each with the number of characters before it on its line: nobody counts the
    /// whole of an endless line for each of a million places on it.
    fn marks(&self) -> Vec<(u32, u32)> {
        let starts = self.line_starts();
        let ends = starts.iter().skip(1).map(|end| *end as usize).chain([self.bytes.len()]);
        let mut marks = Vec::new();
        for (start, end) in starts.iter().map(|start| *start as usize).zip(ends) {
            let (mut at, mut before) = (start, 0);
            while at + STRIDE < end {
                let next = at + STRIDE;
                // Characters stay whole; one has at most four bytes.
                let begins = |at: &usize| self.bytes[*at] & 0b1100_0000 != 0b1000_0000;
                let next = (next - 3..=next).rev().find(begins).unwrap_or(next);
                before += characters(&self.bytes[at..next]);
                marks.push((next as u32, before as u32));
                at = next;
            }
        }
        marks
    }
}

/// How many characters bytes are shown as.
fn characters(bytes: &[u8]) -> usize {
    String::from_utf8_lossy(bytes).chars().count()
}

/// Whether a text lies in no file that is given: a package or an image brings it, as its name says.
pub fn is_brought(path: &str) -> bool {
    path.starts_with("package:") || path.starts_with("image:")
}

/// All texts of one run.
#[derive(Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
    size: u64,
    /// What stands before the paths of texts that are taken in: the directory of the deployment's
    /// root in a repository, with a closing `/`.
    pub prefix: String,
}

impl Sources {
    /// Takes a text in. `path` and `real_path` are relative to the root, with `/`.
    pub fn add(&mut self, path: String, real_path: Option<String>, mut bytes: Vec<u8>) -> FileId {
        bytes.truncate(u32::MAX as usize);
        self.size += bytes.len() as u64;
        let named = |path: String| match self.prefix.is_empty() || is_brought(&path) {
            true => path,
            false => format!("{}{path}", self.prefix),
        };
        let (path, real_path) = (named(path), real_path.map(named));
        let (line_starts, marks) = (OnceLock::new(), OnceLock::new());
        self.files.push(Source { path, real_path, environment: None, bytes, line_starts, marks });
        FileId(self.files.len() as u32 - 1)
    }

    /// Remembers the environment that is filled into a text.
    pub fn fill_in(&mut self, file: FileId, environment: Option<&Arc<Environment>>) {
        self.files[file.0 as usize].environment = environment.cloned();
    }

    /// How many bytes were taken in.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The number of a text that was taken in under a path.
    pub fn find(&self, path: &str, bytes: &[u8]) -> Option<FileId> {
        let at = self.files.iter().rposition(|source| source.path == path && source.bytes == bytes)?;
        Some(FileId(at as u32))
    }

    /// The text with this number.
    pub fn get(&self, file: FileId) -> &Source {
        &self.files[file.0 as usize]
    }

    /// The text of a span, with a replacement character for what is not UTF-8.
    pub fn text(&self, span: Span) -> Cow<'_, str> {
        String::from_utf8_lossy(self.get(span.file).bytes.get(span.range()).unwrap_or_default())
    }

    /// `path:line`, as sentences name a place.
    pub fn place(&self, span: Span) -> String {
        let source = self.get(span.file);
        format!("{}:{}", source.path, source.position(span.start).line)
    }

    /// How many files were read; one that several deployments share counts once, and what packages and images
    /// bring does not.
    pub fn len(&self) -> usize {
        let names = self.files.iter().map(|source| source.real_path.as_ref().unwrap_or(&source.path));
        names.filter(|name| !is_brought(name)).collect::<HashSet<_>>().len()
    }

    /// Whether nothing was read.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let mut sources = Sources::default();
        let file = sources.add("a.conf".into(), None, "é;\r\nb ü;\n".into());
        let source = sources.get(file);
        let shown = |offset| {
            let at = source.position(offset);
            (at.line, at.column)
        };
        assert_eq!(shown(0), (1, 1));
        assert_eq!(shown(2), (1, 2));
        assert_eq!(shown(5), (2, 1));
        assert_eq!(shown(9), (2, 4));
        assert_eq!(shown(99), (3, 1));
        assert_eq!(source.line(1), "é;".as_bytes());
        assert_eq!(source.line_count(), 2);
    }

    #[test]
    fn columns_of_long_lines_are_counted_as_those_of_short_ones() {
        let part = "aä漢😀\u{301}".as_bytes();
        let odd: Vec<u8> = [part, b"\xff\x80\x80\xf0\x9f", part, b"\x80\x80\x80\x80\x80"].concat().repeat(150);
        let text = [b"x\n", &odd[..], b"\n", &part.repeat(100), b"\n", &odd].concat();
        let mut sources = Sources::default();
        let file = sources.add("long".into(), None, text.clone());
        for offset in 0..=text.len() {
            let before = &text[..offset];
            let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            let column = String::from_utf8_lossy(&before[start..]).chars().count() + 1;
            assert_eq!(sources.get(file).position(offset as u32).column, column, "{offset}");
        }
    }

    #[test]
    fn an_empty_text_has_one_empty_line() {
        let mut sources = Sources::default();
        let file = sources.add("empty".into(), None, Vec::new());
        assert_eq!(sources.get(file).line_count(), 1);
        assert_eq!(sources.get(file).position(0).line, 1);
        assert_eq!(sources.get(file).line(1), b"");
    }
}
