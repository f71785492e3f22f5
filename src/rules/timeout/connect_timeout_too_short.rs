//! nginx gives up a connection to another host before a lost packet could be sent again.

use crate::deployment::Deployment;
use crate::deployment::limits::{Timer, shown_time};
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;
use crate::values::address::Address;

pub(super) static RULE: Rule = rule!(
    timeout / "connect-timeout-too-short",
    Warning,
    "nginx gives up connecting to another host within a round trip"
);

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for dial in &machine.dials {
            let (nginx, hand_over) = machine.hand_over(dial);
            // Whatever has no local place is another host.
            let remote = dial.endpoints.is_empty() && !matches!(dial.address, Address::Unix(_));
            let Some(wait) = hand_over.waits(Timer::Connect).filter(|_| remote) else { continue };
            let (Some(span), true) = (wait.origin.span(), wait.is_written()) else { continue };
            if wait.value == 0 || wait.value >= deployment.thresholds.shortest_connect {
                continue;
            }
            let name = hand_over.timer_name(Timer::Connect);
            let finding = RULE
                .finding(
                    format!("nginx gives up connecting to {} after {}", dial.address, shown_time(wait.value)),
                    span,
                    "less than a slow round trip",
                )
                .label(dial.span, "the address is on another host")
                .note("a lost packet is sent again after one second only: until then the request has failed")
                .help(format!("set `{name} 3s`"))
                .predict(504, Timer::Connect.log().to_owned());
            findings.push_for(server_name(nginx, hand_over), finding);
        }
    }
}
