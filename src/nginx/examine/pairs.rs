//! Directives that do not go with each other.

use std::collections::{BTreeMap, BTreeSet};

use super::{Examiner, Flaw, Level, Refusal, Refused};
use crate::nginx::ast::Directive;
use crate::nginx::directives::Places;
use crate::nginx::literals;
use crate::source::Span;

/// The logs that are buffered, and how many connections a worker has.
#[derive(Debug, Default)]
pub(super) struct Pairs {
    /// By path: the size of the buffer, when it is written, how it is compressed, and where.
    buffered: BTreeMap<String, (Buffer, Span)>,
    connections: Option<(u64, Span)>,
}

/// The size in bytes, the time in milliseconds, and the level of compression.
type Buffer = (u64, u64, u64);

impl Examiner<'_> {
    /// Refuses what does not go with what stands before it.
    pub(super) fn pair(&mut self, directive: &Directive, level: &mut Level) {
        let (name, value) = (directive.name(), directive.arg(0).unwrap_or_default());
        match name {
            "worker_connections" => {
                self.pairs.connections = literals::number(value).zip(directive.args.first().map(|word| word.span));
            }
            "access_log" => self.buffer(directive),
            "alias"
                if level.place == Places::LOCATION && level.inside.last().is_some_and(|around| around.is_named()) =>
            {
                let refusal = "the \"alias\" directive cannot be used inside the named location".to_owned();
                let wanted = "no `alias` in a named location; `root` may stand there".to_owned();
                self.refuse_value(directive, Refused { argument: 0, wanted, refusal });
            }
            "secure_link" | "secure_link_md5" | "secure_link_secret" if level.place != Places::HTTP => {
                let others: &[&str] = match name {
                    "secure_link_secret" => &["secure_link", "secure_link_md5"],
                    _ => &["secure_link_secret"],
                };
                if others.iter().any(|other| level.holds(other)) {
                    let refusal = "\"secure_link_secret\" cannot be mixed with \"secure_link\" and \"secure_link_md5\""
                        .to_owned();
                    let wanted = "either a secret or `secure_link` with `secure_link_md5`".to_owned();
                    self.refuse_at_end(directive, Refused { argument: 0, wanted, refusal });
                }
            }
            _ => self.store(directive, level),
        }
    }

    /// A cache and a store of one protocol.
    fn store(&mut self, directive: &Directive, level: &mut Level) {
        let name = directive.name();
        let protocol = |end: &str| name.strip_suffix(end).filter(|protocol| !protocol.contains('_'));
        let other = match (protocol("_cache"), protocol("_store")) {
            (Some(protocol), _) => format!("{protocol}_store"),
            (_, Some(protocol)) => format!("{protocol}_cache"),
            _ => return,
        };
        if directive.arg(0) == Some("off") {
            return;
        }
        level.kept.insert(name.to_owned());
        if level.kept.contains(&other) {
            let refusal = format!("\"{name}\" directive is incompatible with \"{other}\"");
            let wanted = format!("`off` in a block with `{other}`");
            self.refuse_value(directive, Refused { argument: 0, wanted, refusal });
        }
    }

    /// One file has one buffer, whoever writes into it.
    fn buffer(&mut self, directive: &Directive) {
        let path = directive.arg(0).unwrap_or_default();
        let value =
            |key: &str| directive.args.iter().skip(2).find_map(|word| word.text.strip_prefix(key)?.strip_prefix('='));
        let is_compressed = directive.args.iter().skip(2).any(|word| word.text == "gzip");
        let compression = value("gzip").and_then(literals::number).or(is_compressed.then_some(1));
        let size = value("buffer").and_then(literals::size).or(compression.map(|_| 64 << 10));
        let Some(size) = size.filter(|_| !path.contains('$')) else { return };
        let flush = value("flush").and_then(literals::milliseconds).unwrap_or(0);
        let buffer = (size, flush, compression.unwrap_or(0));
        let (first, span) = *self.pairs.buffered.entry(path.to_owned()).or_insert((buffer, directive.head));
        if first != buffer {
            let refusal = format!("access_log \"{path}\" already defined with conflicting parameters");
            let flaw = Flaw::Duplicate { first: span };
            self.refuse_directive(directive, flaw, refusal);
        }
    }

    /// Refuses a word that nginx notices when it has read all of `http`.
    pub(super) fn refuse_at_end(&mut self, directive: &Directive, refused: Refused) {
        let Some(word) = directive.args.get(refused.argument) else { return };
        let noticed = self.references.http().map(|http| Span { start: http.end.saturating_sub(1), ..http });
        let (name, span, refusal) = (directive.name().to_owned(), word.span, refused.refusal.clone());
        self.refuse(Refusal { flaw: Flaw::Value(Box::new(refused)), name, span, noticed, refusal });
    }

    /// Refuses fewer connections than there are sockets to listen on, and one more.
    pub(super) fn end_connections(&mut self, addresses: &BTreeSet<&str>) {
        let Some((connections, span)) = self.pairs.connections else { return };
        // An address of all hosts stands for the others of its port.
        let port = |address: &str| address.rsplit_once(':').map(|(host, port)| (host.to_owned(), port.to_owned()));
        let is_all = |host: &str| matches!(host, "0.0.0.0" | "[::]");
        let covered = |address: &&&str| {
            let Some((host, of)) = port(address).filter(|_| !address.starts_with("unix:")) else { return false };
            let all = if host.starts_with('[') { "[::]" } else { "0.0.0.0" };
            !is_all(&host) && addresses.contains(format!("{all}:{of}").as_str())
        };
        let sockets = addresses.len() - addresses.iter().filter(covered).count();
        if connections > sockets as u64 {
            return;
        }
        let refusal = format!("{connections} worker_connections are not enough for {sockets} listening sockets");
        let wanted = "a number above that of the sockets, which are connections too: 1024".to_owned();
        let refused = Refused { argument: 0, wanted, refusal: refusal.clone() };
        let (flaw, name) = (Flaw::Value(Box::new(refused)), "worker_connections".to_owned());
        self.refuse(Refusal { flaw, name, span, noticed: None, refusal });
    }
}
