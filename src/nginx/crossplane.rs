//! The parsed tree in the shape of crossplane's `parse`, which other programs already read.
//!
//! The shape and its conventions are those of crossplane 0.5.8: words as they are written, without
//! their quotes; the parentheses of `if` stripped; the text of a Lua block as its last argument.
//! Where words begin and end is nginx's own reading, which is not crossplane's in every case:
//! `tests/crossplane.rs` lists where they part.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use super::ast::{Body, Directive, Problem, ProblemKind, Tree, Word};
use super::lexer;
use super::parse::parse;
use crate::host::{Host, Kind, ReadError, glob};
use crate::source::{Source, Sources};

/// The whole document.
#[derive(Debug, Serialize)]
pub struct Payload {
    /// Whether every file was read.
    pub status: Status,
    /// What was not, in the order in which it was met.
    pub errors: Vec<PayloadError>,
    /// The files, the one that was named first.
    pub config: Vec<File>,
}

/// Whether something was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// All of it.
    Ok,
    /// Not all of it.
    Failed,
}

/// An error with the file it is in.
#[derive(Debug, Serialize)]
pub struct PayloadError {
    file: String,
    #[serde(flatten)]
    error: FileError,
}

/// An error in a file.
#[derive(Clone, Debug, Serialize)]
pub struct FileError {
    error: String,
    line: Option<usize>,
}

/// One file.
#[derive(Debug, Serialize)]
pub struct File {
    file: String,
    status: Status,
    errors: Vec<FileError>,
    parsed: Vec<Statement>,
}

/// A statement, or a comment under the name `#`.
#[derive(Debug, Serialize)]
struct Statement {
    directive: String,
    line: usize,
    args: Vec<String>,
    /// The numbers of the files that an `include` brings.
    #[serde(skip_serializing_if = "Option::is_none")]
    includes: Option<Vec<usize>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    block: Option<Vec<Statement>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    comment: Option<String>,
}

/// Parses a file and what it includes. Paths are those of `host`; relative ones begin at
/// `directory`, and files are called as they were named. Comments are left out unless asked for.
pub fn payload(host: &dyn Host, directory: &Path, file: &Path, with_comments: bool) -> Payload {
    let mut payload = Payload { status: Status::Ok, errors: Vec::new(), config: Vec::new() };
    let prefix = file.parent().unwrap_or(Path::new("")).to_owned();
    let mut numbers = HashMap::from([(file.to_owned(), 0)]);
    let mut queue = vec![file.to_owned()];
    while let Some(name) = queue.get(payload.config.len()).cloned() {
        let mut errors = Vec::new();
        let parsed = match host.read(&directory.join(&name)) {
            Err(error) => {
                errors.push(FileError { error: unreadable(&error, &name), line: None });
                Vec::new()
            }
            Ok(bytes) => {
                let mut sources = Sources::default();
                let id = sources.add(String::new(), None, bytes);
                let tree = parse(id, sources.get(id).bytes());
                let mut file = Reader {
                    host,
                    directory,
                    prefix: &prefix,
                    source: sources.get(id),
                    with_comments,
                    numbers: &mut numbers,
                    queue: &mut queue,
                    errors: Vec::new(),
                };
                let parsed = file.file(&tree, &name);
                errors = file.errors;
                parsed
            }
        };
        let shown = name.to_string_lossy().into_owned();
        let told = errors.iter().map(|error| PayloadError { file: shown.clone(), error: error.clone() });
        payload.errors.extend(told);
        let status = if errors.is_empty() { Status::Ok } else { Status::Failed };
        payload.config.push(File { file: shown, status, errors, parsed });
    }
    if !payload.errors.is_empty() {
        payload.status = Status::Failed;
    }
    payload
}

/// What Python says of a file that cannot be opened, as crossplane passes it on.
fn unreadable(error: &ReadError, path: &Path) -> String {
    let why = match error {
        ReadError::NotFound | ReadError::Dangling { .. } => "[Errno 2] No such file or directory",
        ReadError::PermissionDenied => "[Errno 13] Permission denied",
        ReadError::TooManyLinks => "[Errno 40] Too many levels of symbolic links",
        ReadError::Directory => "[Errno 21] Is a directory",
        other => return format!("{other}: '{}'", path.display()),
    };
    format!("{why}: '{}'", path.display())
}

impl Payload {
    /// Whether the file that was named could be opened.
    pub fn main_was_read(&self) -> bool {
        self.config.first().is_some_and(|main| main.errors.iter().all(|error| error.line.is_some()))
    }
}

struct Reader<'a> {
    host: &'a dyn Host,
    /// Where relative names begin on the host.
    directory: &'a Path,
    /// Where relative includes begin.
    prefix: &'a Path,
    source: &'a Source,
    with_comments: bool,
    /// The numbers of the files that are known, and the files in the order of their numbers.
    numbers: &'a mut HashMap<PathBuf, usize>,
    queue: &'a mut Vec<PathBuf>,
    errors: Vec<FileError>,
}

impl Reader<'_> {
    /// The statements of a file; none where its grammar is broken.
    fn file(&mut self, tree: &Tree, name: &Path) -> Vec<Statement> {
        let bom = tree.problems.first().is_some_and(|problem| problem.kind == ProblemKind::ByteOrderMark);
        // The mark is a part of the first word, and only a name that nobody knows.
        let glued = bom && tree.directives.first().is_some_and(|first| first.head.start == 3);
        if let Some(problem) = tree.problems.get(usize::from(glued)) {
            let line = self.line_of(problem);
            let message = match problem.kind.nginx_message() {
                message if message.is_empty() => "this is no configuration of nginx".to_owned(),
                message => message,
            };
            let error = format!("{message} in {}:{line}", name.display());
            self.errors.push(FileError { error, line: Some(line) });
            return Vec::new();
        }
        let mut statements = Vec::new();
        let end = self.statements(&tree.directives, if glued { 3 } else { 0 }, &mut statements);
        self.comments(end, &mut statements);
        if let Some(first) = statements.iter_mut().find(|statement| glued && statement.comment.is_none()) {
            first.directive.insert(0, '\u{feff}');
        }
        statements
    }

    /// The line at which nginx stops.
    fn line_of(&self, problem: &Problem) -> usize {
        let offset = match problem.kind {
            ProblemKind::UnclosedQuote(_) | ProblemKind::UnfinishedStatement | ProblemKind::UnclosedBlock => u32::MAX,
            // The span is the open statement; what is met behind it is the `}`.
            ProblemKind::MissingSemicolon => self.skip(problem.span.end as usize, |_, _| ()) as u32,
            _ => problem.span.start,
        };
        self.source.position(offset).line
    }

    /// Adds statements, of which the first may stand at `at`, and gives the place behind the last.
    fn statements(&mut self, directives: &[Arc<Directive>], mut at: usize, found: &mut Vec<Statement>) -> usize {
        for directive in directives {
            self.comments(at, found);
            let line = self.source.position(directive.head.start).line;
            let mut inside = Vec::new();
            let mut behind = directive.name_word().span.end as usize;
            for word in &directive.args[..] {
                self.comments(behind, &mut inside);
                behind = word.span.end as usize;
            }
            // Now `behind` is at the `;` or the `{`.
            behind = self.comments(behind, &mut inside);
            let mut args: Vec<String> = directive.args.iter().map(|word| self.written(word)).collect();
            if directive.name() == "if" {
                strip_parentheses(&mut args);
            }
            let block = match directive.body() {
                Body::None => None,
                Body::Lua(text) => {
                    args.push(String::from_utf8_lossy(&self.source.bytes()[text.range()]).into_owned());
                    None
                }
                Body::Block(directives) => {
                    let mut block = Vec::new();
                    let end = self.statements(directives, behind + 1, &mut block);
                    self.comments(end, &mut block);
                    Some(block)
                }
            };
            let includes = (directive.name() == "include").then(|| self.include(&args, line));
            let name = self.written(&directive.name_word());
            found.push(Statement { directive: name, line, args, includes, block, comment: None });
            // crossplane puts comments between the words behind the statement, and gives them its line.
            found.extend(inside.into_iter().map(|comment| Statement { line, ..comment }));
            at = directive.span().end as usize;
        }
        at
    }

    /// Adds the comments from `at` up to the next token, and gives the token's place.
    fn comments(&self, at: usize, found: &mut Vec<Statement>) -> usize {
        self.skip(at, |start, text| {
            if self.with_comments {
                let text = String::from_utf8_lossy(text).into_owned();
                found.push(Statement {
                    directive: "#".into(),
                    line: self.source.position(start as u32).line,
                    args: Vec::new(),
                    includes: None,
                    block: None,
                    comment: Some(text),
                });
            }
        })
    }

    /// Skips blanks and comments, and hands over the comments.
    fn skip(&self, mut at: usize, mut comment: impl FnMut(usize, &[u8])) -> usize {
        let bytes = self.source.bytes();
        while let Some(byte) = bytes.get(at) {
            match *byte {
                b'#' => {
                    let length = bytes[at..].iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len() - at);
                    let text = &bytes[at + 1..at + length];
                    comment(at, text.strip_suffix(b"\r").unwrap_or(text));
                    at += length;
                }
                byte if lexer::is_blank(byte) => at += 1,
                _ => break,
            }
        }
        at
    }

    /// A word as it is written, without its quotes; inside of them its own quote loses the backslash.
    fn written(&self, word: &Word) -> String {
        let raw = &self.source.bytes()[word.span.range()];
        if !word.quoted {
            return String::from_utf8_lossy(raw).into_owned();
        }
        let quote = raw[0];
        let mut bytes = raw[1..raw.len() - 1].iter().copied();
        let mut text = Vec::with_capacity(raw.len());
        while let Some(byte) = bytes.next() {
            match (byte, if byte == b'\\' { bytes.next() } else { None }) {
                (_, Some(next)) if next == quote => text.push(next),
                (_, Some(next)) => text.extend([byte, next]),
                (_, None) => text.push(byte),
            }
        }
        String::from_utf8_lossy(&text).into_owned()
    }

    /// The numbers of the files that an include brings.
    fn include(&mut self, args: &[String], line: usize) -> Vec<usize> {
        let Some(argument) = args.first() else { return Vec::new() };
        let pattern = self.prefix.join(argument);
        let full = self.directory.join(&pattern);
        let names = if glob::is_pattern(&pattern.to_string_lossy()) {
            let begin = self.directory.join(self.prefix);
            let found = glob::expand(self.host, &full.to_string_lossy());
            let named = |path: PathBuf| match path.strip_prefix(&begin) {
                Ok(rest) if !Path::new(argument).is_absolute() => self.prefix.join(rest),
                _ => path,
            };
            found.into_iter().map(named).collect()
        } else {
            let error = match self.host.entry(&full) {
                Ok(entry) if entry.kind == Kind::Directory => {
                    Some(format!("[Errno 21] Is a directory: '{}'", pattern.display()))
                }
                Ok(_) => None,
                Err(error) => Some(unreadable(&error, &pattern)),
            };
            if let Some(error) = error {
                self.errors.push(FileError { error, line: Some(line) });
                return Vec::new();
            }
            vec![pattern]
        };
        let number = |name: PathBuf| {
            *self.numbers.entry(name.clone()).or_insert_with(|| {
                self.queue.push(name);
                self.queue.len() - 1
            })
        };
        names.into_iter().map(number).collect()
    }
}

/// Takes the parentheses off the condition of an `if`.
fn strip_parentheses(args: &mut Vec<String>) {
    let is_open = args.first().is_some_and(|first| first.starts_with('('));
    let (true, Some(last)) = (is_open && args.last().is_some_and(|last| last.ends_with(')')), args.last_mut()) else {
        return;
    };
    *last = last[..last.len() - 1].trim_end().to_owned();
    args[0] = args[0].strip_prefix('(').unwrap_or_default().trim_start().to_owned();
    if args.last().is_some_and(String::is_empty) {
        args.pop();
    }
    if args.first().is_some_and(String::is_empty) {
        args.remove(0);
    }
}
