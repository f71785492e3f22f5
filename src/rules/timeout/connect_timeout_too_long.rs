//! A connect timeout beyond what it takes to know that nobody answers.

use crate::deployment::Deployment;
use crate::deployment::limits::{Timer, shown_time};
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;
use crate::values::address::Address;

pub(super) static RULE: Rule = rule!(
    timeout / "connect-timeout-too-long",
    Advice,
    "nginx waits for a connection longer than one takes to be made or lost"
);

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for dial in machine.dials.iter().filter(|dial| !matches!(dial.address, Address::Unix(_))) {
            let (nginx, hand_over) = machine.hand_over(dial);
            let Some(wait) = hand_over.waits(Timer::Connect) else { continue };
            let (Some(span), true) = (wait.origin.span(), wait.is_written()) else { continue };
            if wait.value <= deployment.thresholds.longest_connect {
                continue;
            }
            let (name, waits) = (hand_over.timer_name(Timer::Connect), shown_time(wait.value));
            let finding = RULE
                .finding(
                    format!("nginx waits {waits} for a connection"),
                    span,
                    "a host that does not answer holds the client that long",
                )
                .note("Linux itself gives up after about 127s; how long PHP may take is the read timeout's affair")
                .help(format!("set `{name} 5s`"));
            findings.push_for(server_name(nginx, hand_over), finding);
        }
    }
}
