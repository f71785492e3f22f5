//! A `server_name` that no request can ask for.

use crate::deployment::{Deployment, Nginx, Server};
use crate::finding::Severity;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(syntax / "server-name-never-matches", Error, "no request can ask for a server by this name");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for nginx in deployment.machines.iter().flat_map(|machine| &machine.nginx) {
        for server in &nginx.servers {
            for word in nginx.config.own(server.level, "server_name").flat_map(|names| names.args.iter()) {
                let Some((why, meant)) = flaw(&word.text) else { continue };
                let finding = RULE
                    .finding(format!("no request asks for the host {}", word.text), word.span, why)
                    .help(format!("write `{meant}`"));
                let Some(other) = default_elsewhere(nginx, server) else {
                    findings.push(finding.severity(Severity::Warning));
                    continue;
                };
                let opener = nginx.config.level(other.level).opener.as_ref().map(|opener| opener.head);
                let finding = finding.label_at(opener, "its requests end in this server, the default one here");
                let answer = nginx.config.own(other.level, "return").next().and_then(|it| it.arg(0)?.parse().ok());
                findings.push(match answer.filter(|status| *status != 444) {
                    Some(status) => finding.predict(status, None),
                    None => finding,
                });
            }
        }
    }
}

/// Why a name can never be asked for, and what was probably meant.
fn flaw(name: &str) -> Option<(&'static str, String)> {
    // Expressions, addresses of IPv6, and variables such as `$hostname`.
    if name.starts_with(['~', '[', '$']) || name.contains(['{', '<', '%']) {
        return None;
    }
    if let Some((_, rest)) = name.split_once("://") {
        return Some(("a host has no scheme", rest.split(['/', ':']).next()?.to_owned()));
    }
    if name.contains(',') {
        let names: Vec<&str> = name.split(',').filter(|name| !name.is_empty()).collect();
        return Some(("names are separated by blanks; the comma counts as a part of the name", names.join(" ")));
    }
    if let Some((host, _)) = name.split_once('/') {
        return Some(("a host has no path", host.to_owned()));
    }
    let (host, port) = name.split_once(':')?;
    let is_port = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
    is_port.then(|| ("nginx leaves the port out before it compares names", host.to_owned()))
}

/// The server that answers instead on each address of a server, where that is another one.
fn default_elsewhere<'a>(nginx: &'a Nginx, server: &Server) -> Option<&'a Server> {
    let mut other = None;
    for listen in &server.listens {
        let default = nginx.default_of(&listen.text)?;
        if default.level == server.level {
            return None;
        }
        other = other.or(Some(default));
    }
    other
}
