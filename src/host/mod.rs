//! The host a configuration belongs to: its files ([`Host`]) and what is known of it ([`facts`]).

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::values::environment::Environment;

pub mod accounts;
pub mod disk;
pub mod dump;
pub mod facts;
pub mod glob;
pub mod layout;
pub mod live;
pub mod memory;
pub mod nginx_v;
pub mod overlay;
pub mod packages;
pub mod pasted;
pub mod profile;
pub mod reloads;
pub mod rotation;
pub mod survey;
pub mod sysctl;
pub mod tmpfiles;
pub mod units;

/// A text larger than this is not read: no configuration is, and a mistaken include may name a log.
pub const MAX_FILE: u64 = 64 << 20;

/// More bytes than this are not read in one run. Ten thousand sites of 5 KiB are 50 MiB, and the longest lists of
/// addresses that people include are some 30 MiB; several times that is left.
pub const MAX_READ: u64 = 256 << 20;

/// The files of a host. Paths are absolute inside its root; links are followed inside the root only.
///
/// Files are read by several threads at once.
pub trait Host: Sync {
    /// Reads a regular file of at most [`MAX_FILE`] bytes, and says which file it was.
    fn open(&self, path: &Path) -> Result<Opened, ReadError>;

    /// Reads a regular file of at most [`MAX_FILE`] bytes.
    fn read(&self, path: &Path) -> Result<Vec<u8>, ReadError> {
        self.open(path).map(|opened| opened.bytes)
    }

    /// The names in a directory in bytewise order; empty when there is no directory.
    fn list(&self, directory: &Path) -> Vec<OsString>;

    /// Whether a directory is there and its names may not be read.
    fn is_closed(&self, _directory: &Path) -> bool {
        false
    }

    /// What is at a path, links followed; the error says why it cannot be told.
    fn entry(&self, path: &Path) -> Result<Entry, ReadError>;

    /// Where a symbolic link at a path leads, followed once, whether or not something is there.
    fn link_target(&self, _path: &Path) -> Option<PathBuf> {
        None
    }

    /// Whether this is the running host, so that owners, modes and absences mean something.
    fn is_live(&self) -> bool {
        false
    }

    /// Whether this is all that nginx has loaded, and nothing else: then a file that it names and that
    /// is not here was lost on the way, and a pattern that finds nothing here found nothing there.
    fn is_dump(&self) -> bool {
        false
    }

    /// Whether a file was not read because all together would be more than [`MAX_READ`] bytes.
    fn is_exhausted(&self) -> bool {
        false
    }

    /// The environment of the programs here, where something is known of it.
    fn environment(&self) -> Option<&Arc<Environment>> {
        None
    }

    /// Whether the environment is filled into a file of nginx before that is read.
    fn is_template(&self, _path: &Path) -> bool {
        false
    }

    /// What a file is called in reports, where that is not its path.
    fn known_as(&self, _path: &Path) -> Option<String> {
        None
    }
}

/// A file that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// What is in it.
    pub bytes: Vec<u8>,
    /// The path without links.
    pub real: PathBuf,
    /// Whether a link on the way is written out as text, as in a checkout made without links.
    pub by_text: bool,
}

impl Opened {
    /// The names of a file that was reached at `path`, for `Sources::add`: the path, and the file it
    /// names when a link lies between. A link that is written out as text holds none of the lines that
    /// reports speak of, so there the file itself is named.
    pub fn names(&self, host: &dyn Host, path: &Path) -> (String, Option<String>) {
        match host.known_as(path) {
            Some(name) => (name, None),
            None if self.real == path => (shown(path), None),
            None if self.by_text => (shown(&self.real), None),
            None => (shown(path), Some(shown(&self.real))),
        }
    }
}

/// The files of a directory that can be read, in bytewise order of their names, each with its path.
pub fn files_in<'a>(host: &'a dyn Host, directory: &'a Path) -> impl Iterator<Item = (PathBuf, Opened)> + 'a {
    let paths = host.list(directory).into_iter().map(|name| directory.join(name));
    paths.filter_map(|path| host.open(&path).ok().map(|opened| (path, opened)))
}

/// The paths of the files in some directories by their names, as systemd takes them: of several with one name, the one
/// in the strongest directory, which comes first.
pub fn layered(host: &dyn Host, directories: &[&str]) -> BTreeMap<OsString, PathBuf> {
    let mut files = BTreeMap::new();
    for directory in directories.iter().map(Path::new) {
        for name in host.list(directory) {
            let path = directory.join(&name);
            files.entry(name).or_insert(path);
        }
    }
    files
}

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The path without links.
    pub real: PathBuf,
    /// What kind of thing is there.
    pub kind: Kind,
    /// Owner, group and permission bits.
    pub access: Access,
    /// Whether an access control list decides besides the permission bits.
    pub has_acl: bool,
    /// Whether a link on the way is written out as text, as in a checkout made without links.
    pub by_text: bool,
}

/// Owner, group and permission bits by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// The owner's id.
    pub uid: u32,
    /// The group's id.
    pub gid: u32,
    /// The permission bits.
    pub mode: u32,
}

/// The kinds of files that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A unix socket.
    Socket,
    /// A pipe, a device.
    Other,
}

/// Why a path cannot be read.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq, Hash)]
pub enum ReadError {
    /// Nothing is there.
    #[error("no such file")]
    NotFound,
    /// A link on the way names something that is not there.
    #[error("the link {link} leads to {target}, which is not there")]
    Dangling {
        /// The link.
        link: String,
        /// What it names.
        target: String,
    },
    /// A link on the way leads out of the root.
    #[error("the link {link} leads out of the root and is not followed")]
    LeavesRoot {
        /// The link.
        link: String,
    },
    /// Links lead in a circle.
    #[error("too many links on the way")]
    TooManyLinks,
    /// The permissions do not allow it.
    #[error("permission denied")]
    PermissionDenied,
    /// A directory.
    #[error("this is a directory")]
    Directory,
    /// A pipe, socket or device.
    #[error("not a regular file")]
    NotAFile,
    /// Larger than [`MAX_FILE`].
    #[error("{} MiB is more than the {} MiB that are read", size >> 20, MAX_FILE >> 20)]
    TooLarge {
        /// The size in bytes.
        size: u64,
    },
    /// More than [`MAX_READ`] together with what was read before.
    #[error("more than the {} MiB that are read in one run", MAX_READ >> 20)]
    TooMuch,
    /// Anything else the operating system says.
    #[error("{0}")]
    Io(String),
}

/// An absolute path without `.`, `..` and doubled slashes; `..` above the root stays at the root.
pub fn normalize(path: &Path) -> PathBuf {
    // Most paths are written so; taking them apart and putting them together costs more than looking a file up.
    if is_normal(path) {
        return path.to_owned();
    }
    let mut out = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => out.push(name),
            Component::ParentDir => {
                out.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    out
}

/// Whether a path is one that [`normalize`] leaves as it is.
fn is_normal(path: &Path) -> bool {
    let inside = path.as_os_str().as_encoded_bytes().strip_prefix(b"/");
    inside.is_some_and(|inside| inside.split(|byte| *byte == b'/').all(|name| !matches!(name, b"" | b"." | b"..")))
}

/// What a file is called in reports that was reached at `path`.
pub fn name(host: &dyn Host, path: &Path) -> String {
    host.known_as(path).unwrap_or_else(|| match host.entry(path) {
        Ok(entry) if entry.by_text => shown(&entry.real),
        _ => shown(path),
    })
}

/// Whether a path lies below a directory at the top that the host's tree does not hold at all: of what
/// is there, the tree says nothing.
pub fn is_outside_tree(host: &dyn Host, path: &Path) -> bool {
    let top = normalize(path).components().take(2).collect::<PathBuf>();
    !host.is_live() && host.entry(&top).is_err()
}

/// A path as it is shown: relative to the root, with `/`.
pub fn shown(path: &Path) -> String {
    let text = path.to_string_lossy();
    text.trim_start_matches('/').to_owned()
}
