//! Statements and blocks of one nginx file. The grammar is nginx's own, and a breach of it gives
//! one problem and is recovered from, so that the rest of the file is still known.

use std::sync::Arc;

use ecow::EcoString;

use super::ast::{Body, Directive, Ending as Ends, Lua, Problem, ProblemKind, Tree, Word};
use super::directives::Places;
use super::lexer::{self, Token};
use super::recover::{self, Ending};
use crate::source::{FileId, Span};
use crate::values::environment::Environment;

/// Blocks nested deeper than this are not followed. nginx has no limit of its own; nobody nests a
/// tenth of this, and recursion over the tree stays safe.
pub const MAX_DEPTH: usize = 100;

/// More words and marks (`;`, `{`, `}`) than this are not read, neither of a file nor of all files of a configuration:
/// they take half a gigabyte of memory. Ten thousand sites of a hundred directives are as many; the longest lists of
/// addresses that people include have half a million records of three.
pub const MAX_LENGTH: usize = 4_000_000;

/// What stands further away on a line than this is not looked for.
const LONG_LINE: usize = 4096;

/// Parses the text of one file.
///
/// A file whose braces do not pair is read once more: the places of known directives and the
/// indentation say which brace was forgotten.
pub fn parse(file: FileId, bytes: &[u8]) -> Tree {
    parse_filled(file, bytes, None)
}

/// Parses the text of one file, of which each word is what an environment makes of it. Where that is not known it is
/// as it is written.
pub fn parse_filled(file: FileId, bytes: &[u8], environment: Option<&Environment>) -> Tree {
    let parser = |braces| Parser { environment, ..Parser::new(file, bytes, braces) };
    let (mut tree, braces) = parser(Braces::Paired).run();
    if braces != Braces::Paired {
        let noticed = recover::first_misplaced(&tree);
        tree = parser(braces).run().0;
        recover::note(&mut tree, noticed, bytes.len());
    }
    collect_includes(&tree.directives, &mut tree.includes);
    tree
}

/// What a first reading says about the braces of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Braces {
    /// Nothing is known to be wrong.
    Paired,
    /// So many blocks are never closed.
    Unclosed(usize),
    /// So many closing braces close nothing.
    Surplus(usize),
}

pub(super) struct Parser<'a> {
    pub(super) file: FileId,
    pub(super) bytes: &'a [u8],
    pub(super) rest: &'a [u8],
    /// The blocks that are open, outermost first.
    pub(super) open: Vec<OpenBlock>,
    /// The words of the statement being read.
    pub(super) words: Vec<Word>,
    /// Whether a breach of the grammar was met inside of them.
    pub(super) flawed: bool,
    /// What the reading may still mend.
    pub(super) braces: Braces,
    /// Where the file's own statements may stand, as far as those before tell.
    pub(super) top: Places,
    /// Whether a word holds a zero byte.
    pub(super) has_zero: bool,
    /// What is filled into words.
    environment: Option<&'a Environment>,
    pub(super) tree: Tree,
}

pub(super) struct OpenBlock {
    pub(super) words: Vec<Word>,
    pub(super) directives: Vec<Arc<Directive>>,
    pub(super) ender: Span,
    pub(super) flawed: bool,
    /// Where the statements inside may stand; none where that is not known.
    pub(super) inside: Option<Places>,
}

impl<'a> Parser<'a> {
    fn new(file: FileId, bytes: &'a [u8], braces: Braces) -> Self {
        Parser {
            file,
            bytes,
            rest: bytes,
            open: Vec::new(),
            words: Vec::new(),
            flawed: false,
            braces,
            top: Places::ANY,
            has_zero: false,
            environment: None,
            tree: Tree::default(),
        }
    }

    fn run(mut self) -> (Tree, Braces) {
        if self.bytes.starts_with(b"\xef\xbb\xbf") {
            // nginx takes the mark as part of the first word; everything behind it reads as meant.
            let noticed = self.first_ender();
            self.problem_noticed(0, 3, ProblemKind::ByteOrderMark, noticed);
            self.rest = &self.bytes[3..];
        }
        loop {
            let before = self.rest;
            // The lexer accepts all input; an error cannot occur, and would end the file.
            let Ok((rest, token)) = lexer::token(before) else { break };
            self.rest = rest;
            let end = self.at();
            self.tree.length += usize::from(token != Token::End);
            if self.tree.length > MAX_LENGTH {
                self.tree.cut = Some(Span::new(self.file, end - 1, end));
                break;
            }
            match token {
                Token::Bare(raw) => self.word(raw, end - raw.len(), end, false, &token),
                Token::Quoted(raw, quote) => self.quoted(raw, quote, end, &token),
                Token::Semicolon if self.words.is_empty() => self.problem(end - 1, end, ProblemKind::Unexpected(';')),
                Token::Semicolon => self.end_statement(Ending::Semicolon, end),
                Token::Open if self.repetition(end) => {}
                Token::Open if self.open.len() >= MAX_DEPTH => {
                    self.problem(end - 1, end, ProblemKind::TooDeep);
                    self.words.clear();
                    break;
                }
                Token::Open => self.open_block(end),
                Token::Close => self.close_block(end),
                Token::LongComment(text) => self.problem(end - text.len(), end, ProblemKind::TooLong),
                Token::Unclosed(quote) => {
                    let start = self.bytes.len() - before.len() + blank_prefix(before);
                    let noticed = Span::new(self.file, self.bytes.len(), self.bytes.len());
                    let kind = ProblemKind::UnclosedQuote(quote.into());
                    self.problem_noticed(start, start + 1, kind, noticed);
                    self.end_quote_with_its_line(start);
                }
                Token::End => break,
            }
        }
        let braces = self.end_of_file();
        self.forget_binary();
        (self.tree, braces)
    }

    fn at(&self) -> usize {
        self.bytes.len() - self.rest.len()
    }

    fn problem(&mut self, start: usize, end: usize, kind: ProblemKind) {
        self.problem_noticed(start, end, kind, Span::new(self.file, start, end));
    }

    pub(super) fn problem_noticed(&mut self, start: usize, end: usize, kind: ProblemKind, noticed: Span) {
        let refusal = kind.nginx_message();
        self.tree.problems.push(Problem { span: Span::new(self.file, start, end), kind, noticed, refusal });
    }

    fn word(&mut self, raw: &[u8], start: usize, end: usize, quoted: bool, token: &Token<'_>) {
        let is_followed = self.bytes.get(end).is_some_and(|byte| b" \t\r\n".contains(byte));
        if !lexer::fits(token, is_followed) {
            self.problem(start, end, ProblemKind::TooLong);
            self.flawed = true;
        }
        self.has_zero |= raw.contains(&0);
        let text = text(raw);
        let environment = self.environment.filter(|_| raw.contains(&b'$'));
        let filled = environment.and_then(|environment| environment.fill(&text)).map_or(text, EcoString::from);
        self.words.push(Word { text: filled, span: Span::new(self.file, start, end), quoted });
    }

    /// A word in quotes. Behind the closing one nginx wants a blank, `;`, `{` or `)`.
    fn quoted(&mut self, raw: &[u8], quote: u8, end: usize, token: &Token<'_>) {
        let start = end - raw.len() - 2;
        let found = match self.rest.first() {
            Some(byte) if !lexer::is_blank(*byte) && !matches!(*byte, b';' | b'{' | b')') => {
                String::from_utf8_lossy(&self.rest[..self.rest.len().min(4)]).chars().next().unwrap_or(' ')
            }
            _ => return self.word(raw, start, end, true, token),
        };
        let noticed = Span::new(self.file, end, end + 1);
        let first_line = raw.split(|byte| *byte == b'\n').next().unwrap_or_default();
        if first_line.len() < raw.len() && first_line.trim_ascii_end().ends_with(b";") {
            // The quote took a whole statement in: it is the opening one that nothing closes.
            self.problem_noticed(start, start + 1, ProblemKind::UnclosedQuote(quote.into()), noticed);
            if let Some(problem) = self.tree.problems.last_mut() {
                problem.refusal = ProblemKind::AfterQuote(found).nginx_message();
            }
            return self.end_quote_with_its_line(start);
        }
        self.word(raw, start, end, true, token);
        self.problem_noticed(end, end + 1, ProblemKind::AfterQuote(found), noticed);
        self.flawed = true;
        if found != '}' {
            self.skip_line();
        }
    }

    /// Goes on behind the quote at `start` as if it were closed at the end of its line.
    fn end_quote_with_its_line(&mut self, start: usize) {
        let line = self.bytes[start + 1..].split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_end();
        let line = line.strip_suffix(b";").or_else(|| line.strip_suffix(b"{")).unwrap_or(line);
        let end = start + 1 + line.len();
        self.words.push(Word { text: text(line), span: Span::new(self.file, start, end), quoted: true });
        self.flawed = true;
        self.rest = &self.bytes[end..];
    }

    /// Where more quotes stand on the line, goes on at the `;` or `{` that ends it, or at the first one of a
    /// long line: nobody can tell what those quotes enclose.
    fn skip_line(&mut self) {
        // Of an endless line only the start is looked at, for there may be as many such quotes as bytes.
        let near = &self.rest[..self.rest.len().min(LONG_LINE)];
        let line = near.split(|byte| *byte == b'\n').next().unwrap_or_default().trim_ascii_end();
        if !line.contains(&b'"') && !line.contains(&b'\'') {
            return;
        }
        let skipped = match line.last() {
            Some(b';' | b'{') if line.len() < 200 => line.len() - 1,
            _ if line.len() < 200 => line.len(),
            _ => line.iter().position(|byte| matches!(byte, b';' | b'{')).unwrap_or(line.len()),
        };
        self.rest = &self.rest[skipped..];
    }

    /// Where nginx finds that the first statement, mark and all, is none it knows.
    fn first_ender(&self) -> Span {
        let mut rest = self.bytes;
        loop {
            match lexer::token(rest) {
                Ok((next, Token::Bare(_) | Token::Quoted(..) | Token::LongComment(_))) => rest = next,
                Ok((next, Token::Semicolon | Token::Open | Token::Close)) => {
                    let end = self.bytes.len() - next.len();
                    return Span::new(self.file, end - 1, end);
                }
                _ => return Span::new(self.file, self.bytes.len(), self.bytes.len()),
            }
        }
    }

    fn open_block(&mut self, end: usize) {
        if self.words.is_empty() {
            self.problem(end - 1, end, ProblemKind::Unexpected('{'));
            // The block is read all the same, under an empty name, so that its `}` finds it.
            self.words.push(Word {
                text: EcoString::new(),
                span: Span::new(self.file, end - 1, end - 1),
                quoted: false,
            });
        }
        if self.words[0].text.ends_with("_by_lua_block") {
            let mut words = std::mem::take(&mut self.words);
            let ender = Span::new(self.file, end - 1, end);
            let length = lexer::lua_block(self.rest);
            let lua = if length.is_some() { Lua::Brace } else { Lua::EndOfFile };
            self.rest = &self.rest[length.map_or(self.rest.len(), |length| length + 1)..];
            if length.is_none() {
                let at = head(&words);
                let noticed = Span::new(self.file, self.bytes.len(), self.bytes.len());
                self.problem_noticed(at.start as usize, at.end as usize, ProblemKind::UnclosedBlock, noticed);
            }
            let end = self.at();
            self.push(&mut words, Ends::Lua(lua), ender, end);
        } else {
            self.end_statement(Ending::Block, end);
        }
    }

    fn close_block(&mut self, end: usize) {
        if !self.words.is_empty() {
            self.end_statement(Ending::Brace, end);
        }
        self.close_by_indentation(end);
        match self.open.pop() {
            Some(block) => self.close(block, end),
            None => self.problem(end - 1, end, ProblemKind::Unexpected('}')),
        }
    }

    pub(super) fn close(&mut self, mut block: OpenBlock, end: usize) {
        self.flawed = block.flawed;
        self.push(&mut block.words, Ends::Block(block.directives.into()), block.ender, end);
    }

    /// Puts a finished statement where it belongs. No words are left then.
    pub(super) fn push(&mut self, words: &mut Vec<Word>, ending: Ends, ender: Span, end: usize) {
        let flawed = std::mem::take(&mut self.flawed);
        let Some(directive) = Directive::of(words, ending, ender, end, flawed) else { return };
        let siblings = self.open.last_mut().map_or(&mut self.tree.directives, |block| &mut block.directives);
        siblings.push(Arc::new(directive));
    }

    /// Closes what is open. One mistake is one problem: an unfinished statement hides the open
    /// blocks around it, and of several open blocks the innermost is named.
    fn end_of_file(&mut self) -> Braces {
        let end = self.bytes.len();
        let noticed = Span::new(self.file, end, end);
        let ends_with = |problem: &Problem| match problem.kind {
            ProblemKind::TooDeep | ProblemKind::UnclosedBlock => true,
            ProblemKind::UnclosedQuote(_) => self.flawed,
            _ => false,
        };
        // Of a file that is not read to its end, nobody knows what closes.
        let broken = self.tree.cut.is_some() || self.tree.problems.last().is_some_and(ends_with);
        let unclosed = self.open.iter().filter(|block| !block.words[0].text.is_empty()).count();
        let surplus = self.tree.problems.iter().filter(|problem| problem.kind == ProblemKind::Unexpected('}')).count();
        let mut braces = if surplus > 0 { Braces::Surplus(surplus) } else { Braces::Paired };
        if !self.words.is_empty() {
            let mut words = std::mem::take(&mut self.words);
            let at = tail(&words, self.bytes);
            if !broken {
                let (start, end) = (at.start as usize, at.end as usize);
                self.problem_noticed(start, end, ProblemKind::UnfinishedStatement, noticed);
            }
            self.flawed = true;
            self.push(&mut words, Ends::Semicolon, noticed, end);
        } else if let (Some(block), false) = (self.open.last().filter(|block| !block.words[0].text.is_empty()), broken)
        {
            let at = head(&block.words);
            self.problem_noticed(at.start as usize, at.end as usize, ProblemKind::UnclosedBlock, noticed);
            braces = Braces::Unclosed(unclosed);
        }
        while let Some(block) = self.open.pop() {
            self.close(block, end);
        }
        braces
    }

    /// In binary data there is a mistake in every other byte; the first one says it all. A zero byte
    /// that disturbs nothing, nginx takes like any other.
    fn forget_binary(&mut self) {
        let unknown = |directive: &Arc<Directive>| directive.name().contains('\0');
        let at = self.bytes.iter().position(|byte| *byte == 0).filter(|_| self.has_zero);
        let Some(at) = at else { return };
        let named = self.tree.directives.iter().find(|directive| unknown(directive));
        let named = named.map(|directive| (directive.ender(), format!("unknown directive \"{}\"", directive.name())));
        let first = self.tree.problems.first().map(|problem| (problem.noticed, problem.refusal.clone()));
        let Some((noticed, refusal)) = first.or(named) else { return };
        self.tree.problems.clear();
        self.problem_noticed(at, at + 1, ProblemKind::Binary, noticed);
        if let Some(problem) = self.tree.problems.last_mut() {
            problem.refusal = refusal;
        }
    }
}

/// The value of a raw word.
pub(super) fn text(raw: &[u8]) -> EcoString {
    let value = lexer::unescape(raw);
    match std::str::from_utf8(&value) {
        Ok(text) => text.into(),
        Err(_) => String::from_utf8_lossy(&value).into(),
    }
}

/// From the first to the last of some words, of which there is at least one.
pub(super) fn head(words: &[Word]) -> Span {
    words[0].span.to(words[words.len() - 1].span)
}

/// The words of a statement on its last line.
pub(super) fn tail(words: &[Word], bytes: &[u8]) -> Span {
    let head = head(words);
    let breaks = words.iter().rposition(|word| begins_line(word, bytes)).unwrap_or(0);
    words[breaks].span.to(head)
}

/// Whether nothing but blanks stands before a word on its line.
pub(super) fn begins_line(word: &Word, bytes: &[u8]) -> bool {
    indent(word.span.start as usize, bytes).is_some()
}

/// How many blanks stand before a place, if nothing else does. Nobody indents by a thousand.
pub(super) fn indent(at: usize, bytes: &[u8]) -> Option<usize> {
    let before = bytes[..at].iter().rev().take(1000).position(|byte| *byte == b'\n' || !lexer::is_blank(*byte));
    match before {
        Some(blanks) => (bytes[at - blanks - 1] == b'\n').then_some(blanks),
        None => (at < 1000).then_some(at),
    }
}

/// How many bytes of blanks and comments stand before the next token.
fn blank_prefix(input: &[u8]) -> usize {
    let mut at = 0;
    while let Some(byte) = input.get(at) {
        match *byte {
            b'#' => at += input[at..].iter().position(|byte| *byte == b'\n').unwrap_or(input.len() - at),
            byte if lexer::is_blank(byte) => at += 1,
            _ => break,
        }
    }
    at
}

/// The includes of a file, at any depth. In `split_clients` and `charset_map` the word means nothing.
fn collect_includes(directives: &[Arc<Directive>], found: &mut Vec<Arc<Directive>>) {
    for directive in directives {
        match directive.body() {
            Body::Block(_) if matches!(directive.name(), "split_clients" | "charset_map") => {}
            Body::Block(inside) => collect_includes(inside, found),
            _ if directive.is_include() && directive.args.len() == 1 => found.push(directive.clone()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Sources;

    fn tree(text: &[u8]) -> Tree {
        let file = Sources::default().add("t.conf".into(), None, Vec::new());
        parse(file, text)
    }

    /// The statements in a compact form: words joined by `|`, blocks in braces.
    fn show(directives: &[Arc<Directive>]) -> String {
        let one = |directive: &Arc<Directive>| {
            let words = directive.words().map(|word| word.text.to_string()).collect::<Vec<_>>().join("|");
            match directive.body() {
                Body::None => format!("{words};"),
                Body::Block(inside) => format!("{words}{{{}}}", show(inside)),
                Body::Lua(span) => format!("{words}<{} bytes>", span.end - span.start),
            }
        };
        directives.iter().map(one).collect()
    }

    /// The vectors of nginx's own reading, tried with real nginx behind a flag directive that
    /// echoes its word.
    #[test]
    fn words_are_cut_as_nginx_cuts_them() {
        for (text, want) in [
            ("d a}b;", "d|a}b;"),
            ("d a#b;", "d|a#b;"),
            ("d a #b\n;", "d|a;"),
            ("d a\"b;", "d|a\"b;"),
            ("d a\"b c\";", "d|a\"b|c\";"),
            ("d \"a b\";", "d|a b;"),
            ("d \"a\")b;", "d|a|)b;"),
            ("d \"\";", "d|;"),
            (r"d a\;b;", r"d|a\;b;"),
            (r"d a\ b;", r"d|a\ b;"),
            (r"d \#b;", r"d|\#b;"),
            (r"d a\{b;", r"d|a\{b;"),
            (r#"d \"b;"#, "d|\"b;"),
            (r#"d "a\$b";"#, r"d|a\$b;"),
            (r#"d "\d+\.php";"#, r"d|\d+\.php;"),
            (r#"d "it\'s";"#, "d|it's;"),
            (r#"d "\\n" "\n";"#, "d|\\n|\n;"),
            ("d \"a\nb\";", "d|a\nb;"),
            ("d ${x}y;", "d|${x}y;"),
            ("d a${x}y;", "d|a${x}y;"),
            ("d ${{x}};", "d|${{x}};"),
            ("d \"${x}{y}\";", "d|${x}{y};"),
            ("d ^x${;", "d|^x${;"),
            ("location ~\\.php$ { a; }", "location|~\\.php${a;}"),
            ("location /a{a;}", "location|/a{a;}"),
            ("if ($a = \"b\") { a; }", "if|($a|=|b|){a;}"),
            ("'quoted' a;", "quoted|a;"),
            ("a\r\n b;\r\n", "a|b;"),
            ("a \u{a0}b;", "a|\u{a0}b;"),
            // A block by a wrong name holds what it was meant to hold.
            ("http { http php { server unix:/a; } }", "http{http|php{server|unix:/a;}}"),
        ] {
            let tree = tree(text.as_bytes());
            assert_eq!((show(&tree.directives).as_str(), tree.problems.as_slice()), (want, &[][..]), "{text}");
        }
    }

    #[test]
    fn so_many_words_and_marks_are_read() {
        let read = |text: &str| {
            let tree = tree(text.as_bytes());
            (tree.cut.map(|at| at.start), tree.directives.len(), tree.problems.len())
        };
        let most = "a;".repeat(MAX_LENGTH / 2);
        assert_eq!(read(&format!("{most} # end\n")), (None, MAX_LENGTH / 2, 0));
        // What is open there is no mistake.
        let open = format!("http {{ {}", "a;".repeat(MAX_LENGTH / 2));
        assert_eq!(read(&format!("{open} }}")), (Some(MAX_LENGTH as u32 + 5), 1, 0));
        assert_eq!(read(&";".repeat(MAX_LENGTH + 1)), (Some(MAX_LENGTH as u32), 0, MAX_LENGTH));
    }

    #[test]
    fn one_mistake_is_one_problem_and_the_rest_is_read() {
        for (text, kind, at, want) in [
            (";", ProblemKind::Unexpected(';'), 0, ""),
            ("a;; b;", ProblemKind::Unexpected(';'), 2, "a;b;"),
            ("{ a; } b;", ProblemKind::Unexpected('{'), 0, "{a;}b;"),
            ("a; } b;", ProblemKind::Unexpected('}'), 3, "a;b;"),
            ("s { a b } c;", ProblemKind::MissingSemicolon, 4, "s{a|b;}c;"),
            ("d \"a\"b; e;", ProblemKind::AfterQuote('b'), 5, "d|a|b;e;"),
            ("d \"a\"}; e;", ProblemKind::AfterQuote('}'), 5, "d|a;e;"),
            ("s { d \"a; }", ProblemKind::UnclosedQuote('"'), 6, "s{d|a; };}"),
            ("s { d \"a;\n e; }", ProblemKind::UnclosedQuote('"'), 6, "s{d|a;e;}"),
            ("s { d 'a;\n d 'b';\n e; }", ProblemKind::UnclosedQuote('\''), 6, "s{d|a;d|b;e;}"),
            ("root /a\nindex b;", ProblemKind::LostSemicolon, 0, "root|/a;index|b;"),
            ("internal\nroot /a\nlocation / { }", ProblemKind::LostSemicolon, 0, "internal;root|/a;location|/{}"),
            ("location ~ a${ root /a; }", ProblemKind::NoBlock, 0, "location|~|a${root|/a;}"),
            ("location ~ a${root /a; } b;", ProblemKind::NoBlock, 0, "location|~|a${root|/a;}b;"),
            ("location /\nroot /a; }", ProblemKind::NoBlock, 0, "location|/{root|/a;}"),
            ("map $a $b default 0; } b;", ProblemKind::NoBlock, 0, "map|$a|$b{default|0;}b;"),
            ("location / return 200; } b;", ProblemKind::NoBlock, 0, "location|/{return|200;}b;"),
            (
                "http {\n server {\n  location / {\n   root /a;\n }\n}\n",
                ProblemKind::UnclosedBlock,
                19,
                "http{server{location|/{root|/a;}}}",
            ),
            (
                "server { location / { root /a; }\nserver { root /b; }",
                ProblemKind::UnclosedBlock,
                0,
                "server{location|/{root|/a;}}server{root|/b;}",
            ),
            ("server { root /a; }\nlocation / { } }", ProblemKind::Unexpected('}'), 18, "server{root|/a;location|/{}}"),
            ("s { a", ProblemKind::UnfinishedStatement, 4, "s{a;}"),
            ("h { s { a; }", ProblemKind::UnclosedBlock, 0, "h{s{a;}}"),
            ("\u{feff}user a; b;", ProblemKind::ByteOrderMark, 0, "user|a;b;"),
        ] {
            let tree = tree(text.as_bytes());
            let found = tree.problems.first().map(|problem| (problem.kind.clone(), problem.span.start));
            assert_eq!(found, Some((kind, at)), "{text}");
            assert_eq!(show(&tree.directives), want, "{text}");
        }
    }

    #[test]
    fn what_is_mended_keeps_its_places() {
        for text in
            [&b"location ~ \xff\xff\xff\xff${root /a; }"[..], b"location ~ a\\\\b${ root /a; }", b"root /a\nindex b;"]
        {
            let tree = tree(text);
            let mut all: Vec<&Directive> = tree.directives.iter().map(|directive| &**directive).collect();
            while let Some(directive) = all.pop() {
                let words = directive.words().map(|word| word.span);
                let inside = directive.block().iter().map(|inner| inner.span());
                let parts: Vec<Span> = words.chain(inside).collect();
                assert!(parts.windows(2).all(|pair| pair[0].end <= pair[1].start), "{directive:?}");
                assert!(parts.iter().all(|part| part.end <= directive.span().end), "{directive:?}");
                all.extend(directive.block().iter().map(|directive| &**directive));
            }
            let ends = tree.directives.windows(2).all(|pair| pair[0].span().end <= pair[1].span().start);
            assert!(ends, "{:?}", tree.directives);
        }
    }

    #[test]
    fn words_and_comments_that_fill_nginxs_buffer_are_problems() {
        for (length, problems) in [(4095, 0), (4096, 1)] {
            assert_eq!(tree(format!("a {};", "x".repeat(length)).as_bytes()).problems.len(), problems);
            assert_eq!(tree(format!("a \"{}\";", "x".repeat(length - 1)).as_bytes()).problems.len(), problems);
            assert_eq!(tree(format!("#{}\na;", "x".repeat(length - 1)).as_bytes()).problems.len(), problems);
        }
    }

    #[test]
    fn lua_blocks_are_read_by_luas_rules() {
        let text = "content_by_lua_block { local a = {'}', \"}\", [[ } ]], [=[ ]] } ]=]} -- }\n --[[ } ]] x = #a } b;";
        let tree = tree(text.as_bytes());
        assert_eq!(show(&tree.directives), "content_by_lua_block<68 bytes>b;");
        assert_eq!(tree.problems, []);
    }

    #[test]
    fn depth_is_bounded() {
        let deep = |depth: usize| tree(("a {".repeat(depth) + &"}".repeat(depth)).as_bytes()).problems;
        assert_eq!((deep(MAX_DEPTH).len(), deep(MAX_DEPTH + 1).len()), (0, 1));
        let text = "a {".repeat(200_000);
        let tree = tree(text.as_bytes());
        assert_eq!(tree.problems.len(), 1);
        assert_eq!(tree.problems[0].kind, ProblemKind::TooDeep);
    }

    #[test]
    fn no_input_breaks_the_parser_and_spans_stay_inside() {
        let torture = "a\\\"b{${x \"q\\\"\" ; } # c\n x_by_lua_block { [==[ ]==] } 'é' ;}\n\u{feff}";
        for start in 0..torture.len() {
            for end in start..torture.len() {
                let text = &torture.as_bytes()[start..end];
                let tree = tree(text);
                let inside = |span: Span| span.start <= span.end && span.end as usize <= text.len();
                assert!(tree.problems.iter().all(|problem| inside(problem.span)), "{start}..{end}");
                assert!(tree.directives.iter().all(|directive| inside(directive.span())), "{start}..{end}");
            }
        }
    }

    #[test]
    fn a_statement_of_so_many_words_is_looked_through() {
        let lost = |words: usize| {
            let text = format!("root /a\nindex{};", " b".repeat(words - "root /a index".split(' ').count()));
            tree(text.as_bytes()).problems.iter().any(|problem| problem.kind == ProblemKind::LostSemicolon)
        };
        assert!(lost(crate::nginx::recover::MAX_WORDS));
        assert!(!lost(crate::nginx::recover::MAX_WORDS + 1));
    }
}
