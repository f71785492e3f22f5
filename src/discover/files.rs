//! Files that are named on the command line or in `gatelint.toml`, and the standard input.
#![allow(clippy::disallowed_methods, reason = "one of the few places that read files")]

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use super::capture::Capture;
use super::encoding::not_text;
use super::error::{DiscoverError, unreadable};
use super::implied::{include_base, take_in_pools};
use super::recognise::{self, Recognised};
use super::walk::is_dockerfile;
use super::{Plans, is_compose_file, pinned};
use super::{embedded, environment};
use crate::deployment::{Fragment, Plan, Selection, View};
use crate::finding::Unchecked;
use crate::host::disk::Disk;
use crate::host::overlay::Added;
use crate::host::{Host, MAX_FILE, ReadError, disk, layout, shown};
use crate::nginx::levels::Context;

/// The name of the standard input among the paths.
const STDIN: &str = "-";

/// What the standard input is called in reports.
const STDIN_SHOWN: &str = "<stdin>";

/// What a program prints to us: the standard input, or what `<(nginx -T)` of a shell stands for.
pub(super) struct Stream {
    /// As it was named.
    named: PathBuf,
    /// What it is called in reports.
    shown: String,
    text: Vec<u8>,
}

impl Stream {
    /// Whether a path names one.
    pub fn is_named(path: &Path) -> bool {
        let is_open = || ["/dev/fd", "/proc/self/fd", "/dev/stdin"].iter().any(|open| path.starts_with(open));
        let is_pipe = || fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo());
        path == Path::new(STDIN) || is_open() && is_pipe()
    }

    /// Reads it to its end.
    pub fn read(named: &Path) -> Result<Self, DiscoverError> {
        let cannot = |source| unreadable(named, source);
        let (from, shown): (Box<dyn Read>, String) = match named == Path::new(STDIN) {
            true => (Box::new(io::stdin().lock()), STDIN_SHOWN.into()),
            false => (Box::new(fs::File::open(named).map_err(cannot)?), named.display().to_string()),
        };
        let refused = |why| DiscoverError::NotAFile { path: named.to_owned(), why };
        let mut text = Vec::new();
        from.take(MAX_FILE + 1).read_to_end(&mut text).map_err(cannot)?;
        match text.len() as u64 {
            0 => Err(refused("this is empty; the program that was to fill it has failed, or prints elsewhere".into())),
            size if size > MAX_FILE => {
                Err(refused(format!("this is more than the {} MiB that are read of a file", MAX_FILE >> 20)))
            }
            _ => Ok(Stream { named: named.to_owned(), shown, text }),
        }
    }
}

/// Files named together: one deployment.
#[derive(Default)]
pub(super) struct Files {
    /// Those on the disk, as they were named.
    pub named: Vec<PathBuf>,
    /// What programs print to us.
    pub streams: Vec<Stream>,
}

/// A file that was named.
struct NamedFile {
    /// As it was named.
    named: PathBuf,
    /// As it lies inside the root.
    inside: PathBuf,
    text: Vec<u8>,
}

impl NamedFile {
    /// Whether it holds nothing that could be configuration, and has no name that tells what it was to be.
    fn holds_nothing(&self) -> bool {
        recognise::is_blank(&self.text) && recognise::recognise(&self.inside, &self.text) == Recognised::Nothing
    }

    /// Puts the file into the plan as what it is. Whether it is what a program printed.
    fn take_in(&self, plan: &mut Plan, plans: &mut Plans) -> Result<bool, DiscoverError> {
        let NamedFile { named, inside, text } = self;
        let refused = |why| DiscoverError::NotAFile { path: named.clone(), why };
        if let Some(capture) = Capture::of(text).map_err(refused)? {
            plans.notes.push(format!("{}: {}", named.display(), capture.says()));
            plan.dumps.extend(capture.dump);
            plan.facts.extend(capture.facts);
            plan.selection.fpm_tests.extend(capture.fpm_test.then(|| inside.clone()));
            return Ok(true);
        }
        if let Some(why) = not_text(text) {
            return Err(refused(why.to_owned()));
        }
        let recognised = recognise::recognise(inside, text);
        plans.notes.push(format!("{}: {recognised}", named.display()));
        let selection = &mut plan.selection;
        match recognised {
            Recognised::Nginx(Context::Main) => selection.nginx_mains.push(inside.clone()),
            Recognised::Nginx(_) => selection.fragments.push(fragment(&plan.root, inside)),
            Recognised::FpmMain => selection.fpm_mains.push(inside.clone()),
            Recognised::FpmPool => selection.fpm_pools.push(inside.clone()),
            Recognised::PhpIni => selection.php_inis.push(inside.clone()),
            Recognised::Nothing if selection.context.is_some() => {
                selection.fragments.push(Fragment::at(inside.clone()));
            }
            Recognised::Template if environment::is_template_of_nginx(inside, text) => {
                if environment::is_filled_in(text) {
                    let needs = format!("what the environment fills into {}", named.display());
                    let option = "the rendered file".into();
                    plans.passed_over.push(Unchecked { rule: "placeholder-left", needs, option });
                }
                selection.fragments.push(Fragment::at(inside.clone()));
            }
            Recognised::Template => return Err(DiscoverError::Template { path: named.clone() }),
            Recognised::Nothing => {
                return Err(DiscoverError::NotRecognised { path: named.clone(), instead: instead(named, text) });
            }
        }
        Ok(false)
    }
}

impl Files {
    /// Whether nothing was named.
    pub fn is_empty(&self) -> bool {
        self.named.is_empty() && self.streams.is_empty()
    }

    /// Plans one deployment. Its root is `base`, the working directory, where all files lie below it, and otherwise the
    /// directory that holds them all, so that absolute paths in them reach this machine's own files only where one of
    /// them is such a file.
    pub fn plan(self, base: &Path, selection: &Selection, plans: &mut Plans) -> Result<(), DiscoverError> {
        let is_forced = selection.context.is_some();
        let (mut plan, files) = self.placed(base, selection)?;
        // Beside others, an empty file is one that nothing is in.
        let (blank, rest): (Vec<_>, Vec<_>) = files.into_iter().partition(|file| file.holds_nothing());
        plans.notes.extend(blank.iter().map(|file| format!("{}: nothing is in it", file.named.display())));
        if let (Some(first), true) = (blank.first(), rest.is_empty() && !is_forced) {
            let why = "this file holds nothing, or comments only".into();
            return Err(DiscoverError::NotAFile { path: first.named.clone(), why });
        }
        let files: Vec<NamedFile> = if is_forced { blank.into_iter().chain(rest).collect() } else { rest };
        let mut only_captures = true;
        for file in &files {
            only_captures &= file.take_in(&mut plan, plans)?;
        }
        if let ([only], true) = (&files[..], plan.selection.php_inis.len() > selection.php_inis.len()) {
            let why = "php.ini is checked with PHP-FPM's pools; name their files beside it".into();
            return Err(DiscoverError::NotAFile { path: only.named.clone(), why });
        }
        take_in_pools(&mut plan);
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

    /// A plan of the place where all files are, and the files in it with their texts.
    fn placed(self, base: &Path, selection: &Selection) -> Result<(Plan, Vec<NamedFile>), DiscoverError> {
        let here = base.canonicalize().map_err(|source| unreadable(base, source))?;
        let mut absolute = Vec::new();
        for file in self.named {
            let path = file.canonicalize().map_err(|source| unreadable(&file, source))?;
            absolute.push((file, path));
        }
        let pins = selection.files().chain(&selection.php_inis).filter_map(|pin| pin.canonicalize().ok());
        let places: Vec<PathBuf> = pins.chain(absolute.iter().map(|(_, path)| path.clone())).collect();
        let below = places.iter().all(|path| path.starts_with(&here));
        let root = if below { here } else { root_around(&places) };
        let mut plan = Plan::new(root.clone(), View::Files, pinned(selection.clone(), &root));
        // What lies elsewhere is called by its whole path.
        plan.shown_prefix = match below {
            true => String::new(),
            false => format!("{}/", root.display().to_string().trim_end_matches('/')),
        };
        let mut files = Vec::new();
        for (named, path) in absolute {
            let inside = as_named(&root, &named, &path);
            let text = read_file(&named, &path)?;
            files.extend(parts(NamedFile { named, inside, text }, &mut plan)?);
        }
        for Stream { named, shown, text } in self.streams {
            let inside = Path::new("/").join(&shown);
            plan.added.push(Added { path: inside.clone(), shown, text: text.clone() });
            files.push(NamedFile { named, inside, text });
        }
        Ok((plan, files))
    }
}

/// A file, or the texts of configuration inside of it, which are added to the plan.
fn parts(file: NamedFile, plan: &mut Plan) -> Result<Vec<NamedFile>, DiscoverError> {
    let name = file.named.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let parts = embedded::inside_of(&name, &String::from_utf8_lossy(&file.text));
    if parts.is_empty() {
        return Ok(vec![file]);
    }
    if parts.iter().all(|part| part.is_filled_in) {
        return Err(DiscoverError::Template { path: file.named });
    }
    let mut files = Vec::new();
    for part in parts.into_iter().filter(|part| !part.is_filled_in) {
        let added = part.added(&file.inside, shown(&file.inside));
        files.push(NamedFile { text: added.text.clone(), named: file.named.clone(), inside: added.path.clone() });
        plan.added.push(added);
    }
    Ok(files)
}

/// What may be done about a file that is not recognised.
fn instead(named: &Path, text: &[u8]) -> &'static str {
    let name = named.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let mut lines = text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
    match () {
        () if is_dockerfile(&name) || is_compose_file(named) => "; name its directory to have its containers checked",
        () if lines.any(|line| line.ends_with(b";")) => "; --context http takes it for one of nginx",
        () => "",
    }
}

/// A file as it lies inside of a root: by the link that was named, where that lies inside as well and leads to it there.
fn as_named(root: &Path, named: &Path, real: &Path) -> PathBuf {
    let inside = |path: &Path| super::root::inside(root, path);
    let link = super::within::place(named).filter(|link| link != real && link.starts_with(root));
    let leads_here = |link: &PathBuf| {
        let entry = Disk::new(root).ok().and_then(|host| host.entry(&inside(link)).ok());
        entry.is_some_and(|entry| entry.real == inside(real))
    };
    link.filter(leads_here).map_or_else(|| inside(real), |link| inside(&link))
}

/// The directory that holds all these files; the top, where one of them lies where this host's programs read it.
fn root_around(places: &[PathBuf]) -> PathBuf {
    let top = Path::new("/");
    let is_own = |place: &PathBuf| Disk::new(top).is_ok_and(|host| layout::is_configuration(&host, place));
    let around = |place: &PathBuf| place.parent().map(Path::to_owned);
    let Some(mut root) = places.first().and_then(around).filter(|_| !places.iter().any(is_own)) else {
        return top.into();
    };
    while !places.iter().all(|place| place.starts_with(&root)) && root.pop() {}
    // What sites include relatively lies above them.
    let is_repository = |directory: &&Path| directory.join(".git").exists();
    let is_nginx = |directory: &&Path| directory.file_name().is_some_and(|name| name == "nginx");
    root.ancestors().find(is_repository).or_else(|| root.ancestors().find(is_nginx)).unwrap_or(&root).to_owned()
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
