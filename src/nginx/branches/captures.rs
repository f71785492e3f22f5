//! What groups of expressions hold: of a location, of a `rewrite` in it, of a condition.

use super::conditions::Condition;
use super::sample::{sample, samples};
use super::{Rest, Value, Values, Variables, is_group};
use crate::nginx::ast::Directive;
use crate::nginx::groups;
use crate::nginx::levels::{Context, LevelId};
use crate::nginx::locations::{Found, Locations, parts};
use crate::nginx::variables::{Piece, names, split};
use crate::source::Span;

impl Variables<'_> {
    /// The texts that a group can hold at a level, where an expression on the way lists them.
    pub(super) fn grouped(&self, level: LevelId, name: &str) -> Values {
        let anything = Values::anything();
        let Some((expression, caseless, span)) = self.expression(level, name) else { return anything };
        let Some(texts) = groups::alternatives(&expression, name).filter(|_| !caseless) else { return anything };
        let Some(server) = self.server(level) else { return anything };
        let locations = self.locations(server);
        let mut values = Values::only(Vec::new());
        for text in texts {
            match self.is_taken(&locations, level, &expression, (name, &text)) {
                true => {
                    let via = span.into_iter().collect();
                    values.all.push(Value { key: Some(text.clone()), text, via, ..Value::default() });
                }
                false => values.rest = Rest::Anything,
            }
        }
        values
    }

    /// The expression that gives a group its text at a level, whether it is matched without case, and its place.
    pub(super) fn expression(&self, level: LevelId, name: &str) -> Option<(String, bool, Option<Span>)> {
        let is_number = name.starts_with(|char: char| char.is_ascii_digit());
        // A number stands for the expression that was matched last; conditions match others in between.
        let matches =
            |block: &LevelId| self.condition(*block).is_some_and(|condition| condition.operator.contains('~'));
        let inside = &self.config.level(level).blocks;
        if is_number && inside.iter().any(|block| self.is_condition(*block) && matches(block)) {
            return None;
        }
        let mut rewrites = self.config.own(level, "rewrite");
        if let Some(rewrite) = rewrites.next().filter(|_| is_number) {
            let uses = |set: &Directive| set.arg(1).is_some_and(|value| names(value).any(|used| used == name));
            let is_open = self.config.own(level, "set").any(|set| uses(set));
            let expression = rewrite.args.first().filter(|_| rewrites.next().is_none() && !is_open)?;
            return (rewrite.arg(2) == Some("break"))
                .then(|| (expression.text.to_string(), false, Some(expression.span)));
        }
        let in_locations =
            self.config.outwards(level).take_while(|id| self.config.level(*id).context == Context::Location);
        in_locations.take(if is_number { 1 } else { usize::MAX }).find_map(|id| {
            let opener = self.config.level(id).opener.as_ref()?;
            let (modifier, expression) = parts(opener).filter(|(modifier, _)| modifier.starts_with('~'))?;
            let span = opener.args.last().map(|word| word.span);
            let has = is_number || groups::has(expression, name);
            has.then(|| (expression.to_owned(), modifier == "~*", span))
        })
    }

    /// Whether a request whose group holds a text comes to a level.
    fn is_taken(&self, locations: &Locations, level: LevelId, expression: &str, (name, text): (&str, &str)) -> bool {
        let Some(sample) = sample(expression, name, text) else { return false };
        let start = if sample.starts_with('/') { sample } else { format!("/{sample}") };
        let pattern = self.patterns.get(expression, false);
        let ends = ["", "/", "/index.php", "index.php", ".php"];
        ends.iter().map(|end| format!("{start}{end}")).any(|uri| {
            let holds = matches!(pattern.captures(&uri), Some(Some(found)) if found.get(name) == Some(text));
            holds && matches!(locations.find(&uri), Found::At(location, _) if location.level == level)
        })
    }

    /// The values of a text whose groups are those of a condition: one for each request that is known to meet it.
    pub(super) fn by_condition(&self, level: LevelId, condition: &Condition, text: &str, depth: usize) -> Vec<Value> {
        let subjects = self.of_variable(level, &condition.variable, depth + 1);
        let pattern = self.patterns.get(&condition.operand, condition.operator == "~*");
        let mut found: Vec<Value> = Vec::new();
        let mut add = |subject: &str, key: String, via: Vec<Span>| -> bool {
            let Some(Some(captures)) = pattern.captures(subject) else { return false };
            let mut filled = String::new();
            for piece in split(text) {
                match piece {
                    Piece::Text(part) => filled.push_str(&part),
                    Piece::Variable(name) => match captures.get(&name) {
                        Some(group) => filled.push_str(group),
                        None => filled.push_str(&format!("${{{name}}}")),
                    },
                }
            }
            let known = found.iter().any(|value| value.text == filled);
            if let Some(value) = self.single(level, &filled, depth).filter(|_| !known) {
                found.push(Value { key: Some(key), via, ..value });
            }
            true
        };
        for subject in subjects.all.iter().filter(|subject| !subject.implied) {
            add(&subject.text, subject.key.clone().unwrap_or_else(|| subject.text.clone()), subject.via.clone());
        }
        if subjects.rest == Rest::Anything {
            let groups = names(text).filter(|name| is_group(&format!("~{}", condition.operand), name));
            for group in groups {
                for listed in groups::alternatives(&condition.operand, group).unwrap_or_default() {
                    let subjects = samples(&condition.operand, Some((group, &listed)));
                    self.arrives(level, &condition.variable, Box::new(subjects), &mut |subject| {
                        add(subject, format!("{} with {listed}", condition.text), Vec::new())
                    });
                }
            }
        }
        found
    }
}
