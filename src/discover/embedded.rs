//! Configuration that stands inside of other files: in ConfigMaps of Kubernetes, and behind `<<EOF` in Dockerfiles and
//! scripts of a shell.
//!
//! What stands there word for word is taken out with everything around it blanked, so that each line and column is
//! still that of the file. What a shell or a template engine fills in is left to them.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::walk::{is_dockerfile, may_be_configuration};
use crate::host::overlay::Added;

/// So many texts of a file are looked into: each takes as much memory as the file down to its end. The longest
/// charts and scripts hold some dozens.
pub(super) const MAX_TEXTS: usize = 100;

/// A text inside of a file.
pub(super) struct Embedded {
    /// What it is called: the key of a ConfigMap, the file that a script writes.
    pub name: String,
    /// The file up to the end of the text, with blanks for what does not belong to it.
    pub text: Vec<u8>,
    /// Whether something fills it in before it is a configuration.
    pub is_filled_in: bool,
}

impl Embedded {
    /// Where it lies for the plans: inside of its file, as if that were a directory.
    pub fn path(&self, file: &Path) -> PathBuf {
        file.join(self.name.replace('/', "_"))
    }

    /// The text at its path, shown under the name of its file.
    pub fn added(self, file: &Path, shown: String) -> Added {
        Added { path: self.path(file), shown, text: self.text }
    }
}

/// Whether a file may hold others, by its name in lower case.
pub(super) fn may_hold_some(name: &str) -> bool {
    is_yaml(name) || name.ends_with(".sh") || is_dockerfile(name)
}

/// Whether a file is one of YAML, by its name in lower case.
pub(super) fn is_yaml(name: &str) -> bool {
    name.ends_with(".yaml") || name.ends_with(".yml")
}

/// What stands inside of a file under a name in lower case and may be configuration: the first [`MAX_TEXTS`], and one
/// more if there are more.
pub(super) fn inside_of(name: &str, text: &str) -> Vec<Embedded> {
    match name {
        name if is_yaml(name) => in_config_maps(text),
        name if may_hold_some(name) => in_scripts(text),
        _ => Vec::new(),
    }
}

/// Whether a text under this name is worth a look.
fn is_wanted(name: &str) -> bool {
    may_be_configuration(Path::new(name), &name.to_ascii_lowercase())
}

/// The literal texts of the ConfigMaps in a file of YAML.
fn in_config_maps(text: &str) -> Vec<Embedded> {
    let mut found = Vec::new();
    if !text.contains("kind: ConfigMap") {
        return found;
    }
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut key: Option<String> = None;
    for event in Parser::new_from_str(text) {
        if found.len() > MAX_TEXTS {
            break;
        }
        // What comes before the mistake is what it is.
        let Ok((event, span)) = event else { break };
        let Event::Scalar(value, style, ..) = event else {
            key = None;
            continue;
        };
        let name = key.replace(value.to_string()).filter(|_| style == ScalarStyle::Literal);
        let Some(name) = name else { continue };
        key = None;
        if !is_wanted(&name) {
            continue;
        }
        let content: Vec<&str> = value.lines().collect();
        let begins = |at: &usize| {
            let same = |(line, own): (&&str, &&str)| line.trim() == own.trim();
            let there = lines.get(*at..*at + content.len());
            there.is_some_and(|there| there.iter().zip(&content).all(same))
        };
        let near = span.start.line().saturating_sub(1);
        if let Some(at) = (near..near + 3).find(begins) {
            let is_filled_in = super::template::has_marks(&value);
            let mut text = only(&lines, at..at + content.len());
            if value.lines().any(|line| line.starts_with('[')) {
                outdent(&mut text);
            }
            found.push(Embedded { name, text, is_filled_in });
        }
    }
    found
}

/// The texts that a Dockerfile or a script of a shell writes to files: `cat > FILE <<'EOF'`, `COPY <<'EOF' FILE`.
fn in_scripts(text: &str) -> Vec<Embedded> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let ends = Ends::of(&lines);
    let mut found = Vec::new();
    let mut at = 0;
    while at < lines.len() && found.len() <= MAX_TEXTS {
        let line = lines[at];
        at += 1;
        let Some((before, behind)) = line.split_once("<<").filter(|_| !line.trim_start().starts_with('#')) else {
            continue;
        };
        let (tabs, behind) = behind.strip_prefix('-').map_or((false, behind), |rest| (true, rest));
        let word = behind.trim_start().split(char::is_whitespace).next().unwrap_or_default();
        let end = word.trim_matches(['"', '\'', '\\']);
        let is_word = !end.is_empty() && end.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let Some(stop) = ends.first(end, at, tabs).filter(|_| is_word) else { continue };
        let inside = at..stop;
        at = stop + 1;
        let Some(name) =
            written(before, &behind[behind.find(word).unwrap_or(0) + word.len()..]).filter(|name| is_wanted(name))
        else {
            continue;
        };
        let content = &lines[inside.clone()];
        let is_quoted = end.len() < word.len();
        let is_filled_in = !is_quoted && content.iter().any(|line| line.contains(['$', '`', '\\']));
        found.push(Embedded { name, text: only(&lines, inside), is_filled_in });
    }
    found
}

/// The lines that hold one word, by that word: where each is that may end a text, and whether tabs stand before it.
/// Thousands of texts may have no end, and the file is not searched to its end for each.
struct Ends<'a>(HashMap<&'a str, Vec<(usize, bool)>>);

impl<'a> Ends<'a> {
    fn of(lines: &[&'a str]) -> Self {
        let mut ends: HashMap<&str, Vec<(usize, bool)>> = HashMap::new();
        for (at, line) in lines.iter().enumerate() {
            let line = line.trim_end();
            let word = line.trim_start_matches('\t');
            if !word.is_empty() && !word.contains(char::is_whitespace) {
                ends.entry(word).or_default().push((at, word.len() < line.len()));
            }
        }
        Ends(ends)
    }

    /// The first line from `from` on that ends a text; `tabs`: whether tabs may stand before the word.
    fn first(&self, word: &str, from: usize, tabs: bool) -> Option<usize> {
        let all = self.0.get(word)?;
        let behind = &all[all.partition_point(|(at, _)| *at < from)..];
        behind.iter().find(|(_, indented)| tabs || !indented).map(|(at, _)| *at)
    }
}

/// The file that a command writes what follows to; `before` and `behind` are what stands around the mark.
fn written(before: &str, behind: &str) -> Option<String> {
    let words: Vec<&str> = before.split_whitespace().chain(behind.split_whitespace()).collect();
    let by_tee = words.iter().position(|word| *word == "tee").map(|at| &words[at + 1..]);
    let teed = by_tee.and_then(|rest| rest.iter().find(|word| !word.starts_with('-')).copied());
    let redirected = || {
        let target = [before, behind].into_iter().find_map(|part| Some(part.rsplit_once('>')?.1))?;
        target.split_whitespace().next()
    };
    let copies = words.first().is_some_and(|word| ["COPY", "ADD"].iter().any(|copy| word.eq_ignore_ascii_case(copy)));
    let copied = || behind.split_whitespace().last().filter(|_| copies);
    let target = teed.or_else(redirected).or_else(copied)?;
    Some(target.trim_matches(['"', '\'']).to_owned()).filter(|name| !name.is_empty())
}

/// A file up to some of its lines, with blanks for those before.
fn only(lines: &[&str], kept: Range<usize>) -> Vec<u8> {
    let mut text = Vec::new();
    for (at, line) in lines.iter().enumerate().take(kept.end) {
        match kept.contains(&at) {
            true => text.extend_from_slice(line.as_bytes()),
            false => text.extend(line.bytes().map(|byte| if byte == b'\n' { b'\n' } else { b' ' })),
        }
    }
    text
}

/// Moves the blanks before each line behind the line above: PHP-FPM takes no section that is indented, as it is in
/// YAML. Nothing but the columns is another then.
fn outdent(text: &mut [u8]) {
    let mut at = 0;
    while let Some(line) = text[at..].iter().position(|byte| *byte == b'\n') {
        let end = at + line;
        let blanks = text[end + 1..].iter().take_while(|byte| **byte == b' ').count();
        text.swap(end, end + blanks);
        at = end + blanks + 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(found: Vec<Embedded>) -> Vec<(String, String, bool)> {
        let text = |text: &[u8]| String::from_utf8_lossy(text).trim_end().trim_start_matches([' ', '\n']).to_owned();
        found.into_iter().map(|one| (one.name, text(&one.text), one.is_filled_in)).collect()
    }

    #[test]
    fn config_maps_hold_files() {
        let yaml = "kind: Service\n---\napiVersion: v1\nkind: ConfigMap\ndata:\n  a.conf: |\n    server {\n\n      listen 80;\n    }\n  \
            b.conf: text\n  c.conf: |-\n    listen {{ .Port }};\n  d.conf: >\n    folded\n";
        let found = in_config_maps(yaml);
        let end = |text: &str| yaml.find(text).map(|at| at + text.len());
        assert_eq!([Some(found[0].text.len()), Some(found[1].text.len())], [end("    }\n"), end(".Port }};\n")]);
        let line = String::from_utf8_lossy(&found[0].text).lines().nth(8).map(str::to_owned);
        assert_eq!(line.as_deref(), Some("      listen 80;"));
        let all = told(found);
        let expected =
            [("a.conf", "server {\n\n      listen 80;\n    }", false), ("c.conf", "listen {{ .Port }};", true)];
        assert_eq!(all, expected.map(|(name, text, is_filled_in)| (name.into(), text.into(), is_filled_in)));
        let pool = "kind: ConfigMap\ndata:\n  www.conf: |\n    [www]\n    pm = static\n";
        let text = String::from_utf8_lossy(&in_config_maps(pool)[0].text).into_owned();
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        assert_eq!((lines, text.len()), (vec!["", "", "", "[www]", "pm = static"], pool.len()));
        assert!(in_config_maps("data:\n  a: |\n    server { }\n").is_empty());
    }

    #[test]
    fn so_many_texts_of_a_file_are_looked_into() {
        let count = |length: usize| {
            let key = |n: usize| format!("  {n}.conf: |\n    listen {n};\n  {n}.txt: |\n    none\n");
            let yaml = format!("kind: ConfigMap\ndata:\n{}", (0..length).map(key).collect::<String>());
            let write = |n: usize| format!("cat > {n}.conf <<EOF\nlisten {n};\nEOF\ncat > {n}.txt <<EOF\nEOF\n");
            let script = (0..length).map(write).collect::<String>();
            [inside_of("a.yaml", &yaml), inside_of("a.sh", &script)].map(|found| found.len())
        };
        assert_eq!(count(MAX_TEXTS), [MAX_TEXTS; 2]);
        assert_eq!([count(MAX_TEXTS + 1), count(MAX_TEXTS * 2)], [[MAX_TEXTS + 1; 2]; 2]);
    }

    #[test]
    fn texts_end_with_their_words() {
        let script = "cat > a.conf <<A\nx;\n\tA\n\nA\ncat > b.conf <<-A\ny;\n\t\tA  \ncat > c.conf <<A\nz;\n\tA\n";
        let all = told(in_scripts(script)).into_iter().map(|(name, text, _)| (name, text)).collect::<Vec<_>>();
        assert_eq!(all, [("a.conf", "x;\n\tA"), ("b.conf", "y;")].map(|(name, text)| (name.into(), text.into())));
    }

    #[test]
    fn scripts_write_files() {
        let script = "cat > /etc/a.conf <<'EOF'\nroot $x;\nEOF\ncat <<EOF >/b.conf\nroot /x;\nEOF\n  cat << \"E\" | sudo tee -a /c.conf\ny $z;\nE\n\
            COPY <<-EOF /d.conf\n\tlisten $p;\n\tEOF\n# cat <<EOF > /n.conf\necho 1 << 2\ntee /f.conf <<EOF >/dev/null\nz;\nEOF\nmysql <<EOF\nselect 1;\nEOF\ncat > /open.conf <<EOF\nx\n";
        let all = told(in_scripts(script));
        let expected = [
            ("/etc/a.conf", "root $x;", false),
            ("/b.conf", "root /x;", false),
            ("/c.conf", "y $z;", false),
            ("/d.conf", "\tlisten $p;", true),
            ("/f.conf", "z;", false),
        ];
        assert_eq!(all, expected.map(|(name, text, is_filled_in)| (name.into(), text.into(), is_filled_in)));
    }
}
