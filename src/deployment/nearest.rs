//! The listener that a dial which reaches nobody was probably meant for.

use super::{Machine, PoolId};
use crate::values::address::Endpoint;
pub use crate::values::spelling::distance;

/// A listener near to a dialled address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nearest {
    /// The pool.
    pub pool: PoolId,
    /// What the two have in common.
    pub how: How,
}

/// How a listener differs from what is dialled, the closest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum How {
    /// The paths differ in numbers only: another version of PHP.
    Version,
    /// The same file name in another directory.
    Directory,
    /// The paths differ in letters' case or in a few letters.
    Spelling,
    /// The same port, and IPv4 against IPv6.
    Family,
    /// The same port on another address.
    Address,
    /// TCP as well, on another port.
    Port,
    /// A unix socket as well, with another name.
    Name,
    /// TCP on one side and a unix socket on the other.
    Kind,
}

/// The listeners of a machine, ready to be compared with what is dialled.
pub struct Candidates {
    listeners: Vec<Candidate>,
}

struct Candidate {
    pool: PoolId,
    place: Place,
    in_use: bool,
    absent: bool,
}

/// A place with the forms of its path that comparisons need.
struct Place {
    endpoint: Endpoint,
    lower: String,
    without_numbers: String,
}

impl Candidates {
    /// The listeners of a machine whose dials are resolved.
    pub fn new(machine: &Machine) -> Self {
        let listeners = machine.pools().filter_map(|(pool, found)| {
            let endpoint = found.listener.as_ref()?.bound.endpoints().first()?;
            let in_use = machine.callers(pool).next().is_some();
            let absent = machine.masters[pool.master].is_absent();
            Some(Candidate { pool, place: Place::new(endpoint), in_use, absent })
        });
        Candidates { listeners: listeners.collect() }
    }

    /// The listener nearest to a dialled place. One that nothing dials yet is nearer than one in use.
    pub fn nearest(&self, dialled: &Endpoint) -> Option<Nearest> {
        let dialled = Place::new(dialled);
        let compared = self.listeners.iter().map(|candidate| (candidate, dialled.compare(&candidate.place)));
        // Only a lookalike in the path makes up for being in use already.
        let distance =
            |candidate: &Candidate, how: How| (candidate.in_use && how > How::Spelling, how, candidate.absent);
        let (candidate, how) = compared.min_by_key(|(candidate, how)| distance(candidate, *how))?;
        let only_one = self.listeners.len() == 1;
        let meant = !candidate.in_use || only_one && how != How::Kind || how < How::Port;
        meant.then_some(Nearest { pool: candidate.pool, how })
    }
}

impl Place {
    fn new(endpoint: &Endpoint) -> Self {
        let lower = match endpoint {
            Endpoint::Unix(path) => path.to_string_lossy().to_lowercase(),
            Endpoint::Tcp(_) => String::new(),
        };
        let name = lower.rsplit('/').next().unwrap_or_default();
        // `php8.1-fpm.sock`, `php81-fpm.sock` and `php-fpm.sock` are the same without numbers.
        let is_part = |char: &char| !char.is_ascii_digit() && !matches!(char, '.' | '-' | '_');
        let without_numbers = name.chars().filter(is_part).collect();
        Place { endpoint: endpoint.clone(), lower, without_numbers }
    }

    fn compare(&self, listening: &Place) -> How {
        match (&self.endpoint, &listening.endpoint) {
            (Endpoint::Unix(a), Endpoint::Unix(b)) if a.file_name() == b.file_name() => How::Directory,
            (Endpoint::Unix(_), Endpoint::Unix(_)) if self.without_numbers == listening.without_numbers => How::Version,
            (Endpoint::Unix(_), Endpoint::Unix(_)) if is_misspelt(&self.lower, &listening.lower) => How::Spelling,
            (Endpoint::Unix(_), Endpoint::Unix(_)) => How::Name,
            (Endpoint::Tcp(a), Endpoint::Tcp(b)) if a.port() != b.port() => How::Port,
            (Endpoint::Tcp(a), Endpoint::Tcp(b)) if a.is_ipv4() != b.is_ipv4() => How::Family,
            (Endpoint::Tcp(_), Endpoint::Tcp(_)) => How::Address,
            _ => How::Kind,
        }
    }
}

fn is_misspelt(a: &str, b: &str) -> bool {
    a.len().abs_diff(b.len()) <= 2 && distance(a, b) <= 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn how(dialled: &str, listening: &str) -> How {
        let endpoint = |text: &str| match text.parse() {
            Ok(address) => Endpoint::Tcp(address),
            Err(_) => Endpoint::unix(Path::new(text)),
        };
        Place::new(&endpoint(dialled)).compare(&Place::new(&endpoint(listening)))
    }

    #[test]
    fn addresses_are_compared_by_what_they_share() {
        assert_eq!(how("/run/php/php8.1-fpm.sock", "/run/php/php8.2-fpm.sock"), How::Version);
        assert_eq!(how("/run/php81.sock", "/run/php/php8.2.sock"), How::Version);
        assert_eq!(how("/run/php/shpo.sock", "/run/php/shop.sock"), How::Spelling);
        assert_eq!(how("/var/lib/shop.sock", "/run/shop.sock"), How::Directory);
        assert_eq!(how("/run/php/blog.sock", "/run/php/shop.sock"), How::Name);
        assert_eq!(how("127.0.0.1:9000", "[::1]:9000"), How::Family);
        assert_eq!(how("127.0.0.1:9000", "127.0.0.2:9000"), How::Address);
        assert_eq!(how("127.0.0.1:9000", "127.0.0.1:9001"), How::Port);
        assert_eq!(how("127.0.0.1:9000", "/run/php.sock"), How::Kind);
    }

    #[test]
    fn distances_count_edits() {
        assert_eq!((distance("", "abc"), distance("abc", "abc"), distance("php-handler", "php_handler")), (3, 0, 1));
    }
}
