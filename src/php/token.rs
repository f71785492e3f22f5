//! The smallest parts of the dialect: what PHP's scanner tells apart by looking at bytes.
//!
//! PHP's scanner always takes the longest match among its rules. Each function here is one rule, or
//! the part of one; the callers ask for them in such an order that the first that fits is the longest.

use nom::branch::alt;
use nom::bytes::complete::{tag, take, take_till, take_while, take_while1};
use nom::character::complete::char;
use nom::combinator::{opt, recognize, verify};
use nom::sequence::{delimited, preceded, terminated};
use nom::{IResult, Parser};

use super::ast::Token;
use crate::source::{FileId, Span};

/// The part of a document that is still to be read.
pub(super) type Input<'a> = &'a [u8];

/// A rule: the rest and what was read, or nothing.
type Rule<'a, T = Input<'a>> = IResult<Input<'a>, T, ()>;

/// A stretch of a file that the scanner reads as one document.
#[derive(Clone, Copy)]
pub(super) struct Text<'a> {
    /// The file.
    pub file: FileId,
    /// The bytes of the document. A line end may have been added that the file does not have.
    pub bytes: Input<'a>,
    /// Where in the file the document starts.
    pub start: usize,
    /// How long the file is.
    pub limit: usize,
}

impl Text<'_> {
    /// The span from where `from` was the rest to where `to` is.
    pub fn span(&self, from: Input<'_>, to: Input<'_>) -> Span {
        let offset = |rest: Input<'_>| (self.start + self.bytes.len() - rest.len()).min(self.limit);
        Span::new(self.file, offset(from), offset(to))
    }

    /// The span of a comment that may begin behind blanks.
    pub fn comment(&self, input: Input<'_>, comment: Input<'_>) -> Span {
        let (start, _) = blanks(input).unwrap_or((input, &[]));
        self.span(start, &start[comment.len()..])
    }
}

/// What was read between two rests.
pub(super) fn between<'a>(from: Input<'a>, to: Input<'_>) -> Input<'a> {
    &from[..from.len() - to.len()]
}

/// The bytes as text, with a replacement character for what is not UTF-8.
pub(super) fn lossy(bytes: Input<'_>) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

/// Without the blanks at the end.
pub(super) fn trim_end(bytes: Input<'_>) -> Input<'_> {
    let end = bytes.iter().rposition(|byte| !is_blank(*byte)).map_or(0, |last| last + 1);
    &bytes[..end]
}

/// Blanks, or none.
pub(super) fn blanks(input: Input<'_>) -> Rule<'_> {
    take_while(is_blank).parse(input)
}

/// A comment without the blanks before it and without the line end.
fn comment(input: Input<'_>) -> Rule<'_> {
    recognize((char(';'), take_till(|byte| matches!(byte, b'\r' | b'\n')))).parse(input)
}

/// The end of a line with the blanks and the comment before it; gives the comment.
pub(super) fn end_of_line(input: Input<'_>) -> Rule<'_, Option<Input<'_>>> {
    delimited(blanks, opt(comment), alt((tag("\r\n"), tag("\n"), tag("\r")))).parse(input)
}

/// A comment that the end of the text ends; gives the comment.
pub(super) fn last_comment(input: Input<'_>) -> Rule<'_> {
    preceded(blanks, comment).parse(input)
}

/// The mark that some editors put at the start of UTF-8 files.
pub(super) fn byte_order_mark(input: Input<'_>) -> Rule<'_> {
    // A text that is nothing but the mark is not skipped; that is how PHP counts.
    verify(tag("\u{feff}"), |_: &[u8]| input.len() > 3).parse(input)
}

fn is_label(byte: u8) -> bool {
    !matches!(
        byte,
        b'=' | b'\n'
            | b'\r'
            | b'\t'
            | b';'
            | b'&'
            | b'|'
            | b'^'
            | b'$'
            | b'~'
            | b'('
            | b')'
            | b'{'
            | b'}'
            | b'!'
            | b'"'
            | b'['
    )
}

/// A name with the blanks around it.
pub(super) fn label(input: Input<'_>) -> Rule<'_> {
    take_while1(is_label).parse(input)
}

/// The `[` behind a key, with the blanks behind it.
pub(super) fn open_index(input: Input<'_>) -> Rule<'_> {
    terminated(tag("["), blanks).parse(input)
}

/// The `]` behind an index, with the blanks before it.
pub(super) fn close_index(input: Input<'_>) -> Rule<'_> {
    preceded(blanks, tag("]")).parse(input)
}

/// `=` with the blanks around it; gives the rest directly behind the sign too.
pub(super) fn equals(input: Input<'_>) -> Rule<'_, Input<'_>> {
    let (behind, _) = preceded(blanks, tag("=")).parse(input)?;
    let (rest, _) = blanks(behind)?;
    Ok((rest, behind))
}

/// What a word means that stands for true, false or nothing, in any case.
pub(super) fn switch(word: Input<'_>) -> Option<Token> {
    let is = |names: &[&str]| names.iter().any(|name| name.as_bytes().eq_ignore_ascii_case(word));
    if is(&["on", "yes", "true"]) {
        Some(Token::True)
    } else if is(&["off", "no", "none", "false"]) {
        Some(Token::False)
    } else if is(&["null"]) {
        Some(Token::Null)
    } else {
        None
    }
}

/// `"` at the start of quoted text, with the blanks before it.
pub(super) fn open_quote(input: Input<'_>) -> Rule<'_> {
    preceded(blanks, tag("\"")).parse(input)
}

/// `"` at the end of quoted text; gives the rest directly behind it too. Blanks behind it vanish.
pub(super) fn close_quote(input: Input<'_>) -> Rule<'_, Input<'_>> {
    let (behind, _) = tag("\"").parse(input)?;
    let (rest, _) = blanks(behind)?;
    Ok((rest, behind))
}

/// Text in single quotes, at least one byte; gives it without them. It may span lines.
pub(super) fn single_quoted(input: Input<'_>) -> Rule<'_> {
    delimited(tag("'"), take_while1(|byte| byte != b'\''), tag("'")).parse(input)
}

/// The start of a variable.
pub(super) fn open_variable(input: Input<'_>) -> Rule<'_> {
    tag("${").parse(input)
}

/// An operator or bracket of arithmetic, with the blanks behind it; gives the rest before them too.
pub(super) fn operator(input: Input<'_>) -> Rule<'_, (char, Input<'_>)> {
    let (behind, operator) = verify(take(1usize), |byte: &[u8]| b"&|^~()!".contains(&byte[0])).parse(input)?;
    let (rest, _) = blanks(behind)?;
    Ok((rest, (operator[0] as char, behind)))
}

/// A part of a bare value.
pub(super) fn value_run(input: Input<'_>) -> Rule<'_> {
    let plain = |byte| {
        !matches!(
            byte,
            b'=' | b' '
                | b'\t'
                | b'\n'
                | b'\r'
                | b';'
                | b'&'
                | b'|'
                | b'^'
                | b'~'
                | b'('
                | b')'
                | b'!'
                | b'"'
                | b'\''
                | b'$'
                | 0
        )
    };
    run(input, plain, false)
}

/// A part of a section's name or of an index; blanks belong to it, and a `\` protects what follows
/// (but stays).
pub(super) fn name_run(input: Input<'_>) -> Rule<'_> {
    let plain = |byte| !matches!(byte, b'$' | b'\n' | b'\r' | b';' | b'"' | b'\'' | b']' | b'\\');
    run(input, plain, true)
}

/// The longest run of plain bytes and literal dollars. A `$` makes any byte but `{` behind it literal,
/// `$\` may do so with one more: PHP writes it as a regular expression with a choice, so both ways are
/// followed at once.
fn run(input: Input<'_>, plain: impl Fn(u8) -> bool, escapes: bool) -> Rule<'_> {
    let (mut complete, mut dollar, mut escape) = (true, false, false);
    let mut end = 0;
    for (at, byte) in input.iter().enumerate() {
        let after_dollar = dollar && !matches!(byte, b'{' | 0);
        let next_complete = after_dollar || escape || (complete && plain(*byte));
        let next_escape = *byte == b'\\' && (dollar || (complete && escapes));
        dollar = complete && *byte == b'$';
        (complete, escape) = (next_complete, next_escape);
        if complete {
            end = at + 1;
        } else if !dollar && !escape {
            break;
        }
    }
    if end == 0 { Err(nom::Err::Error(())) } else { Ok((&input[end..], &input[..end])) }
}

/// What the grammar calls a part of a bare value.
pub(super) fn classify(run: Input<'_>) -> Token {
    let digits = |bytes: &[u8]| bytes.iter().all(u8::is_ascii_digit);
    let whole = run.strip_prefix(b"-").unwrap_or(run);
    let mut halves = run.splitn(2, |byte| *byte == b'.');
    let (before, after) = (halves.next().unwrap_or_default(), halves.next());
    let fraction = after.is_some_and(|after| digits(before) && digits(after) && run.len() > 1);
    let word = run.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    if (!whole.is_empty() && digits(whole)) || fraction {
        Token::Number
    } else if word && !run.first().is_some_and(u8::is_ascii_digit) {
        Token::Constant
    } else {
        Token::Text
    }
}
