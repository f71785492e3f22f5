//! Files that nginx opens when it starts, and that are known not to be there.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::Nginx;
use crate::host::facts::Facts;
use crate::host::{Host, ReadError, normalize};
use crate::nginx::levels::Context;
use crate::source::Span;

/// A file that a line of nginx's configuration names, and that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingFile {
    /// The directive that names it.
    pub directive: String,
    /// Where it is named.
    pub span: Span,
    /// The file.
    pub path: PathBuf,
}

/// What a server that has a certificate opens at the start.
const OPENED: [&str; 6] = [
    "ssl_certificate",
    "ssl_certificate_key",
    "ssl_dhparam",
    "ssl_client_certificate",
    "ssl_trusted_certificate",
    "ssl_crl",
];

/// The files of nginx's certificates that facts or the running host show to be missing.
pub fn missing(nginx: &Nginx, facts: &Facts, host: &dyn Host, main: &Path) -> Vec<MissingFile> {
    let mut found: Vec<MissingFile> = Vec::new();
    // Thousands of servers may include the same lines.
    let mut seen = HashSet::new();
    let prefix = main.parent().unwrap_or(Path::new("/"));
    for server in nginx.config.levels(Context::Server) {
        if nginx.config.effective(server, "ssl_certificate").is_none() {
            continue;
        }
        for name in OPENED {
            for directive in nginx.config.effective_list(server, name) {
                let Some(word) = directive.args.first().filter(|word| is_path(&word.text)) else { continue };
                if !seen.insert(word.span) {
                    continue;
                }
                let path = normalize(&prefix.join(word.text.as_str()));
                let stated = facts.paths.get(&path).and_then(|fact| fact.exists);
                let is_gone = match stated {
                    Some(exists) => !exists,
                    None => host.is_live() && host.entry(&path).err() == Some(ReadError::NotFound),
                };
                if is_gone {
                    found.push(MissingFile { directive: name.to_owned(), span: word.span, path });
                }
            }
        }
    }
    found
}

/// Whether a value names a file: variables, engines and data in place do not.
fn is_path(text: &str) -> bool {
    !text.is_empty() && !text.contains('$') && !["engine:", "store:", "data:"].iter().any(|kind| text.starts_with(kind))
}
