//! How a container stands to the other services of its compose file.

use std::collections::HashMap;
use std::path::PathBuf;

use super::compose::{self, File, Networks};
use crate::deployment::{Network, Service, Shared, Way};

/// A compose file, and what other compose files of the repository say besides.
pub(super) struct Project<'a> {
    /// The file as reports name it.
    pub path: String,
    /// Its text.
    pub text: &'a str,
    /// What it says.
    pub file: &'a File,
    /// The compose files beside it, which may be laid over it.
    pub beside: Vec<&'a File>,
    /// The names that other compose files know.
    pub elsewhere: Vec<String>,
}

impl Project<'_> {
    /// The project as the container of a service sees it.
    pub fn network(&self, service: usize, is_nginx_alone: bool) -> Network {
        let own = &self.file.services[service];
        let others = self.file.services.iter().enumerate().filter(|(number, _)| *number != service);
        let services: Vec<Service> = others.map(|(_, other)| self.seen(own, other)).collect();
        let has_unknown_name =
            self.file.services.iter().flat_map(|service| &service.aliases).any(|name| name.contains('$'));
        let networks = self.networks(own);
        let is_own_network = names(networks).is_some_and(|names| !names.iter().any(|name| self.is_external(name)));
        Network {
            path: self.path.clone(),
            text: self.text.as_bytes().to_vec(),
            file: None,
            own: self.seen(own, own),
            services,
            elsewhere: own.extra_hosts.iter().chain(&self.elsewhere).cloned().collect(),
            is_closed: is_own_network
                && !own.knows_others
                && own.extends.is_none()
                && self.file.includes.is_empty()
                && !has_unknown_name,
            has_unseen_files: false,
            is_nginx_alone,
            is_on_host: matches!(networks, Networks::Mode(mode) if mode == "host"),
            has_own_loopback: names(networks).is_some() && own.extends.is_none(),
            mounts: own.mounts.iter().map(|(_, target)| PathBuf::from(target)).collect(),
        }
    }

    /// A service as the container of another sees it.
    fn seen(&self, own: &compose::Service, other: &compose::Service) -> Service {
        let links = own.links.iter().filter(|(service, _)| *service == other.name).map(|(_, alias)| alias);
        // Where a service has something twice, the first place is enough.
        let theirs: HashMap<&str, &str> =
            other.mounts.iter().rev().map(|(source, there)| (source.as_str(), there.as_str())).collect();
        let shared = own.mounts.iter().filter(|(source, _)| !source.is_empty()).filter_map(|(source, here)| {
            let there = theirs.get(source.as_str())?;
            Some(Shared { source: source.clone(), here: here.into(), there: there.into() })
        });
        let is_taken = own.volumes_from.contains(&other.name);
        let taken = other.mounts.iter().filter(|_| is_taken).map(|(_, there)| Shared {
            source: there.clone(),
            here: there.into(),
            there: there.into(),
        });
        Service {
            name: other.name.clone(),
            line: other.line,
            names: std::iter::once(&other.name).chain(&other.aliases).chain(links).cloned().collect(),
            networks_line: other.networks_line,
            networks: in_words(self.networks(other)),
            way: self.way(own, other),
            published: other.published.clone(),
            exposed: other.exposed.clone(),
            shared: shared.chain(taken).collect(),
            filled: other.mounts.iter().map(|(_, target)| PathBuf::from(target)).collect(),
            is_bare: false,
            is_plain: false,
        }
    }

    /// The networks of a service, unless a file that may be laid over this one says others.
    fn networks<'a>(&self, service: &'a compose::Service) -> &'a Networks {
        let same = |other: &&compose::Service| other.name == service.name;
        let overlaid = self.beside.iter().flat_map(|file| &file.services).filter(same);
        let mut others = overlaid.filter(|other| other.networks != Networks::Default);
        if others.any(|other| other.networks != service.networks) { &Networks::Elsewhere } else { &service.networks }
    }

    fn way(&self, own: &compose::Service, other: &compose::Service) -> Way {
        let (here, there) = (self.networks(own), self.networks(other));
        let (name, other_name) = (format!("service:{}", own.name), format!("service:{}", other.name));
        match (here, there) {
            (Networks::Elsewhere, _) | (_, Networks::Elsewhere) => Way::Unknown,
            _ if own.extends.is_some() || other.extends.is_some() => Way::Unknown,
            (Networks::Mode(mode), _) if *mode == other_name => Way::SameLoopback,
            (_, Networks::Mode(mode)) if *mode == name => Way::SameLoopback,
            (Networks::Mode(here), Networks::Mode(there)) if here == there && here != "none" => Way::SameLoopback,
            (Networks::Mode(mode), _) | (_, Networks::Mode(mode)) if matches!(&**mode, "host" | "none") => Way::Apart,
            (Networks::Mode(_), _) | (_, Networks::Mode(_)) => Way::Unknown,
            _ => self.on_networks(here, there),
        }
    }

    fn on_networks(&self, here: &Networks, there: &Networks) -> Way {
        let (here, there) = (names(here).unwrap_or_default(), names(there).unwrap_or_default());
        let is_external = |names: &[&str]| names.iter().any(|name| self.is_external(name));
        match () {
            () if here.iter().any(|name| there.contains(name)) => Way::Network,
            // Two keys may stand for one network that others make.
            () if is_external(&here) && is_external(&there) => Way::Unknown,
            () => Way::Apart,
        }
    }

    fn is_external(&self, network: &str) -> bool {
        self.file.external.iter().any(|external| external == network)
    }
}

/// The keys of the networks that a service is on, where it is on some.
fn names(networks: &Networks) -> Option<Vec<&str>> {
    match networks {
        Networks::Named(names) if !names.is_empty() => Some(names.iter().map(String::as_str).collect()),
        Networks::Default | Networks::Named(_) => Some(vec!["default"]),
        Networks::Mode(_) | Networks::Elsewhere => None,
    }
}

fn in_words(networks: &Networks) -> String {
    match (networks, names(networks).as_deref()) {
        (Networks::Default, _) | (_, Some(["default"])) => "on the project's default network".into(),
        (_, Some([name])) => format!("on the network {name}"),
        (_, Some([names @ .., last])) => format!("on the networks {} and {last}", names.join(", ")),
        (Networks::Mode(mode), _) if mode == "host" => "on the host's own network".into(),
        (Networks::Mode(mode), _) if mode == "none" => "on no network".into(),
        _ => "on a network of its own".into(),
    }
}
