//! The listener that a dial which reaches nobody was probably meant for.

use std::cmp::Reverse;
use std::path::Path;

use super::{Dial, Machine, PoolId};
use crate::values::address::Endpoint;

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

/// The listener nearest to a dial. One that nothing dials yet is nearer than one that is in use.
pub fn nearest(machine: &Machine, dial: &Dial) -> Option<Nearest> {
    let dialled = dial.missed.first().or(dial.endpoints.first())?;
    let candidates = machine.pools().filter_map(|(id, pool)| {
        let listening = pool.listener.as_ref()?.bound.endpoints().first()?;
        let how = compare(dialled, listening);
        let in_use = machine.callers(id).next().is_some();
        // Only a lookalike in the path makes up for being in use already.
        let lookalike = how <= How::Spelling;
        Some((Nearest { pool: id, how }, (in_use && !lookalike, how, Reverse(is_started(machine, id)))))
    });
    let (nearest, (in_use, how, _)) = candidates.min_by_key(|(_, key)| *key)?;
    let only_one = machine.pools().count() == 1;
    (!in_use || only_one || how < How::Port).then_some(nearest)
}

fn is_started(machine: &Machine, id: PoolId) -> bool {
    !machine.masters[id.master].is_absent()
}

fn compare(dialled: &Endpoint, listening: &Endpoint) -> How {
    match (dialled, listening) {
        (Endpoint::Unix(a), Endpoint::Unix(b)) if a.file_name() == b.file_name() => How::Directory,
        (Endpoint::Unix(a), Endpoint::Unix(b)) if without_numbers(a) == without_numbers(b) => How::Version,
        (Endpoint::Unix(a), Endpoint::Unix(b)) if is_misspelt(a, b) => How::Spelling,
        (Endpoint::Unix(_), Endpoint::Unix(_)) => How::Name,
        (Endpoint::Tcp(a), Endpoint::Tcp(b)) if a.port() != b.port() => How::Port,
        (Endpoint::Tcp(a), Endpoint::Tcp(b)) if a.is_ipv4() != b.is_ipv4() => How::Family,
        (Endpoint::Tcp(_), Endpoint::Tcp(_)) => How::Address,
        _ => How::Kind,
    }
}

/// `php8.1-fpm.sock`, `php81-fpm.sock` and `php-fpm.sock` are the same without numbers.
fn without_numbers(path: &Path) -> String {
    let text = path.to_string_lossy().to_lowercase();
    let name = text.rsplit('/').next().unwrap_or_default();
    name.chars().filter(|char| !char.is_ascii_digit() && !matches!(char, '.' | '-' | '_')).collect()
}

fn is_misspelt(a: &Path, b: &Path) -> bool {
    let (a, b) = (a.to_string_lossy().to_lowercase(), b.to_string_lossy().to_lowercase());
    a.len().abs_diff(b.len()) <= 2 && distance(&a, &b) <= 2
}

/// The edit distance of two texts (Levenshtein), for texts as short as names and paths.
pub fn distance(a: &str, b: &str) -> usize {
    let same = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).map(|(char, _)| char.len_utf8()).sum();
    let (a, b) = (&a[same..], &b[same..]);
    let b: Vec<char> = b.chars().take(256).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().take(256).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, to) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn how(dialled: &str, listening: &str) -> How {
        let endpoint = |text: &str| match text.parse() {
            Ok(address) => Endpoint::Tcp(address),
            Err(_) => Endpoint::unix(Path::new(text)),
        };
        compare(&endpoint(dialled), &endpoint(listening))
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
