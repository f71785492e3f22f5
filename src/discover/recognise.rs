//! What a file is, by its content; its name only helps where the content leaves it open.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::encoding::not_text;
use super::template::is_template;
use crate::nginx::ast::{Directive, Tree};
use crate::nginx::directives::{Places, entries, holds_records};
use crate::nginx::levels::{Context, context_of_tree};
use crate::nginx::parse::parse as parse_nginx;
use crate::php::ast::Item;
use crate::php::parse::parse_fpm;
use crate::php::settings;
use crate::source::Sources;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recognised {
    /// nginx, with the context that the file's statements belong into.
    Nginx(Context),
    /// A master's main file: it has a global section or includes pools.
    FpmMain,
    /// Pools.
    FpmPool,
    /// php.ini or a file of its `conf.d`.
    PhpIni,
    /// A template that must be rendered first.
    Template,
    /// Something else.
    Nothing,
}

impl fmt::Display for Recognised {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Recognised::Nginx(Context::Main) => "nginx's main file",
            Recognised::Nginx(Context::Http) => "nginx, a fragment for `http`",
            Recognised::Nginx(Context::Server) => "nginx, a fragment for `server`",
            Recognised::Nginx(Context::Location) => "nginx, a fragment for `location`",
            Recognised::Nginx(_) => "nginx, a fragment",
            Recognised::FpmMain => "PHP-FPM's main file",
            Recognised::FpmPool => "pools of PHP-FPM",
            Recognised::PhpIni => "php.ini",
            Recognised::Template => "a template, which must be rendered first",
            Recognised::Nothing => "neither nginx nor PHP-FPM",
        })
    }
}

/// What a file is.
pub fn recognise(path: &Path, bytes: &[u8]) -> Recognised {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    if not_text(bytes).is_some() {
        return Recognised::Nothing;
    }
    if is_template(&name, bytes) {
        return Recognised::Template;
    }
    // An empty file is what its name says: what a failed copy leaves behind.
    let is_empty = is_blank(bytes);
    match name.as_str() {
        "nginx.conf" if is_empty => return Recognised::Nginx(Context::Main),
        "php-fpm.conf" if is_empty => return Recognised::FpmMain,
        _ if bytes.iter().all(u8::is_ascii_whitespace) => return Recognised::Nothing,
        _ => {}
    }
    if let Some(fpm) = fpm(bytes) {
        return fpm;
    }
    if name.ends_with(".ini") {
        return Recognised::PhpIni;
    }
    let tree = nginx_tree(bytes);
    match context_of_tree(&tree) {
        Some(context) => Recognised::Nginx(context),
        None if is_of_settings(&tree) => Recognised::Nginx(Context::Other),
        None => Recognised::Nothing,
    }
}

/// Whether a file holds nothing, or comments only.
pub(super) fn is_blank(bytes: &[u8]) -> bool {
    bytes.split(|byte| *byte == b'\n').all(|line| matches!(line.trim_ascii().first(), None | Some(b'#' | b';')))
}

/// Whether a file holds nothing but settings of `http` that may stand in many places, such as `gzip`, and conditions.
/// Where its text is broken, the names must be nginx's for sure.
fn is_of_settings(tree: &Tree) -> bool {
    let places = Places::HTTP | Places::SERVER | Places::LOCATION;
    let is_setting = |directive: &Arc<Directive>| {
        let mut known = entries(directive.name()).iter().filter(|entry| !entry.places.and(places).is_none());
        match directive.is_block() {
            true => directive.name() == "if" && directive.args.first().is_some_and(|word| word.text.starts_with('(')),
            false => known.any(|entry| entry.arguments.allow(directive.args.len())),
        }
    };
    let is_sure = tree.problems.is_empty() || tree.directives.iter().all(|directive| directive.name().contains('_'));
    is_sure && !tree.directives.is_empty() && tree.directives.iter().all(is_setting)
}

/// Whether a file that nobody named is nginx's: other programs have blocks called `server` as well.
pub(super) fn is_evidently_nginx(bytes: &[u8]) -> bool {
    let tree = nginx_tree(bytes);
    2 * foreign(&tree) <= statements(&tree).count()
}

/// Whether a file is PHP-FPM's, a template of it included.
pub(super) fn is_of_fpm(bytes: &[u8]) -> bool {
    fpm(bytes).is_some()
}

fn nginx_tree(bytes: &[u8]) -> Tree {
    let file = Sources::default().add(String::new(), None, Vec::new());
    parse_nginx(file, bytes)
}

/// The statements at the top of a file and in the blocks there, where a record is none.
fn statements(tree: &Tree) -> impl Iterator<Item = &Directive> {
    let inside = |directive: &&Arc<Directive>| !holds_records(directive.name());
    let inner = tree.directives.iter().filter(inside).flat_map(|directive| directive.block());
    tree.directives.iter().chain(inner).map(|directive| &**directive)
}

/// How many of them nginx would not take for a directive of its own, by the name, the block and the arguments.
fn foreign(tree: &Tree) -> usize {
    let is_own = |directive: &&Directive| {
        entries(directive.name())
            .iter()
            .any(|entry| entry.is_block == directive.is_block() && entry.arguments.allow(directive.args.len()))
    };
    statements(tree).filter(|directive| !is_own(directive)).count()
}

fn fpm(bytes: &[u8]) -> Option<Recognised> {
    let file = Sources::default().add(String::new(), None, Vec::new());
    let document = parse_fpm(file, bytes);
    let mut section = None;
    let (mut known, mut others, mut pools, mut global) = (0usize, 0usize, false, false);
    for item in &document.items {
        match item {
            Item::Section(found) => {
                section = found.name.text();
                global |= section.as_deref().is_some_and(|name| name.eq_ignore_ascii_case("global"));
            }
            Item::Setting(setting) if setting.value.is_some() => {
                let is_known = settings::find(&setting.key, setting.index.is_some()).is_some();
                known += usize::from(is_known);
                others += usize::from(!is_known);
                let own =
                    setting.key.eq_ignore_ascii_case("listen") || setting.key.to_ascii_lowercase().starts_with("pm");
                pools |= section.is_some() && own;
                global |= section.is_none() && setting.key == "include";
            }
            Item::Setting(_) => others += 1,
        }
    }
    match (known > others, global, pools || known > 0) {
        (false, ..) => None,
        (_, true, _) => Some(Recognised::FpmMain),
        (_, _, true) => Some(Recognised::FpmPool),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_known_by_their_content() {
        let is = |name: &str, text: &str| recognise(Path::new(name), text.as_bytes());
        assert_eq!(is("nginx.conf", "user a;\nevents { }\nhttp { }"), Recognised::Nginx(Context::Main));
        assert_eq!(is("site", "server { listen 80; }"), Recognised::Nginx(Context::Http));
        assert_eq!(is("x.conf", "location / { root /a; }"), Recognised::Nginx(Context::Server));
        assert_eq!(is("php", "fastcgi_pass unix:/a;"), Recognised::Nginx(Context::Location));
        assert_eq!(is("a.conf", "[global]\nerror_log = /a\n[www]\nlisten = 9000\n"), Recognised::FpmMain);
        assert_eq!(is("www.conf", "[www]\nlisten = 9000\npm = static\n"), Recognised::FpmPool);
        assert_eq!(is("docker.conf", "[www]\nclear_env = no\n"), Recognised::FpmPool);
        assert_eq!(is("php.ini", "[PHP]\nmemory_limit = 1G\n"), Recognised::PhpIni);
        assert_eq!(is("gzip.conf", "gzip on;\nadd_header X-A b;\n"), Recognised::Nginx(Context::Other));
        assert_eq!(is("ssl.conf", "ssl_protocols TLSv1.2;\nssl_ciphers X\n"), Recognised::Nginx(Context::Other));
        assert_eq!(is("if.conf", "if ($a) { return 200; }\n"), Recognised::Nginx(Context::Other));
        assert_eq!(is("redis.conf", "port 1\nsave 900;\n"), Recognised::Nothing);
        assert_eq!(is("named.conf", "options { directory \"/var\"; };"), Recognised::Nothing);
        assert_eq!(is("a.conf.j2", "server { listen 80; }"), Recognised::Template);
        assert_eq!(
            is("a.conf", "server { server_name ${host}; location ~ a{2,3} {} }"),
            Recognised::Nginx(Context::Http)
        );
        assert_eq!(is("nginx.conf", "# nothing\n"), Recognised::Nginx(Context::Main));
        assert_eq!(is("php-fpm.conf", "\n"), Recognised::FpmMain);
        assert_eq!(is("README", "Hello world\n"), Recognised::Nothing);
        assert_eq!(is("a.conf", "x\0y"), Recognised::Nothing);
        assert!(!is_evidently_nginx(b"server default { listen { type = auth\n ipaddr = *\n } authorize { filter } }"));
        assert!(is_evidently_nginx(b"server { listen 80; foo_bar baz; }"));
        assert_eq!(is("my.cnf", "[mysqld]\nport = 1\nuser = mysql\nbind = x\n"), Recognised::Nothing);
    }
}
