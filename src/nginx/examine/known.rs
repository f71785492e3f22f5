//! Which line of the table reads a directive, and why there may be none.

use super::{Examiner, Flaw, Level, Unknown, names};
use crate::nginx::ast::Directive;
use crate::nginx::directives::{self, Entry, Places, modules};
use crate::nginx::load::IncludeProblemKind;
use crate::values::version::Version;

impl Examiner<'_> {
    /// The modules that any file loads: wherever it stands, the directives of a module are then known.
    pub(super) fn find_modules(&mut self) {
        let is_module = |path: &std::path::Path| {
            path.components().any(|part| matches!(part.as_os_str().to_str(), Some("modules" | "modules-enabled")))
        };
        let unread = self.files.problems.iter().filter(|problem| problem.kind != IncludeProblemKind::NoMatch);
        self.has_unknown_modules |= unread.into_iter().any(|problem| is_module(&problem.path));
        let statements = self.files.trees().flat_map(|(_, tree)| &tree.directives);
        for load in statements.filter(|directive| directive.name() == "load_module") {
            let path = load.arg(0).unwrap_or_default();
            let object = path.rsplit('/').next().unwrap_or_default().trim_end_matches(".so");
            let own = |entry: &Entry| entry.optional && object == format!("ngx_{}_module", entry.module);
            let is_own = directives::all().iter().any(own)
                || matches!(object, "ngx_stream_module" | "ngx_mail_module" | "ngx_http_xslt_filter_module");
            self.has_foreign_modules |= !is_own;
            self.has_unknown_modules |= !is_own && modules().iter().all(|module| module.object != object);
            self.loaded.insert(object.to_owned());
        }
    }

    /// The line of the table that reads a directive where it stands; none where nginx refuses it or does
    /// not know it.
    pub(super) fn entry(&mut self, directive: &Directive, level: &mut Level) -> Option<&'static Entry> {
        let (name, place) = (directive.name(), level.place);
        let (opens, given) = (directive.is_block(), directive.args.len());
        let known = directive.entries();
        // Mostly nothing is wrong.
        let fits = |entry: &&Entry| {
            entry.is_block == opens && entry.arguments.allow(given) && !entry.places.and(place).is_none()
        };
        if let Some(entry) = known.iter().filter(fits).find(|entry| self.lacks(entry).is_none()) {
            return Some(entry);
        }
        let wrong = match known.iter().filter_map(|entry| self.lacks(entry)).next() {
            Some(why) if known.iter().all(|entry| self.lacks(entry).is_some()) => Some(why),
            _ if known.is_empty() => self.unknown(name),
            _ => None,
        };
        if let Some(why) = wrong {
            let refusal = match why {
                Unknown::Perhaps(_) => String::new(),
                Unknown::Module(..) if !self.is_stock => String::new(),
                _ => format!("unknown directive \"{name}\""),
            };
            let is_nothing = why == Unknown::Never(None);
            // Of several names in a row that mean nothing here, the first one stands for all.
            let is_told = is_nothing && level.astray.is_some();
            if !directive.flawed && !is_told {
                self.refuse_directive(directive, Flaw::Unknown(why), refusal);
            }
            if is_nothing {
                level.astray.get_or_insert(directive.head);
            }
        }
        let known: Vec<_> = known.iter().filter(|entry| self.lacks(entry).is_none()).collect();
        let here: Vec<_> = known.iter().copied().filter(|entry| !entry.places.and(place).is_none()).collect();
        if here.is_empty() {
            // In a block that is not known anything may stand.
            if !known.is_empty() && !place.is_none() {
                // Of a block called `server` it is not told where a line of that name stands.
                let of_kind = |entry: &&&Entry| entry.is_block == opens || known.iter().all(|it| it.is_block != opens);
                let places = known.iter().filter(of_kind).map(|entry| entry.places);
                let allowed = places.fold(Places::NONE, |places, more| places | more);
                // A block that stands elsewhere is gone through where it belongs.
                let refusal = format!("\"{name}\" directive is not allowed here");
                if level.astray.is_none() {
                    self.refuse_directive(directive, Flaw::Misplaced { allowed }, refusal);
                }
                level.astray.get_or_insert(directive.head);
            }
            return None;
        }
        let of_kind: Vec<_> = here.iter().copied().filter(|entry| entry.is_block == opens).collect();
        let Some(first) = of_kind.first().copied() else {
            if !directive.flawed {
                let allowed = here[0].arguments;
                let flaw = Flaw::Count { allowed, given: directive.args.len() };
                let refusal = match opens {
                    true => format!("directive \"{name}\" is not terminated by \";\""),
                    false => format!("directive \"{name}\" has no opening \"{{\""),
                };
                self.refuse_directive(directive, flaw, refusal);
            }
            return None;
        };
        let taken = of_kind.iter().copied().find(|entry| entry.arguments.allow(given));
        if taken.is_none() && !directive.flawed {
            // `<your domain>` and the like: a template's place for a value of several words.
            if directive.args.iter().any(|word| word.text.starts_with('<') || word.text.contains("{{")) {
                let refusal = format!("invalid number of arguments in \"{name}\" directive");
                self.refuse_directive(directive, Flaw::Placeholder, refusal);
                return Some(first).filter(|_| opens);
            }
            let flaw = Flaw::Count { allowed: first.arguments, given };
            self.refuse_directive(directive, flaw, format!("invalid number of arguments in \"{name}\" directive"));
            // What is in a block is looked at all the same.
            return Some(first).filter(|_| opens);
        }
        taken.or(Some(first).filter(|_| opens))
    }

    /// Why nginx does not have a directive that is in the table.
    pub(super) fn lacks(&self, entry: &Entry) -> Option<Unknown> {
        let lacking = |option: &&'static str| {
            let built = self.build.modules.as_ref().is_none_or(|modules| modules.contains(*option));
            !built && !self.has_unknown_modules && !self.loaded.contains(&format!("ngx_{option}_module"))
        };
        // Mostly nothing is said of the build, and it may have all.
        let needed = self.build.modules.as_ref().and_then(|_| entry.options().find(lacking));
        if let Some(option) = needed {
            return Some(Unknown::NotBuilt(option));
        }
        match (self.build.version, entry.since, entry.until) {
            (Some(version), Some(since), _) if version < since && !entry.is_backported => Some(Unknown::Newer(since)),
            (Some(version), _, Some(until)) if version > until => Some(Unknown::Removed(until, entry.instead)),
            // Whoever says nothing of the release may have any that is still in use.
            (None, _, Some(until)) if until < Version(1, 18, 0) => Some(Unknown::Removed(until, entry.instead)),
            _ => None,
        }
    }

    /// Why a name is not in the table; none where a module that is not known may bring it.
    pub(super) fn unknown(&mut self, name: &str) -> Option<Unknown> {
        if self.build.declared.contains(name) {
            return None;
        }
        let brings = modules().iter().find(|module| module.has(name));
        let close = names::closest(name, &mut self.nearest);
        let brings = brings.or_else(|| modules().iter().find(|module| close.is_none() && module.may_have(name)));
        let Some(module) = brings else {
            let perhaps =
                close.is_none() && (self.has_unknown_modules || self.has_foreign_modules || self.build.is_bundle);
            return Some(if perhaps { Unknown::Perhaps(None) } else { Unknown::Never(close) });
        };
        match self.loaded.contains(module.object) || self.build.is_bundle {
            true => None,
            false if self.has_unknown_modules => Some(Unknown::Perhaps(Some(module.name))),
            false => Some(Unknown::Module(module.name, module.is_commercial)),
        }
    }
}
