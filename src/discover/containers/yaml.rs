//! A YAML document as values. Aliases share what they name, so that nothing multiplies.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use saphyr_parser::{Event, Parser};

/// Values nested deeper are not read, be it through aliases: nobody writes more than some ten levels.
const MAX_DEPTH: usize = 64;

/// So many mappings are asked for a key that `<<` may bring: each may bring others, and those the same ones.
const MAX_MERGED: usize = 1000;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// Text, as it is written without its quotes.
    Text(String),
    /// A sequence.
    List(Vec<Rc<Value>>),
    /// A mapping, in order; keys that are no text are left out.
    Map(Vec<Entry>),
}

/// An entry of a mapping.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// The key.
    pub key: String,
    /// The line of the key, counted from 1.
    pub line: usize,
    /// The value.
    pub value: Rc<Value>,
}

/// A collection that is not closed yet, with its anchor; for a mapping, the key that waits for its value.
struct Open {
    anchor: usize,
    value: Value,
    /// How deep the values in it are nested.
    depth: usize,
    key: Option<(String, usize)>,
    is_key_next: bool,
}

impl Value {
    /// Reads the first document of a text; none where the text is no YAML.
    pub fn read(text: &str) -> Option<Rc<Value>> {
        let mut anchors: HashMap<usize, (Rc<Value>, usize)> = HashMap::new();
        let mut open: Vec<Open> = Vec::new();
        for event in Parser::new_from_str(text) {
            if open.len() > MAX_DEPTH {
                return None;
            }
            let (event, place) = event.ok()?;
            let (anchor, value, depth) = match event {
                Event::Scalar(text, _, anchor, _) => (anchor, Rc::new(Value::Text(text.into_owned())), 0),
                Event::Alias(id) => {
                    let (value, depth) = anchors.get(&id)?.clone();
                    (0, value, depth)
                }
                Event::SequenceStart(anchor, _) => {
                    open.push(Open::new(anchor, Value::List(Vec::new())));
                    continue;
                }
                Event::MappingStart(anchor, _) => {
                    open.push(Open { is_key_next: true, ..Open::new(anchor, Value::Map(Vec::new())) });
                    continue;
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    let closed = open.pop()?;
                    (closed.anchor, Rc::new(closed.value), closed.depth + 1)
                }
                _ => continue,
            };
            if depth > MAX_DEPTH {
                return None;
            }
            if anchor > 0 {
                anchors.insert(anchor, (value.clone(), depth));
            }
            match open.last_mut() {
                None => return Some(value),
                Some(inside) => {
                    inside.depth = inside.depth.max(depth);
                    inside.take(value, place.start.line());
                }
            }
        }
        None
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entry(key).map(|entry| &*entry.value)
    }

    /// The entry of a key; `<<` brings in other mappings.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.layers().find_map(|entries| entries.iter().rev().find(|entry| entry.key == key))
    }

    /// The entries of a mapping with those that `<<` brings in, which stand before its own.
    pub fn all_entries(&self) -> Vec<&Entry> {
        let layers: Vec<_> = self.layers().collect();
        layers.into_iter().rev().flatten().filter(|entry| entry.key != "<<").collect()
    }

    /// The entries of a mapping, then those of the mappings that `<<` brings in.
    fn layers(&self) -> impl Iterator<Item = &[Entry]> {
        let mut asked = vec![self];
        let mut known = HashSet::new();
        std::iter::from_fn(move || {
            while known.len() < MAX_MERGED {
                let next = asked.pop()?;
                let Value::Map(entries) = next else { continue };
                if !known.insert(std::ptr::from_ref(next)) {
                    continue;
                }
                match entries.iter().find(|entry| entry.key == "<<").map(|merged| &*merged.value) {
                    Some(Value::List(all)) => asked.extend(all.iter().rev().map(|one| &**one)),
                    one => asked.extend(one),
                }
                return Some(&**entries);
            }
            None
        })
    }

    /// The text of a key.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The entries of a mapping.
    pub fn entries(&self) -> &[Entry] {
        if let Value::Map(entries) = self { entries } else { &[] }
    }

    /// The texts of a sequence, or of a single text.
    pub fn texts(&self) -> Vec<&str> {
        match self {
            Value::Text(text) => vec![text],
            list => list
                .members()
                .filter_map(|member| if let Value::Text(text) = member { Some(&**text) } else { None })
                .collect(),
        }
    }

    /// The members of a sequence.
    pub fn members(&self) -> impl Iterator<Item = &Value> {
        let members: &[Rc<Value>] = if let Value::List(members) = self { members } else { &[] };
        members.iter().map(|member| &**member)
    }
}

impl Open {
    fn new(anchor: usize, value: Value) -> Self {
        Open { anchor, value, depth: 0, key: None, is_key_next: false }
    }

    fn take(&mut self, value: Rc<Value>, line: usize) {
        match &mut self.value {
            Value::List(members) => members.push(value),
            Value::Map(entries) => {
                if self.is_key_next {
                    self.key = if let Value::Text(text) = &*value { Some((text.clone(), line)) } else { None };
                } else if let Some((key, line)) = self.key.take() {
                    entries.push(Entry { key, line, value });
                }
                self.is_key_next = !self.is_key_next;
            }
            Value::Text(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn documents_are_read_with_anchors_and_merges() {
        let text = "x: &base\n  image: \"nginx:1.25\"\ns:\n  <<: *base\n  volumes: [a:/b, {source: c}]\n";
        let value = Value::read(text).unwrap();
        let service = value.get("s").unwrap();
        assert_eq!(service.text("image"), Some("nginx:1.25"));
        let keys: Vec<_> = service.all_entries().into_iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["image", "volumes"]);
        let volumes: Vec<_> = service.get("volumes").unwrap().members().collect();
        assert_eq!(volumes[0], &Value::Text("a:/b".into()));
        assert_eq!(volumes[1].text("source"), Some("c"));
        assert!(Value::read("a: [").is_none());
        assert!(Value::read(&"[".repeat(1000)).is_none());
    }

    #[test]
    fn aliases_do_not_multiply() {
        let lines: String = (1..40).map(|n| format!("a{n}: &a{n} [*a{0}, *a{0}]\n", n - 1)).collect();
        assert!(Value::read(&format!("a0: &a0 x\n{lines}")).is_some());
    }

    #[test]
    fn depth_counts_through_aliases() {
        let nested = |depth: usize| {
            let lines: String = (2..depth).map(|n| format!("- &a{n} [*a{}]\n", n - 1)).collect();
            Value::read(&format!("- &a1 [x]\n{lines}")).is_some()
        };
        assert!(nested(MAX_DEPTH) && !nested(MAX_DEPTH + 1) && !nested(100_000));
        let blocks = |depth: usize| Value::read(&format!("{}x{}", "[".repeat(depth), "]".repeat(depth))).is_some();
        assert!(blocks(MAX_DEPTH) && !blocks(MAX_DEPTH + 1) && !blocks(1_000_000));
    }

    #[test]
    fn merges_that_double_come_to_an_end() {
        let merged = |count: usize| {
            let all: String = (0..count).map(|n| format!("m{n}: &m{n} {{k{n}: x}}\n")).collect();
            let list: Vec<_> = (0..count).map(|n| format!("*m{n}")).collect();
            let value = Value::read(&format!("{all}s: {{<<: [{}]}}\n", list.join(", "))).unwrap();
            value.get("s").unwrap().text(&format!("k{}", count - 1)).is_some()
        };
        // The mapping itself is one of them.
        assert!(merged(MAX_MERGED - 1) && !merged(MAX_MERGED));
        let lines: String = (1..30).map(|n| format!("a{n}: &a{n} {{<<: [*a{0}, *a{0}]}}\n", n - 1)).collect();
        let value = Value::read(&format!("a0: &a0 {{x: y}}\n{lines}")).unwrap();
        assert_eq!((value.get("a29").unwrap().text("x"), value.get("a29").unwrap().text("z")), (Some("y"), None));
    }
}
