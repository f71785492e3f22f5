//! A host of one's own: private namespaces, an overlay of `/`, and a deployment's tree laid over it.

use crate::live::{Directory, Result};
use crate::process::tool;
use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Component, Path, PathBuf};
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

/// The command that runs `program` in namespaces of its own, with a umask that doesn't depend on the caller's.
/// What it starts ends with it, and it ends when the command is killed.
pub fn command(program: &Path) -> Command {
    let mut command = Command::new("unshare");
    command.args(["-m", "-n", "-p", "-i", "-u", "--fork", "--kill-child", "--mount-proc"]);
    command.args(["sh", "-c", "umask 022; exec \"$@\"", "sh"]).arg(program);
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

/// Lays the tree of the deployment in `case` under `root`, corrected or as it is.
pub fn materialise(case: &Path, fixed: bool, root: &Path) -> Result<()> {
    lay(&case.join("rootfs"), root, root)?;
    let twin = case.join("fixed");
    if fixed {
        lay(&twin, root, root)?;
        delete_listed(&twin.join(".delete"), root)?;
    }
    Ok(())
}

/// Lays what is in `from` over `to`, a folder of the tree `root`. Links stay links; files are everybody's to read,
/// whatever a checkout made of their modes.
fn lay(from: &Path, to: &Path, root: &Path) -> Result<()> {
    let listed = fs::read_dir(from).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    for entry in listed.map_err(|e| trouble(from, e))? {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type().map_err(|e| trouble(&source, e))?;
        if kind.is_dir() {
            if target.is_dir() {
                stay_inside(&target, root)?;
            } else {
                clear(&target)?;
                make_directory(&target)?;
            }
            lay(&source, &target, root)?;
        } else if kind.is_symlink() {
            clear(&target)?;
            let leads_to = fs::read_link(&source).map_err(|e| trouble(&source, e))?;
            symlink(leads_to, &target).map_err(|e| trouble(&target, e))?;
        } else if kind.is_file() {
            if entry.file_name() != ".delete" {
                clear(&target)?;
                fs::copy(&source, &target).map_err(|e| trouble(&source, e))?;
                let executable = entry.metadata().map_err(|e| trouble(&source, e))?.permissions().mode() & 0o111 != 0;
                set_mode(&target, if executable { 0o755 } else { 0o644 })?;
            }
        } else {
            return Err(format!("{}: neither a file nor a folder nor a link", source.display()));
        }
    }
    Ok(())
}

/// Refuses to write through a link that leads out of the tree: that would be the real host.
fn stay_inside(target: &Path, root: &Path) -> Result<()> {
    let real = fs::canonicalize(target).map_err(|e| trouble(target, e))?;
    let root = fs::canonicalize(root).map_err(|e| trouble(root, e))?;
    if real.starts_with(&root) {
        Ok(())
    } else {
        Err(format!("{}: leads out of the tree, to {}", target.display(), real.display()))
    }
}

/// Deletes the paths listed in the file `list`, one per line, from the tree `root`.
fn delete_listed(list: &Path, root: &Path) -> Result<()> {
    let text = match fs::read_to_string(list) {
        Ok(text) => text,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(trouble(list, e)),
    };
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let path = Path::new(line.trim_start_matches('/'));
        if path.components().any(|part| !matches!(part, Component::Normal(_))) {
            return Err(format!("{}: {line}: not a plain path", list.display()));
        }
        let target = root.join(path);
        // A path that isn't there is a slip of the pen, and the twin would not be what its author thinks.
        if fs::symlink_metadata(&target).is_err() {
            return Err(format!("{}: {line}: nothing to delete there", list.display()));
        }
        stay_inside(target.parent().unwrap_or(root), root)?;
        clear(&target)?;
    }
    Ok(())
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

fn make_directory(path: &Path) -> Result<()> {
    match fs::create_dir(path) {
        Ok(()) => set_mode(path, 0o755),
        Err(_) if path.is_dir() => Ok(()),
        Err(e) => Err(trouble(path, e)),
    }
}

fn set_mode(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(|e| trouble(path, e))
}

fn clear(path: &Path) -> Result<()> {
    let result = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => Ok(()),
    };
    result.map_err(|e| trouble(path, e))
}

/// Writes a file anew: writing through a link that the host has there would not reach it.
fn write(path: &str, text: &str) -> Result<()> {
    clear(Path::new(path))?;
    fs::write(path, text).map_err(|e| trouble(Path::new(path), e))
}

fn trouble(path: &Path, error: std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
