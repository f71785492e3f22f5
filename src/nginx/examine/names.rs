//! Names: variables that are used and nowhere defined, and names of directives that are nearly right.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::OnceLock;

use super::{Examiner, Flaw, Refusal};
use crate::nginx::ast::{Directive, Word};
use crate::nginx::directives::{self, Entry, Value};
use crate::nginx::{pcre, variables};
use crate::source::Span;
use crate::values::spelling::distance;

/// The variables of a configuration.
#[derive(Debug, Default)]
pub(super) struct Names {
    defined: BTreeSet<String>,
    used: BTreeMap<String, Span>,
    /// Whether something that is not known may define variables.
    is_open: bool,
}

/// The name of a directive that differs from `name` in a letter or two.
pub(super) fn closest(name: &str) -> Option<&'static str> {
    let most = match name.len() {
        0..=3 => return None,
        4..=6 => 1,
        _ => 2,
    };
    let near = |entry: &&Entry| entry.name.len().abs_diff(name.len()) <= most && entry.until.is_none();
    let close = directives::all().iter().filter(near).map(|entry| (distance(entry.name, name), entry.name));
    close.min().filter(|(edits, _)| *edits <= most).map(|(_, name)| name)
}

/// Whether a module of nginx defines a variable.
fn is_built_in(name: &str) -> bool {
    static KNOWN: OnceLock<(HashSet<&'static str>, Vec<&'static str>)> = OnceLock::new();
    let (names, prefixes) = KNOWN.get_or_init(|| {
        let lines = include_str!("../variables.txt").lines().filter(|line| !line.starts_with('#'));
        let all = lines.filter_map(|line| line.split_once('\t')).flat_map(|(_, names)| names.split(' '));
        let (prefixes, names): (Vec<&'static str>, Vec<_>) = all.partition(|name| name.ends_with('*'));
        (names.into_iter().collect(), prefixes.into_iter().map(|name| name.trim_end_matches('*')).collect())
    });
    let is_capture = name.len() == 1 && name.bytes().all(|byte| byte.is_ascii_digit());
    is_capture || names.contains(name) || prefixes.iter().any(|prefix| name.starts_with(prefix))
}

impl Names {
    /// Notes what a directive of the table defines and uses.
    pub(super) fn note(&mut self, entry: &Entry, directive: &Directive) {
        let args = &directive.args[..];
        match entry.name {
            "set" | "auth_request_set" | "perl_set" => self.define(args.first()),
            "map" | "geo" | "split_clients" => self.define(args.last()),
            "location" | "server_name" | "rewrite" | "if" | "fastcgi_split_path_info" => {
                for arg in args {
                    self.define_all(pcre::names(&arg.text));
                }
            }
            _ => {}
        }
        let used = match (entry.value, entry.name) {
            (Value::Vars | Value::VarsList | Value::SizeVars, _) => args,
            (Value::Param, _) => args.get(1..2).unwrap_or_default(),
            (
                _,
                "set" | "auth_request_set" | "perl_set" | "add_header" | "add_trailer" | "proxy_set_header"
                | "grpc_set_header" | "log_format",
            ) => args.get(1..).unwrap_or_default(),
            (_, "rewrite") => args.get(1..2).unwrap_or_default(),
            (_, "error_page") => &args[args.len().saturating_sub(1)..],
            (_, "map" | "split_clients") => args.get(..1).unwrap_or_default(),
            (_, "geo") if args.len() == 2 => &args[..1],
            (_, "if") => args,
            (
                _,
                "return" | "try_files" | "root" | "alias" | "access_log" | "index" | "expires" | "limit_req_zone"
                | "limit_conn_zone" | "sub_filter" | "proxy_pass" | "fastcgi_pass" | "uwsgi_pass" | "scgi_pass"
                | "grpc_pass" | "memcached_pass" | "fastcgi_cache_key" | "proxy_cache_key" | "uwsgi_cache_key"
                | "scgi_cache_key" | "proxy_set_body" | "hash",
            ) => args,
            _ => &[],
        };
        for word in used {
            // Regexes end in a `$` that names nothing.
            let pattern = entry.name == "if"
                && !word.text.starts_with(['$', '('])
                && args.iter().any(|arg| arg.text.contains('~'));
            if !pattern {
                self.used(word, &[]);
            }
        }
    }

    /// Notes the variables in a word.
    pub(super) fn used(&mut self, word: &Word, except: &[&str]) {
        for name in variables::names(&word.text) {
            if !is_built_in(name) && !except.contains(&name) {
                self.used.entry(name.to_owned()).or_insert(word.span);
            }
        }
    }

    fn define(&mut self, word: Option<&Word>) {
        self.define_all(word.and_then(|word| word.text.strip_prefix('$')).into_iter());
    }

    /// Notes that variables are defined.
    pub(super) fn define_all<'n>(&mut self, names: impl Iterator<Item = &'n str>) {
        self.defined.extend(names.map(str::to_owned));
    }

    /// A directive that is not known may define any variable.
    pub(super) fn leave_open(&mut self, _: &Directive) {
        self.is_open = true;
    }
}

impl Examiner<'_> {
    pub(super) fn end_names(&mut self) {
        if self.names.is_open || self.has_unknown_modules || !self.loaded.is_empty() || self.build.is_bundle {
            return;
        }
        let unknown: Vec<(String, Span)> = self
            .names
            .used
            .iter()
            .filter(|(name, _)| !self.names.defined.contains(*name))
            .map(|(name, at)| (name.clone(), *at))
            .collect();
        for (name, span) in unknown {
            let refusal = format!("unknown \"{name}\" variable");
            self.refuse(Refusal { flaw: Flaw::Variable, name, span, noticed: None, refusal });
        }
    }
}
