//! Directories that are made at boot: `/run` is empty then.
//!
//! Source: tmpfiles.d(5).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{Host, layered, normalize};

/// Where the files lie, the strongest directory first.
const DIRECTORIES: [&str; 3] = ["/etc/tmpfiles.d", "/run/tmpfiles.d", "/usr/lib/tmpfiles.d"];

/// The directories that `tmpfiles.d` makes.
#[derive(Clone, Debug, Default)]
pub struct Tmpfiles {
    /// The directories.
    pub made: BTreeSet<PathBuf>,
    /// Whether those of the packages are in view, so that a directory which is not named is not made.
    pub known: bool,
}

impl Tmpfiles {
    /// Reads the files of a host.
    pub fn read(host: &dyn Host) -> Self {
        let known = |directory: &&str| directory.starts_with("/usr") && !host.list(Path::new(directory)).is_empty();
        let mut found = Tmpfiles { known: DIRECTORIES.iter().any(known), ..Tmpfiles::default() };
        for path in layered(host, &DIRECTORIES).into_values() {
            let Ok(text) = host.read(&path) else { continue };
            for line in String::from_utf8_lossy(&text).lines() {
                let mut words = line.split_whitespace();
                let kind = words.next().and_then(|kind| kind.chars().next());
                // What is made inside of a directory needs the directory, so it is made as well.
                if let (Some('d' | 'D' | 'v' | 'q' | 'Q' | 'f' | 'L'), Some(path)) = (kind, words.next()) {
                    let path = match path.strip_prefix("/var/run") {
                        Some(rest) => format!("/run{rest}"),
                        None => path.to_owned(),
                    };
                    let path = normalize(Path::new(&path));
                    found.made.extend(path.ancestors().map(Path::to_owned));
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::memory::Memory;

    #[test]
    fn directories_are_read() {
        let mut host = Memory::default();
        host.add("/usr/lib/tmpfiles.d/php.conf", "# x\nd /var/run/php 0755 www-data www-data - -\nx /run/other\n");
        let found = Tmpfiles::read(&host);
        assert!(found.known && found.made.contains(Path::new("/run/php")));
        assert!(!found.made.contains(Path::new("/run/other")));
    }
}
