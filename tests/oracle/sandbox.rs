//! A host of one's own: private namespaces, an overlay of `/`, and the directories that a host has.

use crate::live::{Directory, Result};
use crate::process::tool;
use crate::tree::{clear, make_directory, set_mode, trouble};
use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the deployment's folder is seen inside; its own place may be hidden by one of [`EMPTY`].
pub const CASE: &str = "/.gatelint-oracle";

/// Places that start empty, each with its mode: what the real host has there must not decide.
const EMPTY: [(&str, &str); 6] = [
    ("/run", "mode=0755"),
    ("/tmp", "mode=1777"),
    ("/var/log", "mode=0755"),
    ("/var/www", "mode=0755"),
    ("/srv", "mode=0755"),
    ("/home", "mode=0755"),
];

/// What the real host's packages bring, and only the deployment may.
const REMOVED: [&str; 4] = ["/etc/nginx", "/etc/php", "/etc/php-fpm.d", "/etc/php-fpm.conf"];

/// The command that runs `program` in namespaces of its own, with a umask and a limit of
/// descriptors that don't depend on the caller's; `network` is a network namespace that is there already.
/// What it starts ends with it, and it ends when the command is killed.
pub fn command(program: &Path, network: Option<&Path>) -> Command {
    let mut command = Command::new(if network.is_some() { "nsenter" } else { "unshare" });
    match network {
        Some(network) => command.arg(format!("--net={}", network.display())).arg("unshare"),
        None => command.arg("-n"),
    };
    command.args(["-m", "-p", "-i", "-u", "--fork", "--kill-child", "--mount-proc"]);
    command.args(["sh", "-c", "umask 022; ulimit -Sn 1024; exec \"$@\"", "sh"]).arg(program);
    command
}

/// Makes the private root below the empty folder `work` and moves into it. To be called inside of [`command`] only.
pub fn enter(work: &Path, case: &Path) -> Result<()> {
    let path = |name: &str| format!("{}/{name}", work.display());
    tool("mount", &["--make-rprivate", "/"])?;
    tool("mount", &["-t", "tmpfs", "-o", "mode=0755", "tmpfs", &work.display().to_string()])?;
    for name in ["upper", "overlay", "root"] {
        make_directory(Path::new(&path(name)))?;
    }
    let layers = format!("lowerdir=/,upperdir={},workdir={}", path("upper"), path("overlay"));
    tool("mount", &["-t", "overlay", "overlay", "-o", &layers, &path("root")])?;
    tool("mount", &["--rbind", "/dev", &path("root/dev")])?;
    tool("mount", &["-t", "proc", "proc", &path("root/proc")])?;
    // Nice to have: neither server needs it.
    let _ = tool("mount", &["--rbind", "/sys", &path("root/sys")]);
    let seen = path(&format!("root{CASE}"));
    make_directory(Path::new(&seen))?;
    tool("mount", &["--bind", &case.display().to_string(), &seen])?;

    std::os::unix::fs::chroot(path("root")).map_err(|e| format!("cannot chroot to {}: {e}", path("root")))?;
    std::env::set_current_dir("/").map_err(|e| format!("cannot change to the new root: {e}"))?;

    // Only from here on: an absolute link like /var/run would have led out of the overlay before.
    for (place, mode) in EMPTY {
        make_directory(Path::new(place))?;
        tool("mount", &["-t", "tmpfs", "-o", mode, "tmpfs", place])?;
    }
    for place in REMOVED {
        clear(Path::new(place))?;
    }
    make_directory(Path::new("/var/log/nginx"))?;
    make_directory(Path::new("/run/lock"))?;
    // No name server is in reach, so that a lookup fails at once instead of waiting.
    write("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")?;
    write("/etc/hosts", "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n")?;
    tool("ip", &["link", "set", "lo", "up"])
}

/// Makes the directories of `live.toml` in the present root, after `/run/php` as Debian's package makes it.
pub fn make_directories<'a>(directories: impl Iterator<Item = &'a Directory>) -> Result<()> {
    let accounts = Accounts::read()?;
    let www_data = (accounts.user("www-data").unwrap_or(0), accounts.group("www-data").unwrap_or(0));
    prepare(Path::new("/run/php"), 0o755, www_data)?;
    for directory in directories {
        let wrong = |what: &str, value: &str| {
            format!("live.toml: [[directories]] {}: {what} {value:?} is unknown or no number", directory.path)
        };
        let mode = u32::from_str_radix(&directory.mode, 8).map_err(|_| wrong("mode", &directory.mode))?;
        let owner = accounts.user(&directory.owner).ok_or_else(|| wrong("owner", &directory.owner))?;
        let group = accounts.group(&directory.group).ok_or_else(|| wrong("group", &directory.group))?;
        prepare(Path::new(&directory.path), mode, (owner, group))?;
    }
    Ok(())
}

fn prepare(path: &Path, mode: u32, (owner, group): (u32, u32)) -> Result<()> {
    if !path.exists() {
        fs::create_dir_all(path).map_err(|e| trouble(path, e))?;
    }
    chown(path, Some(owner), Some(group)).map_err(|e| trouble(path, e))?;
    set_mode(path, mode)
}

/// The accounts of the present root, which are the deployment's.
struct Accounts {
    passwd: String,
    group: String,
}

impl Accounts {
    fn read() -> Result<Accounts> {
        let read = |path| fs::read_to_string(path).map_err(|e| format!("{path}: {e}"));
        Ok(Accounts { passwd: read("/etc/passwd")?, group: read("/etc/group")? })
    }

    fn user(&self, name: &str) -> Option<u32> {
        third_field(&self.passwd, name)
    }

    fn group(&self, name: &str) -> Option<u32> {
        third_field(&self.group, name)
    }
}

/// The number of `name` in a text of the form of `/etc/passwd` or `/etc/group`; a number stands for itself.
fn third_field(text: &str, name: &str) -> Option<u32> {
    let named = text.lines().map(|line| line.split(':')).find_map(|mut fields| {
        let found = fields.next() == Some(name);
        fields.nth(1).filter(|_| found)
    });
    named.unwrap_or(name).parse().ok()
}

/// An empty folder for one run of a trial, gone after it.
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes one; `name` tells it from those of other trials.
    pub fn new(name: &str) -> Result<Scratch> {
        let path = std::env::temp_dir().join(format!("gatelint-oracle-{}-{name}", std::process::id()));
        clear(&path)?;
        for part in ["", "work", "tree"] {
            make_directory(&path.join(part))?;
        }
        Ok(Scratch(path))
    }

    /// Where the private root is built.
    pub fn work(&self) -> PathBuf {
        self.0.join("work")
    }

    /// Where a tree can be laid for the linter to read.
    pub fn tree(&self) -> PathBuf {
        self.0.join("tree")
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // First alone, and not with what is in it: had a mount leaked to this side, all of /dev would be in it.
        if fs::remove_dir(self.work()).is_ok() {
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}

/// Writes a file anew: writing through a link that the host has there would not reach it.
pub fn write(path: &str, text: &str) -> Result<()> {
    clear(Path::new(path))?;
    fs::write(path, text).map_err(|e| trouble(Path::new(path), e))
}
