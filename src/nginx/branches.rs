//! The values that `map`, `geo` and `split_clients` can give a variable.
//!
//! Only literal values are followed. A value that holds variables, and a variable that anything else
//! can set, stay unknown.

use super::ast::{Directive, Word};
use super::levels::{Config, Context, LevelId};
use super::variables::{Evaluated, Piece};
use crate::source::Span;

/// More values than this are not followed.
pub const MAX_BRANCHES: usize = 1000;

/// One value of an argument, and when it is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// The whole argument with this value in it.
    pub text: String,
    /// Where the value is written.
    pub span: Span,
    /// The key that chooses it, as written: `shop.example.com`, `default`, `50%`.
    pub key: String,
}

/// The values of an argument with exactly one unknown variable, which a block of records defines;
/// none when that is not so, or when there are more than [`MAX_BRANCHES`].
pub fn branches(config: &Config, argument: &Evaluated) -> Vec<Branch> {
    let mut variables = argument.pieces.iter().filter(|piece| matches!(piece, Piece::Variable(_)));
    let (Some(Piece::Variable(name)), None) = (variables.next(), variables.next()) else { return Vec::new() };
    let mut blocks = config.levels(Context::Records).filter(|level| defines(config, *level, name));
    let (Some(block), None) = (blocks.next(), blocks.next()) else { return Vec::new() };
    let records: Vec<_> = config.level(block).settings.iter().filter_map(|record| value(record)).collect();
    if records.len() > MAX_BRANCHES {
        return Vec::new();
    }
    let whole = |value: &str| -> String {
        let texts = argument.pieces.iter().map(|piece| match piece {
            Piece::Text(text) => text.as_str(),
            Piece::Variable(_) => value,
        });
        texts.collect()
    };
    let literal = records.into_iter().filter(|(_, value)| !value.text.contains('$') && !value.text.is_empty());
    literal.map(|(key, value)| Branch { text: whole(&value.text), span: value.span, key: key.to_owned() }).collect()
}

/// Whether a block gives the variable its value.
fn defines(config: &Config, level: LevelId, variable: &str) -> bool {
    let Some(opener) = &config.level(level).opener else { return false };
    let names = matches!(opener.name(), "map" | "geo" | "split_clients");
    let last = opener.args.last().and_then(|word| word.text.strip_prefix('$'));
    names && last == Some(variable)
}

/// The key and value of a record; parameters such as `hostnames` and `volatile` are none.
fn value(record: &Directive) -> Option<(&str, &Word)> {
    let parameter = matches!(record.name(), "include" | "delete" | "proxy");
    record.args.first().filter(|_| !parameter).map(|value| (record.name(), value))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::host::memory::Memory;
    use crate::nginx::load::Files;
    use crate::nginx::variables::evaluate;
    use crate::source::Sources;
    use std::path::Path;

    fn texts(http: &str, argument: &str) -> Vec<String> {
        let mut host = Memory::default();
        host.add("/c/nginx.conf", format!("http {{ {http} server {{ }} }}"));
        host.add("/c/hosts", "included /run/c;");
        let mut files = Files::default();
        let main = files.load(&host, &mut Sources::default(), Path::new("/c/nginx.conf")).unwrap();
        let config = Config::resolve(&files, main, Context::Main);
        let server = config.levels(Context::Server).next().unwrap();
        let branches = branches(&config, &evaluate(&config, server, argument));
        branches.into_iter().map(|branch| format!("{}={}", branch.key, branch.text)).collect()
    }

    #[test]
    fn blocks_of_records_give_branches() {
        let map = "map $host $p { hostnames; default /run/a; x /run/b; include hosts; }";
        assert_eq!(
            texts(map, "unix:$p.sock"),
            ["default=unix:/run/a.sock", "x=unix:/run/b.sock", "included=unix:/run/c.sock"]
        );
        assert_eq!(texts("geo $p { default a; 10.0.0.0/8 b; }", "$p"), ["default=a", "10.0.0.0/8=b"]);
        assert_eq!(texts("split_clients $host $p { 50% a; * b; }", "$p"), ["50%=a", "*=b"]);
    }

    #[test]
    fn what_is_not_literal_stays_unknown() {
        assert_eq!(texts("map $host $p { default /run/$host; x b; }", "$p"), ["x=b"]);
        assert!(texts("map $host $p { x a; }", "$p$host").is_empty());
        assert!(texts("map $host $p { x a; } map $uri $p { y b; }", "$p").is_empty());
        let many: String = (0..=MAX_BRANCHES).map(|n| format!("k{n} v;")).collect();
        assert!(texts(&format!("map $host $p {{ {many} }}"), "$p").is_empty());
    }
}
