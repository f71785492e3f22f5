//! Who may do what with a path: the kernel's check, on facts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::host::Host;
use crate::host::accounts::Accounts;
use crate::host::facts::{Facts, Mode, PathFact};

/// What is known of the paths that matter: sockets and the directories above them.
#[derive(Clone, Debug, Default)]
pub struct Paths {
    known: BTreeMap<PathBuf, PathFact>,
}

impl Paths {
    /// Takes the facts, and on a running host looks at the paths and everything above them.
    pub fn gather(host: &dyn Host, facts: &Facts, paths: impl FnOnce() -> Vec<PathBuf>) -> Self {
        let mut known = facts.paths.clone();
        if host.is_live() {
            let paths: BTreeSet<PathBuf> = paths().into_iter().collect();
            for path in paths.iter().flat_map(|path| path.ancestors()) {
                known.entry(path.to_owned()).or_insert_with(|| look(host, &facts.accounts, path.to_owned()));
            }
        }
        Paths { known }
    }

    /// Whether nothing is known of any path.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// The first directory on the way to a path, from the bottom up, that a process may not pass.
    pub fn first_closed(&self, path: &Path, who: &Identity, accounts: &Accounts) -> Option<&PathFact> {
        path.ancestors().filter_map(|above| self.get(above)).find(|fact| {
            let verdict = Permissions::of(fact, SEARCH).map(|found| found.allow(who, accounts, SEARCH));
            matches!(verdict, Some(Verdict::Denied(_)))
        })
    }

    /// What is known of a path, under either of its names when it lies in `/run`.
    pub fn get(&self, path: &Path) -> Option<&PathFact> {
        if self.is_empty() {
            return None;
        }
        let other = path.strip_prefix("/run").ok().map(|rest| Path::new("/var/run").join(rest));
        self.known.get(path).or_else(|| self.known.get(&other?))
    }
}

fn look(host: &dyn Host, accounts: &Accounts, path: PathBuf) -> PathFact {
    match host.entry(&path) {
        // The bits alone say nothing where an access control list decides.
        Ok(entry) if entry.has_acl => PathFact { exists: Some(true), path, ..PathFact::default() },
        Ok(entry) => PathFact {
            exists: Some(true),
            owner: Some(accounts.user_name(entry.access.uid)),
            group: Some(accounts.group_name(entry.access.gid).unwrap_or_else(|| entry.access.gid.to_string())),
            mode: Some(Mode(entry.access.mode)),
            path,
            ..PathFact::default()
        },
        Err(crate::host::ReadError::NotFound) => PathFact { exists: Some(false), path, ..PathFact::default() },
        Err(_) => PathFact { path, ..PathFact::default() },
    }
}

/// Owner, group, bits and access control entries of something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions {
    /// The owner's name.
    pub owner: Option<String>,
    /// The group's name.
    pub group: Option<String>,
    /// The permission bits.
    pub mode: u32,
    /// Users of an access control list, and whether it grants them what is asked for.
    pub acl_users: BTreeMap<String, bool>,
    /// Groups of an access control list, and whether it grants them what is asked for.
    pub acl_groups: BTreeMap<String, bool>,
    /// What of this is not known, so that nothing can be said.
    pub unknown: Option<String>,
}

/// A process as the kernel sees it when it opens something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user.
    pub user: String,
    /// The group.
    pub group: String,
    /// All groups, `group` included; `None` when it is not known which groups list the user.
    pub groups: Option<BTreeSet<String>>,
}

impl Identity {
    /// A process that did `setgid(group)` and `initgroups(user, group)`.
    pub fn new(accounts: &Accounts, user: &str, group: &str) -> Self {
        let groups = accounts.supplementary(user).map(|mut groups| {
            groups.insert(group.to_owned());
            groups
        });
        Identity { user: user.to_owned(), group: group.to_owned(), groups }
    }
}

/// What a caller is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The class that decides grants it.
    Allowed,
    /// The class that decides denies it.
    Denied(Class),
    /// It hangs on something that is not known.
    Unknown(String),
}

/// The class of callers whose bits decide: the first that matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The owner.
    Owner,
    /// A group.
    Group,
    /// Everybody else.
    Other,
}

/// Write permission on a socket.
pub const WRITE: u32 = 0o2;
/// Search permission on a directory.
pub const SEARCH: u32 = 0o1;

impl Permissions {
    /// The permissions that a fact tells, as far as `bit` ([`WRITE`] or [`SEARCH`]) goes.
    pub fn of(fact: &PathFact, bit: u32) -> Option<Self> {
        let letter = if bit == WRITE { 'w' } else { 'x' };
        let named = |prefix: &str| -> BTreeMap<String, bool> {
            let entries = fact.acl.iter().filter_map(|entry| entry.strip_prefix(prefix)?.split_once(':'));
            let entries = entries.filter(|(name, _)| !name.is_empty());
            entries.map(|(name, bits)| (name.to_owned(), bits.contains(letter))).collect()
        };
        Some(Permissions {
            owner: fact.owner.clone(),
            group: fact.group.clone(),
            mode: fact.mode?.0,
            acl_users: named("user:"),
            acl_groups: named("group:"),
            unknown: None,
        })
    }

    /// Whether everybody has `bit` ([`WRITE`] or [`SEARCH`]), whoever that is.
    pub fn is_open(&self, bit: u32) -> bool {
        [6, 3, 0].iter().all(|shift| self.mode >> shift & bit == bit)
    }

    /// Whether a process has `bit` ([`WRITE`] or [`SEARCH`]): the first class that matches
    /// decides, as in the kernel (owner, entries for users, all groups together, others).
    pub fn allow(&self, who: &Identity, accounts: &Accounts, bit: u32) -> Verdict {
        let user = accounts.canonical_user(&who.user);
        let grants = |shift: u32| self.mode >> shift & bit == bit;
        let verdict = |granted: bool, class| if granted { Verdict::Allowed } else { Verdict::Denied(class) };
        if user == "root" {
            return Verdict::Allowed;
        }
        if let Some(unknown) = &self.unknown {
            return Verdict::Unknown(unknown.clone());
        }
        let Some(owner) = self.owner.as_ref().map(|owner| accounts.canonical_user(owner)) else {
            return Verdict::Unknown("the owner".into());
        };
        if owner == user {
            return verdict(grants(6), Class::Owner);
        }
        if let Some((_, granted)) = self.acl_users.iter().find(|(entry, _)| accounts.canonical_user(entry) == user) {
            return verdict(*granted, Class::Group);
        }
        let group_class: BTreeSet<String> =
            self.group.iter().chain(self.acl_groups.keys()).map(|group| accounts.canonical_group(group)).collect();
        let own_group = accounts.canonical_group(&who.group);
        let in_class = match &who.groups {
            Some(groups) => Some(groups.iter().any(|group| group_class.contains(&accounts.canonical_group(group)))),
            None if group_class.contains(&own_group) => Some(true),
            None => None,
        };
        let is_member = |group: &String| {
            let group = accounts.canonical_group(group);
            let listed = |own: &String| accounts.canonical_group(own) == group;
            group == own_group || who.groups.as_ref().is_some_and(|groups| groups.iter().any(listed))
        };
        let group_grants = self.group.as_ref().is_some_and(is_member) && grants(3)
            || self.acl_groups.iter().any(|(group, granted)| *granted && is_member(group));
        match (in_class, &self.group) {
            (Some(true), _) => verdict(group_grants, Class::Group),
            (_, None) if grants(3) != grants(0) => Verdict::Unknown(format!("the primary group of the user {owner}")),
            (Some(false), _) => verdict(grants(0), Class::Other),
            // Whether or not the group matches, the answer is the same.
            (None, _) if grants(3) == grants(0) => verdict(grants(0), Class::Other),
            (None, _) => Verdict::Unknown(format!("the groups of the user {user}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(socket: (&str, &str, u32), groups: Option<&[&str]>) -> Verdict {
        let groups = groups.map(|groups| groups.iter().map(|group| (*group).to_owned()).collect());
        let who = Identity { user: "nginx".into(), group: "nginx".into(), groups };
        let (owner, group, mode) = socket;
        let permissions =
            Permissions { owner: Some(owner.into()), group: Some(group.into()), mode, ..Permissions::default() };
        permissions.allow(&who, &Accounts::default(), WRITE)
    }

    #[test]
    fn the_first_class_that_matches_decides() {
        let alone: Option<&[&str]> = Some(&["nginx"]);
        assert_eq!(verdict(("nginx", "x", 0o600), alone), Verdict::Allowed);
        assert_eq!(verdict(("nginx", "nginx", 0o066), alone), Verdict::Denied(Class::Owner));
        assert_eq!(verdict(("x", "nginx", 0o660), alone), Verdict::Allowed);
        assert_eq!(verdict(("x", "nginx", 0o606), alone), Verdict::Denied(Class::Group));
        assert_eq!(verdict(("x", "www", 0o660), Some(&["nginx", "www"])), Verdict::Allowed);
        assert_eq!(verdict(("x", "www", 0o660), alone), Verdict::Denied(Class::Other));
        assert_eq!(verdict(("x", "www", 0o666), alone), Verdict::Allowed);
    }

    #[test]
    fn unknown_memberships_matter_only_where_they_decide() {
        assert_eq!(verdict(("x", "www", 0o600), None), Verdict::Denied(Class::Other));
        assert_eq!(verdict(("x", "www", 0o666), None), Verdict::Allowed);
        assert!(matches!(verdict(("x", "www", 0o660), None), Verdict::Unknown(_)));
        assert_eq!(verdict(("x", "nginx", 0o660), None), Verdict::Allowed);
    }
}
