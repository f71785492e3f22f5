//! A host's tree, and what stands in for the parts that its packages bring.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::recognise::Recognised;
use super::walk::{Found, walk};
use crate::deployment::{Plan, View};
use crate::host::Host;
use crate::host::disk::Disk;
use crate::host::layout::NGINX_MAINS;
use crate::host::overlay::{Added, PathMap};
use crate::nginx::levels::Context;

/// The directories from which packages' main files take every server, and the main file.
const LOADED: [&str; 3] = ["/etc/nginx/conf.d", "/etc/nginx/http.d", "/etc/nginx/sites-enabled"];
const AVAILABLE: &str = "/etc/nginx/sites-available";
const ENABLED: &str = "/etc/nginx/sites-enabled";
const MAIN: &str = "/etc/nginx/nginx.conf";

/// What a package's main file says of servers.
const PACKAGED: &str = "events { }\nhttp {\n    include /etc/nginx/conf.d/*.conf;\n    \
    include /etc/nginx/http.d/*.conf;\n    include /etc/nginx/sites-enabled/*;\n}\n";

/// Puts into the plan of a tree what its packages and whoever deploys it would add: a main file of nginx
/// where the tree has none, and the link to the only site that is available. Returns what the tree holds, and
/// whether it has a main file of nginx.
pub(super) fn complete(plan: &mut Plan) -> (Found, bool) {
    let Ok(host) = Disk::new(&plan.root) else { return (Found::default(), false) };
    let has_main = plan.names_nginx() || NGINX_MAINS.iter().any(|main| host.entry(Path::new(main)).is_ok());
    let found = match plan.view {
        // A whole host with its main file says itself what it loads, and may be large.
        View::Root if has_main => return (Found::default(), true),
        View::Root if plan.root.join("etc").is_dir() => walk(&plan.root.join("etc")),
        _ => walk(&plan.root),
    };
    let fragments: Vec<PathBuf> = found.fragments.iter().map(|path| inside(&plan.root, path)).collect();
    let available: Vec<&PathBuf> =
        fragments.iter().filter(|path| path.parent() == Some(Path::new(AVAILABLE))).collect();
    if let ([only], true) = (&available[..], host.list(Path::new(ENABLED)).is_empty()) {
        let to = Path::new(ENABLED).join(only.file_name().unwrap_or(OsStr::new("")));
        plan.maps.push(PathMap { from: (*only).clone(), to });
    }
    if !has_main && are_servers(&host, &plan.maps) {
        // Where the package brings the main file, it brings what stands beside that as well. A copy of a whole host
        // has its accounts.
        if plan.view == View::Root && host.entry(Path::new("/etc/passwd")).is_err() {
            plan.view = View::Overlay;
        }
        plan.added.push(packaged_main());
    }
    (found, has_main)
}

/// The main file of nginx that a package brings.
pub(super) fn packaged_main() -> Added {
    Added { path: MAIN.into(), shown: format!("package:{MAIN}"), text: PACKAGED.into() }
}

/// Whether a tree has servers that a packaged main file loads, and no main file.
pub(super) fn has_sites_only(host: &dyn Host) -> bool {
    let has_main = NGINX_MAINS.iter().any(|main| host.entry(Path::new(main)).is_ok());
    !has_main && are_servers(host, &[])
}

/// Whether what a packaged main file would load is there, and is nothing but servers and what stands beside them.
fn are_servers(host: &dyn Host, maps: &[PathMap]) -> bool {
    let listed = LOADED.iter().flat_map(|directory| {
        let directory = Path::new(directory);
        host.list(directory).into_iter().map(move |name| directory.join(name))
    });
    let mapped = maps.iter().map(|map| map.from.clone());
    let mut files = listed.chain(mapped).filter(|path| is_loaded(path)).peekable();
    files.peek().is_some()
        && files.all(|path| {
            let text = host.read(&path).unwrap_or_default();
            matches!(super::recognise::recognise(&path, &text), Recognised::Nginx(Context::Http | Context::Other))
        })
}

fn is_loaded(path: &Path) -> bool {
    !LOADED[..2].iter().any(|directory| path.starts_with(directory)) || path.extension() == Some(OsStr::new("conf"))
}

/// A path below a directory, as it is called inside of it.
pub(super) fn inside(root: &Path, path: &Path) -> PathBuf {
    Path::new("/").join(path.strip_prefix(root).unwrap_or(path))
}
