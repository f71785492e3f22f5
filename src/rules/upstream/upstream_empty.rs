//! A group without servers, or with spare ones only: nginx does not start.

use crate::deployment::{Deployment, Nginx, Upstream};
use crate::finding::Program;
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};

pub(super) static RULE: Rule =
    rule!(upstream / "upstream-empty", Error, "a group has no servers, or only spare ones: nginx does not start");

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for nginx in deployment.machines.iter().flat_map(|machine| &machine.nginx) {
        for group in nginx.upstreams.iter().filter(|group| nginx.is_whole || !includes(nginx, group)) {
            let servers: Vec<_> = nginx.config.own(group.level, "server").collect();
            let is_spare = |server: &&std::sync::Arc<crate::nginx::ast::Directive>| {
                server.args.iter().skip(1).any(|word| word.text == "backup")
            };
            // A `server` that is misspelt is told by itself.
            let statements = &nginx.config.level(group.level).settings;
            let (finding, refusal) = match servers.first() {
                None if statements.iter().any(|directive| directive.entries().is_empty()) => continue,
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
            // An empty group is noticed when it closes, one of spare servers by its name.
            let block = nginx.config.level(group.level).opener.as_ref().map_or(group.span, |opener| opener.span());
            let noticed = match servers.is_empty() {
                true => Span { start: block.end.saturating_sub(1), ..block },
                false => group.span,
            };
            let line = |span: Span| sources.get(span.file).position(span.start).line;
            let is_elsewhere = line(noticed) != line(finding.primary().span);
            let finding = if is_elsewhere { finding.label(noticed, "nginx names this line") } else { finding };
            findings.push(finding.help(help).refused_by(Program::Nginx, refusal));
        }
    }
}

/// Whether servers of a group may stand in another file.
fn includes(nginx: &Nginx, group: &Upstream) -> bool {
    let opener = nginx.config.level(group.level).opener.as_ref();
    opener.is_none_or(|opener| opener.block().iter().any(|directive| directive.name() == "include"))
}
