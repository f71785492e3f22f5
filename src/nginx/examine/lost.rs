//! Statements that nginx does not read: what they would have defined is not told as missing a second time.

use std::collections::BTreeSet;

use ecow::EcoString;

use super::{Examiner, names};
use crate::nginx::ast::Directive;

/// The words of such statements, and the directives that their misspelt names may stand for.
#[derive(Debug, Default)]
pub(super) struct Lost(BTreeSet<EcoString>);

impl Lost {
    /// Whether a statement that nginx does not read has this word, or stands for a directive of this name.
    pub(super) fn may_define(&self, word: &str) -> bool {
        self.0.contains(word)
    }

    fn take(&mut self, directive: &Directive) {
        for word in directive.args.iter() {
            self.0.insert(word.text.clone());
            // `zone=name:10m`, `shared:name:10m`
            self.0.extend(word.text.split(['=', ':']).map(EcoString::from));
        }
        directive.block().iter().take(1000).for_each(|directive| self.take(directive));
    }
}

impl Examiner<'_> {
    /// Notes a statement that nginx does not read.
    pub(super) fn lose(&mut self, directive: &Directive) {
        self.names.leave_open();
        self.misread(directive);
        self.lost.0.extend(names::closest(directive.name(), &mut self.nearest).map(EcoString::from));
    }

    /// Notes a statement whose words nginx refuses.
    pub(super) fn misread(&mut self, directive: &Directive) {
        self.lost.take(directive);
    }
}
