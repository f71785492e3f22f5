//! A location and its `alias` disagree about the slash at their ends.

use super::{NOT_FOUND, sites};
use crate::deployment::{Deployment, Nginx};
use crate::finding::Severity;
use crate::nginx::levels::LevelId;
use crate::nginx::locations::Takes;
use crate::nginx::regex::Pattern;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(script / "alias-slash", Warning, "a location and its `alias` disagree about the slash at their ends");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (nginx, server, site) in sites(machine) {
            for location in site.locations.all() {
                let is_prefix = matches!(location.takes, Takes::Prefix | Takes::FinalPrefix);
                let alias = nginx.config.own(location.level, "alias").next().filter(|_| is_prefix);
                let Some(path) = alias.and_then(|alias| alias.args.first()) else { continue };
                let opener = nginx.config.level(location.level).opener.as_ref();
                let Some(opener) = opener.filter(|_| !path.text.contains('$')) else { continue };
                let (text, directory) = (location.text.as_str(), path.text.as_str());
                if leaves(nginx, location.level, &format!("{text}page")) {
                    continue;
                }
                // What `try_files` does not find is not logged.
                let is_tried = nginx.config.effective(location.level, "try_files").is_some();
                let finding = match (text.ends_with('/'), directory.ends_with('/')) {
                    (true, false) => RULE
                        .finding(
                            format!("{text}page is looked for at {directory}page"),
                            path.span,
                            "no slash at the end",
                        )
                        .label(opener.head, "the alias takes the place of all of this, its slash included")
                        .help(format!("write `alias {directory}/;`"))
                        .predict(404, (!is_tried).then(|| NOT_FOUND.to_owned())),
                    (false, true) => RULE
                        .finding(
                            format!("{text}../ leads out of {directory}"),
                            opener.head,
                            "no slash at the end, so this takes more than the directory",
                        )
                        .label(path.span, format!("files beside {directory} can be asked for"))
                        .help(format!("write `location {text}/`"))
                        .severity(Severity::Advice),
                    _ => continue,
                };
                findings.push_for(server.shown_name(), finding);
            }
        }
    }
}

/// Whether a location sends an address elsewhere and looks for no file itself.
fn leaves(nginx: &Nginx, level: LevelId, address: &str) -> bool {
    let mut rewrites = nginx.config.own(level, "rewrite").filter_map(|rewrite| rewrite.arg(0));
    nginx.config.own(level, "return").next().is_some()
        || rewrites.any(|pattern| Pattern::new(pattern, false).matches(address) != Some(false))
}
