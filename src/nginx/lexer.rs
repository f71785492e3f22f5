//! Tokens of nginx configuration, cut exactly as `ngx_conf_read_token` cuts them.
//!
//! The source of every rule here is `src/core/ngx_conf_file.c`; the test vectors were tried with
//! nginx 1.22 and 1.31.

use std::borrow::Cow;

use nom::branch::alt;
use nom::bytes::complete::tag;
use nom::{IResult, Parser};

/// The size of nginx's read buffer: a word or a comment that reaches it is fatal.
const BUFFER: usize = 4096;

/// What the lexer finds next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    /// A word without quotes, escapes still in.
    Bare(&'a [u8]),
    /// The inside of a quoted word, and the quote.
    Quoted(&'a [u8], u8),
    /// `;`
    Semicolon,
    /// `{`
    Open,
    /// `}`
    Close,
    /// A quote that is never closed: the rest of the file.
    Unclosed(u8),
    /// A comment too long for nginx.
    LongComment(&'a [u8]),
    /// The end of the file.
    End,
}

/// Skips blanks and comments and takes one token. Never fails on complete input.
pub fn token(input: &[u8]) -> IResult<&[u8], Token<'_>> {
    let input = behind_blanks(input);
    let Some(first) = input.first() else { return Ok((input, Token::End)) };
    match *first {
        b';' => Ok((&input[1..], Token::Semicolon)),
        b'{' => Ok((&input[1..], Token::Open)),
        b'}' => Ok((&input[1..], Token::Close)),
        b'#' => {
            let (comment, rest) = input.split_at(comment(input));
            Ok((rest, Token::LongComment(comment)))
        }
        b'"' | b'\'' => quoted(input),
        _ => bare(input),
    }
}

/// What comes behind blanks and comments; a comment that nginx's buffer does not hold stays.
fn behind_blanks(input: &[u8]) -> &[u8] {
    let mut at = 0;
    while let Some(byte) = input.get(at) {
        match *byte {
            b'#' => match comment(&input[at..]) {
                length if length < BUFFER => at += length,
                _ => break,
            },
            byte if is_blank(byte) => at += 1,
            _ => break,
        }
    }
    &input[at..]
}

/// The length of the comment that begins here, without its line end.
fn comment(input: &[u8]) -> usize {
    input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len())
}

/// nginx's blanks; a form feed or a no-break space is an ordinary byte.
pub fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// A word in quotes: only the same quote ends it, and a backslash protects the next byte.
fn quoted(input: &[u8]) -> IResult<&[u8], Token<'_>> {
    let (inside, quote) = alt((tag(&b"\""[..]), tag(&b"'"[..]))).parse(input)?;
    let quote = quote[0];
    let mut at = 0;
    while let Some(byte) = inside.get(at) {
        match *byte {
            b'\\' => at += 2,
            byte if byte == quote => return Ok((&inside[at + 1..], Token::Quoted(&inside[..at], quote))),
            _ => at += 1,
        }
    }
    Ok((&inside[inside.len()..], Token::Unclosed(quote)))
}

/// A word without quotes. A `{` belongs to it only right behind a `$` (or another such `{`), which
/// is why `location ~ \.php${` eats the brace.
fn bare(input: &[u8]) -> IResult<&[u8], Token<'_>> {
    let mut after_dollar = false;
    let mut at = 0;
    while let Some(byte) = input.get(at) {
        match *byte {
            b'{' if after_dollar => {}
            b';' | b'{' => break,
            byte if is_blank(byte) => break,
            b'\\' => {
                after_dollar = false;
                at += 1;
            }
            b'$' => after_dollar = true,
            _ => after_dollar = false,
        }
        at += 1;
    }
    let end = at.min(input.len());
    Ok((&input[end..], Token::Bare(&input[..end])))
}

/// Whether nginx's buffer holds the raw word; a blank behind it has to fit in too.
pub fn fits(token: &Token<'_>, is_followed_by_blank: bool) -> bool {
    match token {
        Token::Bare(text) => text.len() + usize::from(is_followed_by_blank) < BUFFER,
        Token::Quoted(text, _) => text.len() < BUFFER - 1,
        _ => true,
    }
}

/// The value of a raw word: `\"`, `\'` and `\\` lose the backslash, `\t`, `\r` and `\n` become the
/// control character, every other backslash stays.
pub fn unescape(raw: &[u8]) -> Cow<'_, [u8]> {
    if !raw.contains(&b'\\') {
        return Cow::Borrowed(raw);
    }
    let mut out = Vec::with_capacity(raw.len());
    let mut bytes = raw.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        let replacement = match (byte, bytes.peek()) {
            (b'\\', Some(b'"' | b'\'' | b'\\')) => bytes.next(),
            (b'\\', Some(b't')) => bytes.next().map(|_| b'\t'),
            (b'\\', Some(b'r')) => bytes.next().map(|_| b'\r'),
            (b'\\', Some(b'n')) => bytes.next().map(|_| b'\n'),
            _ => None,
        };
        out.push(replacement.unwrap_or(byte));
    }
    Cow::Owned(out)
}

/// The length of a Lua block's text up to its closing brace, as lua-nginx-module scans it: braces
/// in strings, long brackets and Lua comments do not count. `None` when it is never closed.
pub fn lua_block(input: &[u8]) -> Option<usize> {
    let mut depth = 0usize;
    let mut at = 0;
    while let Some(byte) = input.get(at) {
        let rest = &input[at..];
        match *byte {
            b'{' => depth += 1,
            b'}' if depth == 0 => return Some(at),
            b'}' => depth -= 1,
            b'"' | b'\'' => at += lua_string(rest) - 1,
            b'-' if rest.starts_with(b"--") => at += lua_comment(rest)? - 1,
            b'[' => at += lua_long_bracket(rest).unwrap_or(Some(1))? - 1,
            _ => {}
        }
        at += 1;
    }
    None
}

/// The length of a short string; one that is not closed on its line ends with the line.
fn lua_string(input: &[u8]) -> usize {
    let quote = input[0];
    let mut at = 1;
    while let Some(byte) = input.get(at) {
        match *byte {
            b'\\' => at += 1,
            b'\n' => return at,
            byte if byte == quote => return at + 1,
            _ => {}
        }
        at += 1;
    }
    input.len()
}

fn lua_comment(input: &[u8]) -> Option<usize> {
    match lua_long_bracket(&input[2..]) {
        Some(length) => Some(2 + length?),
        None => Some(input.iter().position(|byte| *byte == b'\n').unwrap_or(input.len())),
    }
}

/// `None` when no long bracket opens here, `Some(None)` when it is never closed.
fn lua_long_bracket(input: &[u8]) -> Option<Option<usize>> {
    let level = input.iter().skip(1).take_while(|byte| **byte == b'=').count();
    if input.first() != Some(&b'[') || input.get(level + 1) != Some(&b'[') {
        return None;
    }
    let mut close = vec![b'='; level + 2];
    close[0] = b']';
    close[level + 1] = b']';
    let inside = level + 2;
    let found = input[inside..].windows(close.len()).position(|window| window == close.as_slice());
    Some(found.map(|at| inside + at + close.len()))
}
