//! Names: variables that are used and nowhere defined, and names of directives that are nearly right.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::OnceLock;

use super::{Examiner, Flaw, Refusal};
use crate::nginx::ast::{Directive, Word};
use crate::nginx::directives::{self, Entry, Places, Value};
use crate::nginx::{pcre, variables};
use crate::source::Span;
use crate::values::spelling::Nearest;

/// The variables of a configuration, those of `http` and those of `stream` apart. nginx reads their names without case.
#[derive(Debug, Default)]
pub(super) struct Names {
    defined: BTreeSet<(Family, String)>,
    used: BTreeMap<(Family, String), Span>,
    /// What `http` says for servers, by directive, and the directives that some server takes from there.
    in_http: Vec<(&'static str, String, Span)>,
    pub(super) inherited: BTreeSet<&'static str>,
    /// Whether something that is not known may define variables.
    is_open: bool,
}

/// Directives whose words nginx compiles only where they hold: those of `http` for the servers that have none.
pub(super) const COMPILED_LATE: [&str; 6] =
    ["fastcgi_param", "grpc_set_header", "proxy_set_body", "proxy_set_header", "scgi_param", "uwsgi_param"];

/// Whose variables are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Family {
    Http,
    Stream,
}

impl Family {
    /// Whose variables the statements of a block name; a fragment that may stand in both names those of `http`.
    pub(super) fn of(place: Places) -> Self {
        match place.is_stream() {
            true => Family::Stream,
            false => Family::Http,
        }
    }
}

/// The name of a directive that differs from `name` in a letter or two.
pub(super) fn closest(name: &str, nearest: &mut Nearest) -> Option<&'static str> {
    let most = match name.len() {
        0..=3 => return None,
        4..=6 => 1,
        _ => 2,
    };
    let near = |entry: &&Entry| entry.name.len().abs_diff(name.len()) <= most && entry.until.is_none();
    let mut best = None;
    for entry in directives::all().iter().filter(near) {
        let close = (nearest.distance(entry.name, name)?, entry.name);
        best = Some(best.map_or(close, |best: (usize, &str)| best.min(close)));
    }
    best.filter(|(edits, _)| *edits <= most).map(|(_, name)| name)
}

/// The names of the modules' variables, and the beginnings of those of which there are many.
type BuiltIn = (HashSet<&'static str>, Vec<&'static str>);

/// Whether a module of nginx defines a variable.
fn is_built_in(family: Family, name: &str) -> bool {
    static KNOWN: OnceLock<[BuiltIn; 2]> = OnceLock::new();
    let of = |family| {
        let lines = include_str!("../variables.txt").lines().filter(|line| !line.starts_with('#'));
        let lines = lines.filter_map(|line| line.split_once('\t'));
        let lines = lines.filter(|(module, _)| module.starts_with("stream") == (family == Family::Stream));
        let all = lines.flat_map(|(_, names)| names.split(' ')).map(|name| name.trim_end_matches('!'));
        let (prefixes, names): (Vec<&'static str>, Vec<_>) = all.partition(|name| name.ends_with('*'));
        (names.into_iter().collect(), prefixes.into_iter().map(|name| name.trim_end_matches('*')).collect())
    };
    let (names, prefixes) = &KNOWN.get_or_init(|| [Family::Http, Family::Stream].map(of))[family as usize];
    let is_capture = name.len() == 1 && name.bytes().all(|byte| (b'1'..=b'9').contains(&byte));
    is_capture || names.contains(name) || prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// Whether a variable of `http` is nginx's own and may not be defined again.
pub(super) fn is_fixed(name: &str) -> bool {
    static FIXED: OnceLock<HashSet<&'static str>> = OnceLock::new();
    let fixed = FIXED.get_or_init(|| {
        let lines = include_str!("../variables.txt").lines().filter(|line| !line.starts_with('#'));
        lines.flat_map(|line| line.split(['\t', ' '])).filter_map(|name| name.strip_suffix('!')).collect()
    });
    fixed.contains(name.to_ascii_lowercase().as_str())
}

/// The words of a statement that nginx compiles, so that their variables must be known.
fn compiled<'a>(entry: &Entry, args: &'a [Word], place: Places) -> &'a [Word] {
    let range = |from: usize, to: usize| args.get(from..to.min(args.len())).unwrap_or_default();
    let behind_first = range(1, args.len());
    let starts_with = |char: char| args.first().is_some_and(|word| word.text.starts_with(char));
    match entry.value {
        Value::Vars | Value::VarsList | Value::SizeVars | Value::Bind => return args,
        Value::Param => return range(1, 2),
        _ => {}
    }
    match entry.name {
        "set" | "auth_request_set" | "perl_set" | "log_format" => behind_first,
        "add_header" | "add_trailer" | "proxy_set_header" | "grpc_set_header" => behind_first,
        "rewrite" => range(1, 2),
        // A regex comes before what is made of it.
        "proxy_redirect" | "proxy_cookie_domain" | "proxy_cookie_path" | "proxy_cookie_flags" if starts_with('~') => {
            behind_first
        }
        // A name of a character set may hold a `$`; a variable stands at its start.
        "charset" | "source_charset" if !starts_with('$') => &[],
        "ssl_certificate" | "ssl_certificate_key" if place != Places::SERVER => &[],
        "error_page" => range(args.len().saturating_sub(1), args.len()),
        "map" | "split_clients" => range(0, 1),
        "geo" => range(0, args.len().saturating_sub(1)),
        name if COMPILED.contains(&name) => args,
        _ => &[],
    }
}

/// Directives of which nginx compiles every word.
const COMPILED: [&str; 42] = [
    "access_log",
    "aio",
    "alias",
    "auth_basic_user_file",
    "charset",
    "disable_symlinks",
    "expires",
    "fastcgi_cache",
    "fastcgi_cache_key",
    "fastcgi_pass",
    "fastcgi_store",
    "grpc_pass",
    "hash",
    "if",
    "index",
    "limit_conn_zone",
    "limit_req_zone",
    "memcached_pass",
    "proxy_cache",
    "proxy_cache_key",
    "proxy_cookie_domain",
    "proxy_cookie_flags",
    "proxy_cookie_path",
    "proxy_pass",
    "proxy_redirect",
    "proxy_set_body",
    "proxy_store",
    "return",
    "root",
    "scgi_cache",
    "scgi_cache_key",
    "scgi_pass",
    "scgi_store",
    "source_charset",
    "ssl_certificate",
    "ssl_certificate_key",
    "sub_filter",
    "try_files",
    "uwsgi_cache",
    "uwsgi_cache_key",
    "uwsgi_pass",
    "uwsgi_store",
];

fn is_digits(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

impl Names {
    /// Notes what a directive of the table defines and uses.
    pub(super) fn note(&mut self, entry: &Entry, directive: &Directive, place: Places, is_right: bool) {
        let (family, in_http) = (Family::of(place), place == Places::HTTP);
        let args = &directive.args[..];
        match entry.name {
            "set" | "auth_request_set" | "perl_set" => self.define(args.first(), family),
            "map" | "geo" | "split_clients" => self.define(args.last(), family),
            "location" | "server_name" | "rewrite" | "if" | "fastcgi_split_path_info" => {
                for arg in args {
                    self.define_all(pcre::names(&arg.text), family);
                }
            }
            _ => {}
        }
        // One mistake is enough for a statement.
        if !is_right {
            return;
        }
        if entry.name == "memcached_pass" {
            self.used.entry((family, "memcached_key".to_owned())).or_insert(directive.head);
        }
        if let ("if", Some(first)) = (entry.name, args.first()) {
            self.tested(first, family);
        }
        for word in compiled(entry, args, place) {
            // Regexes end in a `$` that names nothing.
            let pattern = entry.name == "if"
                && !word.text.starts_with(['$', '('])
                && args.iter().any(|arg| arg.text.contains('~'));
            if !pattern && in_http && COMPILED_LATE.contains(&entry.name) {
                let names = variables::names(&word.text).map(str::to_ascii_lowercase);
                let unknown = names.filter(|name| !is_built_in(family, name));
                self.in_http.extend(unknown.map(|name| (entry.name, name, word.span)));
            } else if !pattern {
                self.used(word, family);
            }
        }
    }

    /// Notes the variables in a word.
    pub(super) fn used(&mut self, word: &Word, family: Family) {
        for name in variables::names(&word.text).map(str::to_ascii_lowercase) {
            // `$1` is what a regex took; in braces it is a name like others.
            let is_braced = name.len() == 1 && word.text.contains(&format!("${{{name}}}")) && is_digits(&name);
            if is_braced || !is_built_in(family, &name) {
                self.used.entry((family, name)).or_insert(word.span);
            }
        }
    }

    /// Notes the variable that an `if` looks at, whose name nginx takes as it stands: with braces, or as a number.
    fn tested(&mut self, word: &Word, family: Family) {
        let text = word.text.trim_start_matches('(');
        let text = text.strip_suffix(')').unwrap_or(text);
        let Some(name) = text.strip_prefix('$').map(str::to_ascii_lowercase) else { return };
        if !name.is_empty() && (is_digits(&name) || name.starts_with('{')) {
            self.used.entry((family, name)).or_insert(word.span);
        }
    }

    fn define(&mut self, word: Option<&Word>, family: Family) {
        self.define_all(word.and_then(|word| word.text.strip_prefix('$')).into_iter(), family);
    }

    /// Notes that variables are defined.
    pub(super) fn define_all<'n>(&mut self, names: impl Iterator<Item = &'n str>, family: Family) {
        self.defined.extend(names.map(|name| (family, name.to_ascii_lowercase())));
    }

    /// A directive that is not known may define any variable.
    pub(super) fn leave_open(&mut self) {
        self.is_open = true;
    }
}

impl Examiner<'_> {
    pub(super) fn end_names(&mut self) {
        if self.names.is_open || self.has_unknown_modules || self.has_foreign_modules || self.build.is_bundle {
            return;
        }
        let mut names = std::mem::take(&mut self.names);
        for (directive, name, span) in names.in_http {
            if names.inherited.contains(directive) {
                names.used.entry((Family::Http, name)).or_insert(span);
            }
        }
        for ((family, name), span) in names.used {
            if !names.defined.contains(&(family, name.clone())) {
                let refusal = format!("unknown \"{name}\" variable");
                self.refuse(Refusal { flaw: Flaw::Variable, name, span, noticed: None, refusal });
            }
        }
    }
}
