//! Users and groups, as nginx and PHP-FPM look them up: by name or by number.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::live;

/// The users and groups of a host, as far as they are known.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    /// Users by name.
    pub users: BTreeMap<String, User>,
    /// Groups by name.
    pub groups: BTreeMap<String, Group>,
    /// Whether these are all there are: a name that is not here does not exist.
    pub complete: bool,
    /// Whether the running host's name service is asked for names that are not here.
    pub live: bool,
}

/// A user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// The number.
    pub uid: Option<u32>,
    /// The name of the primary group.
    pub group: Option<String>,
    /// Groups that list the user, where the source says so by user; `None` where it does by group.
    pub groups: Option<BTreeSet<String>>,
}

/// A group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// The number.
    pub gid: Option<u32>,
    /// The users it lists; a user's primary group does not list it.
    pub members: BTreeSet<String>,
}

/// What is known about a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup<T> {
    /// It exists.
    Found(T),
    /// It does not.
    Missing,
    /// Nothing says.
    Unknown,
}

impl Accounts {
    /// From the texts of `passwd` and `group`. Lines that are none are passed over, as libc does.
    pub fn from_files(passwd: Option<&[u8]>, group: Option<&[u8]>) -> Self {
        // A line with `+` takes more accounts from NIS.
        let is_whole = |text: Option<&[u8]>| {
            text.is_some_and(|text| !text.split(|byte| *byte == b'\n').any(|line| line.starts_with(b"+")))
        };
        let mut accounts = Accounts { complete: is_whole(passwd) && is_whole(group), ..Accounts::default() };
        for fields in lines(group.unwrap_or_default()) {
            let [name, _, gid, members, ..] = fields.as_slice() else { continue };
            let members = members.split(',').map(str::trim).filter(|member| !member.is_empty()).map(str::to_owned);
            accounts.groups.insert(name.clone(), Group { gid: gid.parse().ok(), members: members.collect() });
        }
        let by_number = accounts.groups.iter().rev().filter_map(|(name, group)| Some((group.gid?, name.clone())));
        let mut by_number: HashMap<u32, String> = by_number.collect();
        by_number.insert(0, "root".into());
        for fields in lines(passwd.unwrap_or_default()) {
            let [name, _, uid, gid, ..] = fields.as_slice() else { continue };
            let group = gid.parse().ok().and_then(|gid| by_number.get(&gid).cloned());
            accounts.users.insert(name.clone(), User { uid: uid.parse().ok(), group, groups: None });
        }
        accounts
    }

    /// The user of a name.
    pub fn user(&self, name: &str) -> Lookup<User> {
        match self.users.get(name) {
            Some(user) => Lookup::Found(user.clone()),
            None => match self.live.then(|| live::user(name)).flatten() {
                Some(user) => Lookup::Found(user),
                None => self.not_found(),
            },
        }
    }

    /// The group of a name.
    pub fn group(&self, name: &str) -> Lookup<Group> {
        match self.groups.get(name) {
            Some(group) => Lookup::Found(group.clone()),
            None => match self.live.then(|| live::group(name)).flatten() {
                Some(group) => Lookup::Found(group),
                None => self.not_found(),
            },
        }
    }

    fn not_found<T>(&self) -> Lookup<T> {
        if self.complete { Lookup::Missing } else { Lookup::Unknown }
    }

    /// The groups whose member list names the user: what `initgroups(3)` adds. `None` when unknown.
    pub fn supplementary(&self, user: &str) -> Option<BTreeSet<String>> {
        let listed = self.groups.iter().filter(|(_, group)| group.members.contains(user));
        let mut groups: BTreeSet<String> = listed.map(|(name, _)| name.clone()).collect();
        let known = self.users.get(user);
        match known.and_then(|user| user.groups.as_ref()) {
            Some(by_user) => {
                // `id` counts the primary group among a user's groups; initgroups does not add it.
                let primary = known.and_then(|user| user.group.as_ref());
                groups.extend(by_user.iter().filter(|group| Some(*group) != primary).cloned());
            }
            None if self.live => groups.extend(live::groups_listing(user)),
            None if !self.complete => return None,
            None => {}
        }
        Some(groups)
    }

    /// The name of the user with this number, or the number as text.
    pub fn user_name(&self, uid: u32) -> String {
        if uid == 0 {
            return "root".into();
        }
        let known = self.users.iter().find(|(_, user)| user.uid == Some(uid)).map(|(name, _)| name.clone());
        known.or_else(|| self.live.then(|| live::user_name(uid)).flatten()).unwrap_or_else(|| uid.to_string())
    }

    /// The name of the group with this number.
    pub fn group_name(&self, gid: u32) -> Option<String> {
        if gid == 0 {
            return Some("root".into());
        }
        let known = self.groups.iter().find(|(_, group)| group.gid == Some(gid)).map(|(name, _)| name.clone());
        known.or_else(|| self.live.then(|| live::group_name(gid)).flatten())
    }

    /// A user's name for a name or a number written as text, so that both compare equal.
    pub fn canonical_user(&self, written: &str) -> String {
        written.parse().map_or_else(|_| written.to_owned(), |uid| self.user_name(uid))
    }

    /// A group's name for a name or a number written as text.
    pub fn canonical_group(&self, written: &str) -> String {
        let name = written.parse().ok().and_then(|gid| self.group_name(gid));
        name.unwrap_or_else(|| written.to_owned())
    }
}

/// The lines of a colon-separated database.
fn lines(text: &[u8]) -> Vec<Vec<String>> {
    let text = String::from_utf8_lossy(text);
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', '+', '-']));
    lines.map(|line| line.split(':').map(str::to_owned).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> Accounts {
        let passwd =
            b"root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33::/var/www:/bin/false\nnginx:x:101:33::/:/bin/false\n";
        let group = b"root:x:0:\nwww-data:x:33:\nadm:x:4:nginx,www-data\nnginx:x:101:\n";
        Accounts::from_files(Some(passwd), Some(group))
    }

    #[test]
    fn a_primary_group_is_not_a_supplementary_one() {
        let accounts = accounts();
        assert_eq!(accounts.supplementary("nginx"), Some(BTreeSet::from(["adm".to_owned()])));
        let Lookup::Found(nginx) = accounts.user("nginx") else { panic!("nginx is in passwd") };
        assert_eq!(nginx.group.as_deref(), Some("www-data"));
    }

    #[test]
    fn names_are_missing_only_where_all_are_known() {
        assert_eq!(accounts().user("nobody"), Lookup::Missing);
        assert_eq!(Accounts::from_files(None, Some(b"a:x:1:")).user("nobody"), Lookup::Unknown);
        assert_eq!(Accounts::default().supplementary("nobody"), None);
    }

    #[test]
    fn numbers_and_names_are_the_same_account() {
        assert_eq!(accounts().canonical_user("33"), "www-data");
        assert_eq!(accounts().canonical_group("33"), "www-data");
        assert_eq!(accounts().canonical_user("0"), "root");
        assert_eq!(accounts().canonical_user("4711"), "4711");
    }
}
