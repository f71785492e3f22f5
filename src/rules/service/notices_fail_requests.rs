//! nginx takes PHP's notices for a failure.

use crate::deployment::{Deployment, Machine, PoolId};
use crate::php::readers;
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(service / "notices-fail-requests", Warning, "nginx answers 502 where PHP prints a notice");

/// How PHP's messages begin that leave the answer as it is.
const HARMLESS: [&str; 3] =
    ["PHP message: PHP Notice:  ", "PHP message: PHP Warning:  ", "PHP message: PHP Deprecated:  "];

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for chain in machine.chains() {
            let (nginx, hand_over) = (chain.nginx, chain.hand_over);
            for line in nginx.config.effective_list(hand_over.level, "fastcgi_catch_stderr") {
                let Some(text) = line.args.first().filter(|text| !text.text.is_empty()) else { continue };
                let Some(harmless) = HARMLESS.into_iter().find(|message| message.contains(text.text.as_str())) else {
                    continue;
                };
                if !reaches_nginx(machine, chain.id) {
                    continue;
                }
                let kind = harmless.trim_start_matches("PHP message: ").trim_end_matches(":  ");
                let finding = RULE
                    .finding(
                        format!("every {kind} makes nginx answer 502"),
                        text.span,
                        format!("`{}` is in all of them", text.text),
                    )
                    .label(hand_over.directive.head, "requests are handed over here")
                    .note("the page that the script goes on to make is thrown away")
                    .help(
                        "remove the line, or look for what ends a script: `fastcgi_catch_stderr \"PHP Fatal error\";`",
                    )
                    .predict(502, format!("FastCGI sent in stderr: \"{harmless}"));
                findings.push_for(server_name(nginx, hand_over), finding);
            }
        }
    }
}

/// Whether the messages of a pool's scripts are sent to nginx, and not to a file or nowhere.
fn reaches_nginx(machine: &Machine, id: PoolId) -> bool {
    let pool = machine.pool(id);
    let of_pool = |name| machine.masters[id.master].ini.of_pool(&pool.settings, name);
    let switch = |name| of_pool(name).map(|it| it.text.and_then(|text| readers::boolean(&text).value()) == Some(true));
    let to_file = of_pool("error_log").is_some_and(|log| log.text.as_deref() != Some(""));
    // PHP itself logs nothing; php.ini as shipped turns it on.
    !to_file && switch("log_errors").unwrap_or(false) && switch("fastcgi.logging").unwrap_or(true)
}
