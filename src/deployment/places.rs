//! What is at a place, found without looking at everything.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use crate::values::address::{Endpoint, as_dialled};

/// Things by the place where they listen; several may listen at one.
#[derive(Debug)]
pub struct Places<T> {
    sockets: HashMap<PathBuf, Vec<T>>,
    addresses: HashMap<(IpAddr, u16), Vec<T>>,
}

impl<T> Default for Places<T> {
    fn default() -> Self {
        Places { sockets: HashMap::new(), addresses: HashMap::new() }
    }
}

impl<T: Copy + Ord> Places<T> {
    /// Puts a thing at a place.
    pub fn add(&mut self, place: &Endpoint, thing: T) {
        match place {
            Endpoint::Unix(path) => self.sockets.entry(path.clone()).or_default().push(thing),
            Endpoint::Tcp(address) => {
                self.addresses.entry((address.ip().to_canonical(), address.port())).or_default().push(thing);
            }
        }
    }

    /// The things that answer a caller who dials a place, in their order. [`Endpoint::accepts`] says the
    /// same of one place.
    pub fn answering(&self, dialled: &Endpoint) -> Vec<T> {
        let address = match dialled {
            Endpoint::Unix(path) => return self.sockets.get(path).cloned().unwrap_or_default(),
            Endpoint::Tcp(address) => address,
        };
        let ip = as_dialled(address.ip());
        let any_v4 = ip.is_ipv4().then_some(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        let places = [Some(ip), any_v4, Some(Ipv6Addr::UNSPECIFIED.into())];
        let found = places.into_iter().flatten().filter_map(|ip| self.addresses.get(&(ip, address.port())));
        let mut found: Vec<T> = found.flatten().copied().collect();
        found.sort();
        found
    }

    /// The first thing that answers at one of several places.
    pub fn first_answering(&self, dialled: &[Endpoint]) -> Option<T> {
        dialled.iter().flat_map(|place| self.answering(place)).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_index_says_what_the_places_say() {
        let texts = ["/run/a", "/run/b", "127.0.0.1:1", "0.0.0.0:1", "[::]:1", "[::1]:1", "127.0.0.2:1", "127.0.0.1:2"];
        let all = texts.map(|text| match text.parse() {
            Ok(address) => Endpoint::Tcp(address),
            Err(_) => Endpoint::unix(Path::new(text)),
        });
        let mut places = Places::default();
        for (number, place) in all.iter().enumerate() {
            places.add(place, number);
        }
        for dialled in &all {
            let want: Vec<usize> = (0..all.len()).filter(|number| all[*number].accepts(dialled)).collect();
            assert_eq!(places.answering(dialled), want, "{dialled}");
        }
    }
}
