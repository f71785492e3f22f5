//! The values that `set` gives a variable, and the conditions it may stand in.

use std::collections::BTreeSet;

use super::arrivals::{ANY, Likes};
use super::sample::samples;
use super::{Rest, Values, Variables, is_group};
use crate::nginx::ast::Directive;
use crate::nginx::levels::{Context, LevelId};
use crate::nginx::regex::Patterns;
use crate::nginx::variables::{names, split};

/// The condition of an `if`.
pub(super) struct Condition {
    /// What stands between the brackets.
    pub(super) text: String,
    /// The variable it looks at, without `$`.
    pub(super) variable: String,
    /// `=`, `~*` and the like; empty where the variable alone decides.
    pub(super) operator: String,
    /// What the variable is compared with.
    pub(super) operand: String,
}

impl Condition {
    /// Whether a value of the variable meets it, if that is known.
    pub(super) fn holds(&self, value: &str, patterns: &Patterns) -> Option<bool> {
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

impl<'a> Variables<'a> {
    /// The statements that assign a variable on the way to a level, each with the level it stands on.
    pub(super) fn sets(&self, level: LevelId, name: &str) -> Vec<(LevelId, &'a Directive)> {
        let mut found = Vec::new();
        for id in self.config.outwards(level) {
            let inside = self.config.level(id).conditions().iter();
            for id in std::iter::once(id).chain(inside.copied()) {
                let here = self.config.level(id);
                let assignments = here.settings.assignments.as_ref();
                let Some(assigned) = assignments.and_then(|all| all.get(name)) else { continue };
                let statements = assigned.sets.iter().chain(&assigned.rewrites).map(|at| &here.settings[*at as usize]);
                found.extend(statements.map(|directive| (id, directive.as_ref())));
            }
        }
        found.sort_by_key(|(id, directive)| (*id, directive.span()));
        found.dedup_by_key(|(id, directive)| (*id, directive.span()));
        found
    }

    pub(super) fn is_condition(&self, level: LevelId) -> bool {
        matches!(self.config.level(level).context, Context::IfInServer | Context::IfInLocation)
    }

    /// The values of a variable that an `if` may set: one of each, and the one before where only one `if`
    /// stands in the way.
    pub(super) fn conditional(
        &self,
        level: LevelId,
        name: &str,
        sets: &[(LevelId, &Directive)],
        depth: usize,
    ) -> Values {
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
            subjects.iter().map(|subject| condition.holds(&subject.text, &self.patterns)).collect()
        };
        let mut values = Values::default();
        for ((_, directive), condition) in active.iter().zip(&conditions) {
            let Some(word) = directive.args.get(1).filter(|word| !mentions(&word.text, name)) else { continue };
            let never = asked.as_ref().is_some_and(|asked| asked.rest == Rest::Nothing)
                && holds(condition).is_some_and(|holds| !holds.contains(&true));
            let is_known = holds(condition).is_some_and(|holds| holds.contains(&true));
            if never || !is_known && !self.may_hold(level, condition, true) {
                continue;
            }
            let groups = format!("~{}", condition.operand);
            if condition.operator.starts_with('~') && names(&word.text).any(|used| is_group(&groups, used)) {
                let found = self.by_condition(level, condition, &word.text, depth);
                values.all.extend(found.into_iter().map(|value| {
                    let key = value.key.clone().unwrap_or_default();
                    value.behind(word.span, &key)
                }));
                continue;
            }
            let inner = self.single(level, &word.text, depth).filter(|_| !uses_numbers(directive));
            values.all.extend(inner.map(|value| value.behind(word.span, &condition.text)));
        }
        let only_one = match conditions.as_slice() {
            [condition] => {
                let is_known = holds(condition).is_some_and(|holds| holds.contains(&false));
                is_known || self.may_hold(level, condition, false)
            }
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

    /// Whether a request may come for which a condition holds, or does not.
    fn may_hold(&self, level: LevelId, condition: &Condition, wanted: bool) -> bool {
        let likes: Likes<'_> = match condition.operator.as_str() {
            operator if operator.starts_with('!') == wanted => Box::new(ANY.into_iter().map(str::to_owned)),
            operator if operator.contains('~') => Box::new(samples(&condition.operand, None)),
            "" => Box::new(ANY.into_iter().map(str::to_owned)),
            _ => Box::new([condition.operand.clone()].into_iter()),
        };
        let mut holds = |value: &str| condition.holds(value, &self.patterns).is_some_and(|holds| holds == wanted);
        self.is_free(level, &condition.variable) || self.arrives(level, &condition.variable, likes, &mut holds)
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
    pub(super) fn condition(&self, level: LevelId) -> Option<Condition> {
        let opener = self.config.level(level).opener.as_ref()?;
        let text = opener.args.iter().map(|word| word.text.as_str()).collect::<Vec<_>>().join(" ");
        let inside = text.strip_prefix('(')?.strip_suffix(')')?.trim();
        let variable = inside.strip_prefix('$')?;
        let (variable, rest) = variable.split_once(' ').unwrap_or((variable, ""));
        let (operator, operand) = rest.trim_start().split_once(' ').unwrap_or_default();
        let (variable, operator) = (variable.to_owned(), operator.to_owned());
        Some(Condition { text: inside.to_owned(), variable, operator, operand: operand.trim().to_owned() })
    }
}

/// Whether the value of a `set` holds groups of an expression by their numbers: of the one that was matched last.
fn uses_numbers(set: &Directive) -> bool {
    set.arg(1).is_some_and(|value| names(value).any(|name| name.starts_with(|char: char| char.is_ascii_digit())))
}

fn mentions(text: &str, variable: &str) -> bool {
    split(text).iter().any(|piece| piece.variable() == Some(variable))
}
