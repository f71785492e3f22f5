//! Keeps secrets out of reports: a finding shows the lines around it, and passwords stand there.

use std::borrow::Cow;
use std::ops::Range;

/// What names of secrets contain.
const SECRET: [&str; 7] = ["key", "token", "secret", "pass", "credential", "authorization", "dsn"];

/// The line with its secret covered by as many stars, so that nothing shifts.
pub(super) fn line(line: &[u8]) -> Cow<'_, [u8]> {
    let Some(range) = secret(line) else { return Cow::Borrowed(line) };
    let mut covered = line.to_vec();
    covered[range].fill(b'*');
    Cow::Owned(covered)
}

/// Where a line holds a secret: the value of `env[…]`, and values whose name speaks of one.
fn secret(line: &[u8]) -> Option<Range<usize>> {
    let start = line.len() - line.trim_ascii_start().len();
    let text = &line[start..];
    if let Some((name, value_at)) = ini_entry(text) {
        let named = text.starts_with(b"env[") || is_secret(name);
        return value(line, start + value_at).filter(|_| named);
    }
    let mut words = text.split(|byte| byte.is_ascii_whitespace()).filter(|word| !word.is_empty());
    let (directive, name) = (words.next()?, words.next()?);
    let takes_pair = directive.ends_with(b"_param") || directive.ends_with(b"_set_header") || directive == b"set";
    // The name is a part of the line, behind the directive.
    let behind = start + directive.len() + position(&text[directive.len()..], name)? + name.len();
    value(line, behind).filter(|_| takes_pair && is_secret(name))
}

/// Where one text first stands in another.
fn position(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window == part)
}

/// The index of `key[index] = value` and where the value begins.
fn ini_entry(text: &[u8]) -> Option<(&[u8], usize)> {
    let open = text.iter().position(|byte| *byte == b'[')?;
    let close = text.iter().position(|byte| *byte == b']').filter(|close| *close > open)?;
    let equals = close + text[close..].iter().position(|byte| *byte == b'=')?;
    let is_key = open > 0 && text[..open].iter().all(|byte| byte.is_ascii_alphanumeric() || b"._".contains(byte));
    is_key.then(|| (&text[open + 1..close], equals + 1))
}

fn is_secret(name: &[u8]) -> bool {
    let name = String::from_utf8_lossy(name).to_ascii_lowercase();
    SECRET.iter().any(|word| name.contains(word))
}

/// The text from an offset up to a `;` at the end of the line, blanks around it left out.
fn value(line: &[u8], from: usize) -> Option<Range<usize>> {
    let rest = line[from..].trim_ascii_end();
    let rest = rest.strip_suffix(b";").unwrap_or(rest);
    let start = from + (rest.len() - rest.trim_ascii_start().len());
    (start < from + rest.len()).then_some(start..from + rest.len())
}

#[cfg(test)]
mod tests {
    #[test]
    fn secrets_are_covered_and_nothing_shifts() {
        for (line, want) in [
            ("env[DB] = abc", "env[DB] = ***"),
            ("  php_admin_value[db.password] = \"x y\"", "  php_admin_value[db.password] = *****"),
            ("php_value[memory_limit] = 1G", "php_value[memory_limit] = 1G"),
            ("\tfastcgi_param API_KEY s3cr3t;", "\tfastcgi_param API_KEY ******;"),
            ("proxy_set_header Authorization \"Basic x\";", "proxy_set_header Authorization *********;"),
            ("set $api_token abc;", "set $api_token ***;"),
            ("fastcgi_param SCRIPT_FILENAME $document_root/a;", "fastcgi_param SCRIPT_FILENAME $document_root/a;"),
            ("fastcgi_cache_key $host;", "fastcgi_cache_key $host;"),
            ("env[", "env["),
            ("", ""),
        ] {
            assert_eq!(String::from_utf8_lossy(&super::line(line.as_bytes())), want);
        }
    }
}
