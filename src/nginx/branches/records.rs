//! The values of a variable that a `map`, `geo` or `split_clients` defines.

use std::collections::HashMap;
use std::rc::Rc;

use super::table::{Found, Table};
use super::{MAX_BRANCHES, Rest, Value, Values, Variables, is_group, sample};
use crate::nginx::groups;
use crate::nginx::levels::{Context, LevelId};
use crate::nginx::regex::Captures;
use crate::nginx::variables::{Piece, names, split};

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

    fn table(&self, block: LevelId) -> Rc<Table<'a>> {
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

    /// What a table gives for each of some keys.
    fn looked_up(&self, level: LevelId, table: &Table<'_>, keys: Vec<Value>, depth: usize) -> Values {
        let mut values = Values::only(Vec::new());
        for subject in keys {
            let Some(left) = self.tries.get().checked_sub(table.expressions.len()) else {
                self.has_more.set(true);
                return Values::default();
            };
            self.tries.set(left);
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
        let variable = names(source).next().filter(|name| source.len() <= name.len() + 3).unwrap_or_default();
        let mut values = Values::only(Vec::new());
        for (at, (key, _)) in table.records.iter().enumerate() {
            let is_literal = !key.starts_with(['~', '*', '.']) && *key != "default" && !key.ends_with(".*");
            if is_literal && !variable.is_empty() && !self.admits(level, variable, key) {
                continue;
            }
            if let Some(value) = self.value_of(level, table, at, None, depth) {
                values.all.push(value);
                continue;
            }
            values.rest = Rest::Anything;
            for (subject, name) in self.subjects(level, table, at, variable, known) {
                let found = table.find(&subject, &self.patterns);
                let Found::Record(found, Some(captures)) = found else { continue };
                let value = self.value_of(level, table, found, Some(&captures), depth).filter(|_| found == at);
                let is_new = |value: &Value| values.all.iter().all(|other| other.text != value.text);
                if let Some(value) = value.filter(is_new) {
                    values.all.push(Value { key: Some(name), ..value });
                }
            }
        }
        if table.default.is_none() {
            values.all.push(Value { key: Some("default".into()), implied: true, ..Value::default() });
        }
        values
    }

    /// Keys that bring a request to a record whose value holds groups of its expression, each with what to call it.
    fn subjects(
        &self,
        level: LevelId,
        table: &Table<'_>,
        at: usize,
        variable: &str,
        known: &[Value],
    ) -> Vec<(String, String)> {
        let (key, word) = table.records[at];
        let name = |value: &Value| value.key.clone().unwrap_or_else(|| value.text.clone());
        let mut subjects: Vec<(String, String)> = known.iter().map(|value| (value.text.clone(), name(value))).collect();
        let Some(expression) = key.strip_prefix('~').filter(|rest| !rest.starts_with('*')) else { return subjects };
        for group in names(&word.text).filter(|name| is_group(key, name)) {
            let texts = groups::alternatives(expression, group).unwrap_or_default();
            let samples = texts.iter().filter_map(|text| sample::sample(expression, group, text));
            let admitted = samples.filter(|sample| variable.is_empty() || self.admits(level, variable, sample));
            subjects.extend(admitted.map(|sample| (sample.clone(), sample)));
        }
        subjects
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
