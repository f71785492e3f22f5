//! What stands behind the script in a URI does not reach PHP.

use super::scripts;
use crate::deployment::routes::takes;
use crate::deployment::{Deployment, HandOver, Machine, Nginx, Script, Sent};
use crate::finding::Finding;
use crate::nginx::regex::Pattern;
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(script / "path-info-lost", Warning, "what stands behind the script in a URI does not reach PHP");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (script, nginx, hand_over) in scripts(machine) {
            let found = [shortened(script, nginx, hand_over), unsplit(machine, script, nginx, hand_over)];
            for finding in found.into_iter().flatten() {
                findings.push_for(server_name(nginx, hand_over), finding);
            }
        }
    }
}

/// `try_files` replaces the URI by the script's own, and the split is made again.
fn shortened(script: &Script, nginx: &Nginx, hand_over: &HandOver) -> Option<Finding> {
    let config = &nginx.config;
    let tries = config.own(hand_over.level, "try_files").next()?;
    let Sent::Yes(param) = script.params.get("PATH_INFO") else { return None };
    let is_lost =
        tries.args.iter().any(|word| word.text == "$fastcgi_script_name") && param.value() == "$fastcgi_path_info";
    let split = config.effective(hand_over.level, "fastcgi_split_path_info").filter(|_| is_lost)?;
    takes(nginx, hand_over, "/index.php/page").then(|| {
        RULE.finding(
            "PATH_INFO is always empty",
            param.span(),
            "is taken from the URI once more, and nothing is left there",
        )
        .label(tries.head, "replaces the URI by the script's own")
        .label(split.head, "cuts what stood behind it")
        .help("before `try_files`: `set $path_info $fastcgi_path_info;`, and send `PATH_INFO $path_info`")
    })
}

/// With `cgi.fix_pathinfo = 0` only nginx splits, and it does not.
fn unsplit(machine: &Machine, script: &Script, nginx: &Nginx, hand_over: &HandOver) -> Option<Finding> {
    let off = script.pools.iter().find_map(|id| machine.path_info_off(*id))?;
    let config = &nginx.config;
    let split = config.effective(hand_over.level, "fastcgi_split_path_info");
    let splits = |uri: &str| {
        let pattern = split.and_then(|split| split.arg(0)).map(|split| Pattern::new(split, false));
        pattern.map_or(Some(false), |pattern| pattern.matches(uri)) == Some(false)
    };
    // A location that looks for the file answers 404 itself.
    let checks = config.own(hand_over.level, "try_files").next().is_some();
    let Sent::Yes(param) = script.params.get("SCRIPT_FILENAME") else { return None };
    let follows = ["$fastcgi_script_name", "$uri", "$request_filename"].iter().any(|it| param.value().contains(it));
    let mut uris = ["/index.php/", "/index.php/page"].into_iter();
    let uri = uris.find(|uri| splits(uri) && takes(nginx, hand_over, uri)).filter(|_| follows && !checks)?;
    let finding = match split {
        Some(split) => RULE.finding(
            format!("{uri} is not split into script and path info"),
            split.head,
            format!("this expression does not match {uri}"),
        ),
        None => RULE.finding(
            format!("{uri} is not split into script and path info"),
            hand_over.directive.head,
            format!("{uri} is handed over as the name of a script"),
        ),
    };
    let finding = finding
        .label(off.span, "so PHP-FPM does not look for the script itself")
        .note("PHP-FPM answers 403 with \"Access denied.\"")
        .help("write `fastcgi_split_path_info ^(.+?\\.php)(/.*)$;`, and send `PATH_INFO $fastcgi_path_info`");
    Some(finding.predict(403, "(see security.limit_extensions)".to_owned()))
}
