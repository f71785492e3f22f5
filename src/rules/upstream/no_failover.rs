//! Nothing steps in when the only server fails, or nginx is told not to ask another one.

use super::to_groups;
use crate::deployment::{Deployment, HandOver, Machine, Nginx};
use crate::rules::connection::{Failure, retries_are_off, server_name};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;
use crate::values::address::{Address, is_local};

pub(super) static RULE: Rule =
    rule!(upstream / "no-failover", Advice, "nothing steps in when a server of the group fails");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    let all = deployment.machines.iter().flat_map(|machine| machine.nginx.iter().map(move |nginx| (machine, nginx)));
    for (machine, nginx) in all {
        for (hand_over, group) in to_groups(nginx) {
            let mut live = group.peers.iter().filter(|peer| !peer.down);
            let (Some(first), second) = (live.next(), live.next()) else { continue };
            let is_remote = match &first.address {
                Ok(Address::Ip(address)) => !is_local(address.ip()),
                Ok(Address::Name(name, _)) => !name.eq_ignore_ascii_case("localhost") && name.contains('.'),
                Ok(Address::Unix(_)) | Err(_) => false,
            };
            let finding = match second {
                None if is_remote && is_bare(machine, nginx, hand_over) => {
                    RULE.finding(
                        format!("nothing steps in when the only server of the group {} fails", group.name),
                        first.span,
                        "the only server",
                    )
                    .label(hand_over.span, "requests are handed over here")
                    .help("add a second server or a `backup`, or an answer of your own: `error_page 502 504 = @sorry;`")
                }
                Some(_) if retries_are_off(nginx, hand_over) => RULE
                    .finding(
                        format!(
                            "a request that meets a dead server of the group {} is not given to another",
                            group.name
                        ),
                        hand_over.span,
                        "requests are handed over here, and retries are off",
                    )
                    .label(group.span, format!("{} servers", group.peers.len()))
                    .help(format!(
                        "leave `{0}_next_upstream` at `error timeout`, with `{0}_next_upstream_tries 2`",
                        hand_over.protocol.prefix()
                    )),
                _ => continue,
            };
            findings.push_for(server_name(nginx, hand_over), finding);
        }
    }
}

/// Whether a request gets 502 where all servers fail, and no answer of its own.
fn is_bare(machine: &Machine, nginx: &Nginx, hand_over: &HandOver) -> bool {
    Failure::answered(machine, nginx, hand_over, 502).status == 502
}
