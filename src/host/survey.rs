//! What the running host knows, as a facts file for use elsewhere.
#![allow(clippy::disallowed_methods)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::disk::Disk;
use super::facts::{
    Facts, FactsFile, GroupFact, Limits, ListenerFact, Mode, PathFact, Protocol, Selinux, Size, UserFact,
};
use super::{Host, Kind};

/// Where sockets of PHP-FPM lie, and the directories whose modes decide about them.
const SOCKET_DIRECTORIES: [&str; 5] = ["/run", "/run/php", "/run/php-fpm", "/var/opt/remi", "/tmp"];

/// The facts of the running host. What cannot be read is left out.
pub fn survey() -> FactsFile {
    let mut file = FactsFile {
        version: Some(1),
        memory: memory().map(Size),
        cpus: std::thread::available_parallelism().ok().and_then(|cpus| u32::try_from(cpus.get()).ok()),
        page_size: nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE)
            .ok()
            .flatten()
            .and_then(|size| u64::try_from(size).ok()),
        selinux: selinux(),
        limits: open_files().map(|nofile| Limits { nofile: Some(nofile) }),
        kernel: kernel(),
        listeners: listeners(),
        ..FactsFile::default()
    };
    let host = Disk::running();
    let facts = Facts::from_host(&host);
    for (name, user) in &facts.accounts.users {
        let groups = facts.accounts.supplementary(name).unwrap_or_default();
        let groups = user.group.iter().cloned().chain(groups).collect::<BTreeSet<_>>();
        file.users.insert(name.clone(), UserFact { uid: user.uid, group: user.group.clone(), groups: Some(groups) });
    }
    for (name, group) in &facts.accounts.groups {
        file.groups.insert(name.clone(), GroupFact { gid: group.gid, members: group.members.clone() });
    }
    file.hosts = facts.hosts.clone();
    file.paths = paths(&host, &facts);
    file
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(path).ok()
}

/// The memory, or the limit of the cgroup when that is lower.
fn memory() -> Option<u64> {
    let total = read("/proc/meminfo").and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
    });
    let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let limit = limits.iter().filter_map(|path| read(path)?.trim().parse::<u64>().ok()).min();
    total.into_iter().chain(limit).min()
}

fn selinux() -> Option<Selinux> {
    let mode = match read("/sys/fs/selinux/enforce")?.trim() {
        "1" => "enforcing",
        _ => "permissive",
    };
    let entries = fs::read_dir("/sys/fs/selinux/booleans").into_iter().flatten().flatten();
    let booleans = entries.filter_map(|entry| {
        let value = fs::read_to_string(entry.path()).ok()?;
        Some((entry.file_name().into_string().ok()?, value.starts_with('1')))
    });
    let booleans = booleans.filter(|(name, _)| name.starts_with("httpd_")).collect();
    Some(Selinux { mode: Some(mode.into()), booleans })
}

fn open_files() -> Option<u64> {
    let limits = read("/proc/1/limits").or_else(|| read("/proc/self/limits"))?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn kernel() -> BTreeMap<String, toml::Value> {
    let settings = ["net/core/somaxconn", "net/ipv4/ip_unprivileged_port_start", "net/ipv6/bindv6only"];
    let known = settings.iter().filter_map(|setting| {
        let value = read(&format!("/proc/sys/{setting}"))?.trim().parse().ok()?;
        Some(((*setting).rsplit('/').next()?.to_owned(), toml::Value::Integer(value)))
    });
    known.collect()
}

/// Addresses and sockets that somebody listens on.
pub fn listeners() -> Vec<ListenerFact> {
    let tcp =
        |path: &str| read(path).unwrap_or_default().lines().skip(1).filter_map(listening).collect::<BTreeSet<_>>();
    let addresses: BTreeSet<_> = tcp("/proc/net/tcp").into_iter().chain(tcp("/proc/net/tcp6")).collect();
    let addresses = addresses.into_iter().map(|address| address.to_string());
    let sockets = read("/proc/net/unix").unwrap_or_default();
    // The flag 00010000 marks a socket that accepts connections.
    let sockets: BTreeSet<_> = sockets
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            (fields.get(3) == Some(&"00010000")).then(|| fields.get(7).map(|path| (*path).to_owned()))?
        })
        .filter(|path| path.starts_with('/'))
        .collect();
    let fact = |address| ListenerFact { address, protocol: Protocol::Unknown, process: None };
    addresses.chain(sockets).map(fact).collect()
}

/// The local address of a line of `/proc/net/tcp` or `tcp6` whose state is LISTEN.
fn listening(line: &str) -> Option<SocketAddr> {
    let fields: Vec<_> = line.split_whitespace().collect();
    let (address, port) = fields.get(1).filter(|_| fields.get(3) == Some(&"0A"))?.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    // Words of the host's byte order, each in hexadecimal.
    let words = address.as_bytes().chunks(8).map(|word| u32::from_str_radix(std::str::from_utf8(word).ok()?, 16).ok());
    let bytes: Vec<u8> = words.collect::<Option<Vec<_>>>()?.into_iter().flat_map(u32::to_ne_bytes).collect();
    let ip = match <[u8; 4]>::try_from(bytes.as_slice()) {
        Ok(bytes) => Ipv4Addr::from(bytes).into(),
        Err(_) => Ipv6Addr::from(<[u8; 16]>::try_from(bytes.as_slice()).ok()?).into(),
    };
    Some(SocketAddr::new(ip, port))
}

/// Owners and modes of sockets and of the directories they lie in.
fn paths(host: &Disk, facts: &Facts) -> Vec<PathFact> {
    let mut found = Vec::new();
    for directory in SOCKET_DIRECTORIES.map(Path::new) {
        let inside = host.list(directory).into_iter().map(|name| directory.join(name));
        let sockets = inside.filter(|path| host.entry(path).is_ok_and(|entry| entry.kind == Kind::Socket));
        for path in std::iter::once(directory.to_owned()).chain(sockets) {
            found.extend(fact(host, facts, path));
        }
    }
    found
}

fn fact(host: &Disk, facts: &Facts, path: PathBuf) -> Option<PathFact> {
    let entry = host.entry(&path).ok()?;
    Some(PathFact {
        exists: Some(true),
        owner: Some(facts.accounts.user_name(entry.access.uid)),
        group: Some(facts.accounts.group_name(entry.access.gid).unwrap_or_else(|| entry.access.gid.to_string())),
        mode: Some(Mode(entry.access.mode)),
        target: host.link_target(&path),
        path,
        ..PathFact::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_proc_net_tcp_are_addresses() {
        let line = |address: &str, state: &str| format!("   0: {address} 00000000:0000 {state} 00000000:00000000");
        let shown = |text: &str| listening(text).map(|address| address.to_string());
        assert_eq!(shown(&line("0100007F:2328", "0A")).as_deref(), Some("127.0.0.1:9000"));
        assert_eq!(shown(&line("00000000000000000000000001000000:2328", "0A")).as_deref(), Some("[::1]:9000"));
        assert_eq!(shown(&line("0100007F:2328", "01")), None);
    }
}
