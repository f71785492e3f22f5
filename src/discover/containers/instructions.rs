//! The instructions of a Dockerfile, and the words in them.

/// A path of so many bytes names nothing: Linux counts the zero at its end, too (PATH_MAX).
pub(super) const MAX_PATH: usize = 4096;

/// So many lines of one instruction are looked through for a variable.
const MAX_LINES: usize = 100;

/// The instructions with the numbers of their first lines, continued lines put together.
pub(super) fn lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut continues = false;
    let numbered = text.lines().enumerate().map(|(at, line)| (at + 1, line.trim()));
    for (number, line) in numbered.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let part = line.trim_end_matches('\\');
        match lines.last_mut() {
            Some((_, last)) if continues => {
                last.push(' ');
                last.push_str(part);
            }
            _ => lines.push((number, part.to_owned())),
        }
        continues = part.len() < line.len();
    }
    lines
}

/// What `ENV` and `ARG` assign: `NAME=VALUE …`, `NAME`, and `NAME VALUE` as older files have it.
pub(super) fn assigned(rest: &str) -> Vec<(String, Option<String>)> {
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_');
    let first = rest.split(char::is_whitespace).next().unwrap_or_default();
    let old = rest[first.len()..].trim();
    if !first.contains('=') && !old.is_empty() {
        return vec![(first.to_owned(), Some(old.to_owned()))].into_iter().filter(|(name, _)| is_name(name)).collect();
    }
    let (mut words, mut word, mut quote) = (Vec::new(), String::new(), None);
    let mut chars = rest.chars();
    while let Some(char) = chars.next() {
        match (char, quote) {
            ('\\', None | Some('"')) => word.extend(chars.next()),
            (char, Some(open)) if char == open => quote = None,
            ('"' | '\'', None) => quote = Some(char),
            (char, None) if char.is_whitespace() => words.push(std::mem::take(&mut word)),
            (char, _) => word.push(char),
        }
    }
    words.push(word);
    let split = |word: String| match word.split_once('=') {
        Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
        None => (word, None),
    };
    words.into_iter().map(split).filter(|(name, _)| is_name(name)).collect()
}

/// A value, if nothing in it is left to be filled in.
pub(super) fn known(value: String) -> Option<String> {
    Some(value).filter(|value| !value.contains('$'))
}

/// The line of a variable in an instruction that begins at a line.
pub(super) fn line_of(lines: &[&str], first: usize, name: &str) -> usize {
    let names = |line: &&str| line.split([' ', '\t']).any(|word| word.split('=').next() == Some(name));
    first + lines.iter().skip(first - 1).take(MAX_LINES).position(names).unwrap_or(0)
}

/// The program that an instruction names as a list; a shell starts what it names otherwise.
pub(super) fn program(rest: &str) -> &str {
    let inside = rest.strip_prefix('[').unwrap_or_default();
    inside.split([',', ']']).next().unwrap_or_default().trim().trim_matches('"')
}

/// What `COPY` takes out of the context; nothing when it takes from another image or from the Dockerfile itself.
pub(super) fn copy(rest: &str, directory: Option<&str>) -> Option<(Vec<String>, String)> {
    let mut rest = rest;
    while let Some(option) = rest.split_whitespace().next().filter(|word| word.starts_with("--")) {
        if option.starts_with("--from") {
            return None;
        }
        rest = rest[option.len()..].trim_start();
    }
    let words: Vec<String> = match rest.strip_prefix('[').and_then(|list| list.strip_suffix(']')) {
        Some(list) => list.split(',').map(|word| word.trim().trim_matches('"').to_owned()).collect(),
        None => rest.split_whitespace().map(|word| word.trim_matches(['"', '\'']).to_owned()).collect(),
    };
    let is_plain = |word: &String| !word.contains('$') && !word.starts_with("<<") && !word.contains("://");
    let (to, from) = words.split_last().filter(|(_, from)| !from.is_empty() && words.iter().all(is_plain))?;
    Some((from.to_vec(), below(directory, to)?))
}

/// A path below a directory; none where it is too long, as the directory may be.
pub(super) fn below(directory: Option<&str>, path: &str) -> Option<String> {
    let path = match path.starts_with('/') {
        true => path.to_owned(),
        false => format!("{}/{}", directory?.trim_end_matches('/'), path.trim_start_matches("./")),
    };
    (path.len() < MAX_PATH).then_some(path)
}
