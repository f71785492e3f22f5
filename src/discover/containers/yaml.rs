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
    Map(Vec<(String, Rc<Value>)>),
}

/// A collection that is not closed yet, with its anchor; for a mapping, the key that waits for its value.
struct Open {
    anchor: usize,
    value: Value,
    key: Option<String>,
    is_key_next: bool,
}

impl Value {
    /// Reads the first document of a text; none where the text is no YAML.
    pub fn read(text: &str) -> Option<Rc<Value>> {
        let mut anchors: HashMap<usize, Rc<Value>> = HashMap::new();
        let mut open: Vec<Open> = Vec::new();
        for event in Parser::new_from_str(text) {
            let (anchor, value) = match event.ok()?.0 {
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
                Some(inside) => inside.take(value),
            }
        }
        None
    }

    /// The value of a key; `<<` brings in other mappings.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let Value::Map(entries) = self else { return None };
        let own = entries.iter().rev().find(|(name, _)| name == key);
        own.map(|(_, value)| &**value).or_else(|| {
            let (_, merged) = entries.iter().find(|(name, _)| name == "<<")?;
            match &**merged {
                Value::List(all) => all.iter().find_map(|one| one.get(key)),
                one => one.get(key),
            }
        })
    }

    /// The text of a key.
    pub fn text(&self, key: &str) -> Option<&str> {
        match self.get(key)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The keys and values of a mapping.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &Value)> {
        let entries: &[(String, Rc<Value>)] = if let Value::Map(entries) = self { entries } else { &[] };
        entries.iter().map(|(key, value)| (key.as_str(), &**value))
    }

    /// The members of a sequence.
    pub fn members(&self) -> impl Iterator<Item = &Value> {
        let members: &[Rc<Value>] = if let Value::List(members) = self { members } else { &[] };
        members.iter().map(|member| &**member)
    }
}

impl Open {
    fn take(&mut self, value: Rc<Value>) {
        match &mut self.value {
            Value::List(members) => members.push(value),
            Value::Map(entries) => {
                if self.is_key_next {
                    self.key = if let Value::Text(text) = &*value { Some(text.clone()) } else { None };
                } else if let Some(key) = self.key.take() {
                    entries.push((key, value));
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
