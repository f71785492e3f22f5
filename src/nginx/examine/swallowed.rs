//! A line that lost the `;` before it, and that nginx takes for arguments.

use super::{Examiner, Flaw, Refusal};
use crate::nginx::ast::Directive;
use crate::nginx::directives::{Entry, Places, entries};
use crate::source::Span;

impl Examiner<'_> {
    /// Finds an argument that begins a line and is the name of a directive which may stand here.
    pub(super) fn swallowed(&mut self, entry: &Entry, directive: &Directive, place: Places) {
        if entry.arguments.most.is_some_and(|most| most < 2) {
            return;
        }
        let stands = |name: &str| entries(name).iter().any(|known| !known.places.and(place).is_none());
        let words = std::iter::once(&directive.name).chain(&directive.args).collect::<Vec<_>>();
        let swallowed = words.windows(2).enumerate().skip(1).find(|(at, pair)| {
            let next = pair[1];
            // The words up to here must do alone, and those from here as well.
            let alone = entry.arguments.allow(*at) && !entry.is_block;
            let behind = words.len() - at - 2;
            let fits = entries(&next.text).iter().any(|known| known.arguments.allow(behind));
            !next.quoted
                && next.text.len() > 2
                && alone
                && fits
                && stands(&next.text)
                && self.begins_line(pair[0].span, next.span)
        });
        if let Some((at, pair)) = swallowed {
            let head = words[0].span.to(words[at].span);
            self.refuse(Refusal {
                flaw: Flaw::Swallowed { next: pair[1].span },
                name: directive.name().to_owned(),
                span: head,
                noticed: None,
                refusal: String::new(),
            });
        }
    }

    /// Whether a line begins between two words.
    fn begins_line(&self, before: Span, next: Span) -> bool {
        let between = before.end as usize..next.start as usize;
        let bytes = self.sources.get(next.file).bytes().get(between);
        bytes.is_some_and(|bytes| bytes.contains(&b'\n'))
    }
}
