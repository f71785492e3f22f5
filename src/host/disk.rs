//! A host's files on disk: the running host, or a tree that holds a copy of one.
//!
//! Every file of a deployment is read through this.
#![allow(clippy::disallowed_methods, reason = "one of the few places that read files")]

use std::borrow::Cow;
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};

use super::{Access, Entry, Host, Kind, MAX_FILE, MAX_READ, Opened, ReadError, is_normal, normalize, shown};

/// As many links as Linux follows on one path.
const MAX_LINKS: usize = 40;

/// Of directories that lie deeper than this, those around are not remembered.
const MAX_KNOWN: usize = 64;

/// A link written out as text is no longer than this.
const MAX_LINK_TEXT: u64 = 255;

/// A directory on disk that is taken as the root of a host.
#[derive(Debug)]
pub struct Disk {
    root: PathBuf,
    /// Whether this is the running host, and is meant as such.
    live: bool,
    /// Directories that were looked for before: thousands of sites lie in the same few.
    directories: Mutex<HashMap<OsString, Result<PathBuf, ReadError>>>,
    /// How many bytes may still be read, and whether more were asked for.
    left: AtomicU64,
    is_exhausted: AtomicBool,
}

/// A path with its links followed.
struct Resolved {
    real: PathBuf,
    metadata: fs::Metadata,
    by_text: bool,
}

impl Disk {
    /// The tree below this directory.
    pub fn new(root: &Path) -> io::Result<Self> {
        Ok(Disk { live: false, root: root.canonicalize()?, ..Disk::running() })
    }

    /// The running host.
    pub fn running() -> Self {
        Disk {
            root: PathBuf::from("/"),
            live: true,
            directories: Mutex::default(),
            left: AtomicU64::new(MAX_READ),
            is_exhausted: AtomicBool::new(false),
        }
    }

    /// The same, of which no more than so many bytes are read.
    pub fn limited(self, bytes: u64) -> Self {
        Disk { left: AtomicU64::new(bytes), ..self }
    }

    /// Takes bytes from what may be read.
    fn take(&self, bytes: u64) -> Result<(), ReadError> {
        let taken = self.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(bytes));
        taken.map(|_| ()).map_err(|_| {
            self.is_exhausted.store(true, Relaxed);
            ReadError::TooMuch
        })
    }

    /// The path on disk of a path inside the root that holds no links.
    fn on_disk(&self, real: &Path) -> PathBuf {
        // Joined by bytes: taking paths apart and putting them together costs more than looking a file up.
        let mut path = self.root.as_os_str().to_owned();
        if path != "/" {
            path.push(real);
            return path.into();
        }
        real.to_owned()
    }

    /// Follows the links of a path inside the root.
    fn resolve(&self, path: &Path) -> Result<Resolved, ReadError> {
        let path = absolute(path);
        let (parent, name) = (path.parent(), path.file_name());
        let (Some(parent), Some(name)) = (parent, name) else { return self.walk(&path) };
        let directory = self.directory(parent)?;
        // Mostly there is no link.
        let real = directory.join(name);
        match fs::symlink_metadata(self.on_disk(&real)) {
            Ok(metadata) if name != ".." && self.link_at(&real, &metadata).is_none() => {
                Ok(Resolved { real, metadata, by_text: false })
            }
            _ => self.walk_from(directory, Path::new(name)),
        }
    }

    /// A directory without links.
    fn directory(&self, path: &Path) -> Result<PathBuf, ReadError> {
        // A thread that panicked has left a map that is whole all the same.
        let known = || self.directories.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let found = known().get(path.as_os_str()).cloned();
        found.unwrap_or_else(|| {
            let real = self.below_known(path).unwrap_or_else(|| self.walk(path).map(|resolved| resolved.real));
            known().insert(path.into(), real.clone());
            real
        })
    }

    /// A directory without links, where no link lies on the way to the one around it: thousands of sites lie side by
    /// side, and the way to them is walked once.
    fn below_known(&self, path: &Path) -> Option<Result<PathBuf, ReadError>> {
        let (parent, name) = (path.parent()?, path.file_name().filter(|name| *name != "..")?);
        if path.components().nth(MAX_KNOWN).is_some() || parent.parent().is_none() {
            return None;
        }
        match self.directory(parent) {
            Ok(real) if real == parent => Some(self.walk_from(real, Path::new(name)).map(|resolved| resolved.real)),
            Err(ReadError::NotFound) => Some(Err(ReadError::NotFound)),
            _ => None,
        }
    }

    /// Where the link at a path without links leads; `None` when no link is there.
    ///
    /// In a checkout made without links (`core.symlinks = false`, as on Windows and in archives), a
    /// link is a file that holds its target without a line end.
    fn link_at(&self, here: &Path, metadata: &fs::Metadata) -> Option<PathBuf> {
        if metadata.is_symlink() {
            return fs::read_link(self.on_disk(here)).ok();
        }
        if self.is_live() || !metadata.is_file() || metadata.len() > MAX_LINK_TEXT {
            return None;
        }
        let text = String::from_utf8(fs::read(self.on_disk(here)).ok()?).ok()?;
        let is_path = text.starts_with('/') || text.starts_with("../") || text.starts_with("./");
        let is_word = !text.contains(|char: char| char.is_whitespace() || char.is_control() || ";{}*\\".contains(char));
        (is_path && is_word).then(|| PathBuf::from(text))
    }

    fn walk(&self, path: &Path) -> Result<Resolved, ReadError> {
        self.walk_from(PathBuf::from("/"), path)
    }

    /// Walks component by component, as the kernel does, with the root as the top.
    fn walk_from(&self, start: PathBuf, path: &Path) -> Result<Resolved, ReadError> {
        let mut real = start;
        let mut by_text = false;
        let mut links = 0;
        let mut last_link: Option<(String, String)> = None;
        let mut ahead: Vec<OsString> = names(path);
        let look = |real: &Path| fs::symlink_metadata(self.on_disk(real)).map_err(read_error);
        let mut metadata = None;
        while let Some(name) = ahead.pop() {
            if name == ".." {
                if !real.pop() {
                    // Above the real root lies the root again.
                    if let Some((link, _)) = last_link.clone().filter(|_| !self.live) {
                        return Err(ReadError::LeavesRoot { link });
                    }
                }
                metadata = None;
                continue;
            }
            let here = real.join(&name);
            let on_disk = self.on_disk(&here);
            let found = fs::symlink_metadata(&on_disk).map_err(|error| match (read_error(error), &last_link) {
                (ReadError::NotFound, Some((link, target))) => {
                    ReadError::Dangling { link: link.clone(), target: target.clone() }
                }
                (error, _) => error,
            })?;
            let Some(target) = self.link_at(&here, &found) else {
                real = here;
                metadata = Some(found);
                continue;
            };
            metadata = None;
            by_text |= !found.is_symlink();
            links += 1;
            if links > MAX_LINKS {
                return Err(ReadError::TooManyLinks);
            }
            last_link = Some((shown(&here), target.to_string_lossy().into_owned()));
            if target.is_absolute() {
                real = PathBuf::from("/");
            }
            ahead.extend(names(&target));
        }
        let metadata = metadata.map_or_else(|| look(&real), Ok)?;
        Ok(Resolved { real, metadata, by_text })
    }
}

impl Host for Disk {
    fn open(&self, path: &Path) -> Result<Opened, ReadError> {
        let Resolved { real, metadata, by_text } = self.resolve(path)?;
        self.take(metadata.len())?;
        let bytes = read_regular(&self.on_disk(&real), &metadata)?;
        // One that grew, or whose size is not known before, as in /proc.
        self.take((bytes.len() as u64).saturating_sub(metadata.len()))?;
        Ok(Opened { bytes, real, by_text })
    }

    fn list(&self, directory: &Path) -> Vec<OsString> {
        let Ok(Resolved { real, .. }) = self.resolve(directory) else { return Vec::new() };
        let Ok(entries) = fs::read_dir(self.on_disk(&real)) else { return Vec::new() };
        let mut names: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
        names.sort();
        names
    }

    fn is_closed(&self, directory: &Path) -> bool {
        let listed = |real: PathBuf| fs::read_dir(self.on_disk(&real)).map_err(read_error).err();
        match self.resolve(directory) {
            Ok(resolved) => listed(resolved.real) == Some(ReadError::PermissionDenied),
            Err(error) => error == ReadError::PermissionDenied,
        }
    }

    fn entry(&self, path: &Path) -> Result<Entry, ReadError> {
        let Resolved { real, metadata, by_text } = self.resolve(path)?;
        let file_type = metadata.file_type();
        let kind = match () {
            () if file_type.is_file() => Kind::File,
            () if file_type.is_dir() => Kind::Directory,
            () if file_type.is_socket() => Kind::Socket,
            () => Kind::Other,
        };
        let access = Access { uid: metadata.uid(), gid: metadata.gid(), mode: metadata.mode() & 0o7777 };
        let acl = || xattr::get(self.on_disk(&real), "system.posix_acl_access");
        let has_acl = self.live && acl().is_ok_and(|found| found.is_some());
        Ok(Entry { real, kind, access, has_acl, by_text })
    }

    fn link_target(&self, path: &Path) -> Option<PathBuf> {
        let path = absolute(path);
        let directory = self.directory(path.parent()?).ok()?;
        let here = directory.join(path.file_name()?);
        let metadata = fs::symlink_metadata(self.on_disk(&here)).ok()?;
        self.link_at(&here, &metadata).map(|target| directory.join(target))
    }

    fn is_live(&self) -> bool {
        self.live
    }

    fn is_exhausted(&self) -> bool {
        self.is_exhausted.load(Relaxed)
    }
}

/// The bytes of an open file whose size was looked up: of a file that stays as it is, one read brings
/// all, and says so by bringing less than there is room for.
fn contents(mut file: fs::File, size: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; size + 1];
    let length = match file.read(&mut bytes) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
        read => read?,
    };
    bytes.truncate(length);
    if length != size {
        // One byte more than is read tells that there is more.
        file.take(MAX_FILE + 1 - length as u64).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// A path of this machine with its links followed; as it is when nothing is there.
pub fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// Reads a regular file by its path on this machine, such as one that a user names.
pub fn read_file(path: &Path) -> Result<Vec<u8>, ReadError> {
    let path = path.canonicalize().map_err(read_error)?;
    read_regular(&path, &fs::metadata(&path).map_err(read_error)?)
}

/// Reads a text file by its path on this machine, such as a facts file.
pub fn read_text(path: &Path) -> Result<String, ReadError> {
    String::from_utf8(read_file(path)?).map_err(|_| ReadError::Io("this is not UTF-8 text".to_owned()))
}

/// Reads a file at a path without links, as it was found to be when it was looked at.
fn read_regular(path: &Path, metadata: &fs::Metadata) -> Result<Vec<u8>, ReadError> {
    // Looked at before it is opened: opening a pipe would wait for a writer for ever.
    if metadata.is_dir() {
        return Err(ReadError::Directory);
    }
    if !metadata.is_file() {
        return Err(ReadError::NotAFile);
    }
    if metadata.len() > MAX_FILE {
        return Err(ReadError::TooLarge { size: metadata.len() });
    }
    // A file that became a link or a pipe since it was looked at is not followed and not waited for.
    let flags = nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK;
    let file = fs::OpenOptions::new().read(true).custom_flags(flags).open(path);
    let bytes = file.and_then(|file| contents(file, metadata.len() as usize)).map_err(read_error)?;
    match bytes.len() as u64 {
        size if size > MAX_FILE => Err(ReadError::TooLarge { size }),
        _ => Ok(bytes),
    }
}

/// The path from the root; `..` stays in, since it must be walked behind links.
fn absolute(path: &Path) -> Cow<'_, Path> {
    if is_normal(path) {
        return path.into();
    }
    if path.components().any(|component| component == Component::ParentDir) {
        return Path::new("/").join(path).into();
    }
    normalize(path).into()
}

/// The names of a path, last first, ready to be taken off a stack.
fn names(path: &Path) -> Vec<OsString> {
    let name = |component| match component {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().rev().filter_map(name).collect()
}

fn read_error(error: io::Error) -> ReadError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ReadError::NotFound,
        io::ErrorKind::PermissionDenied => ReadError::PermissionDenied,
        _ => ReadError::Io(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::symlink;

    fn tree() -> (tempfile::TempDir, Disk) {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        fs::create_dir_all(root.join("etc/nginx/sites-available")).unwrap();
        fs::create_dir_all(root.join("etc/nginx/sites-enabled")).unwrap();
        fs::write(root.join("etc/nginx/sites-available/a"), "a").unwrap();
        let link = |target: &str, name: &str| symlink(target, root.join("etc/nginx/sites-enabled").join(name)).unwrap();
        link("/etc/nginx/sites-available/a", "absolute");
        link("../sites-available/a", "relative");
        link("../../../../outside", "out");
        link("/nowhere", "dangling");
        link("circle", "circle");
        fs::write(root.join("etc/nginx/sites-enabled/text"), "../sites-available/a").unwrap();
        let disk = Disk::new(root).unwrap();
        (directory, disk)
    }

    #[test]
    fn links_are_followed_inside_the_root_only() {
        let (_keep, disk) = tree();
        let read = |name: &str| disk.read(&Path::new("/etc/nginx/sites-enabled").join(name));
        assert_eq!(read("absolute").unwrap(), b"a");
        assert_eq!(read("relative").unwrap(), b"a");
        assert_eq!(read("text").unwrap(), b"a");
        assert_eq!(read("circle"), Err(ReadError::TooManyLinks));
        assert_eq!(read("missing"), Err(ReadError::NotFound));
        assert!(matches!(read("dangling"), Err(ReadError::Dangling { .. })));
        assert!(matches!(read("out"), Err(ReadError::LeavesRoot { .. })));
        let entry = disk.entry(Path::new("/etc/nginx/sites-enabled/absolute")).unwrap();
        assert_eq!(entry.real, Path::new("/etc/nginx/sites-available/a"));
    }

    #[test]
    fn as_many_links_are_followed_as_linux_follows() {
        let (keep, disk) = tree();
        fs::write(keep.path().join("0"), "found").unwrap();
        for link in 1..=MAX_LINKS + 1 {
            symlink((link - 1).to_string(), keep.path().join(link.to_string())).unwrap();
        }
        let read = |links: usize| disk.read(Path::new(&format!("/{links}")));
        let by_kernel = |links: usize| fs::read(keep.path().join(links.to_string())).is_ok();
        assert_eq!((read(MAX_LINKS).unwrap().as_slice(), by_kernel(MAX_LINKS)), (&b"found"[..], true));
        assert_eq!((read(MAX_LINKS + 1), by_kernel(MAX_LINKS + 1)), (Err(ReadError::TooManyLinks), false));
    }

    #[test]
    fn a_file_is_read_up_to_a_size() {
        let (keep, disk) = tree();
        let file = fs::File::create(keep.path().join("large")).unwrap();
        file.set_len(MAX_FILE).unwrap();
        assert_eq!(disk.read(Path::new("/large")).unwrap().len() as u64, MAX_FILE);
        file.set_len(MAX_FILE + 1).unwrap();
        assert_eq!(disk.read(Path::new("/large")), Err(ReadError::TooLarge { size: MAX_FILE + 1 }));
    }

    #[test]
    fn a_file_is_read_while_all_of_them_are_few_bytes() {
        let (keep, disk) = tree();
        let disk = disk.limited(3);
        fs::write(keep.path().join("two"), "ab").unwrap();
        let read = |path: &str| disk.read(Path::new(path)).map(|bytes| bytes.len());
        assert_eq!((read("/two"), read("/two"), disk.is_exhausted()), (Ok(2), Err(ReadError::TooMuch), true));
        let disk = disk.limited(2);
        assert_eq!(disk.read(Path::new("/two")).unwrap(), b"ab");
    }

    #[test]
    fn a_file_whose_size_is_not_what_was_told_is_read_whole() {
        let (keep, _) = tree();
        let path = keep.path().join("etc/nginx/sites-available/a");
        let seen = fs::metadata(&path).unwrap();
        for text in ["", "b", "longer than it was"] {
            fs::write(&path, text).unwrap();
            assert_eq!(read_regular(&path, &seen).unwrap(), text.as_bytes());
        }
        fs::File::create(&path).unwrap().set_len(MAX_FILE + 9).unwrap();
        assert_eq!(read_regular(&path, &seen), Err(ReadError::TooLarge { size: MAX_FILE + 1 }));
        fs::remove_file(&path).unwrap();
        assert_eq!(read_regular(&path, &seen), Err(ReadError::NotFound));
        symlink("/etc/passwd", &path).unwrap();
        assert!(matches!(read_regular(&path, &seen), Err(ReadError::Io(_))));
        // What the kernel makes up has no size.
        assert!(!read_file(Path::new("/proc/self/status")).unwrap().is_empty());
        assert_eq!(read_file(Path::new("/dev/zero")), Err(ReadError::NotAFile));
    }

    #[test]
    fn pipes_and_directories_are_not_opened() {
        let (keep, disk) = tree();
        nix::unistd::mkfifo(&keep.path().join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert_eq!(disk.read(Path::new("/pipe")), Err(ReadError::NotAFile));
        assert_eq!(disk.read(Path::new("/etc")), Err(ReadError::Directory));
    }
}
