//! What a request gets whose back end fails: the failure's own status, what `error_page` makes of it, or the answer
//! of another peer.

use super::pages::{self, Answer};
use crate::deployment::access::{Verdict, WRITE};
use crate::deployment::{Dial, HandOver, Machine, Nginx, PoolId, Reach};
use crate::finding::{Finding, Prediction, Severity};
use crate::values::address::Address;

/// What a request gets, and how much that matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::rules) struct Failure {
    /// The status that the client sees.
    pub status: u16,
    /// An error, unless something else answers instead.
    pub severity: Severity,
}

impl Failure {
    /// What the requests of a dial get that fails with 502.
    pub fn of(machine: &Machine, dial: &Dial) -> Self {
        let (nginx, hand_over) = machine.hand_over(dial);
        let no_retry = retries_are_off(nginx, hand_over) && !hand_over.peers(nginx)[dial.peer].backup;
        let hidden = Failure { status: 200, severity: Severity::Warning };
        if machine.another_answers(dial) && !no_retry && another_serves(machine, dial) {
            return hidden;
        }
        Failure::of_hand_over(machine, nginx, hand_over, 502)
    }

    /// What the requests of a hand-over get where all of them fail with a status.
    pub fn of_hand_over(machine: &Machine, nginx: &Nginx, hand_over: &HandOver, status: u16) -> Self {
        match asked_by(nginx, hand_over) {
            // nginx throws away what a mirror answers.
            Some("mirror") => Failure { status: 200, severity: Severity::Warning },
            // Only 2xx, 401 and 403 are answers to `auth_request`.
            Some(_) => Failure { status: 500, severity: Severity::Error },
            None => Failure::answered(machine, nginx, hand_over, status),
        }
    }

    /// What requests get where a hand-over fails with a status.
    pub fn answered(machine: &Machine, nginx: &Nginx, hand_over: &HandOver, status: u16) -> Self {
        let Answer { status, is_served } = pages::answer(machine, nginx, hand_over, status);
        // A page for the failure hides nothing from who wants the site itself.
        let is_hidden = status < 400 && is_served;
        Failure { status, severity: if is_hidden { Severity::Warning } else { Severity::Error } }
    }

    /// What requests get where a script answers with a status: `auth_request` takes 2xx, 401 and 403 only.
    pub fn after(nginx: &Nginx, hand_over: &HandOver, status: u16) -> u16 {
        match (asked_by(nginx, hand_over), status) {
            (Some("auth_request"), 402 | 404..) => 500,
            _ => status,
        }
    }

    /// A finding that predicts a status for each request of a hand-over, with what becomes of that status.
    pub fn soften(finding: Finding, machine: &Machine, nginx: &Nginx, hand_over: &HandOver) -> Finding {
        let Some(Prediction::Response { status: Some(status), log }) = finding.predicts.clone() else { return finding };
        let failure = Failure::of_hand_over(machine, nginx, hand_over, status);
        let severity = if failure.severity == Severity::Error { finding.severity } else { failure.severity };
        finding.severity(severity).predict(failure.status, log)
    }

    /// Predicts it for a finding, with what nginx logs.
    pub fn predict(self, finding: Finding, log: String) -> Finding {
        finding.severity(self.severity).predict(self.status, log)
    }
}

/// Of larger groups it is not asked whether their other members let nginx in.
const MAX_MEMBERS: usize = 64;

/// Whether nginx is let in by another peer that stands in for a dial.
fn another_serves(machine: &Machine, dial: &Dial) -> bool {
    let (nginx, hand_over) = machine.hand_over(dial);
    let branch = |dial: &Dial| hand_over.peers(nginx)[dial.peer].branch_number();
    let others = || machine.dials_of(dial).filter(|other| other.peer != dial.peer && branch(other) == branch(dial));
    let lets_in = |other: &Dial| match &other.reach {
        Reach::Nobody | Reach::Cut(_) => false,
        Reach::Pools(pools) => !pools.iter().all(|id| is_shut(machine, nginx, other, *id)),
        Reach::Other(_) | Reach::Unknown(..) => true,
    };
    others().nth(MAX_MEMBERS).is_some() || others().any(lets_in)
}

/// Whether a pool shuts nginx out: by the access rights of its socket, or by `listen.allowed_clients`.
fn is_shut(machine: &Machine, nginx: &Nginx, dial: &Dial, id: PoolId) -> bool {
    let Some(listener) = &machine.pool(id).listener else { return false };
    match dial.address {
        Address::Unix(_) => {
            let allowed = listener.access.allow(&nginx.worker.identity, &machine.facts.accounts, WRITE);
            matches!(allowed, Verdict::Denied(_))
        }
        Address::Ip(_) | Address::Name(..) => super::client_not_allowed::is_refused(machine, dial, id),
    }
}

/// Whether nginx asks no other peer when one fails.
pub(in crate::rules) fn retries_are_off(nginx: &Nginx, hand_over: &HandOver) -> bool {
    let (classes, tries) = hand_over.protocol.next_upstream();
    let classes = nginx.config.effective(hand_over.level, classes);
    let tries = nginx.config.effective(hand_over.level, tries);
    classes.is_some_and(|found| found.args.iter().any(|word| word.text == "off"))
        || tries.is_some_and(|found| found.arg(0) == Some("1"))
}

/// The directive that asks for the location of a hand-over beside a request of the client: `auth_request` or `mirror`.
/// Of a location that clients may ask for too, only `auth_request` counts.
fn asked_by(nginx: &Nginx, hand_over: &HandOver) -> Option<&'static str> {
    let asked = &nginx.sites.get(hand_over.server)?.asked;
    let is_internal = || nginx.config.effective(hand_over.level, "internal").is_some();
    let is_asked = |by| asked.contains(&(hand_over.level, by));
    match () {
        () if is_asked("auth_request") => Some("auth_request"),
        () if is_asked("mirror") && is_internal() => Some("mirror"),
        () => None,
    }
}
