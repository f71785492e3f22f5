//! What was meant where a `;` or a brace is missing, so that one mistake is one problem and the rest of
//! the file reads as its author reads it.
//!
//! Each repair is made only where nginx refuses the text as it stands.

use std::borrow::Cow;
use std::sync::Arc;

use super::ast::{Directive, Ending as Ends, ProblemKind, Tree, Word};
use super::directives::{Entry, Places, entries, holds_records};
use super::examine::{Location, misnested};
use super::lexer::is_blank;
use super::parse::{Braces, MAX_DEPTH, OpenBlock, Parser, begins_line, head, indent, tail, text};
use crate::source::Span;

/// In a statement of more words than this nothing is looked for that was forgotten: each repair goes through
/// all of them.
pub(super) const MAX_WORDS: usize = 2000;

/// Whether a text goes on as the number of repetitions in an expression: `4}`, `2,}`, `2,4}`.
fn counts(text: &[u8]) -> bool {
    let digits = |text: &[u8]| text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let first = digits(text);
    let rest = match text[first..].strip_prefix(b",") {
        Some(rest) => &rest[digits(rest)..],
        None => &text[first..],
    };
    first > 0 && rest.first() == Some(&b'}')
}

/// What ends the words of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// `;`
    Semicolon,
    /// `{`
    Block,
    /// `}`, which may not.
    Brace,
}

impl Parser<'_> {
    /// Ends the statement that is being read; `end` is behind what ends it.
    pub(super) fn end_statement(&mut self, ending: Ending, end: usize) {
        let ender = Span::new(self.file, end - 1, end);
        let mut words = std::mem::take(&mut self.words);
        while !words.is_empty() {
            self.mend_braces(&words, ending);
            let Some(place) = self.place().filter(|_| !self.flawed) else { break };
            let known = entries(&words[0].text);
            if words.len() > MAX_WORDS {
                break;
            } else if let Some(at) = lost_semicolon(known, &words, ending, place, self.bytes) {
                let rest = words.split_off(at);
                self.lost(&words, place, ending, ender);
                // What follows is a statement of its own, so this one ends with its words.
                let behind = head(&words).end as usize;
                self.push(&mut words, Ends::Semicolon, ender, behind);
                words = rest;
            } else if let Some(rest) = self.lost_brace(known, &mut words, ending, place, ender) {
                words = rest;
            } else {
                break;
            }
        }
        if words.is_empty() {
            return;
        }
        self.narrow_top(&words, ending);
        match ending {
            Ending::Semicolon => self.push(&mut words, Ends::Semicolon, ender, end),
            Ending::Brace => {
                let at = tail(&words, self.bytes);
                let (from, to) = (at.start as usize, at.end as usize);
                // What is glued to a quote has been told.
                if !self.flawed {
                    self.problem_noticed(from, to, ProblemKind::MissingSemicolon, ender);
                }
                self.flawed = true;
                self.push(&mut words, Ends::Semicolon, ender, end - 1);
            }
            Ending::Block => return self.open(words, ender),
        }
        // The next statement has room in what this one leaves.
        self.words = words;
    }

    /// A `{` that is glued to a word and counts in an expression, as in `[0-9]{4}`: takes the rest of the word in. `end` is
    /// behind the brace.
    pub(super) fn repetition(&mut self, end: usize) -> bool {
        let bytes = self.bytes;
        let brace = end - 1;
        let is_glued = |word: &&Word| !word.quoted && word.span.end as usize == brace;
        let Some(start) = self.words.last().filter(is_glued).map(|word| word.span.start as usize) else { return false };
        if !counts(&bytes[end..]) {
            return false;
        }
        let mut at = end;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'{' if counts(&bytes[at + 1..]) => {}
                b';' | b'{' => break,
                byte if is_blank(*byte) => break,
                _ => {}
            }
            at += 1;
        }
        let behind = bytes[end..at].split(|byte| *byte == b'{').next().unwrap_or_default();
        let before = &bytes[start..brace];
        let count = |sign: u8| before.iter().filter(|byte| **byte == sign).count();
        let refusal = match self.words[0].text.as_str() {
            "location" if count(b'(') == count(b')') => {
                format!("unknown directive \"{}\"", String::from_utf8_lossy(behind))
            }
            name @ "rewrite" => format!("directive \"{name}\" is not terminated by \";\""),
            _ => String::new(),
        };
        self.problem_noticed(start, at, ProblemKind::Repetition(refusal), Span::new(self.file, brace, end));
        self.flawed = true;
        self.words.pop();
        self.words.push(Word { text: text(&bytes[start..at]), span: Span::new(self.file, start, at), quoted: false });
        self.rest = &bytes[at..];
        true
    }

    fn open(&mut self, words: Vec<Word>, ender: Span) {
        // A block out of place with words that it never takes is another one by a wrong name: `http php {`.
        let known = entries(&words[0].text);
        let stands = self.place().is_none_or(|place| known.iter().any(|entry| !entry.places.and(place).is_none()));
        let takes = known.iter().any(|entry| entry.is_block && entry.arguments.allow(words.len() - 1));
        let inside = inside(&words[0].text, self.place()).filter(|_| stands || takes);
        let flawed = std::mem::take(&mut self.flawed);
        self.open.push(OpenBlock { words, directives: Vec::new(), ender, flawed, inside });
    }

    /// Where a statement stands that is read now; none where that is not known.
    fn place(&self) -> Option<Places> {
        match self.open.last() {
            Some(block) => block.inside,
            None if self.braces == Braces::Paired => Some(Places::ANY),
            None => Some(self.top),
        }
    }

    /// What the statements at the top have in common says where the file belongs.
    fn narrow_top(&mut self, words: &[Word], ending: Ending) {
        if self.open.is_empty() {
            let places = places(&words[0].text, ending == Ending::Block).and(self.top);
            if !places.is_none() {
                self.top = places;
            }
        }
    }

    /// Tells a `;` that is missing before the next statement.
    fn lost(&mut self, words: &[Word], place: Places, ending: Ending, ender: Span) {
        // A sign at the end was meant for the `;`: the word before it is not what stands there.
        self.flawed =
            words.last().is_some_and(|word| !word.quoted && word.text.ends_with([':', ',', '\u{ff1b}', '\u{37e}']));
        let at = tail(words, self.bytes);
        self.problem_noticed(at.start as usize, at.end as usize, ProblemKind::LostSemicolon, ender);
        let name = &words[0].text;
        let here = |entry: &&Entry| !entry.places.and(place).is_none();
        let refusal = match ending {
            Ending::Brace => "unexpected \"}\"".to_owned(),
            _ if !entries(name).iter().any(|entry| here(&entry)) => format!("\"{name}\" directive is not allowed here"),
            Ending::Block if entries(name).iter().filter(here).all(|entry| !entry.is_block) => {
                format!("directive \"{name}\" is not terminated by \";\"")
            }
            _ => format!("invalid number of arguments in \"{name}\" directive"),
        };
        if let Some(problem) = self.tree.problems.last_mut() {
            problem.refusal = refusal;
        }
    }

    /// A directive that needs a block and has none: its `{` is glued to a word, or forgotten. Opens the
    /// block and gives back what stands in it.
    fn lost_brace(
        &mut self,
        known: &[Entry],
        words: &mut Vec<Word>,
        ending: Ending,
        place: Places,
        ender: Span,
    ) -> Option<Vec<Word>> {
        let mut here = known.iter().filter(|entry| !entry.places.and(place).is_none()).peekable();
        let needs = here.peek().is_some() && here.all(|entry| entry.is_block);
        if !needs || ending == Ending::Block || self.open.len() >= MAX_DEPTH {
            return None;
        }
        let name = words[0].text.clone();
        // A `{` right behind a `$` belongs to the word, and so may what follows it.
        let cut = |word: &Word| {
            let (start, raw) = (word.span.start as usize, &self.bytes[word.span.range()]);
            // In the bytes as written: the word's text may be longer or shorter.
            let brace = raw.iter().position(|byte| *byte == b'{').filter(|_| !word.quoted)?;
            let (before, after) = (&raw[..brace], &raw[brace + 1..]);
            let word = |raw: &[u8], start: usize| Word {
                text: text(raw),
                span: Span::new(self.file, start, start + raw.len()),
                quoted: false,
            };
            let next = (!after.is_empty()).then(|| word(after, start + brace + 1));
            (!after.contains(&b'}')).then(|| (word(before, start), next))
        };
        let glued = words.iter().enumerate().skip(1).find_map(|(at, word)| Some((at, cut(word)?)));
        let next = || {
            let starts = |word: &Word| !word.quoted && begins_line(word, self.bytes) && !entries(&word.text).is_empty();
            words.iter().skip(1).position(starts).map(|at| at + 1)
        };
        // In one line the number of its words tells where the block begins, when its `}` is left over.
        let behind_words = || {
            let here = || known.iter().filter(|entry| !entry.places.and(place).is_none());
            let most = here().filter_map(|entry| entry.arguments.most).max()?;
            let starts = |at: &usize| holds_records(&name) && *at > most || !entries(&words[*at].text).is_empty();
            let is_left = matches!(self.braces, Braces::Surplus(left) if left > 0);
            (1..words.len()).find(starts).filter(|at| is_left && here().any(|entry| entry.arguments.allow(at - 1)))
        };
        let rest = match glued {
            Some((at, (before, inner))) => {
                let behind = words.split_off(at + 1);
                words[at] = before;
                Some(inner.into_iter().chain(behind).collect())
            }
            None => next().or_else(behind_words).map(|at| words.split_off(at)),
        };
        let at = head(words);
        self.problem_noticed(at.start as usize, at.end as usize, ProblemKind::NoBlock, ender);
        if let Some(problem) = self.tree.problems.last_mut() {
            problem.refusal = format!("directive \"{name}\" has no opening \"{{\"");
        }
        let rest = rest.or((ending == Ending::Brace).then(Vec::new));
        let Some(rest) = rest else {
            self.flawed = true;
            return None;
        };
        let words = std::mem::take(words);
        self.open(words, ender);
        Some(rest)
    }

    /// Where blocks are left open: closes those inside of which a directive cannot stand that may stand
    /// further out. Where `}`s are left over: opens again the block that was closed before a directive
    /// which belongs into it.
    fn mend_braces(&mut self, words: &[Word], ending: Ending) {
        if self.braces == Braces::Paired {
            return;
        }
        let wanted = places(&words[0].text, ending == Ending::Block);
        let fits = |place: Places| !place.and(wanted).is_none();
        // A location may not stand in every other one.
        let location = Location::of(&words[1..]).filter(|_| words[0].text == "location");
        let around = |block: &OpenBlock| Location::of(&block.words[1..]).filter(|_| block.words[0].text == "location");
        let takes = |block: &OpenBlock| {
            let outside = around(block).zip(location.as_ref()).and_then(|(around, inner)| misnested(&around, inner));
            block.inside.is_some_and(fits) && outside.is_none()
        };
        let stands = self.open.last().is_none_or(|block| block.inside.is_none() || takes(block));
        if wanted.is_none() || stands && self.place().is_none_or(fits) {
            return;
        }
        match self.braces {
            Braces::Unclosed(left) => {
                let outside = self.open.iter().rposition(takes).map(|at| at + 1);
                let outside = outside.or(fits(self.top).then_some(0));
                let Some(keep) = outside.filter(|keep| self.open.len() - keep <= left) else { return };
                self.close_down_to(keep, words[0].span);
            }
            Braces::Surplus(left) if left > 0 => {
                let place = self.place();
                let siblings = self.open.last_mut().map_or(&mut self.tree.directives, |block| &mut block.directives);
                let belongs =
                    |closed: &Arc<Directive>| closed.is_block() && inside(closed.name(), place).is_some_and(fits);
                let Some(closed) =
                    siblings.last().filter(|closed| belongs(closed)).is_some().then(|| siblings.pop()).flatten()
                else {
                    return;
                };
                let brace = closed.span().end as usize;
                let words: Vec<Word> = closed.words().map(Cow::into_owned).collect();
                let (ender, flawed) = (closed.ender(), closed.flawed);
                let Some(directives) = Arc::into_inner(closed).and_then(Directive::into_block) else { return };
                let noticed = ender;
                self.problem_noticed(brace - 1, brace, ProblemKind::Unexpected('}'), noticed);
                let inside = inside(&words[0].text, place);
                let directives = directives.into();
                self.open.push(OpenBlock { words, directives, ender, flawed, inside });
                self.braces = Braces::Surplus(left - 1);
            }
            Braces::Surplus(_) | Braces::Paired => {}
        }
    }

    /// Where blocks are left open: a `}` that stands further left than the innermost block is that of a
    /// block around it.
    pub(super) fn close_by_indentation(&mut self, end: usize) {
        let Braces::Unclosed(left) = self.braces else { return };
        let column = |block: &OpenBlock| indent(block.words[0].span.start as usize, self.bytes);
        let Some(here) = indent(end - 1, self.bytes) else { return };
        if self.open.last().and_then(column).is_none_or(|inner| inner <= here) {
            return;
        }
        let meant = self.open.iter().rposition(|block| column(block) == Some(here)).map(|at| at + 1);
        if let Some(keep) = meant.filter(|keep| self.open.len() - keep <= left) {
            self.close_down_to(keep, Span::new(self.file, end - 1, end));
        }
    }

    /// Closes blocks until `keep` are open, each with a problem.
    fn close_down_to(&mut self, keep: usize, noticed: Span) {
        let end = noticed.start as usize;
        while self.open.len() > keep {
            let Some(block) = self.open.pop() else { return };
            let at = head(&block.words);
            self.problem_noticed(at.start as usize, at.end as usize, ProblemKind::UnclosedBlock, noticed);
            self.close(block, end);
            if let Braces::Unclosed(left) = &mut self.braces {
                *left = left.saturating_sub(1);
            }
        }
    }
}

/// Where the first word of the statement stands that begins on a new line, while the statement before it
/// has no `;`: nginx refuses them together, and the first one alone would be right.
fn lost_semicolon(known: &[Entry], words: &[Word], ending: Ending, place: Places, bytes: &[u8]) -> Option<usize> {
    let opens = ending == Ending::Block;
    let taken = |entry: &&Entry| entry.is_block == opens && entry.arguments.allow(words.len() - 1);
    let in_place = |entry: &&Entry| !entry.places.and(place).is_none();
    // Mostly nothing is lost.
    if ending != Ending::Brace && known.iter().filter(in_place).any(|entry| taken(&entry)) {
        return None;
    }
    let here: Vec<_> = known.iter().filter(in_place).collect();
    let here = if here.is_empty() { known.iter().collect() } else { here };
    if here.is_empty() || ending != Ending::Brace && here.iter().any(taken) {
        return None;
    }
    let starts = |at: &usize| {
        let (word, alone) = (&words[*at], |entry: &&Entry| !entry.is_block && entry.arguments.allow(*at - 1));
        !word.quoted && begins_line(word, bytes) && here.iter().any(alone)
    };
    let is_known = |at: &usize| !entries(&words[*at].text).is_empty();
    let is_name =
        |at: &usize| words[*at].text.len() > 3 && words[*at].text.bytes().all(|b| b == b'_' || b.is_ascii_lowercase());
    let ahead = || (1..words.len()).filter(starts);
    ahead().find(is_known).or_else(|| ahead().find(is_name).filter(|_| ending != Ending::Brace))
}

/// The blocks that a directive of a name may stand in.
fn places(name: &str, opens: bool) -> Places {
    let fitting = entries(name).iter().filter(|entry| entry.is_block == opens);
    fitting.fold(Places::NONE, |places, entry| places | entry.places)
}

/// Where the statements of a block may stand; none for records and for what is not known.
fn inside(name: &str, place: Option<Places>) -> Option<Places> {
    let place = place.filter(|_| !holds_records(name))?;
    let of = |place| {
        let blocks = entries(name).iter().filter(|entry| entry.is_block);
        blocks.fold(Places::NONE, |inside, entry| inside | entry.inside(place))
    };
    [of(place), of(Places::ANY)].into_iter().find(|inside| !inside.is_none())
}

/// The first directive that cannot stand where it does, as nginx reads the file, and its refusal.
pub(super) fn first_misplaced(tree: &Tree) -> Option<(Span, String)> {
    walk(&tree.directives, Places::ANY, None, true)
}

fn walk(
    directives: &[Arc<Directive>],
    mut place: Places,
    around: Option<&Location>,
    top: bool,
) -> Option<(Span, String)> {
    for directive in directives {
        let name = directive.name();
        let wanted = directive.entries().iter().fold(Places::NONE, |places, entry| places | entry.places);
        if !wanted.is_none() && wanted.and(place).is_none() {
            return Some((directive.ender(), format!("\"{name}\" directive is not allowed here")));
        }
        let here: Vec<_> = entries(name).iter().filter(|entry| !entry.places.and(place).is_none()).collect();
        if directive.is_block() && !here.is_empty() && here.iter().all(|entry| !entry.is_block) {
            return Some((directive.ender(), format!("directive \"{name}\" is not terminated by \";\"")));
        }
        let location =
            Some(directive).filter(|_| name == "location").and_then(|directive| Location::of(&directive.args));
        let outside = around.zip(location.as_ref()).and_then(|(around, location)| misnested(around, location));
        if let Some(refusal) = outside {
            return Some((directive.ender(), refusal));
        }
        let fitting = places(name, directive.is_block()).and(place);
        if top && !fitting.is_none() {
            place = fitting;
        }
        let found = inside(name, Some(place))
            .and_then(|inside| walk(directive.block(), inside, location.as_ref().or(around), false));
        if found.is_some() {
            return found;
        }
    }
    None
}

/// Says where nginx notices the first of the braces that do not pair: at a directive that stands where it
/// cannot, or at the end of the file.
pub(super) fn note(tree: &mut Tree, misplaced: Option<(Span, String)>, end: usize) {
    let mut misplaced = misplaced;
    for problem in &mut tree.problems {
        match (&problem.kind, misplaced.take()) {
            (ProblemKind::UnclosedBlock | ProblemKind::Unexpected('}'), Some((at, refusal))) => {
                problem.noticed = at;
                problem.refusal = refusal;
            }
            (ProblemKind::UnclosedBlock, None) => problem.noticed = Span::new(problem.span.file, end, end),
            (_, kept) => misplaced = kept,
        }
    }
}
