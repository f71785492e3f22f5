//! The running host: its name service. Asked only when the root is `/`.

use nix::unistd;

use super::accounts::{Group, User};

/// A user by name.
pub fn user(name: &str) -> Option<User> {
    let user = unistd::User::from_name(name).ok().flatten()?;
    let group = unistd::Group::from_gid(user.gid).ok().flatten().map(|group| group.name);
    Some(User { uid: Some(user.uid.as_raw()), group, groups: None })
}

/// A group by name.
pub fn group(name: &str) -> Option<Group> {
    let group = unistd::Group::from_name(name).ok().flatten()?;
    Some(Group { gid: Some(group.gid.as_raw()), members: group.mem.into_iter().collect() })
}

/// The groups that list a user, its primary group left out.
pub fn groups_listing(user: &str) -> Vec<String> {
    let Some((entry, name)) = unistd::User::from_name(user).ok().flatten().zip(std::ffi::CString::new(user).ok())
    else {
        return Vec::new();
    };
    let groups = unistd::getgrouplist(&name, entry.gid).unwrap_or_default();
    let others = groups.into_iter().filter(|gid| *gid != entry.gid);
    others.filter_map(|gid| Some(unistd::Group::from_gid(gid).ok().flatten()?.name)).collect()
}

/// The name of the user with this number.
pub fn user_name(uid: u32) -> Option<String> {
    Some(unistd::User::from_uid(unistd::Uid::from_raw(uid)).ok().flatten()?.name)
}

/// The name of the group with this number.
pub fn group_name(gid: u32) -> Option<String> {
    Some(unistd::Group::from_gid(unistd::Gid::from_raw(gid)).ok().flatten()?.name)
}
