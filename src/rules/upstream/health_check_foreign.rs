//! Health checks that nginx itself does not have.

use crate::deployment::Deployment;
use crate::nginx::ast::Key;
use crate::nginx::levels::Context;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(
    upstream / "health-check-foreign",
    Advice,
    "health checks need a module that nginx does not bring",
    supersedes["directive-unknown"]
);

/// The directives with the module or product they belong to, and a part of the module's name as builds list it.
const FOREIGN: [((Key, &str), &str, &str); 6] = [
    (named("check"), "the module ngx_http_upstream_check_module (Tengine has it)", "upstream_check"),
    (named("check_http_send"), "the module ngx_http_upstream_check_module (Tengine has it)", "upstream_check"),
    (named("check_http_expect_alive"), "the module ngx_http_upstream_check_module (Tengine has it)", "upstream_check"),
    (named("check_status"), "the module ngx_http_upstream_check_module (Tengine has it)", "upstream_check"),
    (named("health_check"), "the commercial NGINX Plus", "health_check"),
    (named("queue"), "the commercial NGINX Plus", "plus"),
];

const fn named(name: &str) -> (Key, &str) {
    (Key::of(name), name)
}

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        let names = FOREIGN.map(|(name, ..)| name);
        for nginx in &machine.nginx {
            let upstreams = nginx.config.levels(Context::Upstream);
            let levels = upstreams.chain(nginx.config.levels(Context::Location));
            for level in levels {
                let Some(setting) = nginx.config.each_of(level, &names).next() else { continue };
                let name = setting.name();
                let Some((_, needs, module)) = FOREIGN.iter().find(|((_, own), ..)| *own == name) else { continue };
                if machine.facts.build.modules.iter().any(|built| built.contains(module)) {
                    continue;
                }
                let finding = RULE
                    .finding(format!("`{name}` needs {needs}"), setting.name_word().span, "nginx itself refuses this directive")
                    .note("without it a server is left out for `fail_timeout` after `max_fails` requests have failed on it")
                    .help("run this with the nginx that has it, or use `max_fails` and `fail_timeout` of each `server`");
                findings.push(finding);
            }
        }
    }
}
