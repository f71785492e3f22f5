//! The templates that the image of nginx fills in.

use std::path::{Path, PathBuf};

use super::Repository;
use super::container::Container;
use crate::host::overlay::PathMap;
use crate::values::version::Version;

/// Where the image of nginx looks for templates, and where it puts what it makes of them.
const TEMPLATES: &str = "/etc/nginx/templates";
const RENDERED: &str = "/etc/nginx/conf.d";

/// The variables that say otherwise, or that not all variables are filled in.
const OTHERWISE: [&str; 4] = [
    "NGINX_ENVSUBST_TEMPLATE_DIR",
    "NGINX_ENVSUBST_TEMPLATE_SUFFIX",
    "NGINX_ENVSUBST_OUTPUT_DIR",
    "NGINX_ENVSUBST_FILTER",
];

impl Container {
    /// The templates that the image of nginx fills in when it starts, at the places where it puts what comes out: those
    /// below `/etc/nginx/templates` go below `/etc/nginx/conf.d` (`20-envsubst-on-templates.sh`, since release 1.19).
    pub fn rendered(&self, repository: &Repository<'_>) -> Vec<PathMap> {
        let is_old = Version::parse(self.image().1).is_some_and(|version| (1..19).contains(&version.1));
        let is_open = |place: &Path| !self.read_only.iter().any(|closed| place.starts_with(closed));
        let is_elsewhere = OTHERWISE.iter().any(|name| self.environment.variable(name).is_some());
        let mut rendered = Vec::new();
        if !self.is_nginx() || !self.starts_own || is_old || is_elsewhere || !is_open(Path::new(RENDERED)) {
            return rendered;
        }
        for map in &self.maps {
            let behind = repository.templates.range(map.from.clone()..);
            for from in behind.take_while(|path| path.starts_with(&map.from)) {
                let there =
                    from.strip_prefix(&map.from).map(|rest| map.to.join(rest).components().collect::<PathBuf>());
                let there = there.ok().filter(|there| there.extension().is_some_and(|ending| ending == "template"));
                let inside = there.as_ref().and_then(|there| there.strip_prefix(TEMPLATES).ok());
                let to = inside.map(|inside| Path::new(RENDERED).join(inside.with_extension("")));
                rendered.extend(to.filter(|to| is_open(to)).map(|to| PathMap { from: from.clone(), to }));
            }
        }
        rendered
    }
}
