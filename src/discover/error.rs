//! Why nothing can be checked, in the words that people see.

use std::io;
use std::path::{Path, PathBuf};

/// Why nothing can be checked.
#[derive(Debug, thiserror::Error)]
pub enum DiscoverError {
    /// A path that was named cannot be looked at.
    #[error("cannot read {}: {}", path.display(), plainly(source))]
    Unreadable {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that is neither of the two programs'.
    #[error("{}: this is no configuration of nginx or PHP-FPM{instead}", path.display())]
    NotRecognised {
        /// The path.
        path: PathBuf,
        /// What may be done, behind a semicolon; empty where it is something else altogether.
        instead: &'static str,
    },
    /// A file that must be rendered first.
    #[error("{}: this is a template; render it and check the result", path.display())]
    Template {
        /// The path.
        path: PathBuf,
    },
    /// A file that cannot be a configuration.
    #[error("{}: {why}", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it is.
        why: String,
    },
    /// Everything that may be configuration must be rendered first.
    #[error("{}: found templates only ({count}); render them and check the result", path.display())]
    OnlyTemplates {
        /// The directory.
        path: PathBuf,
        /// How many.
        count: usize,
    },
    /// A deployment of the configuration file cannot be planned.
    #[error("deployment {name}: {error}")]
    InDeployment {
        /// Its name.
        name: String,
        /// Why.
        error: Box<DiscoverError>,
    },
    /// Nothing to check.
    #[error("{}: found no nginx and no PHP-FPM configuration here", path.display())]
    Nothing {
        /// The directory.
        path: PathBuf,
    },
}

/// What went wrong, without the number that the system has for it.
fn plainly(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => {
            let text = error.to_string();
            text.split(" (os error").next().unwrap_or(&text).to_lowercase()
        }
    }
}

pub(super) fn unreadable(path: &Path, source: io::Error) -> DiscoverError {
    DiscoverError::Unreadable { path: path.to_owned(), source }
}
