//! What the requests of a server bring: the hosts that they ask for, the scheme, the port.

use std::collections::HashSet;

use super::names::{Names, address};
use super::sample::samples;
use super::{HOST, Rest, Value, Values, Variables, is_host};
use crate::nginx::ast::{Directive, Word};
use crate::nginx::groups;
use crate::nginx::levels::{Context, LevelId};
use crate::nginx::locations::parts;
use crate::values::address::Address;

/// The names under which a condition may ask for what follows of the address that took the request.
const ADDRESS: [&str; 3] = ["scheme", "https", "server_port"];

impl<'a> Variables<'a> {
    pub(super) fn server(&self, level: LevelId) -> Option<LevelId> {
        self.config.outwards(level).find(|id| self.config.level(*id).context == Context::Server)
    }

    pub(super) fn server_names(&self, server: LevelId) -> Vec<&'a Word> {
        self.config.own(server, "server_name").flat_map(|names| names.args.iter()).collect()
    }

    /// The hosts that a server is sure to be asked for. Others may come where its names are patterns, and
    /// where it takes what no server has a name for.
    pub(super) fn hosts(&self, level: LevelId) -> Values {
        let Some(server) = self.server(level) else { return Values::default() };
        if let Some(host) = self.fixed_host.borrow().as_ref() {
            return Values::only(vec![named(host)]);
        }
        let words = self.server_names(server);
        let all: Vec<Value> = words.iter().filter(|word| is_host(&word.text)).map(|word| named(&word.text)).collect();
        let is_whole = all.len() == words.len() && !all.is_empty() && !self.defaults().contains(&server);
        let rest = if is_whole { Rest::Nothing } else { Rest::Anything };
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
    pub(super) fn let_in(&self, level: LevelId, aliases: &[&str], mut values: Values) -> Values {
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

    /// Whether a condition on the way to a level sends requests elsewhere for the value of a variable, or may.
    pub(super) fn is_sent_away(&self, level: LevelId, variable: &str, value: &str) -> bool {
        let path: Vec<LevelId> = self.config.outwards(level).collect();
        let mut blocks = path.iter().flat_map(|id| &self.config.level(*id).blocks);
        blocks.any(|id| {
            let is_inside = path.contains(id);
            let asks = self.is_condition(*id) && (is_inside || self.diverts(*id));
            let condition = self.condition(*id).filter(|condition| asks && condition.variable == variable);
            condition.is_some_and(|condition| condition.holds(value, &self.patterns) != Some(is_inside))
        })
    }

    /// Whether a condition on the way to a level asks for a variable.
    pub(super) fn is_asked_for(&self, level: LevelId, variable: &str) -> bool {
        let blocks = self.config.outwards(level).flat_map(|id| &self.config.level(id).blocks);
        let mut conditions =
            blocks.filter(|block| self.is_condition(**block)).filter_map(|block| self.condition(*block));
        conditions.any(|condition| condition.variable == variable)
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

    /// The servers that are asked where no name fits, at one address at least.
    fn defaults(&self) -> &HashSet<LevelId> {
        &self.names.get_or_init(|| Names::new(self.config)).defaults
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

    /// The only expression among the names of a server that has a group of this name.
    pub(super) fn server_regex(&self, server: LevelId, group: &str) -> Option<&'a str> {
        let names = self.server_names(server);
        let mut having = names.iter().filter(|word| groups::has(&word.text, group));
        let expression = having.next()?.text.strip_prefix('~')?;
        having.next().is_none().then_some(expression)
    }

    /// What a group of an expression holds for a host.
    pub(super) fn captured(&self, expression: &str, host: &str, group: &str) -> Option<String> {
        // Names of servers are compared without case.
        let pattern = self.patterns.get(expression, true);
        pattern.captures(host)??.get(group).map(str::to_owned)
    }

    /// The values of a group of the expression that is a server's name; none where it has no such group.
    pub(super) fn server_group(&self, level: LevelId, group: &str) -> Option<Values> {
        let server = self.server(level)?;
        if !self.server_names(server).iter().any(|word| groups::has(&word.text, group)) {
            return None;
        }
        let Some(expression) = self.server_regex(server, group) else { return Some(Values::default()) };
        let Some(texts) = groups::alternatives(expression, group) else {
            return Some(Values::anything());
        };
        let mut values = Values::only(Vec::new());
        for text in texts {
            let holds = |host: &String| self.captured(expression, host, group).as_deref() == Some(text.as_str());
            let comes = |host: &String| self.comes(level, server, host) == Some(Some(expression));
            let host = samples(expression, Some((group, &text))).find(|host| holds(host) && comes(host));
            match host {
                Some(host) => {
                    values.all.push(Value { text, key: Some(host), is_certain: true, ..Value::default() });
                }
                None => values.rest = Rest::Anything,
            }
        }
        Some(values)
    }
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
