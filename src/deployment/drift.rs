//! Sockets that nginx and a pool name almost alike, in files of which nothing says that they run together.
//!
//! Half-done upgrades and renames look like this: one side dials `php7.2-fpm.sock`, the other listens on
//! `php7.0-fpm.sock`, and no other file knows either path.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Deployment, Machine, Nginx, PoolId, Protocol, Reach, Target};
use crate::source::Span;
use crate::values::address::{Address, Endpoint};
use crate::values::placeholder::is_placeholder;

/// A socket that nginx dials and a pool that listens almost there.
#[derive(Clone, Debug)]
pub struct Drift {
    /// The path that nginx dials, as written.
    pub dialled: String,
    /// Where it is written.
    pub span: Span,
    /// The number of the pool's machine.
    pub machine: usize,
    /// The pool.
    pub pool: PoolId,
    /// What the two differ in.
    pub differ: &'static str,
}

/// A socket that some nginx names.
struct Written {
    path: String,
    place: Endpoint,
    span: Span,
    /// The name of its group, in lower case.
    group: Option<String>,
    /// Whether it was found what is there.
    is_settled: bool,
}

impl Written {
    /// Whether its group is meant for one version of PHP, as its name says.
    fn is_of_a_version(&self) -> bool {
        self.group.as_ref().is_some_and(|name| name.contains(|char: char| char.is_ascii_digit()))
    }
}

/// The drifts among machines of which only parts are in view. A pool that several sockets might mean, and a
/// socket that several pools might, say nothing: they are alternatives.
pub fn drifts(deployment: &Deployment) -> Vec<Drift> {
    let partial = || deployment.machines.iter().enumerate().filter(|(_, machine)| machine.view.is_partial());
    let written: Vec<Written> = partial().flat_map(|(_, machine)| written(machine)).collect();
    let pools: Vec<(usize, PoolId, Endpoint)> = partial()
        .flat_map(|(number, machine)| {
            machine.pools().filter_map(move |(id, pool)| {
                let socket = pool.listener.as_ref()?.bound.socket()?;
                Some((number, id, Endpoint::unix(socket)))
            })
        })
        .collect();
    let is_there = |socket: &Written| pools.iter().any(|(_, _, place)| *place == socket.place);
    let orphans: Vec<&Written> = written.iter().filter(|socket| !is_there(socket)).collect();
    let mut found = Vec::new();
    for socket in orphans.iter().filter(|socket| !socket.is_settled && !socket.is_of_a_version()) {
        let mut near = pools.iter().filter_map(|pool| Some((pool, difference(&socket.place, &pool.2)?)));
        let (Some(((machine, pool, place), differ)), None) = (near.next(), near.next()) else { continue };
        let rivals: BTreeSet<&Endpoint> = orphans
            .iter()
            .filter(|other| difference(&other.place, place).is_some())
            .map(|other| &other.place)
            .collect();
        // Who dials the pool makes it somebody else's, unless it is the same group in another file, or one that
        // is called after the version (`php82`).
        let mut callers = written.iter().filter(|other| other.place == *place);
        let is_sibling = |caller: &Written| {
            let same = caller.group.is_some() && caller.group == socket.group;
            same && caller.span.file != socket.span.file || caller.is_of_a_version()
        };
        let is_new = found.iter().all(|known: &Drift| known.dialled != socket.path);
        if is_new && rivals.len() == 1 && callers.all(is_sibling) {
            let (dialled, span) = (socket.path.clone(), socket.span);
            found.push(Drift { dialled, span, machine: *machine, pool: *pool, differ });
        }
    }
    found
}

/// The sockets that an nginx hands PHP to, and those of groups that no hand-over in view names.
fn written(machine: &Machine) -> Vec<Written> {
    let mut found = Vec::new();
    for dial in &machine.dials {
        let (nginx, hand_over) = machine.hand_over(dial);
        let Address::Unix(path) = &dial.address else { continue };
        if hand_over.protocol == Protocol::Fastcgi {
            let group = match hand_over.target {
                Target::Upstream(number) => Some(nginx.upstreams[number].name.to_ascii_lowercase()),
                _ => None,
            };
            found.push(Written {
                path: path.clone(),
                place: Endpoint::unix(Path::new(path)),
                span: dial.span,
                group,
                is_settled: !matches!(dial.reach, Reach::Unknown(..)),
            });
        }
    }
    found.extend(machine.nginx.iter().flat_map(unused));
    found
}

/// The sockets of groups that nothing in view names: the file that does may lie elsewhere.
fn unused(nginx: &Nginx) -> Vec<Written> {
    let used: BTreeSet<usize> = nginx
        .hand_overs
        .iter()
        .filter_map(|hand_over| match hand_over.target {
            Target::Upstream(number) => Some(number),
            _ => None,
        })
        .collect();
    let unused = nginx.upstreams.iter().enumerate().filter(|(number, _)| !used.contains(number));
    let peers =
        unused.flat_map(|(_, group)| group.peers.iter().filter(|peer| !peer.down).map(move |peer| (group, peer)));
    let sockets = peers.filter_map(|(group, peer)| match &peer.address {
        Ok(Address::Unix(path)) => Some(Written {
            path: path.clone(),
            place: Endpoint::unix(Path::new(path)),
            span: peer.span,
            group: Some(group.name.to_ascii_lowercase()),
            is_settled: false,
        }),
        _ => None,
    });
    sockets.collect()
}

/// What two paths in one directory differ in, if it is no more than a version of PHP or an ending.
fn difference(dialled: &Endpoint, bound: &Endpoint) -> Option<&'static str> {
    let (Endpoint::Unix(dialled), Endpoint::Unix(bound)) = (dialled, bound) else { return None };
    let (one, other) = (dialled.file_name()?.to_str()?, bound.file_name()?.to_str()?);
    let is_template = |name: &str| name.contains(['$', '%', '@', '{', '<']) || is_placeholder(name);
    if dialled == bound || dialled.parent() != bound.parent() || is_template(one) || is_template(other) {
        return None;
    }
    let bare = |name: &str| name.chars().filter(|char| !char.is_ascii_digit() && *char != '.').collect::<String>();
    let stem = |name: &str| name.trim_end_matches(".sock").trim_end_matches(".socket").to_owned();
    match () {
        () if stem(one) == stem(other) => Some("the two differ only in the ending"),
        () if one.contains("php") && bare(one) == bare(other) => Some("the two differ only in the version"),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_and_endings_are_no_other_socket() {
        let differ = |one: &str, other: &str| {
            difference(&Endpoint::unix(Path::new(one)), &Endpoint::unix(Path::new(other))).is_some()
        };
        assert!(differ("/var/run/php7.2-fpm.sock", "/run/php7.0-fpm.sock"));
        assert!(differ("/run/php-fpm.sock", "/run/php5-fpm.sock"));
        assert!(differ("/run/php-fpm/php-fpm", "/run/php-fpm/php-fpm.sock"));
        for (one, other) in [
            ("/run/php/php-fpm.sock", "/run/php-fpm.sock"),
            ("/run/app1.sock", "/run/app2.sock"),
            ("/run/php-fpm.sock", "/run/php-cgi.sock"),
            ("/run/php%v%-fpm.sock", "/run/php-fpm.sock"),
            ("/run/a.sock", "/run/a.sock"),
        ] {
            assert!(!differ(one, other), "{one} {other}");
        }
    }
}
