//! Values, indices and names: pieces put one behind the other. Operators between them are worked out
//! in `arithmetic`.

use super::arithmetic;
use super::ast::{Expecting, Piece, Problem, ProblemKind, Token, Unexpected, Value};
use super::constants::{self, Word};
use super::token::{self, Input, Text, lossy};
use crate::source::Span;

/// A value that was read, as far as it could be.
pub(super) struct Scanned<'a> {
    /// The value, where there is one that the server takes.
    pub value: Option<Value>,
    /// What follows.
    pub rest: Input<'a>,
    /// The comment behind the value.
    pub comment: Option<Span>,
    /// How it ended.
    pub end: End<'a>,
}

/// How a value ended.
pub(super) enum End<'a> {
    /// With its line, or in front of a second `=`: the grammar goes on with the rest.
    Line,
    /// In front of `''`, which the grammar reads as a line end and the start of a key.
    EmptyQuotes(Input<'a>),
    /// With all that follows dropped silently: the place of the `'` that does it.
    Lost(Input<'a>),
    /// With the text.
    Text,
    /// With something that the grammar does not allow.
    Wrong(Problem),
}

/// What can be next in a value.
pub(super) enum Part<'a> {
    /// Something that is put together with its neighbours. The rest is where it ends as written.
    Pieces(Vec<Piece>, Input<'a>),
    /// Blanks between two pieces.
    Blanks(Input<'a>),
    /// An operator, and where it ends.
    Operator(char, Input<'a>),
    /// A word for true, false or nothing, and where it ends.
    Switch(Token, Input<'a>),
    /// A piece that is never closed, where no piece can stand anyway.
    Broken,
    /// The value ends.
    End(Token, End<'a>, Option<Span>),
}

/// Reads the value behind `=`; `behind` is the rest directly behind the sign.
pub(super) fn value<'a>(text: &Text<'a>, behind: Input<'a>, input: Input<'a>) -> Scanned<'a> {
    let (first, rest) = match part(text, input) {
        Ok(next) => next,
        Err(problem) => return Scanned { value: None, rest: input, comment: None, end: End::Wrong(problem) },
    };
    match first {
        // Only here a line end makes an empty value; the end of the text does not.
        Part::End(Token::EndOfLine, end, comment) => {
            let value = Value { span: text.span(behind, behind), pieces: Vec::new() };
            Scanned { value: Some(value), rest, comment, end }
        }
        Part::Switch(token, word_end) => {
            let pieces = if token == Token::True { vec![Piece::Text("1".to_owned())] } else { Vec::new() };
            let value = Value { span: text.span(input, word_end), pieces };
            match part(text, rest) {
                Ok((Part::End(_, end, comment), rest)) => Scanned { value: Some(value), rest, comment, end },
                _ => {
                    let problem = unexpected(text, rest, token_at(rest), Expecting::Much);
                    Scanned { value: Some(value), rest, comment: None, end: End::Wrong(problem) }
                }
            }
        }
        _ => arithmetic::expression(text, input),
    }
}

/// Reads all pieces up to something else. Gives them, where the last one ends, and the rest, which
/// differ by blanks.
pub(super) fn pieces<'a>(text: &Text<'a>, input: Input<'a>) -> Result<(Vec<Piece>, Input<'a>, Input<'a>), Problem> {
    let (mut all, mut end, mut rest) = (Vec::new(), input, input);
    loop {
        match part(text, rest)? {
            (Part::Pieces(pieces, piece_end), next) => {
                pieces.into_iter().for_each(|piece| push(&mut all, piece));
                (end, rest) = (piece_end, next);
            }
            (Part::Blanks(blanks), next) => {
                push_text(&mut all, blanks);
                rest = next;
            }
            _ => return Ok((all, end, rest)),
        }
    }
}

/// Reads the next part of a value.
pub(super) fn part<'a>(text: &Text<'a>, input: Input<'a>) -> Result<(Part<'a>, Input<'a>), Problem> {
    if input.is_empty() {
        return Ok((Part::End(Token::EndOfLine, End::Text, None), input));
    }
    if let Ok((rest, comment)) = token::end_of_line(input) {
        let comment = comment.map(|comment| text.comment(input, comment));
        return Ok((Part::End(Token::EndOfLine, End::Line, comment), rest));
    }
    if let Ok((rest, comment)) = token::last_comment(input) {
        return Ok((Part::End(Token::End, End::Text, Some(text.comment(input, comment))), rest));
    }
    if token::open_quote(input).is_ok() {
        let (pieces, end, rest) = quoted(text, input)?;
        return Ok((Part::Pieces(pieces, end), rest));
    }
    match token::blanks(input) {
        Ok((rest, blanks)) if !blanks.is_empty() => return Ok((Part::Blanks(blanks), rest)),
        _ => {}
    }
    if token::open_variable(input).is_ok() {
        let (piece, rest) = variable(text, input)?;
        return Ok((Part::Pieces(vec![piece], rest), rest));
    }
    if let Ok((rest, (operator, end))) = token::operator(input) {
        return Ok((Part::Operator(operator, end), rest));
    }
    if let Ok((rest, raw)) = token::single_quoted(input) {
        return Ok((Part::Pieces(vec![Piece::Text(lossy(raw))], rest), rest));
    }
    if let Some(rest) = input.strip_prefix(b"'") {
        return Ok(match rest.first() {
            Some(b'\'') => (Part::End(Token::EndOfLine, End::EmptyQuotes(input), None), rest),
            _ => (Part::End(Token::End, End::Lost(input), None), &input[input.len()..]),
        });
    }
    let Ok((rest, run)) = token::value_run(input) else {
        // A second `=` ends the value and stays; anything else here is a byte that no rule takes.
        let rest = if input[0] == b'=' { input } else { &input[1..] };
        return Ok((Part::End(Token::EndOfLine, End::Line, None), rest));
    };
    if let Some(token) = token::switch(run) {
        let (behind, _) = token::blanks(rest).unwrap_or((rest, &[]));
        return Ok((Part::Switch(token, rest), behind));
    }
    Ok((Part::Pieces(vec![bare(run)], rest), rest))
}

/// The name of the token that begins here, for a message.
pub(super) fn token_at(input: Input<'_>) -> Token {
    if token::open_quote(input).is_ok() {
        Token::Char('"')
    } else if token::blanks(input).is_ok_and(|(_, blanks)| !blanks.is_empty()) {
        Token::Blanks
    } else if token::open_variable(input).is_ok() {
        Token::Variable
    } else if let Ok((_, (operator, _))) = token::operator(input) {
        Token::Char(operator)
    } else if token::single_quoted(input).is_ok() {
        Token::Raw
    } else if let Ok((_, run)) = token::value_run(input) {
        token::switch(run).unwrap_or_else(|| token::classify(run))
    } else {
        Token::End
    }
}

/// A part of a bare value or index: a constant, or text.
fn bare(run: Input<'_>) -> Piece {
    let text = lossy(run);
    if token::classify(run) != Token::Constant {
        return Piece::Text(text);
    }
    match constants::find(&text) {
        Word::Known(value) => Piece::Text(value.to_owned()),
        Word::Undecided => Piece::Undecided(text),
        Word::Text => Piece::Text(text),
    }
}

/// Where a name ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    /// The name of a section, `[name]`. Words in it are never constants.
    Section,
    /// The index of a key, `key[index]`.
    Index,
}

/// Reads the name of a section or an index up to its `]`, which stays. `opening` is where the
/// construct begins and `behind` the rest directly behind its `[`.
pub(super) fn name<'a>(
    text: &Text<'a>,
    kind: Name,
    opening: Input<'a>,
    behind: Input<'a>,
    input: Input<'a>,
) -> Result<(Value, Input<'a>), Problem> {
    let (mut pieces, mut end, mut rest) = (Vec::new(), None, input);
    loop {
        if rest.starts_with(b"]") || (kind == Name::Index && token::close_index(rest).is_ok()) {
            let span = end.map_or_else(|| text.span(behind, behind), |end| text.span(input, end));
            return Ok((Value { span, pieces }, rest));
        }
        if token::open_quote(rest).is_ok() {
            let (quoted, quote_end, next) = quoted(text, rest)?;
            quoted.into_iter().for_each(|piece| push(&mut pieces, piece));
            (end, rest) = (Some(quote_end), next);
        } else if token::open_variable(rest).is_ok() {
            let (piece, next) = variable(text, rest)?;
            push(&mut pieces, piece);
            (end, rest) = (Some(next), next);
        } else if let Ok((next, raw)) = token::single_quoted(rest) {
            push(&mut pieces, Piece::Text(lossy(raw)));
            (end, rest) = (Some(next), next);
        } else if let Ok((next, run)) = token::name_run(rest) {
            push(&mut pieces, if kind == Name::Section { Piece::Text(lossy(run)) } else { bare(run) });
            (end, rest) = (Some(next), next);
        } else {
            let kind = Unexpected { token: Token::End, expecting: Expecting::ClosingBracket };
            return Err(problem(text, opening, behind, ProblemKind::Syntax(kind)));
        }
    }
}

/// Reads text in double quotes. Gives its pieces, where it ends, and the rest without blanks.
fn quoted<'a>(text: &Text<'a>, input: Input<'a>) -> Result<(Vec<Piece>, Input<'a>, Input<'a>), Problem> {
    let (opening, _) = token::blanks(input).unwrap_or((input, &[]));
    let (mut pieces, mut rest) = (Vec::new(), &opening[1..]);
    loop {
        if let Ok((after, end)) = token::close_quote(rest) {
            return Ok((pieces, end, after));
        }
        if token::open_variable(rest).is_ok() {
            let (piece, next) = variable(text, rest)?;
            push(&mut pieces, piece);
            rest = next;
        } else if rest.is_empty() {
            let kind = Unexpected { token: Token::End, expecting: Expecting::ClosingQuote };
            return Err(problem(text, opening, &opening[1..], ProblemKind::Syntax(kind)));
        } else {
            let (content, next) = quoted_text(rest);
            push_text(&mut pieces, &content);
            rest = next;
        }
    }
}

/// Reads quoted text up to its end or the next variable, and takes the escapes away.
fn quoted_text(input: Input<'_>) -> (Vec<u8>, Input<'_>) {
    let mut content = Vec::new();
    let mut at = 0;
    while let Some(byte) = input.get(at) {
        match (byte, input.get(at + 1), input.get(at + 2)) {
            (b'"', ..) | (b'$', Some(b'{'), _) => break,
            // `"C:\path\"` at the end of a line: the backslash escapes nothing.
            (b'\\', Some(b'"'), None | Some(b'\n' | b'\r')) => content.push(b'\\'),
            (b'\\', Some(escaped), _) => {
                if !matches!(escaped, b'"' | b'\\' | b'$') {
                    content.push(b'\\');
                }
                content.push(*escaped);
                at += 1;
            }
            (byte, ..) => content.push(*byte),
        }
        at += 1;
    }
    (content, &input[at..])
}

/// Reads `${NAME}`.
fn variable<'a>(text: &Text<'a>, input: Input<'a>) -> Result<(Piece, Input<'a>), Problem> {
    let wrong = |token, expecting| {
        let kind = ProblemKind::Syntax(Unexpected { token, expecting });
        Err(problem(text, input, &input[2..], kind))
    };
    let inside = &input[2..];
    let Ok((rest, name)) = token::label(inside) else {
        let token = if inside.starts_with(b"}") { Token::Char('}') } else { Token::End };
        return wrong(token, Expecting::VariableName);
    };
    let Some(rest) = rest.strip_prefix(b"}") else {
        if rest.is_empty() {
            // PHP's scanner looks for more of the name behind the end, and gives up.
            return wrong(Token::End, Expecting::VariableName);
        }
        return wrong(Token::End, Expecting::ClosingBrace);
    };
    let name = lossy(name);
    Ok((Piece::Environment(name.trim_matches([' ', '\t']).to_owned()), rest))
}

/// Adds a piece; neighbouring texts become one.
fn push(pieces: &mut Vec<Piece>, piece: Piece) {
    match (pieces.last_mut(), piece) {
        (_, Piece::Text(text)) if text.is_empty() => {}
        (Some(Piece::Text(last)), Piece::Text(text)) => last.push_str(&text),
        (_, piece) => pieces.push(piece),
    }
}

fn push_text(pieces: &mut Vec<Piece>, text: &[u8]) {
    push(pieces, Piece::Text(lossy(text)));
}

/// A problem with the text between two rests.
pub(super) fn problem(text: &Text<'_>, from: Input<'_>, to: Input<'_>, kind: ProblemKind) -> Problem {
    Problem { span: text.span(from, to), kind }
}

/// A problem with the token that begins here.
pub(super) fn unexpected(text: &Text<'_>, input: Input<'_>, token: Token, expecting: Expecting) -> Problem {
    let (start, _) = token::blanks(input).unwrap_or((input, &[]));
    let width = match token {
        Token::EndOfLine | Token::End => 0,
        Token::True | Token::False | Token::Null | Token::Constant | Token::Number | Token::Text => {
            token::value_run(start).map_or(0, |(_, run)| run.len())
        }
        // All others begin with a character that is one byte, and that is enough to point at.
        _ => 1,
    };
    let end = &start[width.min(start.len())..];
    problem(text, start, end, ProblemKind::Syntax(Unexpected { token, expecting }))
}
