//! A group without servers, or with spare ones only: nginx does not start.

use crate::deployment::Deployment;
use crate::finding::Program;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(upstream / "upstream-empty", Error, "a group has no servers, or only spare ones: nginx does not start");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for nginx in deployment.machines.iter().flat_map(|machine| &machine.nginx).filter(|nginx| nginx.is_whole) {
        for group in &nginx.upstreams {
            let servers: Vec<_> = nginx.config.own(group.level, "server").collect();
            let is_spare = |server: &&std::sync::Arc<crate::nginx::ast::Directive>| {
                server.args.iter().skip(1).any(|word| word.text == "backup")
            };
            let (finding, refusal) = match servers.first() {
                None => (
                    RULE.finding(format!("the group {} has no servers", group.name), group.span, "no `server` inside"),
                    "no servers are inside upstream".to_owned(),
                ),
                Some(first) if servers.iter().all(is_spare) => (
                    RULE.finding(
                        format!("the group {} has spare servers only", group.name),
                        first.head,
                        "`backup` needs a server that it stands in for",
                    ),
                    format!("no servers in upstream \"{}\"", group.name),
                ),
                Some(_) => continue,
            };
            let help = match servers.is_empty() {
                true => {
                    "add a `server`, or remove the group; one that must answer nothing for now takes `server … down;`"
                }
                false => "remove `backup` from one of them",
            };
            findings.push(finding.help(help).refused_by(Program::Nginx, refusal));
        }
    }
}
