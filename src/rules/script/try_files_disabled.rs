//! `try_files` does not count where its author wants it.

use super::{NOT_FOUND, UNKNOWN, sites};
use crate::deployment::Deployment;
use crate::nginx::ast::Directive;
use crate::nginx::flow::is_pass;
use crate::nginx::levels::{Config, Context, LevelId};
use crate::nginx::locations::Found;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(script / "try-files-disabled", Warning, "`try_files` does not count for the requests it is meant for");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (nginx, server, site) in sites(machine) {
            let config = &nginx.config;
            for location in site.locations.all() {
                let tries = config.own(location.level, "try_files").next().filter(|tries| has_fallback(tries));
                let Some(tries) = tries else { continue };
                let is_passed = nginx.hand_overs_of(site.number).any(|hand_over| hand_over.level == location.level);
                let (skipped, log) = match is_passed {
                    true => ("is skipped for them, and PHP-FPM is asked for scripts that are not there", UNKNOWN),
                    false => ("is skipped for them, and files are looked for without a fallback", NOT_FOUND),
                };
                for block in config.level(location.level).blocks.iter().filter(|block| disables(config, **block)) {
                    let Some(opener) = config.level(*block).opener.as_ref() else { continue };
                    let finding = RULE
                        .finding("where this `if` is true, `try_files` does not count", opener.head, "true for some requests")
                        .label(tries.head, skipped)
                        .help(
                            "let a `map` in `http` choose the value, and use it in the location without `if`; or end the \
                             block with `return`",
                        )
                        .predict(404, Some(log.to_owned()));
                    findings.push_for(server.shown_name(), finding);
                }
            }
            let Some(tries) = config.own(server.level, "try_files").next() else { continue };
            let Found::At(location, _) = site.locations.find("/") else { continue };
            let Some(opener) = config.level(location.level).opener.as_ref() else { continue };
            let finding = RULE
                .finding(
                    "`try_files` of the server counts only where no location takes the request",
                    tries.head,
                    "is skipped for almost every request",
                )
                .label(opener.head, "this location takes them")
                .help("move `try_files` into that location");
            findings.push_for(server.shown_name(), finding);
        }
    }
}

/// Whether `try_files` makes a difference: of a file that is not there, the same comes without `$uri =404`.
fn has_fallback(tries: &Directive) -> bool {
    let is_plain = |at: usize| matches!(tries.arg(at), Some("$uri" | "$fastcgi_script_name"));
    !(tries.args.len() == 2 && is_plain(0) && tries.arg(1) == Some("=404"))
}

/// Whether a block is an `if` that goes on in itself: nothing in it ends the request or sends it elsewhere.
fn disables(config: &Config, block: LevelId) -> bool {
    let here = config.level(block);
    let leaves = |setting: &Directive| match setting.name() {
        "return" => true,
        "rewrite" => !matches!(setting.arg(2), Some("break")),
        name => is_pass(name) || name.contains("_by_lua"),
    };
    here.context == Context::IfInLocation
        && !here.settings.is_empty()
        && here.unread().is_empty()
        && !here.settings.iter().any(|setting| leaves(setting))
}
