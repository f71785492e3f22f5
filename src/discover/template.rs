//! Templates: files that become configuration when something fills them in.

/// Endings that say it.
const ENDINGS: [&str; 16] = [
    ".j2",
    ".jinja",
    ".jinja2",
    ".erb",
    ".epp",
    ".tpl",
    ".stpl",
    ".tmpl",
    ".gotmpl",
    ".tftpl",
    ".template",
    ".mustache",
    ".hbs",
    ".ctmpl",
    ".stub",
    ".conf.in",
];

/// Endings of templates that are pages mostly.
const ENDINGS_OF_PAGES: [&str; 5] = [".twig", ".ejs", ".mako", ".njk", ".liquid"];

/// Marks that neither of the two languages has.
const MARKS: [&str; 10] = ["{{", "{%", "<%", "<?", "[% ", "[%-", "[[ ", "<tmpl_", "@@", "%%"];

/// Those of them that Lua does not have either.
const MARKS_BESIDE_LUA: [&str; 4] = ["{{ ", "{% ", "<%", "<?"];

/// How lines of nginx's and PHP-FPM's configuration begin.
const OPENINGS: [&str; 20] = [
    "server {",
    "server{",
    "server_name",
    "location ",
    "upstream ",
    "listen ",
    "listen=",
    "fastcgi_",
    "proxy_",
    "http {",
    "http{",
    "events",
    "worker_processes",
    "root ",
    "try_files",
    "rewrite ",
    "add_header",
    "pm ",
    "pm=",
    "pm.",
];

/// Whether a template under this name, in lower case, is worth a look: it may be one of configuration.
pub(super) fn may_be_of_configuration(name: &str) -> bool {
    let page = ENDINGS_OF_PAGES.iter().find_map(|ending| name.strip_suffix(ending));
    ENDINGS.iter().any(|ending| name.ends_with(ending)) || page.is_some_and(|name| name.ends_with(".conf"))
}

/// Whether a file is a template of configuration, by its name (in lower case) or by marks in its text.
pub(super) fn is_template(name: &str, bytes: &[u8]) -> bool {
    ENDINGS.iter().chain(&ENDINGS_OF_PAGES).any(|ending| name.ends_with(ending))
        || has_marks(&String::from_utf8_lossy(bytes))
}

/// Whether a text has marks that only a template engine understands.
pub(super) fn has_marks(text: &str) -> bool {
    // Comments do not count: people show examples of templates in them.
    let mut lines = text.lines().filter(|line| !line.trim_start().starts_with(['#', ';']));
    let marks: &[&str] = if text.contains("_by_lua") { &MARKS_BESIDE_LUA } else { &MARKS };
    let has_lua = marks.len() == MARKS_BESIDE_LUA.len();
    let is_marked = |line: &str| {
        let is_mark = |mark: &&str| line.contains(*mark) && !is_own(line, mark);
        marks.iter().any(is_mark) || !has_lua && (has_slot(line) || has_hashed_word(line))
    };
    lines.any(is_marked)
}

/// Whether a mark is what configuration itself says: a percent sign in PHP-FPM's format of its log, or the head of an
/// XML document that nginx answers with.
fn is_own(line: &str, mark: &str) -> bool {
    match mark {
        "%%" => line.trim_start().starts_with("access.format"),
        "<?" => line.matches("<?").count() == line.matches("<?xml").count(),
        _ => false,
    }
}

/// Whether a template is one of nginx's or PHP-FPM's configuration: many other files are made of templates.
pub(super) fn is_of_configuration(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    text.lines().any(|line| OPENINGS.iter().any(|opening| line.trim_start().starts_with(opening)))
}

/// A word in braces, such as `{hosts}`: neither language writes one without a `$` before it.
fn has_slot(line: &str) -> bool {
    let mut parts = line.split('{');
    let mut before = parts.next().unwrap_or_default();
    for part in parts {
        let word = part.split('}').next().filter(|word| word.len() < part.len()).unwrap_or_default();
        let is_word = word.len() > 1 && word.chars().all(|char| char.is_ascii_alphabetic() || char == '_');
        // A class of characters in an expression, such as `\p{Lu}`, is none either.
        let is_class = before.ends_with("\\p") || before.ends_with("\\P");
        if is_word && !is_class && !before.ends_with(['$', '%', '\\']) {
            return true;
        }
        before = part;
    }
    false
}

/// A word such as `##DOMAIN##`, which nginx would read as a comment.
fn has_hashed_word(line: &str) -> bool {
    let words = line.split("##").skip(1);
    let is_name = |word: &str| !word.is_empty() && word.chars().all(|char| char.is_ascii_alphanumeric() || char == '_');
    line.matches("##").count() > 1 && words.into_iter().any(is_name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_and_endings_are_told_from_configuration() {
        for text in [
            "server { listen {{ port }}; }",
            "server { server_name {hosts}; }",
            "listen <tmpl_var name='ip'>:80;",
            "fastcgi_pass [% backend %];",
            "fastcgi_pass ##BACKEND##;",
            "content_by_lua_block { a() } listen {{ port }};",
            "user = %%USER%%",
            "return 200 '<?xml version=\"1.0\"?><?php a() ?>';",
        ] {
            assert!(is_template("a.conf", text.as_bytes()), "{text}");
        }
        for text in [
            "# listen {{ port }};",
            "location ~ a{2,3} { set $a ${host}; }",
            "content_by_lua_block { local t = {{1}, {two}} }",
            "location ~ [[:alnum:]]+ { } ## the rest ##",
            "location ~ \\p{Lu} { }",
            "access.format = \"%R %{mili}d %C%%\"",
            "return 200 '<?xml version=\"1.0\"?><a/>';",
        ] {
            assert!(!is_template("a.conf", text.as_bytes()), "{text}");
        }
        assert!(is_template("a.conf.j2", b"") && !is_of_configuration(b"<html>{{ title }}</html>"));
        assert!(is_of_configuration(b"  server {\n"));
    }
}
