//! A line that lost the `;` before it, and that nginx takes for arguments.

use super::{Examiner, Flaw, Refusal};
use crate::nginx::ast::Directive;
use crate::nginx::directives::{Entry, Places, entries};
use crate::source::Span;

impl Examiner<'_> {
    /// Which word, the name counted as the first, begins a line and is the name of a directive that may
    /// stand here.
    pub(super) fn swallowed(&self, entry: &Entry, directive: &Directive, place: Places) -> Option<usize> {
        if entry.is_block || entry.arguments.most.is_some_and(|most| most < 2) {
            return None;
        }
        // Nearly all statements are of one line.
        let head = directive.head;
        if !self.begins_line(Span { end: head.start, ..head }, Span { start: head.end, ..head }) {
            return None;
        }
        let words: Vec<_> = directive.words().collect();
        let is_next = |at: &usize| {
            let (word, behind) = (&words[*at], words.len() - at - 1);
            // The words up to here must do alone, and those from here as well.
            let known = entries(&word.text).iter().filter(|known| !known.places.and(place).is_none());
            let fits = known.into_iter().any(|known| !known.is_block && known.arguments.allow(behind));
            let alone = entry.arguments.allow(at - 1);
            !word.quoted && fits && alone && self.begins_line(words[at - 1].span, word.span)
        };
        (1..words.len()).find(is_next)
    }

    /// Tells that a line is lost: with nginx's words where it refuses what came of it.
    pub(super) fn lose_line(&mut self, directive: &Directive, next: usize, refusal: String) {
        let words: Vec<_> = directive.words().collect();
        // What only looks like a `;` is told by itself.
        if refusal.is_empty() && words[next - 1].text.ends_with(['\u{ff1b}', '\u{37e}']) {
            return;
        }
        // The label on the next line says enough where nginx stops there.
        let noticed = Some(directive.ender()).filter(|_| !refusal.is_empty());
        self.refuse(Refusal {
            flaw: Flaw::Swallowed { next: words[next].span },
            name: directive.name().to_owned(),
            span: words[0].span.to(words[next - 1].span),
            noticed,
            refusal,
        });
    }

    /// Whether a line begins between two words.
    fn begins_line(&self, before: Span, next: Span) -> bool {
        let between = before.end as usize..next.start as usize;
        let bytes = self.sources.get(next.file).bytes().get(between);
        bytes.is_some_and(|bytes| bytes.contains(&b'\n'))
    }
}
