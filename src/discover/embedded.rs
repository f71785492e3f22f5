//! Configuration that stands inside of other files: in ConfigMaps of Kubernetes, and behind `<<EOF` in Dockerfiles and
//! scripts of a shell.
//!
//! What stands there word for word is taken out with everything around it blanked, so that each line and column is
//! still that of the file. What a shell or a template engine fills in is left to them.

use std::ops::Range;
use std::path::{Path, PathBuf};

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::walk::{is_dockerfile, may_be_configuration};
use crate::host::overlay::Added;

/// A text inside of a file.
pub(super) struct Embedded {
    /// What it is called: the key of a ConfigMap, the file that a script writes.
    pub name: String,
    /// As long as the file, with blanks for what does not belong to it.
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

/// What stands inside of a file under a name in lower case and may be configuration.
pub(super) fn inside_of(name: &str, text: &str) -> Vec<Embedded> {
    let mut all = match name {
        name if is_yaml(name) => in_config_maps(text),
        name if may_hold_some(name) => in_scripts(text),
        _ => Vec::new(),
    };
    all.retain(|one| may_be_configuration(Path::new(&one.name), &one.name.to_ascii_lowercase()));
    all
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
        // What comes before the mistake is what it is.
        let Ok((event, span)) = event else { break };
        let Event::Scalar(value, style, ..) = event else {
            key = None;
            continue;
        };
        let name = key.replace(value.to_string()).filter(|_| style == ScalarStyle::Literal);
        let Some(name) = name else { continue };
        key = None;
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
    let mut found = Vec::new();
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        at += 1;
        let Some((before, behind)) = line.split_once("<<").filter(|_| !line.trim_start().starts_with('#')) else {
            continue;
        };
        let (tabs, behind) = behind.strip_prefix('-').map_or((false, behind), |rest| (true, rest));
        let word = behind.trim_start().split(char::is_whitespace).next().unwrap_or_default();
        let end = word.trim_matches(['"', '\'', '\\']);
        let is_word = !end.is_empty() && end.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        let is_end = |line: &&str| {
            let line = line.trim_end();
            (if tabs { line.trim_start_matches('\t') } else { line }) == end
        };
        let Some(length) = lines[at..].iter().position(is_end).filter(|_| is_word) else { continue };
        let inside = at..at + length;
        at += length + 1;
        let Some(name) = written(before, &behind[behind.find(word).unwrap_or(0) + word.len()..]) else { continue };
        let content = &lines[inside.clone()];
        let is_quoted = end.len() < word.len();
        let is_filled_in = !is_quoted && content.iter().any(|line| line.contains(['$', '`', '\\']));
        found.push(Embedded { name, text: only(&lines, inside), is_filled_in });
    }
    found
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

/// A file with blanks for all but some of its lines.
fn only(lines: &[&str], kept: Range<usize>) -> Vec<u8> {
    let mut text = Vec::new();
    for (at, line) in lines.iter().enumerate() {
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
            b: text\n  c.conf: |-\n    listen {{ .Port }};\n  d: >\n    folded\n";
        let found = in_config_maps(yaml);
        assert!(found.iter().all(|one| one.text.len() == yaml.len()));
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
    fn scripts_write_files() {
        let script = "cat > /etc/a.conf <<'EOF'\nroot $x;\nEOF\ncat <<EOF >/b\nroot /x;\nEOF\n  cat << \"E\" | sudo tee -a /c\ny $z;\nE\n\
            COPY <<-EOF /d\n\tlisten $p;\n\tEOF\n# cat <<EOF > /n\necho 1 << 2\ntee /f <<EOF >/dev/null\nz;\nEOF\nmysql <<EOF\nselect 1;\nEOF\ncat > /open <<EOF\nx\n";
        let all = told(in_scripts(script));
        let expected = [
            ("/etc/a.conf", "root $x;", false),
            ("/b", "root /x;", false),
            ("/c", "y $z;", false),
            ("/d", "\tlisten $p;", true),
            ("/f", "z;", false),
        ];
        assert_eq!(all, expected.map(|(name, text, is_filled_in)| (name.into(), text.into(), is_filled_in)));
    }
}
