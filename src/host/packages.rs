//! Versions of installed packages, from the databases of dpkg and apk.

use std::path::Path;

use super::Host;
use super::facts::Versions;

/// The packages that bring nginx's program.
const NGINX: [&str; 6] = ["nginx", "nginx-core", "nginx-light", "nginx-full", "nginx-extras", "nginx-mainline"];

/// The versions that a tree's package databases show. PHP's are not asked for: several may be installed side by side,
/// and the paths of their files tell them apart.
pub fn versions(host: &dyn Host) -> Versions {
    let databases = [("/var/lib/dpkg/status", "Package: ", "Version: "), ("/lib/apk/db/installed", "P:", "V:")];
    let nginx = databases.iter().find_map(|(path, name, version)| {
        let bytes = host.read(Path::new(path)).ok()?;
        let text = String::from_utf8_lossy(&bytes);
        let mut blocks = text.split("\n\n").filter(|block| {
            let name = block.lines().find_map(|line| line.strip_prefix(name));
            name.is_some_and(|name| NGINX.contains(&name)) && !block.contains("\nStatus: deinstall")
        });
        blocks.find_map(|block| block.lines().find_map(|line| line.strip_prefix(version)).map(str::to_owned))
    });
    Versions { nginx, php: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::memory::Memory;

    #[test]
    fn databases_of_dpkg_and_apk() {
        let version = |path: &str, text: &str| {
            let mut host = Memory::default();
            host.add(path, text);
            versions(&host).nginx
        };
        let dpkg =
            "Package: nginx-common\nVersion: 9\n\nPackage: nginx\nStatus: install ok installed\nVersion: 1.22.1-9\n";
        assert_eq!(version("/var/lib/dpkg/status", dpkg).as_deref(), Some("1.22.1-9"));
        let removed = "Package: nginx\nStatus: deinstall ok config-files\nVersion: 1.22.1-9\n";
        assert_eq!(version("/var/lib/dpkg/status", removed), None);
        assert_eq!(version("/lib/apk/db/installed", "C:x\nP:nginx\nV:1.26.2-r0\n").as_deref(), Some("1.26.2-r0"));
    }
}
