//! An access control list switches `listen.owner` and `listen.group` off.

use crate::deployment::access::{Verdict, WRITE};
use crate::deployment::{Deployment, Machine, PoolId};
use crate::finding::Severity;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(
    permission / "acl-overrides-owner",
    Warning,
    "listen.acl_users or listen.acl_groups is set, so listen.owner and listen.group do not apply"
);

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (id, pool) in machine.pools() {
            let Some(listener) = &pool.listener else { continue };
            let ignored: Vec<_> =
                ["listen.owner", "listen.group"].iter().filter_map(|key| pool.settings.get(key)).collect();
            let (Some(acl), [first, rest @ ..]) = (listener.acl.first(), ignored.as_slice()) else { continue };
            let verdicts = callers(machine, id);
            // Where nginx is shut out, `socket-permission-denied` tells the whole story.
            if listener.bound.socket().is_none() || verdicts.iter().any(|verdict| matches!(verdict, Verdict::Denied(_)))
            {
                continue;
            }
            let allowed = !verdicts.is_empty() && verdicts.iter().all(|verdict| *verdict == Verdict::Allowed);
            let mut finding = RULE
                .finding(format!("{} of pool {} does not apply", first.key, pool.name), first.span, "ignored")
                .label(*acl, "an access control list decides instead");
            for also in rest {
                finding = finding.label(also.span, "ignored as well");
            }
            let finding = finding
                .note("the socket stays with the user and group that PHP-FPM is started as")
                .help("remove the lines that do not apply");
            findings.push(finding.severity(if allowed { Severity::Advice } else { Severity::Warning }));
        }
    }
}

/// Whether each nginx that dials the pool may open its socket.
fn callers(machine: &Machine, id: PoolId) -> Vec<Verdict> {
    let Some(listener) = &machine.pool(id).listener else { return Vec::new() };
    let workers = machine.callers(id).map(|dial| &machine.hand_over(dial).0.worker);
    workers.map(|worker| listener.access.allow(&worker.identity, &machine.facts.accounts, WRITE)).collect()
}
