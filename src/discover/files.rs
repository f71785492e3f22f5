//! Files that are named on the command line or in `gatelint.toml`, and the standard input.
#![allow(clippy::disallowed_methods, reason = "one of the few places that read files")]

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::capture::Capture;
use super::encoding::not_text;
use super::implied::include_base;
use super::recognise::{self, Recognised};
use super::{DiscoverError, Plans, unreadable};
use super::{embedded, environment};
use crate::deployment::{Fragment, Plan, Selection, View};
use crate::finding::Unchecked;
use crate::host::overlay::Added;
use crate::host::{MAX_FILE, ReadError, disk, shown};
use crate::nginx::levels::Context;

/// The name of the standard input among the paths.
pub(super) const STDIN: &str = "-";

/// What the standard input is called in reports.
const STDIN_SHOWN: &str = "<stdin>";

/// What was given on the standard input.
pub(super) fn read_stdin() -> Result<Vec<u8>, DiscoverError> {
    let mut text = Vec::new();
    let read = io::stdin().lock().take(MAX_FILE + 1).read_to_end(&mut text);
    match read {
        Err(source) => Err(unreadable(Path::new(STDIN), source)),
        Ok(_) if text.len() as u64 > MAX_FILE => Err(DiscoverError::NotAFile {
            path: STDIN.into(),
            why: format!("this is more than the {} MiB that are read of a file", MAX_FILE >> 20),
        }),
        Ok(_) => Ok(text),
    }
}

/// Files named together: one deployment.
#[derive(Default)]
pub(super) struct Files {
    /// Those on the disk, as they were named.
    pub named: Vec<PathBuf>,
    /// What was given on the standard input.
    pub stdin: Option<Vec<u8>>,
}

/// A file that was named.
struct NamedFile {
    /// As it was named.
    named: PathBuf,
    /// As it lies inside the root.
    inside: PathBuf,
    text: Vec<u8>,
}

impl Files {
    /// Whether nothing was named.
    pub fn is_empty(&self) -> bool {
        self.named.is_empty() && self.stdin.is_none()
    }

    /// Plans one deployment. Its root is `base`, the working directory, where all files lie below it, so that absolute paths
    /// in them never reach this machine's own files.
    pub fn plan(self, base: &Path, selection: &Selection, plans: &mut Plans) -> Result<(), DiscoverError> {
        let here = base.canonicalize().map_err(|source| unreadable(base, source))?;
        let mut absolute = Vec::new();
        for file in self.named {
            let path = file.canonicalize().map_err(|source| unreadable(&file, source))?;
            absolute.push((file, path));
        }
        let below = absolute.iter().all(|(_, path)| path.starts_with(&here));
        let root = if below { here } else { PathBuf::from("/") };
        let mut plan = Plan::new(root.clone(), View::Files, selection.clone());
        let mut files = Vec::new();
        for (named, path) in absolute {
            let inside = Path::new("/").join(path.strip_prefix(&root).unwrap_or(&path));
            let text = read_file(&named, &path)?;
            let name = named.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
            let parts = embedded::inside_of(&name, &String::from_utf8_lossy(&text));
            if !parts.is_empty() && parts.iter().all(|part| part.is_filled_in) {
                return Err(DiscoverError::Template { path: named });
            }
            if parts.is_empty() {
                files.push(NamedFile { text, named, inside });
                continue;
            }
            for part in parts.into_iter().filter(|part| !part.is_filled_in) {
                let added = part.added(&inside, shown(&inside));
                files.push(NamedFile { text: added.text.clone(), named: named.clone(), inside: added.path.clone() });
                plan.added.push(added);
            }
        }
        if let Some(text) = self.stdin {
            let inside = Path::new("/").join(STDIN_SHOWN);
            plan.added.push(Added { path: inside.clone(), shown: STDIN_SHOWN.into(), text: text.clone() });
            files.push(NamedFile { named: STDIN.into(), inside, text });
        }
        let mut only_captures = true;
        for file in &files {
            let NamedFile { named, inside, text } = file;
            let not_recognised = || DiscoverError::NotRecognised { path: named.clone() };
            let refused = |why| DiscoverError::NotAFile { path: named.clone(), why };
            if let Some(capture) = Capture::of(text).map_err(refused)? {
                plans.notes.push(format!("{}: {}", named.display(), capture.says()));
                plan.dumps.extend(capture.dump);
                plan.facts.extend(capture.facts);
                plan.selection.fpm_tests.extend(capture.fpm_test.then(|| inside.clone()));
                continue;
            }
            if let Some(why) = not_text(text) {
                return Err(refused(why.to_owned()));
            }
            only_captures = false;
            let recognised = recognise::recognise(inside, text);
            plans.notes.push(format!("{}: {recognised}", named.display()));
            match recognised {
                Recognised::Nginx(Context::Main) => plan.selection.nginx_mains.push(inside.clone()),
                Recognised::Nginx(_) => plan.selection.fragments.push(fragment(&root, inside)),
                Recognised::FpmMain => plan.selection.fpm_mains.push(inside.clone()),
                Recognised::FpmPool => plan.selection.fpm_pools.push(inside.clone()),
                Recognised::PhpIni => plan.selection.php_inis.push(inside.clone()),
                Recognised::Nothing if selection.context.is_some() => {
                    plan.selection.fragments.push(Fragment::at(inside.clone()));
                }
                Recognised::Template if environment::is_template_of_nginx(inside, text) => {
                    if environment::is_filled_in(text) {
                        let needs = format!("what the environment fills into {}", named.display());
                        let option = "the rendered file".into();
                        plans.passed_over.push(Unchecked { rule: "placeholder-left", needs, option });
                    }
                    plan.selection.fragments.push(Fragment::at(inside.clone()));
                }
                Recognised::Template => return Err(DiscoverError::Template { path: named.clone() }),
                Recognised::Nothing => return Err(not_recognised()),
            }
        }
        let mut hosts: Vec<_> = plans.plans.iter_mut().filter(|plan| !plan.unless_loaded).collect();
        match hosts.as_mut_slice() {
            // What was captured on a host belongs to its tree.
            [host] if only_captures => {
                host.dumps.extend(plan.dumps);
                host.facts.extend(plan.facts);
                host.added.extend(plan.added);
                host.selection.fpm_tests.extend(plan.selection.fpm_tests);
            }
            _ => plans.plans.push(plan),
        }
        Ok(())
    }
}

/// A fragment, with the directory where its relative includes begin.
fn fragment(root: &Path, inside: &Path) -> Fragment {
    let on_disk = root.join(inside.strip_prefix("/").unwrap_or(inside));
    let base = include_base(root, &on_disk).map(|base| super::root::inside(root, &base));
    Fragment { path: inside.to_owned(), base }
}

fn read_file(named: &Path, path: &Path) -> Result<Vec<u8>, DiscoverError> {
    disk::read_file(path).map_err(|error| match error {
        ReadError::PermissionDenied => unreadable(named, io::ErrorKind::PermissionDenied.into()),
        error => DiscoverError::NotAFile { path: named.to_owned(), why: error.to_string() },
    })
}
