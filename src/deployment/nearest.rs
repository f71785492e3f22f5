//! The listener that a dial which reaches nobody was probably meant for.

use std::borrow::Cow;
use std::collections::HashMap;

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
///
/// Of listeners that differ from a dialled place in the same way only the first that is best can be
/// the nearest, so that only those are kept; spelling alone must be compared with every path.
#[derive(Default)]
pub struct Candidates {
    listeners: Vec<Candidate>,
    /// The best of those with the same file name.
    names: HashMap<String, usize>,
    /// The best two of those whose file names differ in numbers only.
    without_numbers: HashMap<String, Vec<usize>>,
    /// The best of each family on a port.
    ports: HashMap<(u16, bool), usize>,
    /// The best unix socket and the best TCP address.
    kinds: [Option<usize>; 2],
    /// Those with a path, by its length.
    lengths: HashMap<usize, Vec<usize>>,
    /// How many paths may still be compared.
    comparisons: usize,
}

/// Paths are compared letter by letter so often. Where that does not suffice, there are so many dials to
/// nobody that a missing hint at a misspelling is no loss.
const MAX_COMPARISONS: usize = 2_000_000;

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
    /// One bit for each byte that occurs in `lower`.
    bytes: u64,
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
        let mut candidates =
            Candidates { listeners: listeners.collect(), comparisons: MAX_COMPARISONS, ..Candidates::default() };
        for at in 0..candidates.listeners.len() {
            candidates.add(at);
        }
        candidates
    }

    /// Files a listener under everything by which it is looked for.
    fn add(&mut self, at: usize) {
        let all = &self.listeners;
        let lookalike = |at: &usize| (all[*at].absent, *at);
        let unlike = |at: &usize| (all[*at].in_use, all[*at].absent, *at);
        let place = &all[at].place;
        let kind = match &place.endpoint {
            Endpoint::Unix(path) => {
                let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
                let best = self.names.entry(name).or_insert(at);
                *best = better(*best, at, lookalike);
                let best = self.without_numbers.entry(place.without_numbers.clone()).or_default();
                best.push(at);
                best.sort_by_key(lookalike);
                // One of the same file name is nearer for another reason.
                let first = all[best[0]].place.file_name();
                let second = best.iter().skip(1).find(|at| all[**at].place.file_name() != first).copied();
                *best = std::iter::once(best[0]).chain(second).collect();
                self.lengths.entry(place.lower.len()).or_default().push(at);
                0
            }
            Endpoint::Tcp(address) => {
                let best = self.ports.entry((address.port(), address.is_ipv4())).or_insert(at);
                *best = better(*best, at, unlike);
                1
            }
        };
        let best = self.kinds[kind].unwrap_or(at);
        self.kinds[kind] = Some(better(best, at, unlike));
    }

    /// The listener nearest to a dialled place. One that nothing dials yet is nearer than one in use.
    pub fn nearest(&mut self, dialled: &Endpoint) -> Option<Nearest> {
        let place = Place::new(dialled);
        let mut near: Vec<usize> = self.kinds.into_iter().flatten().collect();
        match dialled {
            Endpoint::Unix(_) => {
                near.extend(self.names.get(place.file_name().as_ref()));
                near.extend(self.without_numbers.get(&place.without_numbers).into_iter().flatten());
                let alike = near.iter().any(|at| place.compare(&self.listeners[*at].place) < How::Spelling);
                if !alike {
                    near.extend(self.misspelt(&place));
                }
            }
            Endpoint::Tcp(address) => {
                near.extend([true, false].iter().filter_map(|v4| self.ports.get(&(address.port(), *v4))));
            }
        }
        let compared = near.into_iter().map(|at| (at, place.compare(&self.listeners[at].place)));
        // Only a lookalike in the path makes up for being in use already.
        let distance = |(at, how): &(usize, How)| {
            let candidate = &self.listeners[*at];
            (candidate.in_use && *how > How::Spelling, *how, candidate.absent, *at)
        };
        let (at, how) = compared.min_by_key(distance)?;
        let candidate = &self.listeners[at];
        let only_one = self.listeners.len() == 1;
        let meant = !candidate.in_use || only_one && how != How::Kind || how < How::Port;
        meant.then_some(Nearest { pool: candidate.pool, how })
    }

    /// The best of those whose path differs in a few letters.
    fn misspelt(&mut self, place: &Place) -> Option<usize> {
        let length = place.lower.len();
        let lengths = length.saturating_sub(2)..=length + 2;
        let near: Vec<usize> = lengths.filter_map(|length| self.lengths.get(&length)).flatten().copied().collect();
        self.comparisons = self.comparisons.saturating_sub(near.len());
        if self.comparisons == 0 {
            return None;
        }
        let misspelt = near.into_iter().filter(|at| place.is_misspelt(&self.listeners[*at].place));
        misspelt.min_by_key(|at| (self.listeners[*at].absent, *at))
    }
}

/// The better of two numbers, which is the one with the smaller key.
fn better<K: Ord>(one: usize, other: usize, key: impl Fn(&usize) -> K) -> usize {
    if key(&other) < key(&one) { other } else { one }
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
        let bytes = lower.bytes().fold(0, |bytes, byte| bytes | 1 << (byte % 64));
        Place { endpoint: endpoint.clone(), lower, bytes, without_numbers }
    }

    fn file_name(&self) -> Cow<'_, str> {
        match &self.endpoint {
            Endpoint::Unix(path) => path.file_name().unwrap_or_default().to_string_lossy(),
            Endpoint::Tcp(_) => Cow::Borrowed(""),
        }
    }

    fn is_misspelt(&self, other: &Place) -> bool {
        // An edit takes one letter away and brings another at most.
        let plausible =
            (self.bytes ^ other.bytes).count_ones() <= 4 && self.lower.len().abs_diff(other.lower.len()) <= 2;
        plausible && within(2, self.lower.as_bytes(), other.lower.as_bytes())
    }

    fn compare(&self, listening: &Place) -> How {
        match (&self.endpoint, &listening.endpoint) {
            (Endpoint::Unix(a), Endpoint::Unix(b)) if a.file_name() == b.file_name() => How::Directory,
            (Endpoint::Unix(_), Endpoint::Unix(_)) if self.without_numbers == listening.without_numbers => How::Version,
            (Endpoint::Unix(_), Endpoint::Unix(_)) if self.is_misspelt(listening) => How::Spelling,
            (Endpoint::Unix(_), Endpoint::Unix(_)) => How::Name,
            (Endpoint::Tcp(a), Endpoint::Tcp(b)) if a.port() != b.port() => How::Port,
            (Endpoint::Tcp(a), Endpoint::Tcp(b)) if a.is_ipv4() != b.is_ipv4() => How::Family,
            (Endpoint::Tcp(_), Endpoint::Tcp(_)) => How::Address,
            _ => How::Kind,
        }
    }
}

/// Whether one text becomes the other by so many edits at most.
fn within(edits: usize, a: &[u8], b: &[u8]) -> bool {
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    match (&a[same..], &b[same..]) {
        ([], rest) | (rest, []) => rest.len() <= edits,
        _ if edits == 0 => false,
        (a, b) => within(edits - 1, &a[1..], b) || within(edits - 1, a, &b[1..]) || within(edits - 1, &a[1..], &b[1..]),
    }
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
