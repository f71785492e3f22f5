//! What `error_page` makes of a failure.

use crate::deployment::{HandOver, Machine, Nginx, Reach, Site};
use crate::nginx::ast::Directive;
use crate::nginx::levels::LevelId;

/// nginx gives up after so many internal redirects.
const MAX_REDIRECTS: usize = 10;

/// What a client gets in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The status.
    pub(super) status: u16,
    /// Whether another back end answers.
    pub(super) is_served: bool,
}

/// What becomes of a request for a page.
enum Shown {
    /// The client gets this.
    Answer(Answer),
    /// The page fails too, on a level and with a status.
    Fails(LevelId, u16),
}

/// What a client gets when a hand-over fails with a status. nginx looks for a page once, and for no page of the page
/// unless `recursive_error_pages` is on.
pub(super) fn answer(machine: &Machine, nginx: &Nginx, hand_over: &HandOver, status: u16) -> Answer {
    let failed = Failed { machine, nginx, hand_over, site: nginx.sites.get(hand_over.server) };
    let (mut level, mut status) = (hand_over.level, status);
    let mut is_page = failed.site.is_some_and(|site| site.pages.only.contains(&level));
    for _ in 0..=MAX_REDIRECTS {
        let recursive = nginx.config.effective(level, "recursive_error_pages");
        let page = match is_page && recursive.is_none_or(|switch| switch.arg(0) != Some("on")) {
            true => None,
            false => page_of(nginx, level, status),
        };
        let Some(page) = page else { return Answer { status, is_served: false } };
        match failed.shown(page, status) {
            Shown::Answer(answer) => return answer,
            Shown::Fails(place, its) => (level, status, is_page) = (place, its, true),
        }
    }
    Answer { status: 500, is_served: false }
}

/// The `error_page` of a level for a status.
fn page_of(nginx: &Nginx, level: LevelId, status: u16) -> Option<&Directive> {
    let shown = status.to_string();
    let pages = nginx.config.effective_list(level, "error_page");
    pages.into_iter().find(|page| page.args.iter().any(|word| word.text == shown)).map(AsRef::as_ref)
}

/// A hand-over that has failed.
struct Failed<'a> {
    machine: &'a Machine,
    nginx: &'a Nginx,
    hand_over: &'a HandOver,
    site: Option<&'a Site>,
}

impl Failed<'_> {
    fn shown(&self, page: &Directive, status: u16) -> Shown {
        let answer = |status| Shown::Answer(Answer { status, is_served: false });
        let Some((target, words)) = page.args.split_last() else { return answer(status) };
        let target = target.text.split('?').next().unwrap_or_default();
        let change = words.last().and_then(|word| word.text.strip_prefix('='));
        let place = self.site.and_then(|site| site.locations.place(target));
        // A location that is not in view may be in a file that is not.
        if target.starts_with('@') && place.is_none() {
            return answer(if self.site.is_some() && self.nginx.is_whole { 500 } else { 200 });
        }
        if !target.starts_with(['/', '@', '$']) {
            return answer(change.and_then(|code| code.parse().ok()).filter(|code| is_redirect(*code)).unwrap_or(302));
        }
        // What the page answers itself counts only behind `=` alone.
        let answered = |own: u16| match change {
            None => status,
            Some("") => own,
            Some(code) => code.parse().unwrap_or(own),
        };
        let Some(level) = place else {
            return match self.is_missing(target) {
                true => Shown::Fails(self.hand_over.level, 404),
                false => answer(answered(200)),
            };
        };
        if let Some(returned) = self.nginx.config.own(level, "return").next() {
            let code = returned.arg(0).and_then(|code| code.parse().ok()).unwrap_or(302);
            // One that brings a text, or is no error, is a page like any other.
            let is_page = !is_redirect(code) && (code < 400 || returned.arg(1).is_some());
            return answer(if is_page { answered(code) } else { code });
        }
        let tries = self.nginx.config.own(level, "try_files").next();
        let (level, target) = match tries.and_then(|tries| tries.args.last()).map(|last| last.text.as_str()) {
            Some(last) if self.is_missing(target) => match last.strip_prefix('=') {
                Some(code) => return Shown::Fails(level, code.parse().unwrap_or(404)),
                None => {
                    let last = last.split('?').next().unwrap_or_default();
                    let place = self.site.and_then(|site| site.locations.place(last));
                    (place.unwrap_or(level), last)
                }
            },
            _ => (level, target),
        };
        let number = self.nginx.hand_overs.iter().position(|hand_over| hand_over.level == level);
        if self.is_missing(target) && number.is_none() {
            return Shown::Fails(level, 404);
        }
        match number {
            _ if level == self.hand_over.level => Shown::Fails(level, status),
            Some(number) if self.is_dead(number) => Shown::Fails(level, 502),
            Some(_) if change == Some("") && self.is_missing(target) => Shown::Fails(level, 404),
            Some(_) => Shown::Answer(Answer { status: answered(200), is_served: true }),
            None => answer(answered(200)),
        }
    }

    fn is_missing(&self, uri: &str) -> bool {
        self.site.is_some_and(|site| site.pages.missing.contains(uri))
    }

    /// Whether nobody answers at a hand-over.
    fn is_dead(&self, number: usize) -> bool {
        let at = self.machine.nginx.iter().position(|other| std::ptr::eq(other, self.nginx));
        let dials = at.map(|at| self.machine.dials_of_hand_over(at, number)).unwrap_or_default();
        !dials.is_empty() && dials.iter().all(|dial| matches!(dial.reach, Reach::Nobody | Reach::Cut(_)))
    }
}

fn is_redirect(code: u16) -> bool {
    matches!(code, 301 | 302 | 303 | 307 | 308)
}
