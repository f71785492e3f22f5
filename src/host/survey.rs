//! What the running host knows, as a facts file for use elsewhere.
#![allow(clippy::disallowed_methods, reason = "one of the few places that read files")]

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

/// The sizes and limits of the running host. What cannot be read is left out.
pub fn measures() -> FactsFile {
    FactsFile {
        memory: memory().map(Size),
        cpus: std::thread::available_parallelism().ok().and_then(|cpus| u32::try_from(cpus.get()).ok()),
        page_size: nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE)
            .ok()
            .flatten()
            .and_then(|size| u64::try_from(size).ok()),
        selinux: selinux(),
        limits: open_files().map(|nofile| Limits { nofile: Some(nofile) }),
        kernel: kernel(),
        ..FactsFile::default()
    }
}

/// The facts of the running host. What cannot be read is left out.
pub fn survey() -> FactsFile {
    let mut file = FactsFile { version: Some(1), listeners: listeners(), ..measures() };
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
    let settings = ["fs/nr_open", "net/core/somaxconn", "net/ipv4/ip_unprivileged_port_start", "net/ipv6/bindv6only"];
    let known = settings.iter().filter_map(|setting| {
        let value = read(&format!("/proc/sys/{setting}"))?.trim().parse().ok()?;
        Some(((*setting).rsplit('/').next()?.to_owned(), toml::Value::Integer(value)))
    });
    known.collect()
}

/// Addresses and sockets that somebody other than PHP-FPM listens on: what PHP-FPM's will be after its
/// next start is for its configuration to say.
pub fn listeners() -> Vec<ListenerFact> {
    let processes = processes();
    let tcp = ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| read(path).unwrap_or_default());
    let tcp = tcp
        .iter()
        .flat_map(|table| table.lines().skip(1))
        .filter_map(|line| Some((listening(line)?.to_string(), line.split_whitespace().nth(9)?.to_owned())));
    let unix = read("/proc/net/unix").unwrap_or_default();
    let unix = unix.lines().skip(1).filter_map(|line| {
        let fields: Vec<_> = line.split_whitespace().collect();
        // The flag 00010000 marks a socket that accepts connections.
        let path = fields.get(7).filter(|path| path.starts_with('/') && fields.get(3) == Some(&"00010000"))?;
        Some(((*path).to_owned(), fields.get(6)?.to_string()))
    });
    let found: BTreeSet<_> =
        tcp.chain(unix).map(|(address, inode)| (address, processes.get(&inode).cloned())).collect();
    let is_fpm = |(address, process): &(String, Option<String>)| match process {
        Some(process) => process.starts_with("php-fpm"),
        // Whose socket it is, only root may see.
        None => ["php", "fpm"].iter().any(|word| address.contains(word)),
    };
    let others = found.into_iter().filter(|listener| !is_fpm(listener));
    others.map(|(address, process)| ListenerFact { address, protocol: Protocol::Unknown, process }).collect()
}

/// The names of processes by the inodes of their sockets, as far as they may be read.
fn processes() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for process in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Ok(name) = fs::read_to_string(process.path().join("comm")) else { continue };
        for descriptor in fs::read_dir(process.path().join("fd")).into_iter().flatten().flatten() {
            let target = fs::read_link(descriptor.path()).unwrap_or_default();
            let inode = target.to_str().and_then(|text| text.strip_prefix("socket:[")?.strip_suffix(']'));
            found.extend(inode.map(|inode| (inode.to_owned(), name.trim_end().to_owned())));
        }
    }
    found
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
