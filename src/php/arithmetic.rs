//! The operators `& | ^ ~ !` and brackets in values. PHP works them out on 32-bit integers, as it reads
//! them from the start of any text: `/path&x` is 0.

use super::ast::{Expecting, Piece, ProblemKind, Token, Unexpected, Value};
use super::readers::leading_int;
use super::token::{Input, Text, between, lossy};
use super::value::{End, Part, Scanned, part, pieces, problem, token_at, unexpected};

/// How deep PHP's parser goes: a stack of 10 000, of which a statement itself takes a few.
const DEPTH: usize = 9_990;

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

/// Reads pieces, operators and brackets up to the end of a value that begins at `input`. A value is
/// given, too, where it is complete and then something follows that may not: PHP uses it before it looks on.
pub(super) fn expression<'a>(text: &Text<'a>, input: Input<'a>) -> Scanned<'a> {
    let wrong = |rest, problem| Scanned { value: None, rest, comment: None, end: End::Wrong(problem) };
    let offset = |rest: Input<'_>| input.len() - rest.len();
    let mut waiting: Vec<Waiting> = Vec::new();
    let mut rest = input;
    loop {
        // An operand is due, or something that binds tighter.
        let mut operand = match part(text, rest) {
            Ok((Part::Operator(operator @ ('(' | '~' | '!'), _), next)) => {
                waiting.push(match operator {
                    '(' => Waiting::Parenthesis(offset(rest)),
                    _ => Waiting::Unary(operator, offset(rest)),
                });
                rest = next;
                if waiting.len() > DEPTH {
                    return wrong(rest, problem(text, input, rest, ProblemKind::TooDeep));
                }
                continue;
            }
            Ok((Part::Pieces(..) | Part::Blanks(_), _)) => {
                let (pieces, end, next) = match pieces(text, rest) {
                    Ok(read) => read,
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
