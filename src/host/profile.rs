//! What packages and official images bring without a word in the configuration: how nginx was built,
//! and the files of an image that a tree is laid over.
//!
//! Debian's values are what `nginx -V` prints on Debian 12. The others are what the packages and images
//! are known for; nobody has run those here.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::Deserialize;

use super::Host;
use super::facts::Build;
use super::overlay::Added;

/// How the names of texts begin that an image brings.
pub const IMAGE: &str = "image:";

/// A packaging of nginx and PHP-FPM.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Debian and Ubuntu.
    Debian,
    /// Red Hat Enterprise Linux and its kin, Fedora.
    Rhel,
    /// Alpine Linux.
    Alpine,
    /// The official image `php:…-fpm`.
    DockerPhp,
    /// The official image `nginx`.
    DockerNginx,
    /// FreeBSD.
    Freebsd,
}

/// The files of the image `nginx` that decide.
const NGINX_FILES: [(&str, &str); 1] = [(
    "/etc/nginx/nginx.conf",
    "user  nginx;\nworker_processes  auto;\npid  /run/nginx.pid;\nevents {\n    worker_connections  1024;\n}\n\
     http {\n    default_type  application/octet-stream;\n    sendfile  on;\n    keepalive_timeout  65;\n    \
     include /etc/nginx/conf.d/*.conf;\n}\n",
)];

/// The files of the images `php:…-fpm` that decide, without their comments.
const PHP_FILES: [(&str, &str); 4] = [
    ("/usr/local/etc/php-fpm.conf", "[global]\ninclude=etc/php-fpm.d/*.conf\n"),
    (
        "/usr/local/etc/php-fpm.d/www.conf",
        "[www]\nuser = www-data\ngroup = www-data\nlisten = 127.0.0.1:9000\npm = dynamic\npm.max_children = 5\n\
         pm.start_servers = 2\npm.min_spare_servers = 1\npm.max_spare_servers = 3\n",
    ),
    (
        "/usr/local/etc/php-fpm.d/docker.conf",
        "[global]\nerror_log = /proc/self/fd/2\nlog_limit = 8192\n[www]\naccess.log = /proc/self/fd/2\n\
         clear_env = no\ncatch_workers_output = yes\ndecorate_workers_output = no\n",
    ),
    ("/usr/local/etc/php-fpm.d/zz-docker.conf", "[global]\ndaemonize = no\n\n[www]\nlisten = 9000\n"),
];

/// Traces of a packaging in a tree, the most telling first.
const TRACES: [(&str, Profile); 13] = [
    ("/usr/local/etc/nginx/nginx.conf", Profile::Freebsd),
    ("/etc/alpine-release", Profile::Alpine),
    ("/etc/debian_version", Profile::Debian),
    ("/etc/redhat-release", Profile::Rhel),
    ("/usr/local/etc/php-fpm.d", Profile::DockerPhp),
    ("/etc/nginx/http.d", Profile::Alpine),
    ("/etc/php-fpm.d", Profile::Rhel),
    ("/etc/php.ini", Profile::Rhel),
    ("/etc/php.d", Profile::Rhel),
    ("/etc/nginx/sites-available", Profile::Debian),
    ("/etc/nginx/sites-enabled", Profile::Debian),
    ("/etc/nginx/modules-enabled", Profile::Debian),
    ("/etc/php", Profile::Debian),
];

impl Profile {
    /// All of them.
    pub const ALL: [Profile; 6] =
        [Profile::Debian, Profile::Rhel, Profile::Alpine, Profile::DockerPhp, Profile::DockerNginx, Profile::Freebsd];

    /// The word on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Profile::Debian => "debian",
            Profile::Rhel => "rhel",
            Profile::Alpine => "alpine",
            Profile::DockerPhp => "docker-php",
            Profile::DockerNginx => "docker-nginx",
            Profile::Freebsd => "freebsd",
        }
    }

    /// The packaging that a tree shows, and the path that shows it.
    pub fn detect(host: &dyn Host) -> Option<(Self, &'static str)> {
        let found = TRACES.iter().find(|(path, _)| host.entry(Path::new(path)).is_ok());
        found.map(|(path, profile)| (*profile, *path))
    }

    /// How its nginx was built.
    pub fn build(self) -> Build {
        let (user, group, prefix) = match self {
            Profile::Debian => ("nobody", "nogroup", "/usr/share/nginx"),
            Profile::Rhel => ("nginx", "nginx", "/usr/share/nginx"),
            Profile::Alpine => ("nginx", "nginx", "/var/lib/nginx"),
            Profile::DockerNginx => ("nginx", "nginx", "/etc/nginx"),
            Profile::Freebsd => ("www", "www", "/usr/local/etc/nginx"),
            // Which nginx stands before it, the image does not say.
            Profile::DockerPhp => return Build::default(),
        };
        Build {
            user: Some(user.into()),
            group: Some(group.into()),
            prefix: Some(PathBuf::from(prefix)),
            modules: Vec::new(),
        }
    }

    /// The files of its image, which count where a tree has no file of that name.
    pub fn files(self) -> Vec<Added> {
        let (image, files): (&str, &[(&str, &str)]) = match self {
            Profile::DockerNginx => ("nginx", &NGINX_FILES),
            Profile::DockerPhp => ("php", &PHP_FILES),
            _ => return Vec::new(),
        };
        let added = |(path, text): &(&str, &str)| Added {
            path: path.into(),
            shown: format!("{IMAGE}{image}{path}"),
            text: (*text).into(),
        };
        files.iter().map(added).collect()
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Profile {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Profile::ALL.into_iter().find(|profile| profile.as_str() == word).ok_or_else(|| {
            let known = Profile::ALL.map(Profile::as_str).join(", ");
            format!("no such profile; there are {known}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::memory::Memory;

    #[test]
    fn trees_show_their_packaging() {
        for (path, want) in [
            ("/usr/local/etc/nginx/nginx.conf", Some(Profile::Freebsd)),
            ("/usr/local/etc/php-fpm.d/www.conf", Some(Profile::DockerPhp)),
            ("/etc/nginx/sites-enabled/a", Some(Profile::Debian)),
            ("/etc/php/8.2/fpm/pool.d/www.conf", Some(Profile::Debian)),
            ("/etc/php-fpm.d/www.conf", Some(Profile::Rhel)),
            ("/etc/nginx/http.d/a.conf", Some(Profile::Alpine)),
            ("/etc/nginx/nginx.conf", None),
        ] {
            let mut host = Memory::default();
            host.add(path, "");
            assert_eq!(Profile::detect(&host).map(|(profile, _)| profile), want, "{path}");
        }
        assert!(Profile::ALL.iter().all(|profile| profile.as_str().parse() == Ok(*profile)));
    }
}
