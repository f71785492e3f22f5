//! An address that nginx goes on with lacks its first slash: in `try_files`, `rewrite` or `error_page`.

use super::{UNKNOWN, scripts, sites};
use crate::deployment::{Deployment, Machine, Nginx, Sent, Site};
use crate::finding::{Finding, Severity};
use crate::nginx::ast::{Directive, Key, Word};
use crate::nginx::levels::LevelId;
use crate::nginx::locations::Found;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;
use crate::values::placeholder::is_placeholder;

pub(super) static RULE: Rule =
    rule!(script / "slash-missing", Error, "an address that nginx goes on with lacks its first slash");

/// What names an address that nginx goes on with.
const NAMING: [(Key, &str); 3] =
    [(Key::of("try_files"), "try_files"), (Key::of("rewrite"), "rewrite"), (Key::of("error_page"), "error_page")];

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (nginx, server, site) in sites(machine) {
            let mut pending = vec![server.level];
            while let Some(level) = pending.pop() {
                pending.extend(&nginx.config.level(level).blocks);
                for setting in nginx.config.each_of(level, &NAMING) {
                    if setting.name() == "error_page" {
                        findings.findings.extend(error_page(setting));
                        continue;
                    }
                    let target = match setting.name() {
                        "try_files" => setting.args.last(),
                        _ if matches!(setting.arg(2), Some("redirect" | "permanent")) => None,
                        _ => setting.args.get(1),
                    };
                    let Some(target) = target.filter(|word| lacks_slash(&word.text)) else { continue };
                    let path = path(target);
                    let root = nginx.config.effective(level, "root").and_then(|root| root.arg(0));
                    let root = root.filter(|root| !root.contains('$')).unwrap_or("html").trim_end_matches('/');
                    if is_found(machine, nginx, site, path) {
                        continue;
                    }
                    let finding = RULE
                        .finding(
                            format!("{path} lacks its first slash"),
                            target.span,
                            "no location begins like this, and the root is put before it letter by letter",
                        )
                        .note(format!("it becomes the file {root}{path}, which is not there"))
                        .help(format!("write /{}", target.text))
                        .predict(404, logged(nginx, site, root, path));
                    findings.push_for(server.shown_name(), finding);
                }
            }
        }
    }
}

/// A page of an error without its slash: nginx sends the client there instead.
fn error_page(setting: &Directive) -> Option<Finding> {
    let page = setting.args.last().filter(|word| lacks_slash(&word.text))?;
    let is_status = |word: &Word| word.text.parse::<u16>().is_ok();
    let is_plain = setting.args.len() > 1 && setting.args.iter().rev().skip(1).all(is_status);
    is_plain.then(|| {
        RULE.finding(
            format!("{} lacks its first slash", page.text),
            page.span,
            "what is no address of this server is sent to the client as a redirect",
        )
        .note("the client gets 302 instead of the error, and asks for it below the page that failed")
        .help(format!("write /{}", page.text))
        .severity(Severity::Warning)
        .predict(302, None)
    })
}

/// Whether a text is an address without its slash: no status, no name, no variable, no other host.
fn lacks_slash(text: &str) -> bool {
    // A template's word such as `__PATH__` or `@PREFIX@` may bring the slash.
    let begins = |char: char| char.is_ascii_alphanumeric() || char == '.';
    text.starts_with(begins) && !is_placeholder(text) && !text.contains("://") && text.contains(['.', '/'])
}

fn path(target: &Word) -> &str {
    target.text.split('?').next().unwrap_or_default()
}

/// What is logged: PHP-FPM misses the script, or nginx the file; nothing where `try_files` asks for it first.
fn logged(nginx: &Nginx, site: &Site, root: &str, path: &str) -> Option<String> {
    let Found::At(location, _) = site.locations.find(path) else { return None };
    let is_passed = nginx.hand_overs_of(site.number).any(|hand_over| hand_over.level == location.level);
    match nginx.config.effective(location.level, "try_files") {
        Some(_) => None,
        None if is_passed => Some(UNKNOWN.to_owned()),
        None => Some(format!("open() \"{root}{path}\" failed (2: No such file or directory)")),
    }
}

/// Whether a location finds the file all the same, by a `SCRIPT_FILENAME` that brings a slash or names one script.
fn is_found(machine: &Machine, nginx: &Nginx, site: &Site, path: &str) -> bool {
    let level: LevelId = match site.locations.find(path) {
        Found::At(location, _) => location.level,
        Found::Server => return false,
        Found::Unknown => return true,
    };
    if nginx.hand_overs_of(site.number).any(|hand_over| hand_over.level == level && !hand_over.serves_php) {
        return true;
    }
    scripts(machine).any(|(script, of, hand_over)| {
        let is_here = std::ptr::eq(of, nginx) && hand_over.server == site.number && hand_over.level == level;
        is_here
            && match script.params.get("SCRIPT_FILENAME") {
                Sent::Yes(param) => {
                    let value = param.value();
                    value.contains("/$fastcgi_script_name") || !value.contains("$fastcgi_script_name")
                }
                Sent::No => false,
                Sent::Unknown => true,
            }
    })
}
