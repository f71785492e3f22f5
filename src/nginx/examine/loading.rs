//! `load_module`: nginx counts its modules when a block opens, and none can be loaded behind it.

use std::collections::BTreeMap;

use super::{Examiner, Flaw, Refusal};
use crate::nginx::ast::Directive;
use crate::source::Span;

/// The modules that were loaded so far, and the blocks of modules.
#[derive(Debug, Default)]
pub(super) struct Loading {
    loaded: BTreeMap<String, Span>,
    /// The blocks of the top level, by name: the first of each, and where it opens.
    blocks: BTreeMap<String, (Span, Span)>,
}

impl Examiner<'_> {
    /// Notes a block at the top of the main file.
    pub(super) fn counts_modules(&mut self, block: &Directive) {
        if matches!(block.name(), "events" | "http" | "stream" | "mail") {
            let places = (block.head, block.ender());
            self.loading.blocks.entry(block.name().to_owned()).or_insert(places);
        }
    }

    /// Refuses a module that is loaded behind a block, or a second time.
    pub(super) fn load_module(&mut self, directive: &Directive) {
        let path = directive.arg(0).unwrap_or_default();
        let object = path.rsplit('/').next().unwrap_or_default().trim_end_matches(".so");
        // The module's own block, before which nginx does not know it.
        let family = object.strip_prefix("ngx_").and_then(|name| name.strip_suffix("_module")).unwrap_or_default();
        let of_family = self.loading.blocks.get(family).copied();
        let first = self.loading.blocks.values().min_by_key(|(head, _)| *head).copied();
        if let Some((first, ender)) = of_family.or(first) {
            let (noticed, refusal) = match of_family {
                Some(_) => (ender, format!("unknown directive \"{family}\"")),
                None => (directive.ender(), "\"load_module\" directive is specified too late".to_owned()),
            };
            let (name, span) = ("load_module".to_owned(), directive.name_word().span);
            return self.refuse(Refusal { flaw: Flaw::Late { first }, name, span, noticed: Some(noticed), refusal });
        }
        let first = *self.loading.loaded.entry(object.to_owned()).or_insert(directive.head);
        if first != directive.head {
            let refusal = format!("module \"{object}\" is already loaded");
            self.refuse_directive(directive, Flaw::Duplicate { first }, refusal);
        }
    }
}
