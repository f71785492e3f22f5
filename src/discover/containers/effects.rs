//! What the commands and scripts of an image may do to the files that its programs read.

use std::path::Path;

use super::copies;
use super::dockerfile::Recipe;
use super::repository::Repository;
use super::scripts;
use crate::host::normalize;
use crate::host::overlay::PathMap;

/// With more scripts than this, they may do anything.
pub(super) const MAX_SCRIPTS: usize = 100;

/// What may be done.
pub(super) struct Effects {
    /// Other files of PHP-FPM, or others than those that are in view.
    pub changes_fpm: bool,
    /// Files of nginx that are not in view.
    pub writes_nginx: bool,
    /// Other text in those that are.
    pub rewrites_nginx: bool,
}

impl Effects {
    /// What a Dockerfile may do with the files that it copies.
    pub fn of(recipe: &Recipe, copied: &[PathMap], repository: &Repository<'_>) -> Self {
        let mut effects = Effects {
            changes_fpm: recipe.is_changed,
            writes_nginx: recipe.writes_nginx,
            rewrites_nginx: recipe.rewrites_nginx,
        };
        let supervised: Vec<&PathMap> = copied.iter().filter(|map| is_of_supervisor(&map.to)).collect();
        if recipe.scripts.len() + supervised.len() > MAX_SCRIPTS {
            return Effects { changes_fpm: true, writes_nginx: true, rewrites_nginx: true };
        }
        for script in &recipe.scripts {
            let text = copies::behind_copies(script, copied)
                .and_then(|path| repository.read(&normalize(&repository.root.join(path.strip_prefix("/").ok()?))));
            match text {
                Some(text) => {
                    effects.changes_fpm |= scripts::script_changes_files(&text);
                    effects.writes_nginx |= text.lines().any(scripts::writes_nginx);
                    effects.rewrites_nginx |= text.lines().any(scripts::rewrites_nginx);
                }
                // What an image brings under such a name, nobody knows.
                None if scripts::named(script).next().is_some() => {
                    (effects.changes_fpm, effects.writes_nginx) = (true, true);
                }
                None => {}
            }
        }
        effects.changes_fpm |= supervised.into_iter().any(|map| {
            let path = repository.root.join(map.from.strip_prefix("/").unwrap_or(&map.from));
            repository.read(&path).is_some_and(|text| text.lines().any(scripts::names_main))
        });
        effects
    }
}

/// Whether something that comes to lie here says which programs are started.
fn is_of_supervisor(path: &Path) -> bool {
    ["supervis", "/services.d/", "/s6"].iter().any(|word| path.to_string_lossy().contains(word))
}
