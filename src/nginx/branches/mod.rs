//! The values that an argument with variables can take: through `map`, `geo`, `split_clients`, `set` inside
//! of `if`, groups of expressions and the names of a server, in several steps.
//!
//! A value is followed only where a request that takes it is sure to exist. Where two variables decide at
//! the same time, where a program sets a variable, and where a value is put together from the request, the
//! rest stays unknown.

mod asked;
mod grouped;
mod sample;

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use super::ast::{Directive, Word};
use super::groups;
use super::levels::{Config, Context, LevelId};
use super::regex::{Captures, Patterns};
use super::variables::{Evaluated, Piece, evaluate, names, split};
use crate::source::Span;

/// An argument with more values than this is not followed.
pub const MAX_BRANCHES: usize = 1000;

/// As many values are followed in a whole configuration.
pub const MAX_VALUES: usize = 200_000;

/// So often the expressions of maps are tried in a whole configuration.
pub const MAX_TRIES: usize = 2_000_000;

/// Variables in values of variables are followed so far.
const MAX_DEPTH: usize = 16;

/// One value of an argument, and when it is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// The whole argument with this value in it.
    pub text: String,
    /// Where the value is written.
    pub span: Span,
    /// What chooses it, as written: `shop.example.com`, `default`, `50%`, `$arg_x = 1`.
    pub key: String,
    /// The values on the way from the request to this one.
    pub via: Vec<Span>,
}

/// What the variables of a configuration can be.
pub struct Variables<'a> {
    config: &'a Config,
    /// The blocks of records by the variable that they define.
    blocks: OnceCell<HashMap<&'a str, Vec<LevelId>>>,
    /// The servers that take requests for other names than their own.
    defaults: OnceCell<HashSet<LevelId>>,
    tables: RefCell<HashMap<LevelId, Rc<Table<'a>>>>,
    patterns: RefCell<Patterns>,
    /// The host of the request that is looked at, where several variables hang on it.
    fixed_host: RefCell<Option<String>>,
    /// How many values may still be followed.
    left: Cell<usize>,
    /// How often expressions may still be tried.
    tries: Cell<usize>,
    /// Whether the argument at hand has more values than are followed.
    has_more: Cell<bool>,
    exceeded: RefCell<Vec<Span>>,
}

/// The values of something, as far as they are known.
#[derive(Default)]
struct Values {
    all: Vec<Value>,
    rest: Rest,
}

/// What there may be besides the values that are known.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Rest {
    /// Nothing.
    Nothing,
    /// Whatever the request brings.
    Anything,
    /// It is not known what is possible.
    #[default]
    Unknown,
}

#[derive(Clone, Default)]
struct Value {
    text: String,
    /// Where it is written; none for what the request brings.
    span: Option<Span>,
    key: Option<String>,
    via: Vec<Span>,
    /// Nobody wrote it: no key fits and there is no default. Perhaps no request comes so far.
    implied: bool,
    /// It is what a request has that is sure to come.
    is_certain: bool,
}

/// A `map`, `geo` or `split_clients`, ready to be asked.
struct Table<'a> {
    records: Vec<(&'a str, &'a Word)>,
    /// Values of a `map` may hold variables.
    is_map: bool,
    /// Keys with an asterisk mean something.
    hostnames: bool,
    exact: HashMap<String, usize>,
    /// The keys that are expressions, with whether case means nothing.
    expressions: Vec<(usize, &'a str, bool)>,
    default: Option<usize>,
}

/// What a table gives for a key.
enum Found {
    Record(usize, Option<Captures>),
    Nothing,
    Unknown,
}

impl<'a> Variables<'a> {
    /// The variables of a configuration.
    pub fn new(config: &'a Config) -> Self {
        Variables {
            config,
            blocks: OnceCell::new(),
            defaults: OnceCell::new(),
            tables: RefCell::default(),
            patterns: RefCell::default(),
            fixed_host: RefCell::default(),
            left: Cell::new(MAX_VALUES),
            tries: Cell::new(MAX_TRIES),
            has_more: Cell::new(false),
            exceeded: RefCell::default(),
        }
    }

    /// The places of the arguments that have more values than are followed.
    pub fn into_exceeded(self) -> Vec<Span> {
        self.exceeded.into_inner()
    }

    /// The values that an argument on a level can take, as far as they are known. `argument` is that with
    /// the always known variables replaced, and `span` its place.
    pub fn branches(&self, level: LevelId, argument: &Evaluated, span: Span) -> Vec<Branch> {
        self.has_more.set(false);
        let values = self.of_pieces(level, &argument.pieces, 0);
        if self.has_more.get() {
            self.exceeded.borrow_mut().push(span);
            return Vec::new();
        }
        let branch = |value: Value| {
            let span = value.span.unwrap_or(span);
            // Of an empty value a condition may take care, and so may no request come that has it.
            let told = !value.text.is_empty() && !value.implied || value.is_certain && self.is_unconditioned(level);
            value.key.filter(|_| told).map(|key| Branch { text: value.text, span, key, via: value.via })
        };
        values.all.into_iter().filter_map(branch).collect()
    }

    fn of_text(&self, level: LevelId, text: &str, depth: usize) -> Values {
        let evaluated = evaluate(self.config, level, text);
        let mut values = self.of_pieces(level, &evaluated.pieces, depth);
        for value in &mut values.all {
            value.via.extend(&evaluated.via);
        }
        values
    }

    fn of_pieces(&self, level: LevelId, pieces: &[Piece], depth: usize) -> Values {
        let names: BTreeSet<&str> = pieces.iter().filter_map(Piece::variable).collect();
        let mut names = names.into_iter();
        let whole = |value: &str| -> String {
            let texts = pieces.iter().map(|piece| match piece {
                Piece::Text(text) => text.as_str(),
                Piece::Variable(_) => value,
            });
            texts.collect()
        };
        match (names.next(), names.next()) {
            (None, _) => Values { all: vec![Value { text: whole(""), ..Value::default() }], rest: Rest::Nothing },
            (Some(name), None) if depth < MAX_DEPTH => {
                let mut values = self.of_variable(level, name, depth + 1);
                let Some(left) = self.left.get().checked_sub(values.all.len()) else {
                    self.has_more.set(true);
                    return Values::default();
                };
                self.left.set(left);
                for value in &mut values.all {
                    value.text = whole(&value.text);
                }
                values
            }
            (Some(_), None) => Values::default(),
            _ => self.together(level, pieces, depth),
        }
    }

    /// The values of a text with several variables. Which values of two variables come together is known where a
    /// variable has one value only, and where the host decides all of them.
    fn together(&self, level: LevelId, pieces: &[Piece], depth: usize) -> Values {
        let anything = Values { all: Vec::new(), rest: Rest::Anything };
        if depth >= MAX_DEPTH {
            return Values::default();
        }
        let mut via = Vec::new();
        let mut fewer = Evaluated::default();
        for piece in pieces {
            let only = piece.variable().and_then(|name| {
                let mut values = self.of_variable(level, name, depth + 1);
                let is_single = values.rest == Rest::Nothing && values.all.len() == 1;
                values.all.pop().filter(|value| is_single && !value.implied)
            });
            match only {
                Some(value) => {
                    via.extend(value.via.into_iter().chain(value.span));
                    fewer.push(Piece::Text(value.text));
                }
                None => fewer.push(piece.clone()),
            }
        }
        let open: BTreeSet<&str> = fewer.pieces.iter().filter_map(Piece::variable).collect();
        if open.len() < 2 {
            let mut values = self.of_pieces(level, &fewer.pieces, depth + 1);
            values.all.iter_mut().for_each(|value| value.via.extend(&via));
            return values;
        }
        if self.fixed_host.borrow().is_some() {
            return anything;
        }
        let hosts = self.hosts(level);
        if hosts.rest == Rest::Unknown || hosts.all.len() > MAX_BRANCHES {
            return anything;
        }
        let mut values = Values { all: Vec::new(), rest: hosts.rest };
        for host in hosts.all {
            *self.fixed_host.borrow_mut() = Some(host.text);
            let mut found = self.of_pieces(level, &fewer.pieces, depth + 1);
            *self.fixed_host.borrow_mut() = None;
            match found.all.pop().filter(|_| found.rest == Rest::Nothing && found.all.is_empty()) {
                Some(value) => values.all.push(Value { key: host.key, ..value }),
                None => values.rest = values.rest.max(Rest::Anything),
            }
        }
        values
    }

    /// The only value of a text: where it has several, those that come together with the choice of the text
    /// itself are not known.
    fn single(&self, level: LevelId, text: &str, depth: usize) -> Option<Value> {
        let mut values = self.of_text(level, text, depth);
        let is_single = values.rest == Rest::Nothing && values.all.len() == 1;
        values.all.pop().filter(|value| is_single && !value.implied)
    }

    fn of_variable(&self, level: LevelId, name: &str, depth: usize) -> Values {
        let sets = self.sets(level, name);
        if let Some(values) = self.server_group(level, name) {
            return if sets.is_empty() { values } else { Values::default() };
        }
        if !sets.is_empty() {
            return self.conditional(level, name, &sets, depth);
        }
        match self.blocks().get(name).map(Vec::as_slice) {
            Some([block]) => return self.recorded(level, *block, depth),
            Some(_) => return Values::default(),
            None => {}
        }
        match name {
            "host" => self.hosts(level),
            "server_name" => self.server_name(level),
            "scheme" | "https" | "server_port" => self.of_address(level, name),
            "uri" | "document_uri" => self.uri(level),
            // What only some requests bring.
            name if name.starts_with("arg_") || name.starts_with("http_") || name.starts_with("cookie_") => {
                Values { all: Vec::new(), rest: Rest::Anything }
            }
            name => self.grouped(level, name),
        }
    }

    fn blocks(&self) -> &HashMap<&'a str, Vec<LevelId>> {
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

    // `set` inside of `if`

    /// The statements that assign a variable on the way to a level, each with the level it stands on.
    fn sets(&self, level: LevelId, name: &str) -> Vec<(LevelId, &'a Directive)> {
        let mut found = Vec::new();
        for id in self.config.outwards(level) {
            let inside = self.config.level(id).blocks.iter().filter(|block| self.is_condition(**block));
            for id in std::iter::once(id).chain(inside.copied()) {
                let here = self.config.level(id).settings.iter();
                let here = here.filter(|directive| directive.name() != "map" && assigns(directive, name));
                found.extend(here.map(|directive| (id, directive.as_ref())));
            }
        }
        found.sort_by_key(|(id, directive)| (*id, directive.span()));
        found.dedup_by_key(|(id, directive)| (*id, directive.span()));
        found
    }

    fn is_condition(&self, level: LevelId) -> bool {
        matches!(self.config.level(level).context, Context::IfInServer | Context::IfInLocation)
    }

    /// The values of a variable that an `if` may set: one of each, and the one before where only one `if`
    /// stands in the way.
    fn conditional(&self, level: LevelId, name: &str, sets: &[(LevelId, &Directive)], depth: usize) -> Values {
        let path: Vec<LevelId> = self.config.outwards(level).collect();
        let depth_of = |id: LevelId| self.config.outwards(id).count();
        let by_program = |(_, directive): &&(LevelId, &Directive)| directive.name() != "set";
        let (always, perhaps): (Vec<_>, Vec<_>) = sets.iter().partition(|(id, _)| !self.is_condition(*id));
        // Inside of the `if` itself, and where something else than `set` assigns, all is open.
        if sets.iter().any(|set| by_program(&set)) || perhaps.iter().any(|(id, _)| path.contains(id)) {
            return Values::default();
        }
        let base = always.iter().max_by_key(|(id, directive)| (depth_of(*id), directive.span().start));
        let mut active: Vec<(LevelId, &Directive)> = Vec::new();
        for (id, directive) in perhaps {
            if let Some((base, before)) = base {
                // The rewrite phase of the server comes before that of the location.
                match (depth_of(id) - 1).cmp(&depth_of(*base)) {
                    std::cmp::Ordering::Less => continue,
                    std::cmp::Ordering::Equal if before.span().file != directive.span().file => {
                        return Values::default();
                    }
                    std::cmp::Ordering::Equal if directive.span().start < before.span().start => continue,
                    _ => {}
                }
            }
            // Of several in one `if` the last one stays.
            active.retain(|(other, _)| *other != id);
            active.push((id, directive));
        }
        if base.is_some_and(|(id, directive)| *id != level && uses_numbers(directive)) {
            return Values::default();
        }
        let conditions: Option<Vec<Condition>> = active.iter().map(|(id, _)| self.condition(*id)).collect();
        let Some(conditions) = conditions.filter(|conditions| are_exclusive(conditions)) else {
            return Values::default();
        };
        // The hosts, schemes and ports that come here decide which conditions hold.
        let asked = self.asked_for(level, &conditions);
        let holds = |condition: &Condition| -> Option<Vec<bool>> {
            let subjects = &asked.as_ref()?.all;
            let patterns = &mut self.patterns.borrow_mut();
            subjects.iter().map(|subject| condition.holds(&subject.text, patterns)).collect()
        };
        let mut values = Values::default();
        for ((_, directive), condition) in active.iter().zip(&conditions) {
            let Some(word) = directive.args.get(1).filter(|word| !mentions(&word.text, name)) else { continue };
            let never = asked.as_ref().is_some_and(|asked| asked.rest == Rest::Nothing)
                && holds(condition).is_some_and(|holds| !holds.contains(&true));
            if never {
                continue;
            }
            let groups = format!("~{}", condition.operand);
            if condition.operator.starts_with('~') && names(&word.text).any(|used| is_group(&groups, used)) {
                let found = self.by_condition(level, condition, &word.text, depth);
                let key = |value: &Value| value.key.clone().unwrap_or_default();
                values.all.extend(found.into_iter().map(|value| {
                    let key = key(&value);
                    value.behind(word.span, &key)
                }));
                continue;
            }
            let inner = self.single(level, &word.text, depth).filter(|_| !uses_numbers(directive));
            values.all.extend(inner.map(|value| value.behind(word.span, &condition.text)));
        }
        let only_one = match conditions.as_slice() {
            [condition] if asked.is_some() => holds(condition).is_some_and(|holds| holds.contains(&false)),
            [condition] => condition.variable != "host",
            _ => false,
        };
        if let Some((_, directive)) = base.filter(|_| only_one) {
            if let Some(word) = directive.args.get(1).filter(|word| !mentions(&word.text, name)) {
                let key = format!("all but {}", conditions[0].text);
                let inner = self.single(level, &word.text, depth);
                values.all.extend(inner.map(|value| value.behind(word.span, &key)));
            }
        }
        values
    }

    /// The hosts, schemes or ports that come to a level, where conditions ask for them.
    fn asked_for(&self, level: LevelId, conditions: &[Condition]) -> Option<Values> {
        let values = match conditions.first()?.variable.as_str() {
            "host" | "http_host" => self.hosts(level),
            name @ ("scheme" | "https" | "server_port") => self.of_address(level, name),
            _ => return None,
        };
        Some(values).filter(|values| values.rest != Rest::Unknown)
    }

    /// The condition of an `if`, where requests are sure to differ in it: it compares a variable.
    fn condition(&self, level: LevelId) -> Option<Condition> {
        let opener = self.config.level(level).opener.as_ref()?;
        let text = opener.args.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
        let inside = text.strip_prefix('(')?.strip_suffix(')')?.trim();
        let variable = inside.strip_prefix('$')?;
        let (variable, rest) = variable.split_once(' ').unwrap_or((variable, ""));
        let (operator, operand) = rest.trim_start().split_once(' ').unwrap_or_default();
        let (variable, operator) = (variable.to_owned(), operator.to_owned());
        Some(Condition { text: inside.to_owned(), variable, operator, operand: operand.trim().to_owned() })
    }

    // `map`, `geo`, `split_clients`

    fn table(&self, block: LevelId) -> Rc<Table<'a>> {
        let known = self.tables.borrow().get(&block).cloned();
        known.unwrap_or_else(|| {
            let table = Rc::new(Table::new(self.config, block));
            self.tables.borrow_mut().insert(block, table.clone());
            table
        })
    }

    fn recorded(&self, level: LevelId, block: LevelId, depth: usize) -> Values {
        let table = self.table(block);
        let source = self.config.level(block).opener.as_ref().filter(|opener| table.is_map && opener.args.len() == 2);
        let anything = Values { all: Vec::new(), rest: Rest::Anything };
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
        let mut values = Values { all: Vec::new(), rest: Rest::Nothing };
        for subject in keys {
            let Some(left) = self.tries.get().checked_sub(table.expressions.len()) else {
                self.has_more.set(true);
                return Values::default();
            };
            self.tries.set(left);
            let key = subject.key.clone().unwrap_or_else(|| subject.text.clone());
            let via = subject.via.iter().copied().chain(subject.span).collect();
            let found = table.find(&subject.text, &mut self.patterns.borrow_mut());
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
        let mut values = Values { all: Vec::new(), rest: Rest::Nothing };
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
                let found = table.find(&subject, &mut self.patterns.borrow_mut());
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

/// The condition of an `if`.
struct Condition {
    text: String,
    variable: String,
    /// `=`, `~*` and the like; empty where the variable alone decides.
    operator: String,
    /// What the variable is compared with.
    operand: String,
}

impl Condition {
    /// Whether a value of the variable meets it, if that is known.
    fn holds(&self, value: &str, patterns: &mut Patterns) -> Option<bool> {
        let caseless = self.operator.ends_with('*');
        match self.operator.as_str() {
            "" => Some(!matches!(value, "" | "0")),
            "=" | "!=" if self.operand.contains('$') => None,
            "=" => Some(value == self.operand),
            "!=" => Some(value != self.operand),
            "~" | "~*" => patterns.get(&self.operand, caseless).matches(value),
            "!~" | "!~*" => patterns.get(&self.operand, caseless).matches(value).map(|holds| !holds),
            _ => None,
        }
    }
}

/// Whether at most one of the conditions holds for a request.
fn are_exclusive(conditions: &[Condition]) -> bool {
    let equals = |condition: &'_ Condition| condition.operator == "=";
    let values: Option<BTreeSet<&String>> =
        conditions.iter().map(|condition| Some(&condition.operand).filter(|_| equals(condition))).collect();
    let same = conditions.windows(2).all(|pair| pair[0].variable == pair[1].variable);
    conditions.len() == 1 || same && values.is_some_and(|values| values.len() == conditions.len())
}

impl Value {
    /// The value as that of something written at a place and chosen by a key.
    fn behind(mut self, span: Span, key: &str) -> Self {
        // What is written deeper inside is on the way; what the request brings has no value of its own.
        self.via.extend(self.span);
        self.span = Some(span);
        self.key = Some(key.to_owned());
        self
    }
}

impl<'a> Table<'a> {
    fn new(config: &'a Config, block: LevelId) -> Self {
        let level = config.level(block);
        let name = level.opener.as_ref().map(|opener| opener.name()).unwrap_or_default();
        let mut table = Table {
            records: Vec::new(),
            is_map: name == "map",
            hostnames: config.own(block, "hostnames").any(|parameter| parameter.args.is_empty()),
            exact: HashMap::new(),
            expressions: Vec::new(),
            default: None,
        };
        for record in &level.settings {
            let parameter = matches!(record.name(), "include" | "delete" | "proxy");
            let never = name == "split_clients" && share(record.name()) == Some(0.0);
            let Some(value) = record.args.first().filter(|_| !parameter && !never) else { continue };
            let (at, key) = (table.records.len(), record.name());
            table.records.push((key, value));
            match key {
                "default" => table.default = Some(at),
                key if key.starts_with('~') => {
                    let (expression, caseless) = match key[1..].strip_prefix('*') {
                        Some(rest) => (rest, true),
                        None => (&key[1..], false),
                    };
                    table.expressions.push((at, expression, caseless));
                }
                key => {
                    // A backslash takes a special meaning away.
                    let plain = key.strip_prefix('\\').unwrap_or(key);
                    table.exact.entry(plain.to_ascii_lowercase()).or_insert(at);
                }
            }
        }
        table
    }

    /// The record for a key: exact, then with an asterisk, then the first expression, then the default.
    fn find(&self, subject: &str, patterns: &mut Patterns) -> Found {
        let lower = subject.to_ascii_lowercase();
        if let Some(at) = self.exact.get(&lower) {
            return Found::Record(*at, None);
        }
        if self.hostnames {
            if let Some(at) = self.wildcard(lower.trim_end_matches('.')) {
                return Found::Record(at, None);
            }
        }
        for (at, expression, caseless) in self.expressions.iter().copied() {
            match patterns.get(expression, caseless).captures(subject) {
                Some(Some(captures)) => return Found::Record(at, Some(captures)),
                Some(None) => {}
                None => return Found::Unknown,
            }
        }
        self.default.map_or(Found::Nothing, |at| Found::Record(at, None))
    }

    /// The longest `*.example.com` or `.example.com`, then the longest `mail.*`.
    fn wildcard(&self, host: &str) -> Option<usize> {
        if let Some(at) = self.exact.get(&format!(".{host}")) {
            return Some(*at);
        }
        let dots: Vec<usize> = host.match_indices('.').map(|(at, _)| at).collect();
        let behind = dots.iter().map(|at| &host[*at..]);
        let behind = behind.flat_map(|rest| [format!("*{rest}"), rest.to_owned()]);
        let before = dots.iter().rev().map(|at| format!("{}.*", &host[..*at]));
        behind.chain(before).find_map(|key| self.exact.get(&key).copied())
    }
}

/// The share of clients that a key of `split_clients` stands for, in percent.
fn share(key: &str) -> Option<f64> {
    key.strip_suffix('%')?.parse().ok()
}

/// Whether a text is a host's name, not a pattern and not a stand-in.
fn is_host(text: &str) -> bool {
    !text.is_empty() && text != "_" && !text.starts_with(['~', '.']) && !text.contains(['*', '$'])
}

/// Whether a variable is a group of the expression that is a map's key.
fn is_group(key: &str, variable: &str) -> bool {
    key.starts_with('~') && (variable.starts_with(|char: char| char.is_ascii_digit()) || groups::has(key, variable))
}

/// Whether a statement assigns a variable, or an expression in it has a group of that name.
fn assigns(directive: &Directive, name: &str) -> bool {
    let sets = matches!(directive.name(), "set" | "auth_request_set" | "perl_set" | "js_set")
        || directive.name().starts_with("set_");
    let first = directive.arg(0).and_then(|argument| argument.strip_prefix('$'));
    sets && first == Some(name)
        || directive.name() == "rewrite" && directive.args.iter().any(|word| groups::has(&word.text, name))
}

/// Whether the value of a `set` holds groups of an expression by their numbers: of the one that was matched last.
fn uses_numbers(set: &Directive) -> bool {
    set.arg(1).is_some_and(|value| names(value).any(|name| name.starts_with(|char: char| char.is_ascii_digit())))
}

fn mentions(text: &str, variable: &str) -> bool {
    split(text).iter().any(|piece| piece.variable() == Some(variable))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::host::memory::Memory;
    use crate::nginx::load::Files;
    use crate::source::Sources;
    use std::path::Path;

    /// The values of the first `fastcgi_pass` as `key=value`.
    fn values(http: &str) -> Vec<String> {
        let mut host = Memory::default();
        host.add("/c/nginx.conf", format!("http {{ {http} }}"));
        host.add("/c/hosts", "included /run/c;");
        let mut files = Files::default();
        let main = files.load(&host, &mut Sources::default(), Path::new("/c/nginx.conf")).unwrap();
        let config = Config::resolve(&files, main, Context::Main);
        let levels = [Context::Server, Context::Location].into_iter().flat_map(|context| config.levels(context));
        let pass = |id| config.own(id, "fastcgi_pass").next().map(|pass| (id, pass.args[0].clone()));
        let (level, argument) = levels.into_iter().find_map(pass).unwrap();
        let evaluated = evaluate(&config, level, &argument.text);
        let branches = Variables::new(&config).branches(level, &evaluated, argument.span);
        branches.into_iter().map(|branch| format!("{}={}", branch.key, branch.text)).collect()
    }

    /// The values of an argument in a server that takes all requests.
    fn texts(http: &str, argument: &str) -> Vec<String> {
        values(&format!("{http} server {{ fastcgi_pass {argument}; }}"))
    }

    #[test]
    fn blocks_of_records_give_branches() {
        let map = "map $host $p { hostnames; default /run/a; x /run/b; include hosts; }";
        assert_eq!(
            texts(map, "unix:$p.sock"),
            ["default=unix:/run/a.sock", "x=unix:/run/b.sock", "included=unix:/run/c.sock"]
        );
        assert_eq!(texts("geo $p { default a; 10.0.0.0/8 b; }", "$p"), ["default=a", "10.0.0.0/8=b"]);
        assert_eq!(texts("split_clients $host $p { 0% c; 50% a; * b; }", "$p"), ["50%=a", "*=b"]);
    }

    #[test]
    fn one_map_may_lead_to_another() {
        let maps = "map $uri $kind { default blue; /shop green; ~^/(x|y)$ $1; }
            map $kind $p { blue a; green b; red c; default d; }";
        // The group of the expression may hold what the second map has a key for.
        assert_eq!(texts(maps, "$p"), ["blue=a", "green=b", "red=c", "default=d"]);
        let maps = "map $uri $kind { default blue; /shop green; } map $kind $p { blue a; green b; red c; }";
        assert_eq!(texts(maps, "$p"), ["default=a", "/shop=b"]);
        let maps = "map $uri $kind { /shop green; } map $kind $p { green b; default a; }";
        assert_eq!(texts(maps, "$p"), ["/shop=b"]);
        assert_eq!(texts("map $uri $p { default $q; x b; } map $uri $q { x c; default d; }", "$p"), ["x=b"]);
    }

    #[test]
    fn sets_on_the_way_are_followed() {
        let map = "map $uri $p { default a; /x unix:$s; }";
        let server = "server { set $s /run/s; set $q $p; location / { set $r $q; fastcgi_pass $r; } }";
        assert_eq!(values(&format!("{map} {server}")), ["default=a", "/x=unix:/run/s"]);
    }

    #[test]
    fn an_if_may_set_another_value() {
        let server = |body: &str| values(&format!("server {{ {body} location / {{ fastcgi_pass $p; }} }}"));
        let one = "set $p a; if ($arg_x = 1) { set $p b; }";
        assert_eq!(server(one), ["$arg_x = 1=b", "all but $arg_x = 1=a"]);
        let two = "set $p a; if ($arg_x = 1) { set $p b; } if ($arg_x = 2) { set $p c; }";
        assert_eq!(server(two), ["$arg_x = 1=b", "$arg_x = 2=c"]);
        for open in [
            "set $p a; if ($arg_x = 1) { set $p b; } if ($arg_y = 2) { set $p c; }",
            "set $p a; if (-f /x) { set $p b; }",
            "set $p a; if ($arg_x = 1) { set $p b; } set_by_lua_block $p { return 1 }",
            "if ($arg_x = 1) { set $p b; } set $p $uri;",
        ] {
            assert!(server(open).is_empty(), "{open}");
        }
    }

    #[test]
    fn a_server_is_asked_for_its_names() {
        let map = "map $host $p { hostnames; default d; a.test a; *.b.test b; ~^c\\d(?<n>.) c$n; z z; }";
        let other = "server { listen 80 default_server; }";
        let server = |names: &str| {
            values(&format!("{map} {other} server {{ server_name {names}; location / {{ fastcgi_pass $p; }} }}"))
        };
        assert_eq!(server("a.test x.b.test c12.test"), ["a.test=a", "x.b.test=b", "c12.test=c2"]);
        assert_eq!(server("e.test"), ["e.test=d"]);
        assert!(server("*.test").is_empty());
        // The server that takes the rest may be asked for everything.
        let all = values(&format!("{map} server {{ server_name e.test; fastcgi_pass $p; }}"));
        assert_eq!(all, ["default=d", "a.test=a", "*.b.test=b", "z=z"]);
        let own = values("server { server_name a.test b.test; fastcgi_pass unix:/run/$host.sock; }");
        assert_eq!(own, ["a.test=unix:/run/a.test.sock", "b.test=unix:/run/b.test.sock"]);
        let own = values("server { server_name a.test b.test; fastcgi_pass $server_name:9000; }");
        assert_eq!(own, ["a.test=a.test:9000"]);
        let turned = "server { server_name a.test b.test; if ($host = b.test) { return 301 /; }
            fastcgi_pass unix:/run/$host.sock; }";
        assert_eq!(values(turned), ["a.test=unix:/run/a.test.sock"]);
    }

    #[test]
    fn groups_that_list_texts_give_branches() {
        let location = |inside: &str| values(&format!("server {{ {inside} }}"));
        let one = "location ~ ^/(shop|blog)/.*[.]php$ { fastcgi_pass unix:/run/$1.sock; }";
        assert_eq!(location(one), ["shop=unix:/run/shop.sock", "blog=unix:/run/blog.sock"]);
        let named = "location ~ ^/(?<app>shop)/ { fastcgi_pass unix:/run/$app.sock; }";
        assert_eq!(location(named), ["shop=unix:/run/shop.sock"]);
        // What another location takes does not come here.
        let blog = ["blog=unix:/run/blog.sock"];
        assert_eq!(location(&format!("location ^~ /shop {{ }} {one}")), blog);
        assert_eq!(location(&format!("location ~ ^/shop {{ }} {one}")), blog);
        let nested = "location ~ ^/(?<app>shop)/ { location ~ [.]php$ { fastcgi_pass unix:/run/$app.sock; } }";
        assert_eq!(location(nested), ["shop=unix:/run/shop.sock"]);
        let rewritten = "location / { rewrite ^/(v1|v2)/(.*)$ /$2 break; fastcgi_pass unix:/run/$1.sock; }";
        assert_eq!(location(rewritten), ["v1=unix:/run/v1.sock", "v2=unix:/run/v2.sock"]);
        // What a number stands for outside of a location is not what it stands for inside.
        assert!(location("set $p $1; location ~ ^/(shop)/ { fastcgi_pass unix:/run/$p.sock; }").is_empty());
        assert!(location("location ~ ^/(shop)/ { if ($uri ~ (x)) { } fastcgi_pass unix:/run/$1.sock; }").is_empty());
    }

    #[test]
    fn groups_of_names_and_of_keys_give_branches() {
        let server = "server { server_name ~^(?<tenant>shop|blog)[.]test$; fastcgi_pass $tenant; }";
        assert_eq!(values(server), ["shop.test=shop", "blog.test=blog"]);
        let other = "server { server_name blog.test; }";
        assert_eq!(values(&format!("{server} {other}")), ["shop.test=shop"]);
        assert!(values("server { server_name ~^(?<tenant>.+)[.]test$; fastcgi_pass $tenant; }").is_empty());
        // A key that the group cannot hold is never looked up.
        let map = "map $tenant $p { a x; b.c y; }";
        let server = "server { server_name ~^(?<tenant>[a-z]+)[.]test$; fastcgi_pass $p; }";
        assert_eq!(values(&format!("{map} {server}")), ["a=x"]);
        assert_eq!(texts("map $host $p { ~^(?<n>a|b)[.]test$ $n; }", "$p"), ["a.test=a", "b.test=b"]);
        let map = "map $host $p { ~^([a-z]+)[.]test$ $1; default d; }";
        let server = "server { server_name a.test _; fastcgi_pass $p; }";
        assert_eq!(values(&format!("{map} {server}")), ["a.test=a", "default=d"]);
    }

    #[test]
    fn hosts_that_other_servers_take_do_not_come() {
        let map = "map $host $p { a.test a; b.test b; c.b.test c; default d; }";
        let server = "server { listen 80 default_server; fastcgi_pass $p; }";
        let other = |rest: &str| values(&format!("{map} {server} server {{ {rest} }}"));
        assert_eq!(other("listen 80; server_name b.test *.b.test;"), ["a.test=a", "default=d"]);
        assert_eq!(other("listen 81; server_name b.test;"), ["a.test=a", "b.test=b", "c.b.test=c", "default=d"]);
    }

    #[test]
    fn the_listen_lines_decide_the_scheme_and_the_port() {
        let server = |listens: &str, pass: &str| values(&format!("server {{ {listens} fastcgi_pass {pass}; }}"));
        assert_eq!(server("", "$scheme"), ["$scheme = http=http"]);
        let both = ["$scheme = http=http", "$scheme = https=https"];
        assert_eq!(server("listen 80; listen [::]:80; listen 443 ssl;", "$scheme"), both);
        let both = ["$server_port = 80=p80", "$server_port = 8080=p8080"];
        assert_eq!(server("listen *:80; listen 127.0.0.1:8080;", "p$server_port"), both);
        assert!(server("listen unix:/run/n.sock;", "p$server_port").is_empty());
        let turned = "listen 80; listen 443 ssl; if ($scheme = http) { return 301 https://$host; }";
        assert_eq!(server(turned, "$scheme"), ["$scheme = https=https"]);
        let never = "set $p a; if ($https) { set $p b; }";
        assert_eq!(server(never, "$p"), ["all but $https=a"]);
    }

    #[test]
    fn a_condition_gives_its_groups() {
        let server = |body: &str| values(&format!("server {{ {body} fastcgi_pass $p; }}"));
        let listed = "set $p d; if ($host ~ ^(a|b)[.]) { set $p $1; }";
        let both = ["$host ~ ^(a|b)[.] with a=a", "$host ~ ^(a|b)[.] with b=b"];
        assert_eq!(server(listed), both);
        let named = "server_name a.test c.test; set $p d; if ($host ~ ^(a|c)[.]) { set $p $1; }";
        let other = "server { listen 80 default_server; }";
        assert_eq!(values(&format!("server {{ {named} fastcgi_pass $p; }} {other}")), ["a.test=a", "c.test=c"]);
    }

    #[test]
    fn one_host_decides_several_variables() {
        let maps = "map $host $a { default x; b.test y; } map $host $b { default 1; b.test 2; }";
        let server = "server { server_name a.test b.test; fastcgi_pass $a-$b; }";
        assert_eq!(values(&format!("{maps} {server}")), ["a.test=x-1", "b.test=y-2"]);
    }

    #[test]
    fn the_number_of_values_is_bounded() {
        let map = |count: usize| {
            let many: String = (0..count).map(|n| format!("k{n} v;")).collect();
            texts(&format!("map $host $p {{ {many} }}"), "$p").len()
        };
        assert_eq!((map(MAX_BRANCHES), map(MAX_BRANCHES + 1)), (MAX_BRANCHES, 0));
    }

    /// How many arguments have more values than are followed, after `prepare` has changed what is allowed.
    fn exceeded(http: &str, prepare: impl Fn(&Variables<'_>)) -> usize {
        let mut host = Memory::default();
        host.add("/c/nginx.conf", format!("http {{ {http} }}"));
        let mut files = Files::default();
        let main = files.load(&host, &mut Sources::default(), Path::new("/c/nginx.conf")).unwrap();
        let config = Config::resolve(&files, main, Context::Main);
        let variables = Variables::new(&config);
        prepare(&variables);
        for level in config.levels(Context::Server) {
            let pass = config.own(level, "fastcgi_pass").next().unwrap().args[0].clone();
            variables.branches(level, &evaluate(&config, level, &pass.text), pass.span);
        }
        variables.into_exceeded().len()
    }

    #[test]
    fn the_number_of_values_in_a_whole_configuration_is_bounded() {
        let many: String = (0..MAX_BRANCHES).map(|n| format!("k{n} v;")).collect();
        let servers =
            |count: usize| format!("map $arg_x $p {{ {many} }} {}", "server { fastcgi_pass $p; }".repeat(count));
        // With what no key fits, a map has one value more.
        let most = MAX_VALUES / (MAX_BRANCHES + 1);
        assert_eq!((exceeded(&servers(most), |_| ()), exceeded(&servers(most + 1), |_| ())), (0, 1));
        let three = "map $arg_x $p { a a; b b; default c; } server { fastcgi_pass $p; }";
        let left = |left: usize| exceeded(three, |variables| variables.left.set(left));
        assert_eq!((left(3), left(2)), (0, 1));
    }

    #[test]
    fn the_number_of_expressions_that_are_tried_is_bounded() {
        let server = "server { server_name a.test b.test; fastcgi_pass $p; }";
        let map = format!("map $host $p {{ ~^a a; ~^b b; default c; }} server {{ fastcgi_pass d; }} {server}");
        let tries = |left: usize| exceeded(&map, |variables| variables.tries.set(left));
        assert_eq!((tries(4), tries(3)), (0, 1));
    }

    #[test]
    fn what_is_not_literal_stays_unknown() {
        assert_eq!(texts("map $host $p { default /run/$uri; x b; }", "$p"), ["x=b"]);
        assert!(texts("map $host $p { x a; }", "$p$host").is_empty());
        assert!(texts("map $host $p { x a; } map $uri $p { y b; }", "$p").is_empty());
        let circle = "map $a $b { default $c; } map $b $c { default $b; x $c; }";
        assert!(texts(circle, "$c").is_empty());
    }
}
