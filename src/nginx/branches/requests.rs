//! What the requests of a server bring: the hosts that they ask for, the scheme, the port.

use std::collections::HashSet;

use super::sample::sample;
use super::{Rest, Value, Values, Variables, is_host};
use crate::nginx::ast::{Directive, Word};
use crate::nginx::groups;
use crate::nginx::levels::{Context, LevelId};
use crate::nginx::locations::parts;
use crate::values::address::Address;

/// The names under which a condition may ask for the host.
const HOST: [&str; 3] = ["host", "http_host", "server_name"];

/// The names under which a condition may ask for what follows of the address that took the request.
const ADDRESS: [&str; 3] = ["scheme", "https", "server_port"];

impl Variables<'_> {
    pub(super) fn server(&self, level: LevelId) -> Option<LevelId> {
        self.config.outwards(level).find(|id| self.config.level(*id).context == Context::Server)
    }

    fn names(&self, server: LevelId) -> Vec<&Word> {
        self.config.own(server, "server_name").flat_map(|names| names.args.iter()).collect()
    }

    /// The hosts that a server is sure to be asked for. Others may come where its names are patterns, and
    /// where it takes what no server has a name for.
    pub(super) fn hosts(&self, level: LevelId) -> Values {
        let Some(server) = self.server(level) else { return Values::default() };
        if let Some(host) = self.fixed_host.borrow().as_ref() {
            return Values::only(vec![named(host)]);
        }
        let words = self.names(server);
        let all: Vec<Value> = words.iter().filter(|word| is_host(&word.text)).map(|word| named(&word.text)).collect();
        let rest = match all.len() == words.len() && !all.is_empty() {
            _ if self.defaults().contains(&server) => Rest::Anything,
            true => Rest::Nothing,
            false => Rest::Unknown,
        };
        self.let_in(level, &HOST, Values { all, rest })
    }

    pub(super) fn server_name(&self, level: LevelId) -> Values {
        let server = self.server(level);
        let mut names = server.into_iter().flat_map(|server| self.config.own(server, "server_name"));
        let first = names.next().and_then(|names| names.args.first()).filter(|word| is_host(&word.text));
        first.map_or_else(Values::default, |word| Values::only(vec![named(&word.text)]))
    }

    /// The values of `$scheme`, `$https` or `$server_port`: what the `listen` lines of the server give.
    pub(super) fn of_address(&self, level: LevelId, name: &str) -> Values {
        let Some(server) = self.server(level) else { return Values::default() };
        let mut listens: Vec<Option<&Directive>> =
            self.config.own(server, "listen").map(|listen| Some(listen.as_ref())).collect();
        if listens.is_empty() {
            listens.push(None);
        }
        let mut seen = HashSet::new();
        let mut values = Values::only(Vec::new());
        for listen in listens {
            let text = match name {
                "server_port" => port(listen.and_then(|listen| listen.arg(0)).unwrap_or("80")),
                _ => {
                    let is_tls = listen.is_some_and(|listen| self.is_tls(server, listen));
                    Some(if is_tls { ["https", "on"] } else { ["http", ""] }[usize::from(name == "https")].to_owned())
                }
            };
            let Some(text) = text else { return Values::default() };
            if seen.insert(text.clone()) {
                let key = Some(format!("${name} = {text}"));
                values.all.push(Value { text, key, is_certain: true, ..Value::default() });
            }
        }
        self.let_in(level, &ADDRESS, values)
    }

    /// Whether an address speaks TLS: any server of the address may say so.
    fn is_tls(&self, server: LevelId, listen: &Directive) -> bool {
        let says_so = |listen: &Directive| listen.args.iter().skip(1).any(|word| matches!(&*word.text, "ssl" | "quic"));
        let same =
            |other: &Directive| address(other.arg(0).unwrap_or_default()) == address(listen.arg(0).unwrap_or_default());
        let by_switch = self.config.effective(server, "ssl").is_some_and(|ssl| ssl.arg(0) == Some("on"));
        let mut all = self.config.levels(Context::Server).flat_map(|id| self.config.own(id, "listen"));
        by_switch || says_so(listen) || all.any(|other| same(other) && says_so(other))
    }

    /// Of the values of a variable, those whose requests come as far as a level: a condition may send others away.
    fn let_in(&self, level: LevelId, aliases: &[&str], mut values: Values) -> Values {
        let path: Vec<LevelId> = self.config.outwards(level).collect();
        for id in path.iter().flat_map(|id| &self.config.level(*id).blocks).filter(|block| self.is_condition(**block)) {
            let is_inside = path.contains(id);
            if !is_inside && !self.diverts(*id) {
                continue;
            }
            let Some(condition) = self.condition(*id) else { continue };
            let is_asked = aliases.contains(&condition.variable.as_str());
            if !is_asked && self.is_own(level, &condition.variable) {
                // What the variable hangs on is not looked at here.
                return Values::default();
            }
            if !is_asked {
                continue;
            }
            let holds: Option<Vec<bool>> =
                values.all.iter().map(|value| condition.holds(&value.text, &self.patterns)).collect();
            let Some(holds) = holds else { return Values::default() };
            let mut holds = holds.into_iter();
            values.all.retain(|_| holds.next() == Some(is_inside));
        }
        values
    }

    /// Whether no condition on the way to a level sends requests elsewhere for what the configuration itself has set.
    pub(super) fn is_unconditioned(&self, level: LevelId) -> bool {
        let mut blocks = self.config.outwards(level).flat_map(|id| &self.config.level(id).blocks);
        let by_own = |block: &LevelId| {
            let condition = self.condition(*block).filter(|_| self.is_condition(*block) && self.diverts(*block));
            condition.is_some_and(|condition| self.is_own(level, &condition.variable))
        };
        !blocks.any(by_own)
    }

    /// The path of a request where one exact location takes it.
    pub(super) fn uri(&self, level: LevelId) -> Values {
        let here = self.config.level(level);
        let changes = here.settings.iter().any(|directive| directive.name() == "rewrite");
        let opener = here.opener.as_ref().filter(|_| here.context == Context::Location && !changes);
        match opener.and_then(|opener| parts(opener)) {
            Some(("=", text)) if !here.blocks.iter().any(|block| self.is_condition(*block)) => {
                let value = Value { text: text.to_owned(), key: Some(text.to_owned()), ..Value::default() };
                Values::only(vec![value])
            }
            _ => Values::anything(),
        }
    }

    /// Whether the block of a condition sends requests elsewhere.
    fn diverts(&self, block: LevelId) -> bool {
        let ends = |directive: &Directive| {
            matches!(directive.name(), "return" | "rewrite" | "break")
                || directive.name().ends_with("_pass")
                || directive.name().contains("_by_lua")
        };
        self.config.level(block).settings.iter().any(|directive| ends(directive))
    }

    /// Whether the configuration gives a variable its values.
    fn is_own(&self, level: LevelId, name: &str) -> bool {
        self.blocks().contains_key(name) || !self.sets(level, name).is_empty()
    }

    /// Whether requests with this value of a variable can come to a server; only what is sure not to come is left out.
    pub(super) fn admits(&self, level: LevelId, variable: &str, key: &str) -> bool {
        let Some(server) = self.server(level) else { return true };
        match variable {
            "host" | "http_host" => !self.is_taken_elsewhere(server, &key.to_ascii_lowercase()),
            group => self.server_regex(server, group).is_none_or(|expression| {
                let host = sample(expression, group, key);
                host.is_none_or(|host| {
                    self.captured(expression, &host, group).as_deref() == Some(key)
                        && !self.is_taken_elsewhere(server, &host)
                })
            }),
        }
    }

    /// The only expression among the names of a server that has a group of this name.
    fn server_regex(&self, server: LevelId, group: &str) -> Option<&str> {
        let names = self.names(server);
        let mut having = names.iter().filter(|word| groups::has(&word.text, group));
        let expression = having.next()?.text.strip_prefix('~')?;
        having.next().is_none().then_some(expression)
    }

    /// What a group of an expression holds for a host.
    fn captured(&self, expression: &str, host: &str, group: &str) -> Option<String> {
        // Names of servers are compared without case.
        let pattern = self.patterns.get(expression, true);
        pattern.captures(host)??.get(group).map(str::to_owned)
    }

    /// The values of a group of the expression that is a server's name; none where it has no such group.
    pub(super) fn server_group(&self, level: LevelId, group: &str) -> Option<Values> {
        let server = self.server(level)?;
        if !self.names(server).iter().any(|word| groups::has(&word.text, group)) {
            return None;
        }
        let Some(expression) = self.server_regex(server, group) else { return Some(Values::default()) };
        let Some(texts) = groups::alternatives(expression, group) else {
            return Some(Values::anything());
        };
        let mut values = Values::only(Vec::new());
        for text in texts {
            match sample(expression, group, &text) {
                Some(host) if self.captured(expression, &host, group).as_deref() == Some(text.as_str()) => {
                    if !self.is_taken_elsewhere(server, &host) {
                        values.all.push(Value { text, key: Some(host), is_certain: true, ..Value::default() });
                    }
                }
                _ => values.rest = Rest::Anything,
            }
        }
        Some(values)
    }

    /// Whether other servers take the requests for a host at each address of a server, by an exact name or, before an
    /// expression of this one, by a pattern.
    fn is_taken_elsewhere(&self, server: LevelId, host: &str) -> bool {
        let own = self.names(server);
        if own.iter().any(|word| word.text.eq_ignore_ascii_case(host)) {
            return false;
        }
        let claims = |name: &str| {
            let name = name.to_ascii_lowercase();
            let behind = |suffix: &str| host.ends_with(suffix) && host.len() > suffix.len();
            name == host
                || name.strip_prefix('*').is_some_and(behind)
                || name.strip_prefix('.').is_some_and(|bare| bare == host || behind(&name))
                || name.strip_suffix('*').is_some_and(|start| host.starts_with(start) && host.len() > start.len())
        };
        if own.iter().any(|word| claims(&word.text)) {
            return false;
        }
        let others: Vec<(LevelId, HashSet<String>)> = self
            .config
            .levels(Context::Server)
            .filter(|id| *id != server && self.names(*id).iter().any(|word| claims(&word.text)))
            .map(|id| (id, self.addresses(id)))
            .collect();
        !others.is_empty() && self.addresses(server).iter().all(|own| others.iter().any(|(_, them)| them.contains(own)))
    }

    /// The addresses of a server's `listen` lines.
    fn addresses(&self, server: LevelId) -> HashSet<String> {
        let mut all: HashSet<String> =
            self.config.own(server, "listen").map(|listen| address(listen.arg(0).unwrap_or_default())).collect();
        if all.is_empty() {
            all.insert("80".into());
        }
        all
    }

    /// The servers that are asked where no name matches: of those at one address, the one that says so, or
    /// the first.
    pub(super) fn defaults(&self) -> &HashSet<LevelId> {
        self.defaults.get_or_init(|| {
            let mut first: std::collections::HashMap<String, (LevelId, bool)> = std::collections::HashMap::new();
            for server in self.config.levels(Context::Server) {
                let mut listens: Vec<(&str, bool)> = Vec::new();
                for listen in self.config.own(server, "listen") {
                    let says_so =
                        listen.args.iter().any(|word| matches!(word.text.as_str(), "default_server" | "default"));
                    listens.push((listen.arg(0).unwrap_or_default(), says_so));
                }
                if listens.is_empty() {
                    listens.push(("80", false));
                }
                for (written, says_so) in listens {
                    let known = first.entry(address(written)).or_insert((server, says_so));
                    if says_so && !known.1 {
                        *known = (server, true);
                    }
                }
            }
            first.into_values().map(|(server, _)| server).collect()
        })
    }
}

/// The argument of `listen`, every address of IPv4 as the port alone.
fn address(written: &str) -> String {
    written.trim_start_matches("*:").trim_start_matches("0.0.0.0:").to_owned()
}

/// The port of a `listen`, if it is one port.
fn port(written: &str) -> Option<String> {
    if written.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(written.to_owned());
    }
    match Address::parse(&written.replacen("*:", "0.0.0.0:", 1), Some(80)).ok()? {
        Address::Ip(address) => Some(address.port().to_string()),
        Address::Name(_, port) => Some(port.to_string()),
        Address::Unix(_) => None,
    }
}

/// A name of a server as a value.
fn named(text: &str) -> Value {
    Value { text: text.to_ascii_lowercase(), key: Some(text.to_owned()), is_certain: true, ..Value::default() }
}
