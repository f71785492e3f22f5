//! What a file is, by its content; its name only helps where the content leaves it open.

use std::fmt;
use std::path::Path;

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
    if is_template(&name, bytes) {
        return Recognised::Template;
    }
    // An empty file is what its name says: what a failed copy leaves behind.
    let is_empty =
        bytes.split(|byte| *byte == b'\n').all(|line| matches!(line.trim_ascii().first(), None | Some(b'#' | b';')));
    match name.as_str() {
        _ if bytes.contains(&0) => return Recognised::Nothing,
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
    let file = Sources::default().add(String::new(), None, Vec::new());
    context_of_tree(&parse_nginx(file, bytes)).map_or(Recognised::Nothing, Recognised::Nginx)
}

/// Templates are recognised by their name or by marks that neither language has.
fn is_template(name: &str, bytes: &[u8]) -> bool {
    let endings = [".j2", ".erb", ".tpl", ".tmpl", ".template", ".mustache", ".hbs", ".ctmpl", ".epp", ".jinja"];
    let text = String::from_utf8_lossy(bytes);
    // Comments do not count: people show examples of templates in them.
    let lines = || text.lines().filter(|line| !line.trim_start().starts_with(['#', ';']));
    let marked =
        || lines().any(|line| ["{{", "{%", "<%", "@@", "%%"].iter().any(|mark| line.contains(mark)) || has_slot(line));
    endings.iter().any(|ending| name.ends_with(ending)) || marked()
}

/// A word in braces, such as `{hosts}`: neither language writes one without a `$` before it.
fn has_slot(line: &str) -> bool {
    let mut parts = line.split('{');
    let mut before = parts.next().unwrap_or_default();
    for part in parts {
        let word = part.split('}').next().filter(|word| word.len() < part.len()).unwrap_or_default();
        let is_word = word.len() > 1 && word.chars().all(|char| char.is_ascii_alphabetic() || char == '_');
        if is_word && !before.ends_with(['$', '%', '\\']) {
            return true;
        }
        before = part;
    }
    false
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
        assert_eq!(is("a.conf.j2", "server { listen 80; }"), Recognised::Template);
        assert_eq!(is("a.conf", "server { listen {{ port }}; }"), Recognised::Template);
        assert_eq!(is("a.conf", "server { server_name {hosts}; }"), Recognised::Template);
        assert_eq!(
            is("a.conf", "server { server_name ${host}; location ~ a{2,3} {} }"),
            Recognised::Nginx(Context::Http)
        );
        assert_eq!(is("nginx.conf", "# nothing\n"), Recognised::Nginx(Context::Main));
        assert_eq!(is("php-fpm.conf", "\n"), Recognised::FpmMain);
        assert_eq!(is("README", "Hello world\n"), Recognised::Nothing);
        assert_eq!(is("a.conf", "x\0y"), Recognised::Nothing);
        assert_eq!(is("my.cnf", "[mysqld]\nport = 1\nuser = mysql\nbind = x\n"), Recognised::Nothing);
    }
}
