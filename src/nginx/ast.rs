//! nginx configuration as it is written: statements, words, and where they stand.

use std::borrow::Cow;
use std::ops::Deref;
use std::slice;
use std::sync::Arc;

use ecow::EcoString;

use super::directives::{Entry, first_of};
use crate::source::Span;

/// One parsed file. Parsing never fails: what could not be read is in `problems`.
#[derive(Debug, Default)]
pub struct Tree {
    /// The statements at the top level, in order.
    pub directives: Vec<Arc<Directive>>,
    /// Where the text breaks nginx's grammar, in order.
    pub problems: Vec<Problem>,
    /// The statements that include files, at any depth, in order.
    pub includes: Vec<Arc<Directive>>,
    /// How many words and marks (`;`, `{`, `}`) were read.
    pub length: usize,
    /// Where the reading ended, if there is more than is read.
    pub cut: Option<Span>,
}

/// A statement: a name, arguments, and a block if it opens one.
///
/// A large host has millions of them; all of its places are in one file, which is named once.
#[derive(Debug)]
pub struct Directive {
    /// A short form of the name.
    pub key: Key,
    /// The words behind the name.
    pub args: Args,
    /// From the name to the end of the last word.
    pub head: Span,
    /// Whether a breach of the grammar lies inside, so that the words are not what was meant.
    pub flawed: bool,
    /// The first line of the table for the name; none for a name that nginx has never had.
    entry: Option<&'static Entry>,
    block: Option<Box<[Arc<Directive>]>>,
    lua: Option<Lua>,
    name_is_quoted: bool,
    name_end: u32,
    /// Behind the `;` or the closing brace.
    end: u32,
    ender: u32,
    /// Whether the end of the file ended the words.
    is_unfinished: bool,
}

/// The words behind a name. Most statements have one, which lies in the statement itself.
#[derive(Debug)]
pub enum Args {
    /// One.
    One(Word),
    /// Any other number.
    Several(Box<[Word]>),
    /// Any number behind the name itself, which is none that nginx has ever had.
    Named(Box<[Word]>),
}

impl Deref for Args {
    type Target = [Word];

    fn deref(&self) -> &[Word] {
        match self {
            Args::One(word) => slice::from_ref(word),
            Args::Several(words) => words,
            Args::Named(words) => &words[1..],
        }
    }
}

/// A short form of a name: equal names have equal keys, and different names seldom do. Looking for a
/// directive among many compares keys first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key(u32);

impl Key {
    /// The key of a name (FNV-1a).
    pub const fn of(name: &str) -> Self {
        let bytes = name.as_bytes();
        let (mut hash, mut at) = (0x811c_9dc5_u32, 0);
        while at < bytes.len() {
            hash = (hash ^ bytes[at] as u32).wrapping_mul(0x0100_0193);
            at += 1;
        }
        Key(hash)
    }

    /// A number below `limit`, spread evenly.
    pub(super) const fn below(self, limit: u32) -> u32 {
        // The upper bits of the product depend on all bits of the key.
        ((self.0.wrapping_mul(0x9e37_79b1) as u64 * limit as u64) >> 32) as u32
    }
}

/// What a statement ends in.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    /// A `;`.
    None,
    /// A block of statements.
    Block(&'a [Arc<Directive>]),
    /// The Lua text of a `*_by_lua_block`.
    Lua(Span),
}

/// What a statement is made with.
#[derive(Debug)]
pub(super) enum Ending {
    Semicolon,
    Block(Box<[Arc<Directive>]>),
    Lua(Lua),
}

/// What ends the Lua text of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lua {
    Brace,
    EndOfFile,
}

/// A word after nginx's unescaping. Most are short: their text needs no memory of its own.
#[derive(Clone, Debug)]
pub struct Word {
    /// The value nginx works with; bytes that are not UTF-8 are replacement characters.
    pub text: EcoString,
    /// The word as written, quotes included.
    pub span: Span,
    /// Whether it is written in quotes.
    pub quoted: bool,
}

/// A breach of the grammar. nginx stops at the first one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The offending text.
    pub span: Span,
    /// What is wrong with it.
    pub kind: ProblemKind,
    /// Where nginx notices; its message names this line.
    pub noticed: Span,
    /// The words in which nginx refuses; empty where it does not.
    pub refusal: String,
}

/// What can be wrong with the text of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// `;`, `{` or `}` where it cannot stand.
    Unexpected(char),
    /// A `}` while a statement is open: its `;` is missing. The span is the open statement.
    MissingSemicolon,
    /// The next statement begins on a new line while a statement is open.
    LostSemicolon,
    /// A directive that needs a block has no `{`, or one that is glued to a word.
    NoBlock,
    /// Something glued to a closing quote.
    AfterQuote(char),
    /// A quote that is never closed.
    UnclosedQuote(char),
    /// The file ends inside a statement.
    UnfinishedStatement,
    /// The file ends while the block that opens at the span is open.
    UnclosedBlock,
    /// The braces of a repetition in an expression without quotes, as `{4}`: nginx takes the first one for the start of
    /// a block. What nginx says, where that is known.
    Repetition(String),
    /// A word or a comment longer than nginx's buffer.
    TooLong,
    /// Blocks nested deeper than this program follows.
    TooDeep,
    /// A byte that no configuration holds: the file is something else.
    Binary,
    /// A byte order mark, which nginx takes as part of the first word.
    ByteOrderMark,
}

impl Directive {
    /// The statement that words make, with their ender (see [`Directive::ender`]) and the offset behind its `;` or
    /// closing brace. None of no words; no words are left.
    pub(super) fn of(words: &mut Vec<Word>, ending: Ending, ender: Span, end: usize, flawed: bool) -> Option<Self> {
        let head = words.first()?.span.to(words.last()?.span);
        let Word { text: name, span, quoted } = words.first()?;
        let (key, name_end, name_is_quoted) = (Key::of(name), span.end, *quoted);
        let entry = first_of(key, name);
        let args = match words.len() {
            _ if entry.is_none() => Args::Named(words.drain(..).collect()),
            2 => Args::One(words.pop()?),
            _ => Args::Several(words.drain(1..).collect()),
        };
        words.clear();
        let (block, lua) = match ending {
            Ending::Semicolon => (None, None),
            Ending::Block(block) => (Some(block), None),
            Ending::Lua(lua) => (None, Some(lua)),
        };
        Some(Directive {
            key,
            args,
            head,
            flawed,
            entry,
            block,
            lua,
            name_is_quoted,
            name_end,
            end: Span::new(head.file, end, end).end.max(head.start),
            ender: ender.start,
            is_unfinished: ender.start == ender.end,
        })
    }

    /// The name's text.
    pub fn name(&self) -> &str {
        match (self.entry, &self.args) {
            (Some(entry), _) => entry.name,
            (None, Args::Named(words)) => &words[0].text,
            (None, _) => "",
        }
    }

    /// The first word.
    pub fn name_word(&self) -> Word {
        let span = Span { end: self.name_end, ..self.head };
        Word { text: self.name().into(), span, quoted: self.name_is_quoted }
    }

    /// The name and the arguments.
    pub fn words(&self) -> impl Iterator<Item = Cow<'_, Word>> {
        std::iter::once(Cow::Owned(self.name_word())).chain(self.args.iter().map(Cow::Borrowed))
    }

    /// From the name to the `;` or the closing brace.
    pub fn span(&self) -> Span {
        Span { end: self.end, ..self.head }
    }

    /// What ended the words: the `;` or the `{`, or the end of the file. nginx names its line for whatever is wrong
    /// with them.
    pub fn ender(&self) -> Span {
        let end = if self.is_unfinished { self.ender } else { self.ender + 1 };
        Span { start: self.ender, end, ..self.head }
    }

    /// Whether it is named `include`.
    pub fn is_include(&self) -> bool {
        const INCLUDE: Key = Key::of("include");
        self.key == INCLUDE && self.name() == "include"
    }

    /// What the table says of the name.
    pub fn entries(&self) -> &'static [Entry] {
        self.entry.map_or(&[], Entry::of_name)
    }

    /// What ends the statement.
    pub fn body(&self) -> Body<'_> {
        match (&self.block, self.lua) {
            (Some(block), _) => Body::Block(block),
            (None, Some(lua)) => {
                // It begins behind the opening brace.
                let end = if lua == Lua::Brace { self.end - 1 } else { self.end };
                Body::Lua(Span { start: self.ender + 1, end, ..self.head })
            }
            (None, None) => Body::None,
        }
    }

    /// The statements of its block, if it has one.
    pub(super) fn into_block(self) -> Option<Box<[Arc<Directive>]>> {
        self.block
    }

    /// The argument at an index, as text.
    pub fn arg(&self, index: usize) -> Option<&str> {
        self.args.get(index).map(|word| word.text.as_str())
    }

    /// The statements of the block; none when there is no block.
    pub fn block(&self) -> &[Arc<Directive>] {
        self.block.as_deref().unwrap_or_default()
    }

    /// Whether it opens a block, empty or not.
    pub fn is_block(&self) -> bool {
        self.block.is_some()
    }

    /// The statement as one line of text.
    pub fn text(&self) -> String {
        let words = std::iter::once(self.name()).chain(self.args.iter().map(|word| word.text.as_str()));
        words.collect::<Vec<_>>().join(" ")
    }
}

impl ProblemKind {
    /// The words in which nginx refuses the file, where the kind alone decides them.
    pub fn nginx_message(&self) -> String {
        match self {
            ProblemKind::Unexpected(found) | ProblemKind::AfterQuote(found) => format!("unexpected \"{found}\""),
            ProblemKind::MissingSemicolon => "unexpected \"}\"".into(),
            ProblemKind::UnclosedQuote(_) | ProblemKind::UnfinishedStatement => {
                "unexpected end of file, expecting \";\" or \"}\"".into()
            }
            ProblemKind::UnclosedBlock => "unexpected end of file, expecting \"}\"".into(),
            ProblemKind::Repetition(words) => words.clone(),
            ProblemKind::TooLong => "too long parameter".into(),
            ProblemKind::ByteOrderMark => "unknown directive".into(),
            ProblemKind::TooDeep | ProblemKind::Binary | ProblemKind::LostSemicolon | ProblemKind::NoBlock => {
                String::new()
            }
        }
    }
}
