//! Reads php.ini and the files of its scan directory.

use super::ast::Document;
use super::parse::{Dialect, Reader};
use super::token::Text;
use crate::source::FileId;

/// Reads a file as PHP reads php.ini: as one text, in which quoted values may span lines.
/// What the grammar does not allow ends the file there, with one problem, and what stands before it
/// counts; so PHP does, and goes on without the rest. Keys without a value are settings without one,
/// which PHP ignores, as it ignores names that it does not know. Names are case-sensitive.
pub fn parse_ini(file: FileId, bytes: &[u8]) -> Document {
    let mut document = Document::default();
    let text = Text { file, bytes, start: 0, limit: bytes.len() };
    Reader::new(text, Dialect::Ini, &mut document).document();
    document
}
