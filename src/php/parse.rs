//! Reads the files of PHP-FPM: php-fpm.conf and the pool files.

use super::ast::{Document, Expecting, Item, Problem, ProblemKind, Section, Setting, Token, Unexpected};
use super::token::{self, Input, Text, between, lossy, trim_end};
use super::value::{self, End, Name};
use crate::source::{FileId, Span};

/// More settings, headers, comments and mistakes than this are not read, neither of a file nor of all that a master
/// includes: they take half a gigabyte of memory. Ten thousand pools of fifty settings are half as many.
pub const MAX_STATEMENTS: usize = 1_000_000;

/// Reads a file as PHP-FPM does: every physical line for itself, as if it were a whole file.
/// The server stops at the first line it does not take; here the next line is read.
pub fn parse_fpm(file: FileId, bytes: &[u8]) -> Document {
    let mut document = Document::default();
    let mut start = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if document.items.len() + document.problems.len() + document.comments.len() >= MAX_STATEMENTS {
            document.cut = Some(Span::new(file, start, start + line.trim_ascii_end().len()));
            break;
        }
        let mut read = |bytes| {
            let text = Text { file, bytes, start, limit: start + line.len() };
            Reader::new(text, Dialect::Fpm, &mut document).document();
        };
        if let Some(length) = line.iter().position(|byte| *byte == 0) {
            // The server takes the line for a C string: a NUL ends it, and then no line end follows.
            read(&line[..length]);
        } else if line.ends_with(b"\n") {
            read(line);
        } else {
            // The server gives the last line its line end.
            read(&[line, b"\n"].concat());
        }
        start += line.len();
    }
    document
}

/// What a document is read for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// A line of PHP-FPM's files, where a key needs a value.
    Fpm,
    /// php.ini, where a key without a value is ignored.
    Ini,
}

/// Reads the statements of one text, up to its end or to the first thing that the grammar does not
/// allow. All statements before that count, and so does a value that is complete when it goes wrong.
pub(super) struct Reader<'a, 'd> {
    /// What is read.
    text: Text<'a>,
    /// What it is read for.
    dialect: Dialect,
    /// Where the statements go.
    document: &'d mut Document,
    /// How many problems there were before: a text gets one at most, as the server stops at it.
    problems_before: usize,
    /// The rest at the start of a key without a value, where such a key is what came last.
    bare_key: Option<Input<'a>>,
}

/// What stands at the start of a statement.
enum Start<'a> {
    /// The text ends, perhaps with a comment.
    End(Option<Input<'a>>),
    /// An empty line, or one with a comment; and the rest behind it.
    EndOfLine(Option<Input<'a>>, Input<'a>),
    /// The `[` of a header.
    Section,
    /// A key, and the rest behind it.
    Label(Input<'a>),
    /// A key with `[` behind; the rest is at the bracket.
    Offset(Input<'a>),
    /// Something that begins no statement.
    Wrong(Token),
}

/// What begins at `input`, and where it begins when blanks are skipped before it.
fn start_of_statement(input: Input<'_>) -> (Input<'_>, Start<'_>) {
    if let Ok((rest, comment)) = token::end_of_line(input) {
        return (input, Start::EndOfLine(comment, rest));
    }
    if let Ok((_, comment)) = token::last_comment(input) {
        return (input, Start::End(Some(comment)));
    }
    if token::equals(input).is_ok() {
        return (input, Start::Wrong(Token::Char('=')));
    }
    let behind = token::label(input).map_or(input, |(rest, _)| rest);
    let label = between(input, behind);
    if !label.is_empty() && behind.is_empty() {
        // PHP's scanner looks for more of the key behind the end, and gives up.
        return (input, Start::End(None));
    }
    if behind.starts_with(b"[") && !label.is_empty() {
        return (input, Start::Offset(behind));
    }
    // A key may begin with blanks but not with tabs, so tabs are skipped and then all begins anew.
    if trim_end(label).is_empty() && behind.starts_with(b"\t") {
        let (rest, _) = token::blanks(input).unwrap_or((behind, &[]));
        return start_of_statement(rest);
    }
    if let Some(token) = token::switch(trim_end(label)) {
        return (input, Start::Wrong(token));
    }
    if !label.is_empty() {
        return (input, Start::Label(behind));
    }
    let start = match input.first() {
        None => Start::End(None),
        Some(b'[') => Start::Section,
        Some(byte) => Start::Wrong(Token::Char(char::from(*byte))),
    };
    (input, start)
}

impl<'a, 'd> Reader<'a, 'd> {
    /// Prepares to read a text into a document, which may hold something from before.
    pub fn new(text: Text<'a>, dialect: Dialect, document: &'d mut Document) -> Self {
        let problems_before = document.problems.len();
        Reader { text, dialect, document, problems_before, bare_key: None }
    }

    /// Reads all.
    pub fn document(mut self) {
        let text = self.text.bytes;
        let mut rest = token::byte_order_mark(text).map_or(text, |(rest, _)| rest);
        while let Some(next) = self.statement(rest) {
            rest = next;
        }
    }

    /// Reads a statement and gives the rest, or nothing where the reading ends.
    fn statement(&mut self, rest: Input<'a>) -> Option<Input<'a>> {
        let (input, start) = start_of_statement(rest);
        let bare_key = self.bare_key.take();
        match start {
            Start::End(comment) => {
                self.document.comments.extend(comment.map(|comment| self.text.comment(input, comment)));
                None
            }
            Start::EndOfLine(comment, rest) => {
                self.document.comments.extend(comment.map(|comment| self.text.comment(input, comment)));
                Some(rest)
            }
            Start::Section => self.section(input),
            Start::Label(behind) => self.label(input, behind),
            Start::Offset(bracket) => self.offset(input, bracket),
            Start::Wrong(token) => {
                let problem = value::unexpected(&self.text, input, token, Expecting::Much);
                self.wrong(self.hash_comment(bare_key.unwrap_or(input), problem))
            }
        }
    }

    /// Reads `[name]`.
    fn section(&mut self, input: Input<'a>) -> Option<Input<'a>> {
        let inside = &input[1..];
        match value::name(&self.text, Name::Section, input, inside, inside) {
            Ok((name, bracket)) => {
                let span = self.text.span(input, &bracket[1..]);
                self.document.items.push(Item::Section(Section { name, span }));
                // Blanks and one line end belong to the header; a comment is a statement of its own.
                match token::end_of_line(&bracket[1..]) {
                    Ok((rest, None)) => Some(rest),
                    _ => token::blanks(&bracket[1..]).ok().map(|(rest, _)| rest),
                }
            }
            Err(problem) => self.wrong(problem),
        }
    }

    /// Reads `key` or `key = value`; `behind` is the rest behind the key.
    fn label(&mut self, input: Input<'a>, behind: Input<'a>) -> Option<Input<'a>> {
        let (start, key) = self.key(input, behind);
        let span = self.text.span(start, &start[key.len()..]);
        let setting = Setting { key: lossy(key), key_span: span, index: None, value: None, span };
        if token::equals(behind).is_ok() {
            return self.assign(start, setting, behind);
        }
        if self.dialect == Dialect::Fpm {
            self.add(if key.starts_with(b"#") {
                self.problem_to_line_end(start, ProblemKind::HashComment(None))
            } else {
                Problem { span, kind: ProblemKind::NoValue }
            });
        }
        self.bare_key = Some(start);
        self.document.items.push(Item::Setting(setting));
        Some(behind)
    }

    /// Reads `key[index] = value`; `bracket` is the rest at the first bracket.
    fn offset(&mut self, input: Input<'a>, bracket: Input<'a>) -> Option<Input<'a>> {
        let (start, key) = self.key(input, bracket);
        let key_span = self.text.span(start, &start[key.len()..]);
        let (inside, _) = token::open_index(bracket).unwrap_or((bracket, &[]));
        match value::name(&self.text, Name::Index, bracket, &bracket[1..], inside) {
            Ok((index, rest)) => {
                let (behind, _) = token::close_index(rest).unwrap_or((rest, &[]));
                let span = self.text.span(start, behind);
                let setting = Setting { key: lossy(key), key_span, index: Some(index), value: None, span };
                if token::equals(behind).is_ok() {
                    return self.assign(start, setting, behind);
                }
                let token = match start_of_statement(behind).1 {
                    Start::End(_) => Token::End,
                    Start::EndOfLine(..) => Token::EndOfLine,
                    Start::Section => Token::Section,
                    Start::Label(_) => Token::Label,
                    Start::Offset(_) => Token::Offset,
                    Start::Wrong(token) => token,
                };
                let kind = ProblemKind::Syntax(Unexpected { token, expecting: Expecting::Equals });
                self.wrong(self.hash_comment(start, Problem { span, kind }))
            }
            Err(problem) => self.wrong(self.hash_comment(start, problem)),
        }
    }

    /// The key without the blanks around it, and the rest where it starts.
    fn key(&self, input: Input<'a>, behind: Input<'a>) -> (Input<'a>, Input<'a>) {
        let (start, _) = token::blanks(input).unwrap_or((input, &[]));
        (start, trim_end(between(start, behind)))
    }

    /// Reads the `=` and the value of a setting whose key begins at `start`.
    fn assign(&mut self, start: Input<'a>, mut setting: Setting, equals: Input<'a>) -> Option<Input<'a>> {
        let (rest, behind) = token::equals(equals).unwrap_or((equals, equals));
        let scanned = value::value(&self.text, behind, rest);
        if let Some(value) = scanned.value {
            setting.span = setting.span.to(value.span);
            setting.value = Some(value);
            self.document.items.push(Item::Setting(setting));
        }
        self.document.comments.extend(scanned.comment);
        match scanned.end {
            End::Line => Some(scanned.rest),
            End::Text => None,
            End::EmptyQuotes(quotes) => Some(self.empty_quotes(quotes)),
            End::Lost(quote) => self.wrong(self.problem_to_line_end(quote, ProblemKind::LostText)),
            End::Wrong(problem) => self.wrong(self.hash_comment(start, problem)),
        }
    }

    /// Goes on behind a value that `''` ended. The grammar reads the second quote as the start of a
    /// key; where that key has no value, it is nothing that somebody wrote.
    fn empty_quotes(&mut self, quotes: Input<'a>) -> Input<'a> {
        let second = &quotes[1..];
        match start_of_statement(second).1 {
            Start::Label(behind) if token::equals(behind).is_err() => {
                if self.dialect == Dialect::Fpm {
                    self.add(value::problem(&self.text, quotes, &quotes[2..], ProblemKind::EmptyQuotes));
                }
                behind
            }
            _ => second,
        }
    }

    /// Where a line that goes wrong was meant as a comment, that is the problem.
    fn hash_comment(&self, start: Input<'a>, problem: Problem) -> Problem {
        match problem.kind {
            ProblemKind::Syntax(unexpected) if start.starts_with(b"#") => {
                self.problem_to_line_end(start, ProblemKind::HashComment(Some(unexpected)))
            }
            _ => problem,
        }
    }

    /// A problem with all that follows in the line.
    fn problem_to_line_end(&self, input: Input<'a>, kind: ProblemKind) -> Problem {
        let length = input.iter().position(|byte| matches!(byte, b'\n' | b'\r')).unwrap_or(input.len());
        let length = trim_end(&input[..length]).len();
        value::problem(&self.text, input, &input[length..], kind)
    }

    fn wrong(&mut self, problem: Problem) -> Option<Input<'a>> {
        self.add(problem);
        None
    }

    fn add(&mut self, problem: Problem) {
        if self.document.problems.len() == self.problems_before {
            self.document.problems.push(problem);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ast::Piece;
    use super::super::ini::parse_ini;
    use super::*;
    use crate::source::Sources;

    fn file() -> FileId {
        Sources::default().add("test".to_owned(), None, Vec::new())
    }

    /// The document in short: headers as `[name]`, settings as `key = value`, each with `@` and the
    /// text of the value's span where that differs; problems as `! text: what`.
    fn outline(text: &str, document: &Document) -> Vec<String> {
        let part = |span: Span| &text[span.range()];
        let items = document.items.iter().map(|item| match item {
            Item::Section(section) => (section.span.start, format!("[{}]", section.name.text().unwrap_or_default())),
            Item::Setting(setting) => {
                let index = setting.index.as_ref().map(|index| format!("[{}]", index.text().unwrap_or_default()));
                let value = setting.value.as_ref().map(|value| {
                    let (read, written) = (value.text(), part(value.span));
                    match read {
                        Some(read) if read == written => format!(" = {read}"),
                        Some(read) => format!(" = {read} @ {written}"),
                        None => format!(" = ? @ {written}"),
                    }
                });
                let line = format!("{}{}{}", setting.key, index.unwrap_or_default(), value.unwrap_or_default());
                (setting.span.start, line)
            }
        });
        let problems = document
            .problems
            .iter()
            .map(|problem| (problem.span.end, format!("! {}: {}", part(problem.span), problem.kind)));
        let mut lines: Vec<_> = items.chain(problems).collect();
        lines.sort_by_key(|(at, _)| *at);
        lines.into_iter().map(|(_, line)| line).collect()
    }

    fn fpm(text: &str) -> Vec<String> {
        outline(text, &parse_fpm(file(), text.as_bytes()))
    }

    fn ini(text: &str) -> Vec<String> {
        outline(text, &parse_ini(file(), text.as_bytes()))
    }

    #[test]
    fn a_pool_file() {
        let text = "; c\n[www] ; c\n user = www-data  ; c\nenv[ A ] = \"a\" 'b' c\nphp_value[x] = On\n";
        assert_eq!(fpm(text), ["[www]", "user = www-data", "env[A ] = ab c @ \"a\" 'b' c", "php_value[x] = 1 @ On"]);
        let document = parse_fpm(file(), text.as_bytes());
        let comments: Vec<_> = document.comments.iter().map(|span| &text[span.range()]).collect();
        assert_eq!(comments, ["; c"; 3]);
        let Item::Setting(setting) = &document.items[2] else { panic!("{:?}", document.items[2]) };
        assert_eq!(&text[setting.span.range()], "env[ A ] = \"a\" 'b' c");
        assert_eq!(&text[setting.key_span.range()], "env");
    }

    #[test]
    fn values() {
        for (written, read) in [
            ("a  b", "a = a  b"),
            ("a & 3", "a = 0 @ a & 3"),
            ("~/dir", "a = -1 @ ~/dir"),
            ("(5 | 3) & 1", "a = 1 @ (5 | 3) & 1"),
            ("None", "a =  @ None"),
            ("E_ALL", "a = 32767 @ E_ALL"),
            ("${X}|1", "a = ? @ ${X}|1"),
            ("", "a = "),
        ] {
            assert_eq!(fpm(&format!("a = {written}  \n")), [read], "{written}");
        }
        // The backslash is one only directly before the line end.
        assert_eq!(fpm("a = \"C:\\x\\\"\n"), ["a = C:\\x\\ @ \"C:\\x\\\""]);
        assert_eq!(fpm("a = \"C:\\x\\\" \n"), ["! \": no `\"` closes this quoted text"]);
    }

    #[test]
    fn pieces() {
        let document = parse_fpm(file(), b"a = x${ Y }\"z\" M_PI\n");
        let Item::Setting(setting) = &document.items[0] else { panic!("{:?}", document.items[0]) };
        let value = setting.value.as_ref().map(|value| value.pieces.as_slice());
        let text = |text: &str| Piece::Text(text.to_owned());
        let expected = [text("x"), Piece::Environment("Y".to_owned()), text("z"), Piece::Undecided("M_PI".to_owned())];
        assert_eq!(value, Some(&expected[..]));
    }

    #[test]
    fn an_empty_value_is_behind_its_sign() {
        let document = parse_fpm(file(), b"ab =  ; c\n");
        let Item::Setting(setting) = &document.items[0] else { panic!("{:?}", document.items[0]) };
        let spans = setting.value.as_ref().map(|value| (value.span.range(), setting.span.range()));
        assert_eq!(spans, Some((4..4, 0..4)));
    }

    #[test]
    fn each_line_has_its_own_problem() {
        assert_eq!(
            fpm("# c\na = b = c\nkey\nit = it's\nq = ''\ne = \"x\n [www]\nf = 'x\ng = (a\nh = yes, no x\ni = 1\n"),
            [
                "# c",
                "! # c: `#` does not begin a comment here, `;` does",
                "a = b  @ b",
                "! =: `=` cannot stand here outside quotes",
                "key",
                "! key: this key has no `=` and no value",
                "it = it",
                "! 's: nothing closes this `'`, so all that follows is dropped silently",
                "q = ",
                "! '': `''` is not an empty value, `\"\"` is",
                "! \": no `\"` closes this quoted text",
                "! [www]: no `=` follows the closing `]`",
                "! ': no `'` closes this quoted text",
                "! (: no `)` closes this `(`",
                "h = yes,  @ yes,",
                "! no: a word like `on`, `no` or `null` must be the whole value or in quotes",
                "i = 1",
            ]
            .map(String::from)
            .into_iter()
            .collect::<Vec<_>>()
        );
    }

    #[test]
    fn php_ini_is_one_text() {
        assert_eq!(ini("[PHP]\na = \"x\ny\"\nb\n# c\nC = 1"), ["[PHP]", "a = x\ny @ \"x\ny\"", "b", "# c", "C = 1"]);
        assert_eq!(ini("a = b = c\nd = 1\n"), ["a = b  @ b", "! =: `=` cannot stand here outside quotes"]);
        assert_eq!(
            ini("a = 1\n# x (y)\nd = 1\n"),
            ["a = 1", "# x", "! # x (y): `#` does not begin a comment here, `;` does"]
        );
        assert_eq!(
            ini("a = it's\nb = 1\n"),
            ["a = it", "! 's: nothing closes this `'`, so all that follows is dropped silently"]
        );
        assert_eq!(ini("a = ''\nb = 1\n"), ["a = ", "b = 1"]);
    }

    #[test]
    fn bytes_that_are_no_text() {
        let document = parse_fpm(file(), b"a\xff = \xfe\n");
        let Item::Setting(setting) = &document.items[0] else { panic!("{:?}", document.items[0]) };
        assert_eq!(setting.key, "a\u{fffd}");
        assert_eq!(setting.value.as_ref().and_then(|value| value.text()).as_deref(), Some("\u{fffd}"));
        assert_eq!(setting.span.range(), 0..6);
    }
}
