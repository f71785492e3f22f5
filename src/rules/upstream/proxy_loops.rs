//! A server hands its requests over to itself.

use ecow::EcoString;

use super::default_host;
use crate::deployment::{Deployment, Dial, HandOver, Machine, Nginx, Protocol, Reach};
use crate::nginx::levels::Context;
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};

pub(super) static RULE: Rule = rule!(upstream / "proxy-loops", Error, "a server hands its requests over to itself");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for dial in &machine.dials {
            let (nginx, hand_over) = machine.hand_over(dial);
            let Some(listen) = comes_back(machine, dial) else { continue };
            let finding = RULE
                .finding(
                    format!("{} is this server itself", dial.address),
                    dial.span,
                    "every request comes back to this location",
                )
                .label(listen, "the server listens here")
                .label(hand_over.span, "requests are handed over here")
                .note("each round holds two connections, until nginx has none left")
                .help("dial the address of the application, or of another `server`")
                .predict(500, "worker_connections are not enough while connecting to upstream".to_owned());
            findings.push_for(server_name(nginx, hand_over), finding);
        }
    }
}

/// The `listen` line by which a request comes back to the location that hands it over.
fn comes_back(machine: &Machine, dial: &Dial) -> Option<Span> {
    let (nginx, hand_over) = machine.hand_over(dial);
    let Reach::Other(other) = &dial.reach else { return None };
    let text = &other.listen.as_ref()?.text;
    let server = nginx.servers.get(hand_over.server)?;
    let own = server.listens.iter().find(|listen| listen.text == *text)?;
    let is_plain = hand_over.protocol == Protocol::Http && hand_over.peers(nginx).len() == 1;
    (is_plain && is_same(nginx, hand_over) && asks_for_it(nginx, hand_over, text)).then_some(own.span)
}

/// Whether the request that is sent looks like the one that came, and nothing tells the two apart.
fn is_same(nginx: &Nginx, hand_over: &HandOver) -> bool {
    let config = &nginx.config;
    let pass = hand_over.directive.arg(0).unwrap_or_default();
    let rest = pass.split_once("://").map_or(pass, |(_, rest)| rest);
    let has_path = match rest.strip_prefix("unix:") {
        Some(socket) => socket.contains(':') && !socket.ends_with(':'),
        None => rest.contains('/'),
    };
    let decides = |name: &str| {
        let code = ["rewrite", "return", "allow", "deny", "auth_basic", "auth_request", "internal", "set"];
        code.contains(&name) || name.contains("_lua") || name.starts_with("proxy_cache") || name.starts_with("js_")
    };
    let around = || config.outwards(hand_over.level).filter(|id| config.level(*id).context != Context::Http);
    let is_open = around().any(|id| {
        let here = config.level(id);
        let has_if = |block: &_| matches!(config.level(*block).context, Context::IfInServer | Context::IfInLocation);
        here.settings.iter().any(|setting| decides(setting.name())) || here.blocks.iter().any(has_if)
    });
    let is_location = config.level(hand_over.level).context == Context::Location;
    let is_named = config.level(hand_over.level).opener.as_ref().is_some_and(|it| it.text().contains('@'));
    is_location && !is_named && !has_path && !is_open && !nginx.is_open(hand_over.level)
}

/// Whether the name that is sent leads to the same server.
fn asks_for_it(nginx: &Nginx, hand_over: &HandOver, listen: &str) -> bool {
    let Some(server) = nginx.servers.get(hand_over.server) else { return false };
    let headers = nginx.config.effective_list(hand_over.level, "proxy_set_header");
    let host = headers.iter().rfind(|header| header.arg(0).is_some_and(|name| name.eq_ignore_ascii_case("host")));
    match host.and_then(|header| header.arg(1)) {
        Some("$host" | "$http_host" | "$host:$server_port" | "$server_name") => true,
        Some(value) if value.contains('$') && value != "$proxy_host" => false,
        value => {
            let sent =
                value.filter(|value| *value != "$proxy_host").map_or_else(|| default_host(hand_over), str::to_owned);
            let sent = sent.split(':').next().unwrap_or_default().to_ascii_lowercase();
            let sharing = || nginx.servers.iter().filter(|it| it.listens.iter().any(|own| own.text == listen));
            let is_odd = |name: &EcoString| name.starts_with('~') || name.contains('*') || name.starts_with('.');
            let named = sharing().find(|it| it.names.iter().any(|name| name.eq_ignore_ascii_case(&sent)));
            match named {
                Some(named) => named.level == server.level,
                // An expression may take the name first.
                None if sharing().any(|it| it.names.iter().any(is_odd)) => false,
                None => nginx.default_of(listen).is_some_and(|default| default.level == server.level),
            }
        }
    }
}
