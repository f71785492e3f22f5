//! The values that an argument with variables can take: through `map`, `geo`, `split_clients`, `set` inside
//! of `if`, groups of expressions and the names of a server, in several steps.
//!
//! A value is followed only where a request that takes it is sure to exist. Where two variables decide at
//! the same time, where a program sets a variable, and where a value is put together from the request, the
//! rest stays unknown.
//!
//! This file puts an argument together of its variables. Where each gets its values is told in `records` (`map`,
//! `geo`, `split_clients`), `conditions` (`set` and `if`), `captures` (groups of expressions) and `requests` (hosts,
//! schemes, ports). Whether a request comes that takes a value is told in `arrivals`, by way of `names`, which server
//! takes a host, and `sample`, texts that an expression matches.

mod arrivals;
mod captures;
mod conditions;
mod names;
mod records;
mod requests;
mod sample;
mod table;

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use super::groups;
use super::levels::{Config, LevelId};
use super::locations::Locations;
use super::regex::Patterns;
use super::variables::{Evaluated, Piece, evaluate};
use crate::source::Span;
use names::Names;
pub use names::unasked_servers;
pub(crate) use sample::samples;
use table::Table;

/// An argument with more values than this is not followed.
pub const MAX_BRANCHES: usize = 1000;

/// As many values are followed in a whole configuration.
pub const MAX_VALUES: usize = 200_000;

/// So often the expressions of maps are tried in a whole configuration.
pub const MAX_TRIES: usize = 2_000_000;

/// Variables in values of variables are followed so far: people write two or three `map`s in a row.
const MAX_DEPTH: usize = 16;

/// The variables that hold the host that a request asks for.
const HOST: [&str; 3] = ["host", "http_host", "server_name"];

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
    /// The names of all servers.
    names: OnceCell<Names<'a>>,
    locations: RefCell<HashMap<LevelId, Rc<Locations>>>,
    tables: RefCell<HashMap<LevelId, Rc<Table<'a>>>>,
    patterns: Patterns,
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

impl<'a> Variables<'a> {
    /// The variables of a configuration.
    pub fn new(config: &'a Config) -> Self {
        Variables {
            config,
            blocks: OnceCell::new(),
            names: OnceCell::new(),
            locations: RefCell::default(),
            tables: RefCell::default(),
            patterns: Patterns::default(),
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
            (None, _) => Values::only(vec![Value { text: whole(""), ..Value::default() }]),
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
        let anything = Values::anything();
        if depth >= MAX_DEPTH {
            return Values::default();
        }
        let mut via = Vec::new();
        let mut fewer = Evaluated::default();
        for piece in pieces {
            let only = piece.variable().and_then(|name| self.of_variable(level, name, depth + 1).single());
            let only = only.filter(|value| !value.implied);
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
            let found = self.of_pieces(level, &fewer.pieces, depth + 1);
            *self.fixed_host.borrow_mut() = None;
            match found.single() {
                Some(value) => values.all.push(Value { key: host.key, ..value }),
                None => values.rest = values.rest.max(Rest::Anything),
            }
        }
        values
    }

    /// The only value of a text: where it has several, those that come together with the choice of the text
    /// itself are not known.
    fn single(&self, level: LevelId, text: &str, depth: usize) -> Option<Value> {
        self.of_text(level, text, depth).single().filter(|value| !value.implied)
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
                Values::anything()
            }
            name => self.grouped(level, name),
        }
    }
}

impl Values {
    /// These and no others.
    fn only(all: Vec<Value>) -> Self {
        Values { all, rest: Rest::Nothing }
    }

    /// Whatever the request brings.
    fn anything() -> Self {
        Values { all: Vec::new(), rest: Rest::Anything }
    }

    /// The value, where it is the only one.
    fn single(mut self) -> Option<Value> {
        self.all.pop().filter(|_| self.rest == Rest::Nothing && self.all.is_empty())
    }
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

/// Whether a text is a host's name, not a pattern and not a stand-in.
fn is_host(text: &str) -> bool {
    !text.is_empty() && text != "_" && !text.starts_with(['~', '.']) && !text.contains(['*', '$'])
}

/// Whether a variable is a group of the expression that is a map's key.
fn is_group(key: &str, variable: &str) -> bool {
    key.starts_with('~') && (variable.starts_with(|char: char| char.is_ascii_digit()) || groups::has(key, variable))
}

#[cfg(test)]
mod tests;
