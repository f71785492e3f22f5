//! Statements and blocks of one nginx file. The grammar is nginx's own, and a breach of it gives
//! one problem and is recovered from, so that the rest of the file is still known.

use std::sync::Arc;

use super::ast::{Body, Directive, Key, Problem, ProblemKind, Tree, Word};
use super::lexer::{self, Token};
use crate::source::{FileId, Span};

/// Blocks nested deeper than this are not followed. nginx has no limit of its own; nobody nests a
/// tenth of this, and recursion over the tree stays safe.
pub const MAX_DEPTH: usize = 100;

/// Parses the text of one file.
pub fn parse(file: FileId, bytes: &[u8]) -> Tree {
    let mut parser = Parser { file, bytes, rest: bytes, open: Vec::new(), words: Vec::new(), tree: Tree::default() };
    parser.run();
    collect_includes(&parser.tree.directives, &mut parser.tree.includes);
    // In binary data there is a mistake in every other byte; the first one says it all.
    if let Some(at) = bytes.iter().position(|byte| *byte == 0) {
        parser.tree.problems.clear();
        parser.problem(at, at + 1, ProblemKind::Binary);
    }
    parser.tree
}

struct Parser<'a> {
    file: FileId,
    bytes: &'a [u8],
    rest: &'a [u8],
    /// The blocks that are open, outermost first.
    open: Vec<OpenBlock>,
    /// The words of the statement being read.
    words: Vec<Word>,
    tree: Tree,
}

struct OpenBlock {
    words: Vec<Word>,
    directives: Vec<Arc<Directive>>,
}

impl Parser<'_> {
    fn run(&mut self) {
        if self.bytes.starts_with(b"\xef\xbb\xbf") {
            // nginx takes the mark as part of the first word; everything behind it reads as meant.
            self.problem(0, 3, ProblemKind::ByteOrderMark);
            self.rest = &self.bytes[3..];
        }
        loop {
            let before = self.rest;
            // The lexer accepts all input; an error cannot occur, and would end the file.
            let Ok((rest, token)) = lexer::token(before) else { break };
            self.rest = rest;
            let end = self.at();
            match token {
                Token::Bare(raw) => self.word(raw, end - raw.len(), end, false, &token),
                Token::Quoted(raw, _) => {
                    self.word(raw, end - raw.len() - 2, end, true, &token);
                    self.check_behind_quote();
                }
                Token::Semicolon if self.words.is_empty() => self.problem(end - 1, end, ProblemKind::Unexpected(';')),
                Token::Semicolon => {
                    let mut words = std::mem::take(&mut self.words);
                    self.close_statement(&mut words, Body::None, end);
                    self.words = words;
                }
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
                    self.problem(start, start + 1, ProblemKind::UnclosedQuote(quote.into()));
                    self.words.clear();
                    break;
                }
                Token::End => break,
            }
        }
        self.end_of_file();
    }

    fn at(&self) -> usize {
        self.bytes.len() - self.rest.len()
    }

    fn problem(&mut self, start: usize, end: usize, kind: ProblemKind) {
        self.tree.problems.push(Problem { span: Span::new(self.file, start, end), kind });
    }

    fn word(&mut self, raw: &[u8], start: usize, end: usize, quoted: bool, token: &Token<'_>) {
        if !lexer::fits(token) {
            self.problem(start, end, ProblemKind::TooLong);
        }
        let text = String::from_utf8_lossy(&lexer::unescape(raw)).into_owned();
        self.words.push(Word { text, span: Span::new(self.file, start, end), quoted });
    }

    /// Behind a closing quote nginx wants a blank, `;`, `{` or `)`.
    fn check_behind_quote(&mut self) {
        if let Some(byte) = self.rest.first() {
            if !lexer::is_blank(*byte) && !matches!(*byte, b';' | b'{' | b')') {
                let found = String::from_utf8_lossy(&self.rest[..self.rest.len().min(4)]).chars().next().unwrap_or(' ');
                let at = self.at();
                self.problem(at, at + 1, ProblemKind::AfterQuote(found));
            }
        }
    }

    fn open_block(&mut self, end: usize) {
        if self.words.is_empty() {
            self.problem(end - 1, end, ProblemKind::Unexpected('{'));
            // The block is read all the same, under an empty name, so that its `}` finds it.
            self.words.push(Word { text: String::new(), span: Span::new(self.file, end - 1, end - 1), quoted: false });
        }
        let mut words = std::mem::take(&mut self.words);
        if words[0].text.ends_with("_by_lua_block") {
            let length = lexer::lua_block(self.rest);
            let lua = Span::new(self.file, end, end + length.unwrap_or(self.rest.len()));
            self.rest = &self.rest[length.map_or(self.rest.len(), |length| length + 1)..];
            if length.is_none() {
                self.tree.problems.push(Problem { span: head(&words), kind: ProblemKind::UnclosedBlock });
            }
            let end = self.at();
            self.close_statement(&mut words, Body::Lua(lua), end);
        } else {
            self.open.push(OpenBlock { words, directives: Vec::new() });
        }
    }

    fn close_block(&mut self, end: usize) {
        if !self.words.is_empty() {
            let mut words = std::mem::take(&mut self.words);
            self.tree.problems.push(Problem { span: head(&words), kind: ProblemKind::MissingSemicolon });
            self.close_statement(&mut words, Body::None, end - 1);
        }
        match self.open.pop() {
            Some(mut block) => self.close_statement(&mut block.words, Body::Block(block.directives), end),
            None => self.problem(end - 1, end, ProblemKind::Unexpected('}')),
        }
    }

    /// Makes a statement of some words and leaves none of them: the room they took is used again.
    fn close_statement(&mut self, words: &mut Vec<Word>, body: Body, end: usize) {
        let head = head(words);
        let span = Span::new(self.file, head.start as usize, end);
        let args = words.drain(1..).collect();
        let Some(name) = words.pop() else { return };
        let key = Key::of(&name.text);
        let directive = Arc::new(Directive { key, name, args, body, head, span });
        let siblings = self.open.last_mut().map_or(&mut self.tree.directives, |block| &mut block.directives);
        siblings.push(directive);
    }

    /// Closes what is open. One mistake is one problem: an unfinished statement hides the open
    /// blocks around it, and of several open blocks the innermost is named.
    fn end_of_file(&mut self) {
        let end = self.bytes.len();
        let broken = self.tree.problems.last().is_some_and(|problem| {
            matches!(problem.kind, ProblemKind::UnclosedQuote(_) | ProblemKind::TooDeep | ProblemKind::UnclosedBlock)
        });
        if !self.words.is_empty() {
            let mut words = std::mem::take(&mut self.words);
            self.tree.problems.push(Problem { span: head(&words), kind: ProblemKind::UnfinishedStatement });
            self.close_statement(&mut words, Body::None, end);
        } else if let (Some(block), false) = (self.open.last().filter(|block| !block.words[0].text.is_empty()), broken)
        {
            self.tree.problems.push(Problem { span: head(&block.words), kind: ProblemKind::UnclosedBlock });
        }
        while let Some(mut block) = self.open.pop() {
            self.close_statement(&mut block.words, Body::Block(block.directives), end);
        }
    }
}

/// The includes of a file, at any depth. In `split_clients` and `charset_map` the word means nothing.
fn collect_includes(directives: &[Arc<Directive>], found: &mut Vec<Arc<Directive>>) {
    for directive in directives {
        match directive.name() {
            "include" if directive.args.len() == 1 && !directive.is_block() => found.push(directive.clone()),
            "split_clients" | "charset_map" => {}
            _ => collect_includes(directive.block(), found),
        }
    }
}

/// From the first to the last of some words, of which there is at least one.
fn head(words: &[Word]) -> Span {
    words[0].span.to(words[words.len() - 1].span)
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
            let words = std::iter::once(&directive.name).chain(&directive.args);
            let words = words.map(|word| word.text.as_str()).collect::<Vec<_>>().join("|");
            match &directive.body {
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
        ] {
            let tree = tree(text.as_bytes());
            assert_eq!((show(&tree.directives).as_str(), tree.problems.as_slice()), (want, &[][..]), "{text}");
        }
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
            ("s { d \"a; }", ProblemKind::UnclosedQuote('"'), 6, "s{}"),
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
        let text = "a {".repeat(MAX_DEPTH + 50);
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
                assert!(tree.directives.iter().all(|directive| inside(directive.span)), "{start}..{end}");
            }
        }
    }
}
