//! Values, indices and names: pieces put one behind the other, and arithmetic on them.

use super::ast::{Expecting, Piece, Problem, ProblemKind, Token, Unexpected, Value};
use super::constants::{self, Word};
use super::readers::leading_int;
use super::token::{self, Input, Text, between, lossy};
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

/// How deep PHP's parser goes: a stack of 10 000, of which a statement itself takes a few.
const DEPTH: usize = 9_990;

/// What can be next in a value.
enum Part<'a> {
    /// Something that is put together with its neighbours. The rest is where it ends as written.
    Pieces(Vec<Piece>, Input<'a>),
    /// Blanks between two pieces.
    Blanks(Input<'a>),
    /// An operator, and where it ends.
    Operator(char, Input<'a>),
    /// A word for true, false or nothing.
    Switch(Token),
    /// A piece that is never closed, where no piece can stand anyway.
    Broken,
    /// The value ends.
    End(Token, End<'a>, Option<Span>),
}

/// What stands on one side of an operator.
struct Operand {
    content: Content,
    start: usize,
    end: usize,
}

enum Content {
    /// Pieces that no operator has touched.
    Pieces(Vec<Piece>),
    /// A result.
    Number(i32),
    /// A result that depends on something unknown.
    Unknown,
}

impl Operand {
    /// The text as C's atoi reads it; `None` where it is not known.
    fn number(&self) -> Option<i32> {
        match &self.content {
            Content::Number(number) => Some(*number),
            Content::Unknown => None,
            Content::Pieces(pieces) => match pieces.as_slice() {
                [] => Some(0),
                [Piece::Text(text)] => Some(leading_int(text)),
                _ => None,
            },
        }
    }

    fn computed(number: Option<i32>, start: usize, end: usize) -> Self {
        Operand { content: number.map_or(Content::Unknown, Content::Number), start, end }
    }
}

/// What waits for an operand to its right.
enum Waiting {
    Parenthesis(usize),
    Unary(char, usize),
    Binary(char, Operand),
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
        Part::Switch(token) => {
            let word = token::trim_end(between(input, rest));
            let pieces = if token == Token::True { vec![Piece::Text("1".to_owned())] } else { Vec::new() };
            let value = Value { span: text.span(input, &input[word.len()..]), pieces };
            match part(text, rest) {
                Ok((Part::End(_, end, comment), rest)) => Scanned { value: Some(value), rest, comment, end },
                _ => {
                    let problem = unexpected(text, rest, token_at(rest), Expecting::Much);
                    Scanned { value: Some(value), rest, comment: None, end: End::Wrong(problem) }
                }
            }
        }
        _ => expression(text, input),
    }
}

/// Reads pieces, operators and brackets up to the end of the value.
fn expression<'a>(text: &Text<'a>, input: Input<'a>) -> Scanned<'a> {
    let wrong = |rest, problem| Scanned { value: None, rest, comment: None, end: End::Wrong(problem) };
    let offset = |rest: Input<'_>| input.len() - rest.len();
    let mut waiting: Vec<Waiting> = Vec::new();
    let mut rest = input;
    loop {
        // An operand is due, or something that binds tighter.
        let mut operand = match part(text, rest) {
            Ok((Part::Operator('(', _), next)) => {
                waiting.push(Waiting::Parenthesis(offset(rest)));
                rest = next;
                if waiting.len() > DEPTH {
                    return wrong(rest, problem(text, input, rest, ProblemKind::TooDeep));
                }
                continue;
            }
            Ok((Part::Operator(operator @ ('~' | '!'), _), next)) => {
                waiting.push(Waiting::Unary(operator, offset(rest)));
                rest = next;
                if waiting.len() > DEPTH {
                    return wrong(rest, problem(text, input, rest, ProblemKind::TooDeep));
                }
                continue;
            }
            Ok((Part::Pieces(..) | Part::Blanks(_), _)) => {
                let (pieces, end, next) = match pieces(text, rest) {
                    Ok(read) => read,
                    // PHP's parser has taken nothing yet that would count.
                    Err(problem) => return wrong(rest, problem),
                };
                let operand = Operand { content: Content::Pieces(pieces), start: offset(rest), end: offset(end) };
                rest = next;
                operand
            }
            Ok((Part::End(token, End::Lost(quote), _), _)) => {
                let kind = Unexpected { token, expecting: Expecting::ClosingSingleQuote };
                return wrong(rest, problem(text, quote, &quote[1..], ProblemKind::Syntax(kind)));
            }
            Ok((Part::End(token, ..), _)) => return wrong(rest, unexpected(text, rest, token, Expecting::Much)),
            Ok(_) => return wrong(rest, unexpected(text, rest, token_at(rest), Expecting::Much)),
            Err(problem) => return wrong(rest, problem),
        };
        // An operand is complete: an operator may follow, or the end.
        loop {
            operand = apply_unary(&mut waiting, operand);
            let (next, after) = part(text, rest).unwrap_or((Part::Broken, rest));
            match next {
                Part::Operator(operator @ ('&' | '|' | '^'), _) => {
                    operand = apply_binary(&mut waiting, operand);
                    waiting.push(Waiting::Binary(operator, operand));
                    rest = after;
                    break;
                }
                Part::Operator(')', end) => {
                    operand = apply_binary(&mut waiting, operand);
                    if let Some(Waiting::Parenthesis(start)) = waiting.pop() {
                        operand = Operand { start, end: offset(end), ..operand };
                        rest = after;
                    } else {
                        let end = End::Wrong(unexpected(text, rest, Token::Char(')'), Expecting::Much));
                        let value = Some(finish(text, input, operand));
                        return Scanned { value, rest, comment: None, end };
                    }
                }
                next => {
                    operand = apply_binary(&mut waiting, operand);
                    if let Some(Waiting::Parenthesis(start)) = waiting.pop() {
                        let token = if let Part::End(token, ..) = next { token } else { token_at(rest) };
                        let kind = ProblemKind::Syntax(Unexpected { token, expecting: Expecting::ClosingParenthesis });
                        return wrong(rest, problem(text, &input[start..], &input[start + 1..], kind));
                    }
                    let (end, comment) = match next {
                        Part::End(_, end, comment) => (end, comment),
                        _ => (End::Wrong(unexpected(text, rest, token_at(rest), Expecting::Much)), None),
                    };
                    return Scanned { value: Some(finish(text, input, operand)), rest: after, comment, end };
                }
            }
        }
    }
}

/// Applies the `~` and `!` in front of an operand.
fn apply_unary(waiting: &mut Vec<Waiting>, mut operand: Operand) -> Operand {
    while let Some(Waiting::Unary(operator, start)) = waiting.last() {
        let number = operand.number().map(|number| if *operator == '~' { !number } else { i32::from(number == 0) });
        operand = Operand::computed(number, *start, operand.end);
        waiting.pop();
    }
    operand
}

/// Applies the operator in front of the right operand. All three have the same rank, left to right,
/// so never more than one waits.
fn apply_binary(waiting: &mut Vec<Waiting>, right: Operand) -> Operand {
    if !matches!(waiting.last(), Some(Waiting::Binary(..))) {
        return right;
    }
    let Some(Waiting::Binary(operator, left)) = waiting.pop() else { return right };
    let number = left.number().zip(right.number()).map(|(left, right)| match operator {
        '&' => left & right,
        '|' => left | right,
        _ => left ^ right,
    });
    Operand::computed(number, left.start, right.end)
}

/// The value of a complete expression, which began at `input`.
fn finish(text: &Text<'_>, input: Input<'_>, operand: Operand) -> Value {
    let (from, to) = (&input[operand.start..], &input[operand.end..]);
    let pieces = match operand.content {
        Content::Pieces(pieces) => pieces,
        Content::Number(number) => vec![Piece::Text(number.to_string())],
        Content::Unknown => vec![Piece::Undecided(lossy(between(from, to)))],
    };
    Value { span: text.span(from, to), pieces }
}

/// Reads all pieces up to something else. Gives them, where the last one ends, and the rest, which
/// differ by blanks.
fn pieces<'a>(text: &Text<'a>, input: Input<'a>) -> Result<(Vec<Piece>, Input<'a>, Input<'a>), Problem> {
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
fn part<'a>(text: &Text<'a>, input: Input<'a>) -> Result<(Part<'a>, Input<'a>), Problem> {
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
    if let Ok((rest, blanks)) = token::blanks(input)
        && !blanks.is_empty()
    {
        return Ok((Part::Blanks(blanks), rest));
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
    if let Ok((rest, token)) = token::switch(input)
        && token::trim_end(between(input, rest)).len() == run.len()
    {
        return Ok((Part::Switch(token), rest));
    }
    Ok((Part::Pieces(vec![bare(run)], rest), rest))
}

/// The name of the token that begins here, for a message.
fn token_at(input: Input<'_>) -> Token {
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
        match token::switch(input) {
            Ok((rest, token)) if token::trim_end(between(input, rest)).len() == run.len() => token,
            _ => token::classify(run),
        }
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
    // One character is enough to point at, and is never cut through.
    let width = match token {
        Token::EndOfLine | Token::End => 0,
        _ => start.iter().skip(1).take_while(|byte| (0x80..0xc0).contains(*byte)).count() + 1,
    };
    let end = &start[width.min(start.len())..];
    problem(text, start, end, ProblemKind::Syntax(Unexpected { token, expecting }))
}
