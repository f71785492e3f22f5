//! The values of a variable that a `map`, `geo` or `split_clients` defines.

use std::collections::HashMap;
use std::rc::Rc;

use super::arrivals::{ANY, Likes, only_variable};
use super::sample::samples;
use super::table::{Found, Table};
use super::{MAX_BRANCHES, Rest, Value, Values, Variables, is_group};
use crate::nginx::groups;
use crate::nginx::levels::{Context, LevelId};
use crate::nginx::regex::Captures;
use crate::nginx::variables::{Piece, evaluate, names, split};

impl<'a> Variables<'a> {
    /// The blocks of records by the variable that they define.
    pub(super) fn blocks(&self) -> &HashMap<&'a str, Vec<LevelId>> {
        self.blocks.get_or_init(|| {
            let mut blocks: HashMap<&str, Vec<LevelId>> = HashMap::new();
            for level in self.config.levels(Context::Records) {
                let Some(opener) = &self.config.level(level).opener else { continue };
                let defines = matches!(opener.name(), "map" | "geo" | "split_clients");
                let variable = opener.args.last().and_then(|word| word.text.strip_prefix('$'));
                if let Some(variable) = variable.filter(|_| defines) {
                    blocks.entry(variable).or_default().push(level);
                }
            }
            blocks
        })
    }

    pub(super) fn table(&self, block: LevelId) -> Rc<Table<'a>> {
        let known = self.tables.borrow().get(&block).cloned();
        known.unwrap_or_else(|| {
            let table = Rc::new(Table::new(self.config, block));
            self.tables.borrow_mut().insert(block, table.clone());
            table
        })
    }

    /// The values of a variable that one block defines.
    pub(super) fn recorded(&self, level: LevelId, block: LevelId, depth: usize) -> Values {
        let table = self.table(block);
        let source = self.config.level(block).opener.as_ref().filter(|opener| table.is_map && opener.args.len() == 2);
        let anything = Values::anything();
        let source = source.map_or(anything, |opener| self.of_text(level, &opener.args[0].text, depth));
        match source.rest {
            Rest::Nothing => {
                let span = self.config.level(block).opener.as_ref().map(|opener| opener.span());
                let mut values = self.looked_up(level, &table, source.all, depth);
                // Where there is neither key nor default, the table itself gives the empty value.
                values.all.iter_mut().filter(|value| value.implied && value.span.is_none()).for_each(|value| {
                    value.span = span;
                });
                values
            }
            Rest::Anything => self.all_records(level, block, &table, &source.all, depth),
            Rest::Unknown => Values::default(),
        }
    }

    /// The frame of a source, where it is one.
    fn frame(&self, level: LevelId, source: &str, depth: usize) -> Option<Frame> {
        let mut frame = Frame { before: String::new(), behind: String::new() };
        let mut open: Option<String> = None;
        for piece in evaluate(self.config, level, source).pieces {
            let known = match &piece {
                Piece::Text(text) => Some(text.clone()),
                Piece::Variable(name) => self.of_variable(level, name, depth + 1).single().map(|value| value.text),
            };
            match (known, piece) {
                (Some(text), _) if open.is_none() => frame.before.push_str(&text),
                (Some(text), _) => frame.behind.push_str(&text),
                (None, Piece::Variable(name)) if open.is_none() && self.is_let_in(level, &name) => open = Some(name),
                _ => return None,
            }
        }
        open.map(|_| frame)
    }

    /// The values of a block that are sure to be taken, for a condition: the empty one of a request for which there is
    /// neither key nor default among them.
    pub(super) fn flags(&self, level: LevelId, block: LevelId, depth: usize) -> Values {
        let mut values = self.recorded(level, block, depth + 1);
        let table = self.table(block);
        let opener = self.config.level(block).opener.as_ref();
        let source = opener.and_then(|opener| opener.arg(0)).unwrap_or_default();
        let is_open =
            table.is_map && names(source).next().is_some() && names(source).all(|name| self.is_let_in(level, name));
        let passes = |any: &&str| matches!(table.find(any, &self.patterns), Found::Nothing);
        if !(is_open && ANY.iter().any(passes)) {
            values.all.retain(|value| !value.implied);
            values.rest = values.rest.max(Rest::Anything);
        }
        let flag = opener.and_then(|opener| opener.args.last()).map(|word| word.text.trim_start_matches('$'));
        values.all.retain(|value| !flag.is_some_and(|flag| self.is_sent_away(level, flag, &value.text)));
        values
    }

    /// What a table gives for each of some keys.
    fn looked_up(&self, level: LevelId, table: &Table<'_>, keys: Vec<Value>, depth: usize) -> Values {
        let mut values = Values::only(Vec::new());
        for subject in keys {
            if !self.may_try(table.expressions.len()) {
                return Values::default();
            }
            let key = subject.key.clone().unwrap_or_else(|| subject.text.clone());
            let via = subject.via.iter().copied().chain(subject.span).collect();
            let found = table.find(&subject.text, &self.patterns);
            match found {
                Found::Record(at, captures) => match self.value_of(level, table, at, captures.as_ref(), depth) {
                    Some(value) => {
                        let implied = subject.implied;
                        values.all.push(Value {
                            key: Some(key),
                            via,
                            implied,
                            is_certain: subject.is_certain,
                            ..value
                        });
                    }
                    None => values.rest = values.rest.max(Rest::Anything),
                },
                Found::Nothing => {
                    let is_certain = subject.is_certain;
                    values.all.push(Value { key: Some(key), via, implied: true, is_certain, ..Value::default() });
                }
                Found::Unknown => values.rest = Rest::Unknown,
            }
        }
        values
    }

    /// Everything that a table can give to requests that bring anything; `known` are keys that are sure to come.
    fn all_records(&self, level: LevelId, block: LevelId, table: &Table<'_>, known: &[Value], depth: usize) -> Values {
        if table.records.len() > MAX_BRANCHES {
            self.has_more.set(true);
            return Values::default();
        }
        let opener = self.config.level(block).opener.as_ref();
        let source = opener.and_then(|opener| opener.arg(0)).filter(|_| table.is_map).unwrap_or_default();
        let is_free = names(source).all(|name| self.is_let_in(level, name));
        let frame = if is_free { None } else { self.frame(level, source, depth) };
        let mut values = Values::only(Vec::new());
        for (at, (key, _)) in table.records.iter().enumerate() {
            let Some(value) = self.value_of(level, table, at, None, depth) else {
                values.rest = Rest::Anything;
                self.with_groups(level, table, at, source, known, depth, &mut values.all);
                continue;
            };
            let own = table.own_expression(at).map(|(text, caseless)| self.patterns.get(text, caseless));
            let mut is_taken = |subject: &str| {
                // Its own expression is asked first: most that are tried fail there.
                let is_own = own.as_ref().is_none_or(|own| self.may_try(1) && own.matches(subject) == Some(true));
                is_own && self.find(table, subject).is_some_and(|(found, _)| found == at)
            };
            let is_known = known.iter().any(|value| is_taken(&value.text));
            let is_framed = || frame.as_ref().is_some_and(|frame| frame.filled(key).any(|subject| is_taken(&subject)));
            let comes = is_free || is_known || is_framed();
            let arrives = |name| self.arrives(level, name, likes(key), &mut is_taken);
            match comes || only_variable(source).is_some_and(arrives) {
                // A value that is written for such requests is one that the tables behind it are asked for.
                true => values.all.push(Value { is_certain: !value.text.is_empty(), ..value }),
                // It is not known whether a request takes it.
                false => values.rest = Rest::Anything,
            }
        }
        if table.default.is_none() {
            values.all.push(Value { key: Some("default".into()), implied: true, ..Value::default() });
        }
        values
    }

    /// The values of a record that hold groups of its expression: those of requests that are sure to come, where the
    /// expression lists what a group can hold.
    #[allow(clippy::too_many_arguments, reason = "one half of a loop")]
    fn with_groups(
        &self,
        level: LevelId,
        table: &Table<'_>,
        at: usize,
        source: &str,
        known: &[Value],
        depth: usize,
        all: &mut Vec<Value>,
    ) {
        let (key, word) = table.records[at];
        let mut add = |subject: &str, name: String| -> bool {
            let Some((found, Some(captures))) = self.find(table, subject) else { return false };
            let value = self.value_of(level, table, found, Some(&captures), depth).filter(|_| found == at);
            let Some(value) = value else { return false };
            if all.iter().all(|other| other.text != value.text) {
                all.push(Value { key: Some(name), ..value });
            }
            true
        };
        for value in known {
            add(&value.text, value.key.clone().unwrap_or_else(|| value.text.clone()));
        }
        let Some(expression) = key.strip_prefix('~').filter(|rest| !rest.starts_with('*')) else { return };
        for group in names(&word.text).filter(|name| is_group(key, name)) {
            for text in groups::alternatives(expression, group).unwrap_or_default() {
                let mut subjects = samples(expression, Some((group, &text)));
                match only_variable(source) {
                    Some(name) => {
                        self.arrives(level, name, Box::new(subjects), &mut |subject| add(subject, subject.to_owned()));
                    }
                    None => {
                        subjects.next().map(|subject| add(&subject, subject.clone()));
                    }
                }
            }
        }
    }

    /// The record of a table for a key, with the groups where it is an expression.
    pub(super) fn find(&self, table: &Table<'_>, subject: &str) -> Option<(usize, Option<Captures>)> {
        if !self.may_try(table.tries(subject)) {
            return None;
        }
        match table.find(subject, &self.patterns) {
            Found::Record(at, captures) => Some((at, captures)),
            Found::Nothing | Found::Unknown => None,
        }
    }

    /// Counts how often expressions are tried; `false` when that is too often.
    pub(super) fn may_try(&self, count: usize) -> bool {
        let left = self.tries.get().checked_sub(count);
        match left {
            Some(left) => self.tries.set(left),
            None => self.has_more.set(true),
        }
        left.is_some()
    }

    /// The value of one record.
    fn value_of(
        &self,
        level: LevelId,
        table: &Table<'_>,
        at: usize,
        captures: Option<&Captures>,
        depth: usize,
    ) -> Option<Value> {
        let (key, word) = table.records[at];
        if !table.is_map || !word.text.contains('$') {
            return Some(Value { text: word.text.to_string(), ..Value::default() }.behind(word.span, key));
        }
        let mut text = String::new();
        for piece in split(&word.text) {
            match piece {
                Piece::Text(part) => text.push_str(&part),
                Piece::Variable(name) if is_group(key, &name) => text.push_str(captures?.get(&name)?),
                Piece::Variable(name) => text.push_str(&format!("${{{name}}}")),
            }
        }
        Some(self.single(level, &text, depth)?.behind(word.span, key))
    }
}

/// A source of a `map` in which one variable may be anything and the rest is known: `$scheme:$http_x_team`.
struct Frame {
    before: String,
    behind: String,
}

impl Frame {
    /// Values of the source for which a record may be taken, made of its key.
    fn filled<'a>(&'a self, key: &'a str) -> impl Iterator<Item = String> + 'a {
        let fits = |text: &String| {
            let rest = text.strip_prefix(&self.before);
            rest.is_some_and(|rest| rest.strip_suffix(self.behind.as_str()).is_some_and(|inside| !inside.is_empty()))
        };
        let any = ANY.into_iter().map(|any| format!("{}{any}{}", self.before, self.behind));
        likes(key).filter(fits).chain(any)
    }
}

/// Values for which a `map` may take a record, made of its key.
fn likes(key: &str) -> Likes<'_> {
    let expression = key.strip_prefix('~').map(|rest| rest.strip_prefix('*').unwrap_or(rest));
    match expression {
        Some(expression) => Box::new(samples(expression, None)),
        None if key == "default" => Box::new(ANY.into_iter().map(str::to_owned)),
        None => {
            let plain = key.strip_prefix('\\').unwrap_or(key);
            let more =
                ANY.into_iter().filter_map(move |any| match (plain.strip_prefix('*'), plain.strip_suffix('*')) {
                    (Some(end), _) => Some(format!("{any}{end}")),
                    (None, Some(start)) => Some(format!("{start}{any}")),
                    (None, None) => plain.starts_with('.').then(|| format!("{any}{plain}")),
                });
            Box::new([plain.trim_start_matches('.').to_owned()].into_iter().chain(more))
        }
    }
}
