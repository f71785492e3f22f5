//! The values that an argument with variables can take: through `map`, `geo`, `split_clients`, `set` inside
//! of `if`, groups of expressions and the names of a server, in several steps.
//!
//! A value is followed only where a request that takes it is sure to exist. Where two variables decide at
//! the same time, where a program sets a variable, and where a value is put together from the request, the
//! rest stays unknown.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;

use super::ast::{Directive, Word};
use super::levels::{Config, Context, LevelId};
use super::regex::{Captures, Patterns};
use super::variables::{Evaluated, Piece, evaluate, split};
use super::{groups, locations};
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
            let told = !value.implied && !value.text.is_empty();
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
            // Which values of two variables come together is not known.
            _ => Values { all: Vec::new(), rest: Rest::Anything },
        }
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
        let conditions: Option<Vec<Condition>> = active.iter().map(|(id, _)| self.condition(*id)).collect();
        let Some(conditions) = conditions.filter(|conditions| are_exclusive(conditions)) else {
            return Values::default();
        };
        let mut values = Values::default();
        for ((_, directive), condition) in active.iter().zip(&conditions) {
            let Some(word) = directive.args.get(1).filter(|word| !mentions(&word.text, name)) else { continue };
            let inner = self.single(level, &word.text, depth);
            values.all.extend(inner.map(|value| value.behind(word.span, &condition.text)));
        }
        let only_one = conditions.len() == 1 && conditions[0].variable != "host";
        if let Some((_, directive)) = base.filter(|_| only_one) {
            if let Some(word) = directive.args.get(1).filter(|word| !mentions(&word.text, name)) {
                let key = format!("all but {}", conditions[0].text);
                let inner = self.single(level, &word.text, depth);
                values.all.extend(inner.map(|value| value.behind(word.span, &key)));
            }
        }
        values
    }

    /// The condition of an `if`, where requests are sure to differ in it: it compares a variable.
    fn condition(&self, level: LevelId) -> Option<Condition> {
        let opener = self.config.level(level).opener.as_ref()?;
        let text = opener.args.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
        let inside = text.trim_start_matches('(').trim_end_matches(')').trim();
        let variable = inside.strip_prefix('$')?;
        let (variable, rest) = variable.split_once(' ').unwrap_or((variable, ""));
        let equals = rest.trim_start().strip_prefix("= ").map(|value| value.trim().to_owned());
        Some(Condition { text: inside.to_owned(), variable: variable.to_owned(), equals })
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
            Rest::Nothing => self.looked_up(level, &table, source.all, depth),
            Rest::Anything => self.all_records(level, &table, depth),
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
                        values.all.push(Value { key: Some(key), via, implied, ..value });
                    }
                    None => values.rest = values.rest.max(Rest::Anything),
                },
                Found::Nothing => values.all.push(Value { key: Some(key), via, implied: true, ..Value::default() }),
                Found::Unknown => values.rest = Rest::Unknown,
            }
        }
        values
    }

    /// Everything that a table can give.
    fn all_records(&self, level: LevelId, table: &Table<'_>, depth: usize) -> Values {
        if table.records.len() > MAX_BRANCHES {
            self.has_more.set(true);
            return Values::default();
        }
        let mut values = Values { all: Vec::new(), rest: Rest::Nothing };
        for at in 0..table.records.len() {
            match self.value_of(level, table, at, None, depth) {
                Some(value) => values.all.push(value),
                None => values.rest = Rest::Anything,
            }
        }
        if table.default.is_none() {
            values.all.push(Value { key: Some("default".into()), implied: true, ..Value::default() });
        }
        values
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

    // The names of a server

    fn server(&self, level: LevelId) -> Option<LevelId> {
        self.config.outwards(level).find(|id| self.config.level(*id).context == Context::Server)
    }

    /// The hosts that a server is sure to be asked for. Others may come where its names are patterns, and
    /// where it takes what no server has a name for.
    fn hosts(&self, level: LevelId) -> Values {
        let Some(server) = self.server(level) else { return Values::default() };
        // A name may be sent elsewhere before it comes here.
        let inside = |id: &LevelId| self.is_condition(*id);
        let turned_away = self.config.outwards(level).flat_map(|id| &self.config.level(id).blocks).any(inside);
        if turned_away {
            return Values::default();
        }
        let words: Vec<&Word> = self.config.own(server, "server_name").flat_map(|names| &names.args).collect();
        let names = words.iter().filter(|word| is_host(&word.text));
        let all: Vec<Value> = names.map(|word| named(word)).collect();
        let rest = match all.len() == words.len() && !all.is_empty() {
            _ if self.defaults().contains(&server) => Rest::Anything,
            true => Rest::Nothing,
            false => Rest::Unknown,
        };
        Values { all, rest }
    }

    fn server_name(&self, level: LevelId) -> Values {
        let server = self.server(level);
        let mut names = server.into_iter().flat_map(|server| self.config.own(server, "server_name"));
        let first = names.next().and_then(|names| names.args.first()).filter(|word| is_host(&word.text));
        first.map_or_else(Values::default, |word| Values { all: vec![named(word)], rest: Rest::Nothing })
    }

    /// The servers that are asked where no name matches: of those at one address, the one that says so, or
    /// the first.
    fn defaults(&self) -> &HashSet<LevelId> {
        self.defaults.get_or_init(|| {
            let mut first: HashMap<String, (LevelId, bool)> = HashMap::new();
            for server in self.config.levels(Context::Server) {
                let mut listens: Vec<(&str, bool)> = Vec::new();
                for listen in self.config.own(server, "listen") {
                    let says_so =
                        listen.args.iter().any(|word| matches!(word.text.as_str(), "default_server" | "default"));
                    listens.push((listen.arg(0).unwrap_or_default(), says_so));
                }
                if listens.is_empty() {
                    listens.push(("80", false));
                }
                for (address, says_so) in listens {
                    let address = address.trim_start_matches("*:").trim_start_matches("0.0.0.0:").to_owned();
                    let known = first.entry(address).or_insert((server, says_so));
                    if says_so && !known.1 {
                        *known = (server, true);
                    }
                }
            }
            first.into_values().map(|(server, _)| server).collect()
        })
    }

    // Groups of expressions

    /// The texts that a group of the location's expression can hold, where it lists them.
    fn grouped(&self, level: LevelId, name: &str) -> Values {
        let anything = Values { all: Vec::new(), rest: Rest::Anything };
        let here = self.config.level(level);
        let opener = here.opener.as_ref().filter(|_| here.context == Context::Location);
        let Some((opener, ("~", expression))) = opener.and_then(|opener| Some((opener, locations::parts(opener)?)))
        else {
            return anything;
        };
        // Another expression may be matched in between, and another location may take the request.
        let rewrites = self.config.own(level, "rewrite").next().is_some();
        let conditions = here.blocks.iter().any(|block| self.is_condition(*block));
        let texts = groups::alternatives(expression, name);
        let Some(texts) = texts.filter(|_| !rewrites && !conditions && self.is_first_expression(level)) else {
            return anything;
        };
        let via: Vec<Span> = opener.args.last().map(|word| word.span).into_iter().collect();
        let value = |text: String| Value { key: Some(text.clone()), text, via: via.clone(), ..Value::default() };
        Values { all: texts.into_iter().map(value).collect(), rest: Rest::Nothing }
    }

    /// Whether no other location can take what the expression of this one matches.
    fn is_first_expression(&self, place: LevelId) -> bool {
        let around = self.config.level(place).parent.map(|parent| self.config.level(parent));
        around.into_iter().flat_map(|around| &around.blocks).all(|block| {
            let opener = self.config.level(*block).opener.as_ref();
            match opener.and_then(|opener| locations::parts(opener)).map(|(modifier, _)| modifier) {
                Some("^~") => false,
                Some("~" | "~*") => *block >= place,
                _ => true,
            }
        })
    }
}

/// The condition of an `if`.
struct Condition {
    text: String,
    variable: String,
    /// What the variable is compared with, for `=`.
    equals: Option<String>,
}

/// Whether at most one of the conditions holds for a request.
fn are_exclusive(conditions: &[Condition]) -> bool {
    let values: Option<BTreeSet<&String>> = conditions.iter().map(|condition| condition.equals.as_ref()).collect();
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

/// A name of a server as a value.
fn named(word: &Word) -> Value {
    Value { text: word.text.to_ascii_lowercase().into(), key: Some(word.text.to_string()), ..Value::default() }
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
        || matches!(directive.name(), "rewrite" | "server_name")
            && directive.args.iter().any(|word| groups::has(&word.text, name))
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
        assert!(values(turned).is_empty());
    }

    #[test]
    fn groups_that_list_texts_give_branches() {
        let location = |inside: &str| values(&format!("server {{ {inside} }}"));
        let one = "location ~ ^/(shop|blog)/.*[.]php$ { fastcgi_pass unix:/run/$1.sock; }";
        assert_eq!(location(one), ["shop=unix:/run/shop.sock", "blog=unix:/run/blog.sock"]);
        let named = "location ~ ^/(?<app>shop)/ { fastcgi_pass unix:/run/$app.sock; }";
        assert_eq!(location(named), ["shop=unix:/run/shop.sock"]);
        assert!(location(&format!("location ^~ /shop {{ }} {one}")).is_empty());
        assert!(location(&format!("location ~ ^/shop {{ }} {one}")).is_empty());
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
