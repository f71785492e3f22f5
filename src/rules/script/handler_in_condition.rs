//! PHP files are handed over where a condition holds, and sent as source where it does not.

use crate::deployment::{Deployment, Protocol};
use crate::nginx::levels::{Config, Context, LevelId};
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(script / "handler-in-condition", Warning, "PHP is handed over only where a condition holds");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for nginx in deployment.machines.iter().flat_map(|machine| &machine.nginx) {
        let config = &nginx.config;
        for hand_over in nginx.hand_overs.iter().filter(|hand_over| hand_over.serves_php) {
            let level = config.level(hand_over.level);
            let (Context::IfInLocation, Some(location), Some(condition)) =
                (level.context, level.parent, level.opener.as_ref())
            else {
                continue;
            };
            // It fails for files that are not there, and nobody gets their source.
            if condition.args.iter().any(|word| matches!(word.text.trim_start_matches('('), "-f" | "-e")) {
                continue;
            }
            let outer = config.level(location).opener.as_ref().filter(|opener| opener.text().contains("php"));
            let Some(outer) = outer.filter(|_| has_no_other_answer(config, location)) else { continue };
            let finding = RULE
                .finding(
                    "PHP files are sent as their source where a condition does not hold",
                    condition.head,
                    "only then are requests handed over",
                )
                .label(outer.head, "otherwise nothing in this location hands PHP files over")
                .label(hand_over.directive.head, "requests are handed over here")
                .note("whoever asks reads the code, and every password in it")
                .help("move the `fastcgi_pass` out of the `if`, and let the `if` answer what must not pass: `return 403;`")
                .predict(200, None);
            findings.push_for(server_name(nginx, hand_over), finding);
        }
    }
}

/// Whether a location answers nothing itself, and has one condition with a handler, not several that may together
/// cover all requests.
fn has_no_other_answer(config: &Config, location: LevelId) -> bool {
    let here = config.level(location);
    let answers =
        |name: &str| Protocol::of(name).is_some() || matches!(name, "return" | "rewrite" | "deny" | "internal");
    let by_itself = here.settings.iter().any(|setting| answers(setting.name()) || setting.name().contains("_by_lua"));
    let conditions = here.blocks.iter().filter(|block| config.level(**block).context == Context::IfInLocation);
    let with_answer = conditions.filter(|block| config.level(**block).settings.iter().any(|it| answers(it.name())));
    !by_itself && here.unread().is_empty() && with_answer.count() == 1
}
