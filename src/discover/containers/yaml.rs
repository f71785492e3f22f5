//! A YAML document as values. Aliases share what they name, so that nothing multiplies.

use std::collections::HashMap;
use std::rc::Rc;

use saphyr_parser::{Event, Parser};

/// Values nested deeper are not read.
const MAX_DEPTH: usize = 64;

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
    key: Option<(String, usize)>,
    is_key_next: bool,
}

impl Value {
    /// Reads the first document of a text; none where the text is no YAML.
    pub fn read(text: &str) -> Option<Rc<Value>> {
        let mut anchors: HashMap<usize, Rc<Value>> = HashMap::new();
        let mut open: Vec<Open> = Vec::new();
        for event in Parser::new_from_str(text) {
            let (event, place) = event.ok()?;
            let (anchor, value) = match event {
                Event::Scalar(text, _, anchor, _) => (anchor, Rc::new(Value::Text(text.into_owned()))),
                Event::Alias(id) => (0, anchors.get(&id)?.clone()),
                Event::SequenceStart(anchor, _) => {
                    open.push(Open { anchor, value: Value::List(Vec::new()), key: None, is_key_next: false });
                    continue;
                }
                Event::MappingStart(anchor, _) => {
                    open.push(Open { anchor, value: Value::Map(Vec::new()), key: None, is_key_next: true });
                    continue;
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    let closed = open.pop()?;
                    (closed.anchor, Rc::new(closed.value))
                }
                _ => continue,
            };
            if open.len() > MAX_DEPTH {
                return None;
            }
            if anchor > 0 {
                anchors.insert(anchor, value.clone());
            }
            match open.last_mut() {
                None => return Some(value),
                Some(inside) => inside.take(value, place.start.line()),
            }
        }
        None
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        Some(&self.entry(key)?.value)
    }

    /// The entry of a key; `<<` brings in other mappings.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        let Value::Map(entries) = self else { return None };
        let own = entries.iter().rev().find(|entry| entry.key == key);
        own.or_else(|| match &*entries.iter().find(|entry| entry.key == "<<")?.value {
            Value::List(all) => all.iter().find_map(|one| one.entry(key)),
            one => one.entry(key),
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
}
