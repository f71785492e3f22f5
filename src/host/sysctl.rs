//! Kernel settings that a tree holds for the next boot: `sysctl.conf` and the directories beside it.
//!
//! Source: sysctl.d(5). Files are read in the order of their names over all directories, of two with one name the one in
//! the stronger directory alone; `/etc/sysctl.conf` comes last.

use std::collections::BTreeMap;

use super::{Host, layered};

/// Where the files lie, the strongest directory first.
const DIRECTORIES: [&str; 4] = ["/etc/sysctl.d", "/run/sysctl.d", "/usr/local/lib/sysctl.d", "/usr/lib/sysctl.d"];

/// The numbers that are set, by the last part of the setting's name.
pub fn read(host: &dyn Host) -> BTreeMap<String, toml::Value> {
    let files = layered(host, &DIRECTORIES).into_values();
    let files = files.filter(|path| path.extension().is_some_and(|ending| ending == "conf"));
    let mut found = BTreeMap::new();
    for path in files.chain(["/etc/sysctl.conf".into()]) {
        let Ok(text) = host.read(&path) else { continue };
        for line in String::from_utf8_lossy(&text).lines() {
            let line = line.trim().trim_start_matches('-');
            let Some((name, value)) = line.split_once('=').filter(|_| !line.starts_with(['#', ';'])) else { continue };
            let last = name.trim().rsplit(['.', '/']).next().unwrap_or_default();
            if let Ok(value) = value.trim().parse() {
                found.insert(last.to_owned(), toml::Value::Integer(value));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::memory::Memory;

    #[test]
    fn stronger_files_win() {
        let mut host = Memory::default();
        host.add("/etc/sysctl.conf", "# net.core.somaxconn = 1\n;x=2\n");
        host.add("/etc/sysctl.d/10-a.conf", "net.core.somaxconn = 128\nkernel.x = y\n");
        host.add("/etc/sysctl.d/99-z.conf", "-net/core/somaxconn=1024\n");
        host.add("/usr/lib/sysctl.d/99-z.conf", "net.core.somaxconn=4\n");
        assert_eq!(read(&host).into_iter().collect::<Vec<_>>(), [("somaxconn".to_owned(), toml::Value::Integer(1024))]);
    }
}
