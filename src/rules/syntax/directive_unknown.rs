//! A name that nginx does not know.

use std::collections::BTreeMap;

use super::{refusals, refused};
use crate::deployment::{Deployment, View};
use crate::finding::{Edit, Finding, Fix, Severity};
use crate::nginx::examine::{Flaw, Refusal, Unknown};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;
use crate::values::placeholder::is_placeholder;

pub(super) static RULE: Rule = rule!(syntax / "directive-unknown", Error, "nginx knows no directive of this name");

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    // A module that is missing is told once, with the number of its directives.
    let mut modules: BTreeMap<&str, (Finding, usize)> = BTreeMap::new();
    for (machine, refusal) in refusals(deployment) {
        let Flaw::Unknown(why) = &refusal.flaw else { continue };
        match why {
            Unknown::Perhaps(module) => {
                let needs = match module {
                    Some(module) => format!("whether nginx has the module {module}"),
                    None => format!("which module brings `{}`", refusal.name),
                };
                findings.unchecked(&RULE, needs, "the whole configuration, with its load_module");
            }
            // `health-check-foreign` knows more of these.
            Unknown::Module(..) if refusal.name.starts_with("check") || refusal.name.starts_with("health_check") => {}
            Unknown::Module(module, is_commercial) => {
                let found = modules.entry(module).or_insert_with(|| {
                    let finding = of_module(refusal, module, *is_commercial);
                    let certain = refusal.is_refused() && machine.view != View::Overlay;
                    let finding = if certain { finding.severity(Severity::Error) } else { finding };
                    (refused(finding, refusal, sources), 0)
                });
                found.1 += 1;
            }
            // What is not deployed as it lies may still be filled in.
            _ if machine.view.is_partial() && is_placeholder(&refusal.name) => {
                findings.unchecked(&RULE, format!("what stands for `{}`", refusal.name), "the rendered file");
            }
            _ => {
                let finding = refused(of_nginx(refusal, why), refusal, sources);
                let certain = refusal.is_refused() && machine.view != View::Overlay;
                findings.push(finding.severity(if certain { Severity::Error } else { Severity::Warning }));
            }
        }
    }
    for (finding, count) in modules.into_values() {
        findings.push(if count > 1 { finding.note(format!("{count} directives are of this module")) } else { finding });
    }
}

fn of_module(refusal: &Refusal, module: &str, is_commercial: bool) -> Finding {
    let name = &refusal.name;
    let (message, help) = match is_commercial {
        true => (
            format!("`{name}` is a directive of {module}, which nginx's open-source edition lacks"),
            format!("remove it, unless this configuration is for {module}"),
        ),
        false => (
            format!("`{name}` is a directive of the module {module}, which nothing loads"),
            "install the module and load it with `load_module`, unless nginx was built with it".to_owned(),
        ),
    };
    let finding = RULE.finding(message, refusal.span, "nginx without the module refuses this");
    finding.severity(Severity::Warning).help(help)
}

fn of_nginx(refusal: &Refusal, why: &Unknown) -> Finding {
    let name = &refusal.name;
    let at = |message: String, label: &str| RULE.finding(message, refusal.span, label);
    match why {
        Unknown::Removed(until, instead) => {
            let finding = at(
                format!("nginx {}.{}.{} was the last release to know `{name}`", until.0, until.1, until.2),
                "later releases refuse this",
            );
            match *instead {
                "" => finding.help("remove it"),
                instead if instead.contains('`') => finding.help(format!("write {instead}")),
                instead => finding.help(format!("use `{instead}`")),
            }
        }
        Unknown::Newer(since) => at(format!("`{name}` is known from nginx {since} on"), "this release refuses it")
            .help(format!("remove it, or use nginx {since} or a later one")),
        Unknown::NotBuilt(option) => {
            let dynamic = matches!(*option, "stream" | "mail") || option.contains("geoip");
            let finding =
                at(format!("`{name}` needs the module {option}, which this nginx lacks"), "nginx refuses this");
            finding.help(match dynamic {
                true => format!("load it at the top of nginx.conf: `load_module modules/ngx_{option}_module.so;`"),
                false => "use a build of nginx with the module, or remove the line".to_owned(),
            })
        }
        Unknown::Never(Some(close)) => {
            let edits = vec![Edit { span: refusal.span, text: (*close).to_owned() }];
            at(format!("nginx knows no directive `{name}`"), "nginx refuses this")
                .help(format!("write `{close}`"))
                .fix(Fix { title: format!("Write {close}"), safe: false, edits })
        }
        _ => at(format!("nginx knows no directive `{name}`"), "nginx refuses this")
            .help("correct the name, or write the `;` that is missing before it"),
    }
}
