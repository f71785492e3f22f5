//! A timer of 0 expires at once.

use crate::deployment::limits::Timer;
use crate::deployment::{Deployment, HandOver, Machine, Nginx};
use crate::finding::{Finding, Severity};
use crate::rules::connection::{Failure, server_name};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;
use crate::values::address::Address;

pub(super) static RULE: Rule = rule!(
    timeout / "timer-zero",
    Error,
    "a timeout of 0 expires at once: nginx has no word for `never`",
    supersedes["timeout-shadowed"]
);

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    let all = deployment.machines.iter().flat_map(|machine| machine.nginx.iter().map(move |nginx| (machine, nginx)));
    for (machine, nginx) in all {
        for hand_over in nginx.served() {
            for timer in Timer::ALL {
                if let Some(finding) = finding(machine, nginx, hand_over, timer) {
                    findings.push_for(server_name(nginx, hand_over), finding);
                }
            }
        }
    }
}

fn finding(machine: &Machine, nginx: &Nginx, hand_over: &HandOver, timer: Timer) -> Option<Finding> {
    let wait = hand_over.waits(timer).filter(|wait| wait.value == 0)?;
    // A unix socket is connected in the same moment, or not at all.
    let over_tcp = |peer: &crate::deployment::Peer| !matches!(peer.address, Ok(Address::Unix(_)));
    if timer == Timer::Connect && !hand_over.peers(nginx).iter().any(over_tcp) {
        return None;
    }
    let (name, span) = (hand_over.timer_name(timer), wait.origin.span()?);
    let failure = Failure::answered(machine, nginx, hand_over, 504);
    let what = match timer {
        Timer::Send => "a request that does not go out in one piece gets 504",
        Timer::Connect | Timer::Read if failure.status != 504 => "every request fails here",
        Timer::Connect | Timer::Read => "every request gets 504",
    };
    let finding = RULE
        .finding(format!("`{name} 0` is no time at all"), span, what)
        .label(hand_over.span, "requests are handed over here")
        .note("nginx has no value that means `never`")
        .help(format!("remove the line, which gives 60s, or write the longest wait: `{name} 300s`"));
    let finding = failure.predict(finding, timer.log().to_owned());
    Some(if timer == Timer::Send { finding.severity(Severity::Warning) } else { finding })
}
