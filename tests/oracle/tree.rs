//! A deployment's tree: `rootfs`, which is a host's root, or `repository`, which has a compose file; and for the
//! corrected twin `fixed` over it.

use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

type Result<T> = std::result::Result<T, String>;

/// Lays the tree of the deployment in `case` under `root`, corrected or as it is.
pub fn materialise(case: &Path, fixed: bool, root: &Path) -> Result<()> {
    lay(&base(case), root, root)?;
    let twin = case.join("fixed");
    if fixed {
        lay(&twin, root, root)?;
        delete_listed(&twin.join(".delete"), root)?;
    }
    Ok(())
}

/// The tree without its corrections.
pub fn base(case: &Path) -> PathBuf {
    let repository = case.join("repository");
    if repository.is_dir() { repository } else { case.join("rootfs") }
}

/// Lays what is in `from` over `to`, a folder of the tree `root`. Links stay links; files are everybody's to read,
/// whatever a checkout made of their modes.
pub fn lay(from: &Path, to: &Path, root: &Path) -> Result<()> {
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

/// Makes a directory unless it is there.
pub fn make_directory(path: &Path) -> Result<()> {
    match fs::create_dir(path) {
        Ok(()) => set_mode(path, 0o755),
        Err(_) if path.is_dir() => Ok(()),
        Err(e) => Err(trouble(path, e)),
    }
}

/// Sets the permission bits.
pub fn set_mode(path: &Path, mode: u32) -> Result<()> {
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(|e| trouble(path, e))
}

/// Removes whatever is at `path`, a link itself and not what it leads to.
pub fn clear(path: &Path) -> Result<()> {
    let result = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => Ok(()),
    };
    result.map_err(|e| trouble(path, e))
}

/// An error in words, with the path.
pub fn trouble(path: &Path, error: std::io::Error) -> String {
    format!("{}: {error}", path.display())
}
