//! Which statements of a level give variables their values, so that nobody goes through all of them for each variable.

use std::collections::BTreeMap;
use std::sync::Arc;

use ecow::EcoString;

use super::ast::Directive;
use super::groups;

/// What assigns variables on a level.
#[derive(Debug, Default)]
pub struct Assignments {
    /// Whether Lua runs before a request is handed over: it may set any variable.
    pub runs_lua: bool,
    /// In the order of the names. Thousands of levels assign one or two.
    by_name: Box<[(EcoString, Assigned)]>,
}

/// What assigns one variable. Statements are told by their places among the settings of the level.
#[derive(Debug, Default)]
pub struct Assigned {
    /// Each `set`, and what does the same by the name of a module.
    pub sets: Vec<u32>,
    /// Each `rewrite` whose expression has a group of this name.
    pub rewrites: Vec<u32>,
    /// Whether the expression of a `rewrite`, a `server_name` or the level itself has a group of this name.
    pub by_group: bool,
}

impl Assignments {
    /// What assigns variables on a level that a statement opens; none where nothing does.
    pub(super) fn of(opener: Option<&Directive>, settings: &[Arc<Directive>]) -> Option<Box<Self>> {
        let mut all = ByName::default();
        let mut has_lua = false;
        for (directive, at) in settings.iter().zip(0..) {
            let name = directive.name();
            // Few names begin like one of these.
            if !name.starts_with(['a', 'j', 'p', 'r', 's']) {
                continue;
            }
            has_lua |= runs_lua(name);
            if is_set(name) {
                let variable = directive.arg(0).and_then(|argument| argument.strip_prefix('$'));
                all.0.entry(variable.unwrap_or_default().into()).or_default().sets.push(at);
            } else if matches!(name, "rewrite" | "server_name") {
                all.add_groups(directive, (name == "rewrite").then_some(at));
            }
        }
        if let Some(opener) = opener {
            all.add_groups(opener, None);
        }
        let by_name = all.0.into_iter().collect();
        let all = Assignments { runs_lua: has_lua, by_name };
        (all.runs_lua || !all.by_name.is_empty()).then(|| Box::new(all))
    }

    /// What assigns a variable.
    pub fn get(&self, variable: &str) -> Option<&Assigned> {
        let at = self.by_name.binary_search_by(|(name, _)| name.as_str().cmp(variable)).ok()?;
        Some(&self.by_name[at].1)
    }
}

/// What assigns variables, while it is gathered.
#[derive(Default)]
struct ByName(BTreeMap<EcoString, Assigned>);

impl ByName {
    fn add_groups(&mut self, directive: &Directive, rewrite: Option<u32>) {
        for group in directive.args.iter().flat_map(|word| groups::names(&word.text)) {
            let assigned = self.0.entry(group.into()).or_default();
            assigned.by_group = true;
            assigned.rewrites.extend(rewrite.filter(|at| assigned.rewrites.last() != Some(at)));
        }
    }
}

/// Whether a directive runs Lua before a request is handed over.
fn runs_lua(directive: &str) -> bool {
    let phases = ["rewrite_by_lua", "server_rewrite_by_lua", "access_by_lua", "set_by_lua"];
    phases.iter().any(|phase| directive.starts_with(phase))
}

/// Whether a directive assigns the variable that is its first argument.
fn is_set(directive: &str) -> bool {
    matches!(directive, "set" | "auth_request_set" | "perl_set" | "js_set") || directive.starts_with("set_")
}
