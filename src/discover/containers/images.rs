//! What the images are known for that containers begin with.

use super::container::Container;
use crate::host::facts::{FactsFile, GroupFact, UserFact, Versions};
use crate::host::profile::Profile;
use crate::values::version::Version;

/// Official images that are made from `php`; with a tag `fpm` they run PHP-FPM as that does.
const PHP_IMAGES: [&str; 12] = [
    "php",
    "backdrop",
    "drupal",
    "friendica",
    "joomla",
    "matomo",
    "mediawiki",
    "monica",
    "nextcloud",
    "phpmyadmin",
    "wordpress",
    "yourls",
];

/// Images that hold a distribution and nothing else.
const DISTRIBUTIONS: [&str; 8] =
    ["alpine", "debian", "ubuntu", "fedora", "rockylinux", "almalinux", "centos", "archlinux"];

impl Container {
    /// The image without its registry: `php` of `docker.io/library/php:8.2-fpm`, and the tag.
    pub fn image(&self) -> (&str, &str) {
        let base = self.base.trim_start_matches("docker.io/").trim_start_matches("library/");
        base.split('@').next().unwrap_or_default().split_once(':').unwrap_or((base, ""))
    }

    /// Whether it is an official one that runs PHP-FPM.
    pub fn is_php(&self) -> bool {
        PHP_IMAGES.contains(&self.image().0) && self.image().1.contains("fpm")
    }

    /// Whether it is one of the official ones of nginx.
    pub fn is_nginx(&self) -> bool {
        matches!(self.image().0, "nginx" | "nginxinc/nginx-unprivileged")
    }

    /// Whether its image holds a distribution and nothing else.
    pub fn is_distribution(&self) -> bool {
        DISTRIBUTIONS.contains(&self.image().0)
    }

    /// Whether its image brings no scripts: the one of PHP alone, with nothing that is copied from elsewhere.
    pub fn is_bare(&self) -> bool {
        self.image().0 == "php" && !self.has_foreign_files
    }

    /// The account that the images of nginx make, as far as nothing changes it.
    pub fn accounts(&self) -> FactsFile {
        let mut facts = FactsFile::default();
        if self.is_nginx() && !self.has_own_accounts {
            let name = || "nginx".to_owned();
            let user = UserFact { uid: Some(101), group: Some(name()), groups: Some([name()].into()) };
            facts.users.insert(name(), user);
            facts.groups.insert(name(), GroupFact { gid: Some(101), ..GroupFact::default() });
        }
        facts
    }

    /// The versions that the tag of its image names.
    pub fn versions(&self, profile: Option<Profile>) -> Versions {
        let (image, tag) = self.image();
        let version = |text: &str| Version::parse(text).map(|_| text.to_owned());
        match profile {
            Some(Profile::DockerNginx) => Versions { nginx: version(tag), php: None },
            Some(_) if image == "php" => Versions { nginx: None, php: version(tag) },
            // `wordpress:6.5-php8.2-fpm`
            Some(_) => Versions { nginx: None, php: tag.split_once("php").and_then(|(_, tag)| version(tag)) },
            None => Versions::default(),
        }
    }
}
