//! What `nginx -V` prints: the version, and how the program was built.

use super::facts::{Build, FactsFile, Versions};

/// The facts in a text; none when it is something else.
pub fn read(text: &[u8]) -> Option<FactsFile> {
    let text = String::from_utf8_lossy(text);
    let value = |begin: &str| text.lines().find_map(|line| line.strip_prefix(begin)).map(str::trim);
    // `nginx/1.22.1 (Ubuntu)`, `openresty/1.21.4.1`
    let version = value("nginx version: ")?.split_once('/')?.1.split_whitespace().next()?;
    let mut build = Build::default();
    for word in words(value("configure arguments:").unwrap_or_default()) {
        let (name, value) = word.split_once('=').unwrap_or((&word, ""));
        match name {
            "--user" => build.user = Some(value.to_owned()),
            "--group" => build.group = Some(value.to_owned()),
            "--prefix" => build.prefix = Some(value.into()),
            "--add-module" => build.modules.extend(value.rsplit('/').next().map(str::to_owned)),
            _ => {
                let module = name.strip_prefix("--with-").filter(|name| !name.ends_with("-opt") && value.is_empty());
                build.modules.extend(module.map(|name| name.trim_end_matches("_module").to_owned()));
            }
        }
    }
    // configure takes the group of the user's name when only a user is given.
    build.group = build.group.or_else(|| build.user.clone());
    let versions = Versions { nginx: Some(version.to_owned()), php: None };
    Some(FactsFile { versions: Some(versions), nginx: Some(build), ..FactsFile::default() })
}

/// Words as a shell cuts them, with quotes and without escapes.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quote) = (String::new(), None);
    for char in line.chars() {
        match (char, quote) {
            (char, Some(open)) if char == open => quote = None,
            ('\'' | '"', None) => quote = Some(char),
            (' ', None) => words.push(std::mem::take(&mut word)),
            _ => word.push(char),
        }
    }
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::path::Path;

    #[test]
    fn version_and_arguments_are_facts() {
        let text = "nginx version: nginx/1.22.1 (Debian)\nbuilt with OpenSSL 3.0.11\nTLS SNI support enabled\n\
            configure arguments: --with-cc-opt='-g -O2 --user=x' --prefix=/usr/share/nginx --user=nginx \
            --with-http_v2_module --with-stream --with-http_geoip_module=dynamic --add-module=/b/ngx_cache_purge\n";
        let facts = read(text.as_bytes()).unwrap();
        let build = facts.nginx.unwrap();
        assert_eq!(facts.versions.unwrap().nginx.as_deref(), Some("1.22.1"));
        assert_eq!((build.user.as_deref(), build.group.as_deref()), (Some("nginx"), Some("nginx")));
        assert_eq!(build.prefix.as_deref(), Some(Path::new("/usr/share/nginx")));
        assert_eq!(build.modules, ["http_v2", "stream", "ngx_cache_purge"]);
        assert!(read(b"nginx is a web server\n").is_none());
    }
}
