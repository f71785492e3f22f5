//! Which server takes a host: nginx's own choice among the names at one address.

use std::collections::{HashMap, HashSet};

use crate::nginx::levels::{Config, Context, LevelId};
use crate::nginx::regex::Patterns;

/// The names of all servers by the addresses at which they are asked.
pub(super) struct Names<'a> {
    by_address: HashMap<String, AtAddress<'a>>,
    addresses: HashMap<LevelId, HashSet<String>>,
    /// The servers that are asked where no name fits, at one address at least.
    pub(super) defaults: HashSet<LevelId>,
}

/// The names at one address.
struct AtAddress<'a> {
    /// Names as they are written, in small letters, those with an asterisk among them.
    plain: HashMap<String, LevelId>,
    /// Expressions without the `~`, in order.
    expressions: Vec<(&'a str, LevelId)>,
    default: LevelId,
    /// Whether the default server is called so.
    says_so: bool,
}

impl<'a> Names<'a> {
    /// The names of a configuration's servers.
    pub(super) fn new(config: &'a Config) -> Self {
        let mut names = Names { by_address: HashMap::new(), addresses: HashMap::new(), defaults: HashSet::new() };
        for server in config.levels(Context::Server) {
            let mut listens: Vec<(&str, bool)> = Vec::new();
            for listen in config.own(server, "listen") {
                let mut words = listen.args.iter();
                let says_so = words.any(|word| matches!(word.text.as_str(), "default_server" | "default"));
                listens.push((listen.arg(0).unwrap_or_default(), says_so));
            }
            if listens.is_empty() {
                listens.push(("80", false));
            }
            for (written, says_so) in listens {
                let address = address(written);
                let (plain, expressions) = (HashMap::new(), Vec::new());
                let new = AtAddress { plain, expressions, default: server, says_so };
                let at = names.by_address.entry(address.clone()).or_insert(new);
                if says_so && !at.says_so {
                    (at.default, at.says_so) = (server, true);
                }
                if !names.addresses.entry(server).or_default().insert(address) {
                    continue;
                }
                // A server without names has the empty one.
                if config.own(server, "server_name").next().is_none() {
                    at.plain.entry(String::new()).or_insert(server);
                }
                for word in config.own(server, "server_name").flat_map(|names| names.args.iter()) {
                    match word.text.strip_prefix('~') {
                        Some(expression) => at.expressions.push((expression, server)),
                        None => {
                            at.plain.entry(word.text.to_ascii_lowercase().into()).or_insert(server);
                        }
                    }
                }
            }
        }
        names.defaults = names.by_address.values().map(|at| at.default).collect();
        names
    }

    /// Whether a request for a host comes to a server at one of its addresses, and the expression among its names that
    /// took it. What is not understood takes nothing for certain.
    pub(super) fn taken_by(&self, server: LevelId, host: &str, patterns: &Patterns) -> Option<Option<&'a str>> {
        let addresses = self.addresses.get(&server)?;
        let mut addresses: Vec<&String> = addresses.iter().collect();
        addresses.sort();
        addresses.into_iter().find_map(|address| {
            let (taker, expression) = self.by_address.get(address)?.find(host, patterns)?;
            (taker == server).then_some(expression)
        })
    }
}

/// The servers that no request comes to: others have all their names, and answer where no name fits.
pub fn unasked_servers(config: &Config) -> HashSet<LevelId> {
    let names = Names::new(config);
    let is_asked = |server: LevelId| {
        let words = || config.own(server, "server_name").flat_map(|names| names.args.iter());
        let takes = |at: &AtAddress<'_>| {
            let has = |name: &str| at.plain.get(name) == Some(&server);
            let is_named = words().any(|word| word.text.starts_with('~') || has(&word.text.to_ascii_lowercase()));
            at.default == server || is_named || words().next().is_none() && has("")
        };
        names.addresses.get(&server).into_iter().flatten().any(|address| takes(&names.by_address[address]))
    };
    config.levels(Context::Server).filter(|server| !is_asked(*server)).collect()
}

impl<'a> AtAddress<'a> {
    fn find(&self, host: &str, patterns: &Patterns) -> Option<(LevelId, Option<&'a str>)> {
        if let Some(server) = spellings(host).find_map(|name| self.plain.get(&name)) {
            return Some((*server, None));
        }
        for (expression, server) in &self.expressions {
            // Names of servers are compared without case.
            if patterns.get(expression, true).matches(host)? {
                return Some((*server, Some(expression)));
            }
        }
        Some((self.default, None))
    }
}

/// The names that take a host, in the order in which nginx looks for them: itself, the longest `*.example.com` or
/// `.example.com`, the longest `mail.*`.
pub(super) fn spellings(host: &str) -> impl Iterator<Item = String> {
    let dots: Vec<usize> = host.match_indices('.').map(|(at, _)| at).collect();
    let behind = dots.iter().flat_map(|at| [format!("*{}", &host[*at..]), host[*at..].to_owned()]);
    let before = dots.iter().rev().map(|at| format!("{}.*", &host[..*at]));
    let all: Vec<String> = [host.to_owned(), format!(".{host}")].into_iter().chain(behind).chain(before).collect();
    all.into_iter()
}

/// The argument of `listen`, every address of IPv4 as the port alone.
pub(super) fn address(written: &str) -> String {
    written.trim_start_matches("*:").trim_start_matches("0.0.0.0:").to_owned()
}
