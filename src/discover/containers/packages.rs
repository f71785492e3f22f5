//! Which PHP-FPM a Dockerfile installs: a pool that lies where another version looks for it is read by none.

use crate::host::layout::MasterLayout;

/// What the package `php-fpm` installs in a release, by the image, its tags and the version. Sources: the releases'
/// package lists.
const DEFAULTS: [(&str, &[&str], &str); 8] = [
    ("debian", &["10", "buster"], "7.3"),
    ("debian", &["11", "bullseye"], "7.4"),
    ("debian", &["12", "bookworm"], "8.2"),
    ("debian", &["13", "trixie"], "8.4"),
    ("ubuntu", &["18.04", "bionic"], "7.2"),
    ("ubuntu", &["20.04", "focal"], "7.4"),
    ("ubuntu", &["22.04", "jammy"], "8.1"),
    ("ubuntu", &["24.04", "noble"], "8.3"),
];

/// The packages of PHP-FPM that a command names, by their versions: `8.2` of `php8.2-fpm`, nothing of `php-fpm`.
pub(super) fn named(command: &str) -> impl Iterator<Item = &str> {
    let words = command.split(|char: char| char.is_whitespace() || "\"'=".contains(char));
    words.filter_map(|word| word.strip_prefix("php")?.strip_suffix("-fpm"))
}

/// Whether the masters whose files are in view are those that packages install in an image, and no others.
pub(super) fn are_installed(image: (&str, &str), packages: &[String], masters: &[MasterLayout]) -> bool {
    let (name, tag) = image;
    let release = tag.trim_end_matches("-slim");
    let default = DEFAULTS.iter().find(|(image, tags, _)| *image == name && tags.contains(&release));
    let installed = |package: &String| match (&**package, default) {
        ("", Some((.., version))) => (*version).to_owned(),
        (version, _) => version.to_owned(),
    };
    let installed: Vec<String> = packages.iter().map(installed).collect();
    let is_in_view = |version: &String| masters.iter().any(|master| master.version == *version);
    let is_installed = |master: &MasterLayout| installed.contains(&master.version);
    installed.iter().all(is_in_view) && masters.iter().all(is_installed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn masters_are_those_of_packages() {
        let is = |image: (&str, &str), command: &str, main: &str| {
            let packages: Vec<String> = named(command).map(str::to_owned).collect();
            are_installed(image, &packages, &[MasterLayout::of(Path::new(main))])
        };
        let of_12 = "/etc/php/8.2/fpm/php-fpm.conf";
        assert!(is(("debian", "12-slim"), "apt-get install -y nginx php8.2-fpm php8.2-cli", of_12));
        assert!(is(("debian", "bookworm"), "apt-get install php-fpm", of_12));
        assert!(is(("alpine", "3.20"), "apk add php82 php82-fpm", "/etc/php82/php-fpm.conf"));
        assert!(is(("fedora", "40"), "dnf install php-fpm", "/etc/php-fpm.conf"));
        for (image, command) in [
            (("debian", "11"), "apt-get install php-fpm"),
            (("debian", "latest"), "apt-get install php-fpm"),
            (("debian", "12"), "apt-get install php8.1-fpm php8.2-fpm"),
            (("debian", "12"), "apt-get install php$V-fpm php8.2-fpm"),
            (("debian", "12"), "apt-get install nginx"),
        ] {
            assert!(!is(image, command, of_12), "{image:?} {command}");
        }
    }
}
