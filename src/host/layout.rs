//! Where packages put things: main files, pools, php.ini, units, prefixes and default users.
//!
//! One row per packaging. Sources: the packages of Debian 12, the files of the official images, and
//! the packaging repositories of the others.

use std::path::{Path, PathBuf};

use super::{Host, glob};
use crate::values::version::Version;

/// Where nginx's main file lies, the likeliest first.
pub const NGINX_MAINS: [&str; 6] = [
    "/etc/nginx/nginx.conf",
    "/usr/local/etc/nginx/nginx.conf",
    "/etc/openresty/nginx.conf",
    "/usr/local/openresty/nginx/conf/nginx.conf",
    "/usr/local/nginx/conf/nginx.conf",
    "/opt/nginx/conf/nginx.conf",
];

/// Where the programs lie.
const PROGRAMS: [&str; 9] = [
    "/usr/sbin/nginx",
    "/usr/bin/nginx",
    "/usr/local/sbin/nginx",
    "/usr/local/nginx/sbin/nginx",
    "/usr/local/openresty/nginx/sbin/nginx",
    "/opt/nginx/sbin/nginx",
    "/usr/sbin/php-fpm*",
    "/usr/bin/php-fpm*",
    "/usr/local/sbin/php-fpm*",
];

/// How one packaging lays PHP-FPM out. `*` stands for the version, as the packaging writes it.
struct FpmLayout {
    /// The main file.
    main: &'static str,
    /// The pools that the packaged main file includes.
    pools: &'static str,
    /// php.ini.
    ini: &'static str,
    /// The directory of further ini files.
    scan: &'static str,
    /// The systemd unit.
    unit: &'static str,
    /// The prefix compiled in, where relative paths begin.
    prefix: &'static str,
}

const FPM_LAYOUTS: [FpmLayout; 10] = [
    // Debian, Ubuntu, sury
    FpmLayout {
        main: "/etc/php/*/fpm/php-fpm.conf",
        pools: "/etc/php/*/fpm/pool.d/*.conf",
        ini: "/etc/php/*/fpm/php.ini",
        scan: "/etc/php/*/fpm/conf.d",
        unit: "php*-fpm.service",
        prefix: "/usr",
    },
    // Debian 8 and before
    FpmLayout {
        main: "/etc/php5/fpm/php-fpm.conf",
        pools: "/etc/php5/fpm/pool.d/*.conf",
        ini: "/etc/php5/fpm/php.ini",
        scan: "/etc/php5/fpm/conf.d",
        unit: "php5-fpm.service",
        prefix: "/usr",
    },
    // RHEL, Fedora
    FpmLayout {
        main: "/etc/php-fpm.conf",
        pools: "/etc/php-fpm.d/*.conf",
        ini: "/etc/php.ini",
        scan: "/etc/php.d",
        unit: "php-fpm.service",
        prefix: "/usr",
    },
    // Remi's software collections
    FpmLayout {
        main: "/etc/opt/remi/php*/php-fpm.conf",
        pools: "/etc/opt/remi/php*/php-fpm.d/*.conf",
        ini: "/etc/opt/remi/php*/php.ini",
        scan: "/etc/opt/remi/php*/php.d",
        unit: "php*-php-fpm.service",
        prefix: "/opt/remi/php*/root/usr",
    },
    // the official images; FreeBSD has the same places for the first two
    FpmLayout {
        main: "/usr/local/etc/php-fpm.conf",
        pools: "/usr/local/etc/php-fpm.d/*.conf",
        ini: "/usr/local/etc/php/php.ini",
        scan: "/usr/local/etc/php/conf.d",
        unit: "php-fpm.service",
        prefix: "/usr/local",
    },
    // Arch, Void
    FpmLayout {
        main: "/etc/php/php-fpm.conf",
        pools: "/etc/php/php-fpm.d/*.conf",
        ini: "/etc/php/php.ini",
        scan: "/etc/php/conf.d",
        unit: "php-fpm.service",
        prefix: "/usr",
    },
    // Alpine
    FpmLayout {
        main: "/etc/php*/php-fpm.conf",
        pools: "/etc/php*/php-fpm.d/*.conf",
        ini: "/etc/php*/php.ini",
        scan: "/etc/php*/conf.d",
        unit: "php-fpm*.service",
        prefix: "/usr",
    },
    // Plesk
    FpmLayout {
        main: "/opt/plesk/php/*/etc/php-fpm.conf",
        pools: "/opt/plesk/php/*/etc/php-fpm.d/*.conf",
        ini: "/opt/plesk/php/*/etc/php.ini",
        scan: "/opt/plesk/php/*/etc/php.d",
        unit: "plesk-php*-fpm.service",
        prefix: "/opt/plesk/php/*",
    },
    // cPanel
    FpmLayout {
        main: "/opt/cpanel/ea-php*/root/etc/php-fpm.conf",
        pools: "/opt/cpanel/ea-php*/root/etc/php-fpm.d/*.conf",
        ini: "/opt/cpanel/ea-php*/root/etc/php.ini",
        scan: "/opt/cpanel/ea-php*/root/etc/php.d",
        unit: "ea-php*-php-fpm.service",
        prefix: "/opt/cpanel/ea-php*/root/usr",
    },
    // built by hand
    FpmLayout {
        main: "/usr/local/php*/etc/php-fpm.conf",
        pools: "/usr/local/php*/etc/php-fpm.d/*.conf",
        ini: "/usr/local/php*/etc/php.ini",
        scan: "/usr/local/php*/etc/conf.d",
        unit: "php-fpm.service",
        prefix: "/usr/local/php*",
    },
];

/// An FPM master that a host may run, by the places of its packaging.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasterLayout {
    /// The main file.
    pub main: PathBuf,
    /// Pool files to take when the main file itself is not in the tree.
    pub pools: String,
    /// php.ini.
    pub ini: PathBuf,
    /// The directory of further ini files.
    pub scan: PathBuf,
    /// The systemd unit that starts it.
    pub unit: String,
    /// The version in its paths, such as `8.2` or `82`; empty where the packaging has one version.
    pub version: String,
    /// Where relative paths begin.
    pub prefix: PathBuf,
}

impl MasterLayout {
    fn new(row: &FpmLayout, version: &str) -> Self {
        let place = |pattern: &str| pattern.replacen('*', version, 1);
        MasterLayout {
            main: place(row.main).into(),
            pools: if row.main.contains('*') { place(row.pools) } else { row.pools.to_owned() },
            ini: place(row.ini).into(),
            scan: place(row.scan).into(),
            unit: place(row.unit),
            version: version.to_owned(),
            prefix: place(row.prefix).into(),
        }
    }

    /// The layout of a main file wherever it lies.
    pub fn of(main: &Path) -> Self {
        let known = FPM_LAYOUTS.iter().find_map(|row| Some((row, version_in(row.main, main)?)));
        known.map_or_else(
            || {
                let directory = main.parent().unwrap_or(Path::new("/"));
                MasterLayout {
                    main: main.to_owned(),
                    pools: directory.join("php-fpm.d/*.conf").to_string_lossy().into_owned(),
                    ini: directory.join("php.ini"),
                    scan: directory.join("conf.d"),
                    unit: "php-fpm.service".into(),
                    version: String::new(),
                    prefix: "/usr".into(),
                }
            },
            |(row, version)| MasterLayout::new(row, &version),
        )
    }
}

impl MasterLayout {
    /// The version as people write it: `8.2` where the paths say `82`.
    pub fn shown_version(&self) -> String {
        match Version::of_package(&self.version) {
            Some(version) if self.version.len() == 2 => version.to_string(),
            _ => self.version.clone(),
        }
    }

    /// Where the pool `www` of the package listens, as its `listen` says.
    pub fn packaged_listen(&self) -> String {
        let main = self.main.to_string_lossy();
        match main.as_ref() {
            "/etc/php5/fpm/php-fpm.conf" => "/run/php5-fpm.sock".into(),
            _ if main.starts_with("/etc/php/") && !self.version.is_empty() => {
                format!("/run/php/php{}-fpm.sock", self.version)
            }
            "/etc/php-fpm.conf" => "/run/php-fpm/www.sock".into(),
            "/etc/php/php-fpm.conf" => "/run/php-fpm/php-fpm.sock".into(),
            _ => "127.0.0.1:9000".into(),
        }
    }

    /// Whether this is the packaging of a distribution or a panel for servers, whose unit starts it as
    /// root. What images are made of is often started as another user.
    pub fn is_of_servers(&self) -> bool {
        let main = self.main.to_string_lossy();
        let places = ["/etc/php/", "/etc/php5/", "/etc/php-fpm.conf", "/etc/opt/remi/", "/opt/plesk/", "/opt/cpanel/"];
        places.iter().any(|place| main.starts_with(place)) && main != "/etc/php/php-fpm.conf"
    }
}

impl MasterLayout {
    /// Whether only Linux has this packaging.
    pub fn is_of_linux(&self) -> bool {
        ["/etc", "/opt"].iter().any(|place| self.main.starts_with(place))
    }
}

/// The FPM masters whose main file or pools lie in a host's usual places, in the order of the table.
pub fn masters(host: &dyn Host) -> Vec<MasterLayout> {
    let mut found: Vec<MasterLayout> = Vec::new();
    for row in &FPM_LAYOUTS {
        let mains = glob::expand(host, row.main).into_iter().filter(|main| host.entry(main).is_ok());
        let by_main = mains.filter_map(|main| version_in(row.main, &main));
        // A tree that holds pools without the packaged main file is what people keep in repositories.
        let pools = glob::expand(host, row.pools).into_iter().filter_map(|pool| version_in(row.pools, &pool));
        for version in by_main.chain(pools) {
            let layout = MasterLayout::new(row, &version);
            if found.iter().all(|known| known.main != layout.main) {
                found.push(layout);
            }
        }
    }
    found
}

/// Whether one of the two programs is installed on a host.
pub fn has_programs(host: &dyn Host) -> bool {
    PROGRAMS.iter().any(|program| glob::expand(host, program).iter().any(|path| host.entry(path).is_ok()))
}

/// Whether a path belongs to the configuration that a host's programs have in the usual places: one of its files, or
/// a directory of them.
pub fn is_configuration(host: &dyn Host, path: &Path) -> bool {
    // Directories of everything, which hold the main files of some packagings.
    const SHARED: [&str; 2] = ["/etc", "/usr/local/etc"];
    let lies_beside = |main: &Path| {
        let directory = main.parent().unwrap_or(main);
        let is_shared = SHARED.iter().any(|shared| directory == Path::new(shared));
        let is_around = main.starts_with(path) && SHARED.iter().any(|shared| path.starts_with(shared));
        path == main || is_around || !is_shared && path.starts_with(directory)
    };
    let of_fpm = |layout: &MasterLayout| {
        let pools = Path::new(&layout.pools).parent().is_some_and(|directory| path.starts_with(directory));
        pools || lies_beside(&layout.main) || path == layout.ini || path.starts_with(&layout.scan)
    };
    let mains = NGINX_MAINS.iter().map(Path::new).filter(|main| host.entry(main).is_ok());
    mains.into_iter().any(lies_beside) || masters(host).iter().any(of_fpm)
}

/// What the first `*` of a pattern stands for in a path; empty for a pattern without one.
fn version_in(pattern: &str, path: &Path) -> Option<String> {
    if !glob::matches_path(pattern, path) {
        return None;
    }
    let path = path.to_string_lossy();
    let at = pattern.split('/').position(|component| component.contains('*'));
    let Some(at) = at.filter(|_| !pattern.ends_with("/*.conf") || pattern.matches('*').count() > 1) else {
        return Some(String::new());
    };
    let (component, pattern) = (path.split('/').nth(at)?, pattern.split('/').nth(at)?);
    let (before, behind) = pattern.split_once('*')?;
    Some(component.strip_prefix(before)?.strip_suffix(behind)?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::memory::Memory;

    #[test]
    fn configuration_lies_in_the_usual_places() {
        let mut host = Memory::default();
        for main in ["/etc/nginx/nginx.conf", "/etc/php/8.2/fpm/php-fpm.conf", "/etc/php-fpm.conf"] {
            host.add(main, "");
        }
        let is = |path: &str| is_configuration(&host, Path::new(path));
        for path in
            ["/etc/nginx/sites-enabled/a", "/etc/php/8.2", "/etc/php/8.2/fpm/pool.d/a.conf", "/etc", "/etc/php-fpm.d/a"]
        {
            assert!(is(path), "{path}");
        }
        for path in
            ["/", "/usr", "/etc/haproxy/a.cfg", "/etc/php/8.1/fpm/php-fpm.conf", "/srv/nginx.conf", "/opt/nginx/conf/a"]
        {
            assert!(!is(path), "{path}");
        }
    }

    #[test]
    fn masters_are_found_by_main_file_or_pools() {
        let mut host = Memory::default();
        host.add("/etc/php/8.2/fpm/php-fpm.conf", "");
        host.add("/etc/php/8.2/fpm/pool.d/www.conf", "");
        host.add("/etc/php/7.4/fpm/pool.d/www.conf", "");
        host.add("/etc/php-fpm.d/www.conf", "");
        host.add("/etc/php82/php-fpm.conf", "");
        let found = masters(&host);
        let units: Vec<_> = found.iter().map(|layout| layout.unit.as_str()).collect();
        assert_eq!(units, ["php8.2-fpm.service", "php7.4-fpm.service", "php-fpm.service", "php-fpm82.service"]);
        assert_eq!(found[0].pools, "/etc/php/8.2/fpm/pool.d/*.conf");
        assert_eq!(found[2].pools, "/etc/php-fpm.d/*.conf");
        assert_eq!((found[0].version.as_str(), found[2].version.as_str()), ("8.2", ""));
    }

    #[test]
    fn any_main_file_has_a_layout() {
        assert_eq!(MasterLayout::of(Path::new("/etc/php/8.1/fpm/php-fpm.conf")).unit, "php8.1-fpm.service");
        assert_eq!(MasterLayout::of(Path::new("/usr/local/etc/php-fpm.conf")).prefix, Path::new("/usr/local"));
        assert_eq!(MasterLayout::of(Path::new("/srv/fpm.conf")).ini, Path::new("/srv/php.ini"));
    }
}
