//! One file of PHP-FPM's dialect or of php.ini, as written.

use std::fmt;

use crate::source::Span;

/// One file, as written. Reading never fails; what the server cannot read is in `problems`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// Headers and settings, in the order of the file.
    pub items: Vec<Item>,
    /// What the server refuses or silently drops, in the order of the file.
    pub problems: Vec<Problem>,
    /// The comments, from `;` to before the line end. A `;` in quotes begins none.
    pub comments: Vec<Span>,
    /// Where the reading ended, if there is more than is read.
    pub cut: Option<Span>,
}

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A header, `[www]`.
    Section(Section),
    /// `key = value`, and everything that has this shape, `include` too.
    Setting(Setting),
}

impl Item {
    /// Where it stands.
    pub fn span(&self) -> Span {
        match self {
            Item::Section(section) => section.span,
            Item::Setting(setting) => setting.span,
        }
    }
}

/// The header of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Section {
    /// What stands between the brackets; blanks belong to it.
    pub name: Value,
    /// The header with its brackets.
    pub span: Span,
}

/// A setting, `key = value` or `key[index] = value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The name as written, without the blanks around it; empty where only blanks stand.
    pub key: String,
    /// Where the name stands.
    pub key_span: Span,
    /// What stands in brackets behind the key; for `key[]` a value without pieces.
    pub index: Option<Value>,
    /// The value; `None` where there is no `=`, which is not the same as an empty value.
    pub value: Option<Value>,
    /// From the start of the key to the end of the value.
    pub span: Span,
}

/// A value, an index or a section's name: how it is written, and what it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// The value as written with its quotes, without the blanks around it.
    /// An empty value has an empty span, directly behind the `=` or `[`.
    pub span: Span,
    /// What the value is put together from. Neighbouring texts are one piece, and none is empty.
    pub pieces: Vec<Piece>,
}

/// A part of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Known text: quotes are removed, escapes, boolean words and arithmetic are worked out.
    Text(String),
    /// `${NAME}`: a php.ini setting of that name, else the variable of the server's environment, else empty.
    /// The name is what stands between the braces; PHP 8.3 and later read `NAME:-default` as a name
    /// and a default, earlier releases as one odd name.
    Environment(String),
    /// A PHP constant, or arithmetic on something that is not known here; as written.
    Undecided(String),
}

impl Value {
    /// The text, where it depends on nothing outside the file.
    pub fn text(&self) -> Option<String> {
        self.resolve(&|_| None)
    }

    /// The text, with variables looked up. `environment` gives the value of a variable, an empty one
    /// for a variable that is known to be unset, and `None` where it cannot know; then there is no text.
    pub fn resolve(&self, environment: &dyn Fn(&str) -> Option<String>) -> Option<String> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(part) => text.push_str(part),
                Piece::Environment(name) => text.push_str(&environment(name)?),
                Piece::Undecided(_) => return None,
            }
        }
        Some(text)
    }
}

/// Something in the file that the server does not take as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where. What is never closed is shown where it is opened.
    pub span: Span,
    /// What is the matter.
    pub kind: ProblemKind,
}

/// What is the matter. `Display` says it plainly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// The grammar does not allow what stands here.
    Syntax(Unexpected),
    /// A line with `#` in front, which begins no comment in these files. Holds what the grammar
    /// stumbles over, if it does; otherwise the line is a key without a value.
    HashComment(Option<Unexpected>),
    /// A key without `=` in a file of PHP-FPM. In php.ini that is allowed.
    NoValue,
    /// `''` in a file of PHP-FPM. The first quote ends the value, the second begins a key without a value.
    EmptyQuotes,
    /// A `'` that nothing closes: the server takes what stands before it and drops the rest silently,
    /// in a file of PHP-FPM the rest of the line, in php.ini the rest of the file.
    LostText,
    /// Operators or brackets are nested deeper than the server's parser allows.
    TooDeep,
}

impl ProblemKind {
    /// What the server prints about it, without `PHP:  ` in front and the place behind, which is wrong
    /// most of the time; `None` where the server notices nothing.
    pub fn message(&self) -> Option<String> {
        match self {
            ProblemKind::Syntax(unexpected) | ProblemKind::HashComment(Some(unexpected)) => Some(unexpected.message()),
            ProblemKind::NoValue | ProblemKind::EmptyQuotes | ProblemKind::HashComment(None) => {
                Some("value is NULL for a ZEND_INI_PARSER_ENTRY".to_owned())
            }
            ProblemKind::TooDeep => Some("memory exhausted".to_owned()),
            ProblemKind::LostText => None,
        }
    }
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ProblemKind::Syntax(unexpected) => unexpected.fmt(f),
            ProblemKind::HashComment(_) => f.write_str("`#` does not begin a comment here, `;` does"),
            ProblemKind::NoValue => f.write_str("this key has no `=` and no value"),
            ProblemKind::EmptyQuotes => f.write_str("`''` is not an empty value, `\"\"` is"),
            ProblemKind::LostText => f.write_str("nothing closes this `'`, so all that follows is dropped silently"),
            ProblemKind::TooDeep => f.write_str("operators and brackets are nested too deeply"),
        }
    }
}

/// What the grammar meets, and what it waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unexpected {
    /// What it meets.
    pub token: Token,
    /// What could stand there.
    pub expecting: Expecting,
}

impl Unexpected {
    /// The message of PHP's parser.
    fn message(self) -> String {
        let expecting = match self.expecting {
            Expecting::Much | Expecting::ClosingSingleQuote => {
                return format!("syntax error, unexpected {}", self.token.name());
            }
            Expecting::Equals => "'='",
            Expecting::ClosingBracket => "']'",
            Expecting::ClosingQuote => "TC_DOLLAR_CURLY or TC_QUOTED_STRING or '\"'",
            Expecting::ClosingParenthesis => "'^' or '|' or '&' or ')'",
            Expecting::VariableName => "TC_VARNAME",
            Expecting::ClosingBrace => "'}'",
        };
        format!("syntax error, unexpected {}, expecting {expecting}", self.token.name())
    }
}

impl fmt::Display for Unexpected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.expecting, self.token) {
            (Expecting::Equals, _) => f.write_str("no `=` follows the closing `]`"),
            (Expecting::ClosingBracket, _) => f.write_str("no `]` closes this `[`"),
            (Expecting::ClosingQuote, _) => f.write_str("no `\"` closes this quoted text"),
            (Expecting::ClosingSingleQuote, _) => f.write_str("no `'` closes this quoted text"),
            (Expecting::ClosingParenthesis, _) => f.write_str("no `)` closes this `(`"),
            (Expecting::VariableName, _) => f.write_str("no name of a variable follows `${`"),
            (Expecting::ClosingBrace, _) => f.write_str("no `}` closes this `${`"),
            (Expecting::Much, Token::Char(char)) => write!(f, "`{char}` cannot stand here outside quotes"),
            (Expecting::Much, Token::True | Token::False | Token::Null) => {
                f.write_str("a word like `on`, `no` or `null` must be the whole value or in quotes")
            }
            (Expecting::Much, Token::EndOfLine | Token::End) => f.write_str("the value ends where more must follow"),
            (Expecting::Much, _) => f.write_str("nothing may follow the value"),
        }
    }
}

/// What the grammar waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expecting {
    /// One of many things.
    Much,
    /// `=` behind `key[index]`.
    Equals,
    /// `]`.
    ClosingBracket,
    /// The `"` at the end of quoted text.
    ClosingQuote,
    /// The `'` at the end of quoted text; PHP's parser has no words for it.
    ClosingSingleQuote,
    /// `)`, or another operand.
    ClosingParenthesis,
    /// The name behind `${`.
    VariableName,
    /// `}` behind `${NAME`.
    ClosingBrace,
}

/// The words of the grammar that can stand in a wrong place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token {
    /// The text ends; also inside of a line, where the scanner gives up.
    End,
    /// The line ends.
    EndOfLine,
    /// One of the characters with a meaning.
    Char(char),
    /// A header's `[`.
    Section,
    /// A key.
    Label,
    /// A key with `[` behind.
    Offset,
    /// Text in single quotes.
    Raw,
    /// A word of letters, digits and `_`.
    Constant,
    /// A number.
    Number,
    /// Other text.
    Text,
    /// Blanks between two parts of a value.
    Blanks,
    /// `${`.
    Variable,
    /// `on`, `yes`, `true`.
    True,
    /// `off`, `no`, `none`, `false`.
    False,
    /// `null`.
    Null,
}

impl Token {
    /// What PHP's parser calls it.
    fn name(self) -> String {
        let name = match self {
            Token::Char(char) => return format!("'{char}'"),
            Token::End => "end of file",
            Token::EndOfLine => "END_OF_LINE",
            Token::Section => "TC_SECTION",
            Token::Label => "TC_LABEL",
            Token::Offset => "TC_OFFSET",
            Token::Raw => "TC_RAW",
            Token::Constant => "TC_CONSTANT",
            Token::Number => "TC_NUMBER",
            Token::Text => "TC_STRING",
            Token::Blanks => "TC_WHITESPACE",
            Token::Variable => "TC_DOLLAR_CURLY",
            Token::True => "BOOL_TRUE",
            Token::False => "BOOL_FALSE",
            Token::Null => "NULL_NULL",
        };
        name.to_owned()
    }
}
