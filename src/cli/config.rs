//! `gatelint config`

use std::io;
use std::path::Path;

use super::check::CheckArguments;
use super::{CLEAN, FAILED, Streams};
use crate::check::plans;
use crate::config::{Config, Facts, NAME};
use crate::deployment::{Plan, View};
use crate::finding::Severity;
use crate::host::facts::FactsFile;
use crate::report::printable;
use crate::thresholds::Thresholds;

pub(super) fn run(arguments: &CheckArguments, streams: &mut Streams<'_>) -> io::Result<u8> {
    let config = match arguments.config() {
        Ok(config) => config,
        Err(message) => {
            super::complain(streams, &message);
            return Ok(FAILED);
        }
    };
    if let Err(message) = arguments.selected() {
        super::complain(streams, &message);
        return Ok(FAILED);
    }
    let mut out = String::new();
    file(&config, &mut out);
    let options = arguments.in_force();
    if !options.is_empty() {
        out.push_str("\noptions:\n");
    }
    options.iter().for_each(|option| out.push_str(&format!("  {option}\n")));
    let request = arguments.request(config, &|_| true);
    let planned = match plans(&request) {
        Ok(planned) => planned,
        Err(message) => {
            streams.out.write_all(printable(&out).as_bytes())?;
            super::complain(streams, &message);
            return Ok(FAILED);
        }
    };
    out.push_str("\nwhat is checked:\n");
    for note in &planned.notes {
        out.push_str(&format!("  {note}\n"));
    }
    for plan in &planned.plans {
        out.push_str(&deployment(plan));
    }
    for why in &planned.unpaired {
        out.push_str(&format!("  nginx and PHP-FPM are not joined: {why}\n"));
    }
    streams.out.write_all(printable(&out).as_bytes())?;
    Ok(CLEAN)
}

/// What the file says, each with its reason.
fn file(config: &Config, out: &mut String) {
    let named = !config.path.as_os_str().is_empty();
    out.push_str(&match named {
        true => format!("configuration file: {}\n", config.path.display()),
        false => format!("configuration file: none; {NAME} is looked for upwards from the path\n"),
    });
    out.push_str("\nseverities:\n");
    for (rule, severity) in &config.severities {
        let severity = severity.map_or("off", Severity::as_str);
        out.push_str(&format!("  {rule} = {severity}  ({NAME})\n"));
    }
    out.push_str("  every other rule its own (`gatelint rules`)\n");
    for ignore in &config.ignores {
        let rule = ignore.rule.as_ref().map_or("everything", |rule| rule.get_ref());
        let paths = if ignore.paths.is_empty() { "everywhere".to_owned() } else { ignore.paths.join(", ") };
        out.push_str(&format!("  passed over: {rule} in {paths}  ({NAME})\n"));
    }
    out.push_str("\nthresholds:\n");
    let table = |thresholds: &Thresholds| toml::Table::try_from(thresholds).unwrap_or_default();
    let defaults = table(&Thresholds::default());
    for (key, value) in &table(&config.thresholds) {
        let why = if defaults.get(key) == Some(value) { "default" } else { NAME };
        out.push_str(&format!("  {key} = {value}  ({why})\n"));
    }
    if !config.directives.is_empty() {
        let names = config.directives.iter().cloned().collect::<Vec<_>>().join(", ");
        out.push_str(&format!("\ndirectives of third-party modules: {names}  ({NAME})\n"));
    }
    for facts in &config.facts {
        out.push_str(&match facts {
            Facts::File(path) => format!("\nfacts: {}  ({NAME})\n", path.display()),
            Facts::Here(facts) => match &facts.versions {
                Some(versions) if is_of_versions(facts) => {
                    let version = |program: &str, version: &Option<String>| {
                        let line = |version| format!("\n{program} {version} is predicted  ({NAME})\n");
                        version.as_ref().map_or_else(String::new, line)
                    };
                    version("nginx", &versions.nginx) + &version("PHP", &versions.php)
                }
                _ => format!("\nfacts: written in {NAME}\n"),
            },
        });
    }
}

/// Whether facts tell versions only, which have keys of their own.
fn is_of_versions(facts: &FactsFile) -> bool {
    toml::Table::try_from(facts).is_ok_and(|table| table.keys().eq(["versions"]))
}

/// One deployment in a few lines.
fn deployment(plan: &Plan) -> String {
    let name = plan.name.as_ref().map_or_else(|| "a deployment".to_owned(), |name| format!("deployment {name}"));
    let view = match plan.view {
        View::Live => "this host",
        View::Root => "whole",
        View::Overlay => "partial: packages or an image bring the rest",
        View::Files => "partial: other files may belong to it",
    };
    let mut text = format!("  {name}: {} ({view})\n", plan.root.display());
    let mut line = |what: &str, value: &str| text.push_str(&format!("    {what}: {value}\n"));
    let mut files = |what: &str, paths: &[std::path::PathBuf]| {
        for path in paths {
            line(what, &path.display().to_string());
        }
    };
    files("nginx", &plan.selection.nginx_mains);
    let fragments: Vec<_> = plan.selection.fragments.iter().map(|fragment| fragment.path.clone()).collect();
    files("nginx, a fragment", &fragments);
    files("PHP-FPM", &plan.selection.fpm_mains);
    files("what php-fpm -tt printed", &plan.selection.fpm_tests);
    files("pools", &plan.selection.fpm_pools);
    files("php.ini", &plan.selection.php_inis);
    for dump in &plan.dumps {
        line("what nginx -T printed of", &Path::new("/").join(&dump.main).display().to_string());
    }
    // A map may be written and follow from an include as well.
    for (at, map) in plan.maps.iter().enumerate() {
        if plan.maps[..at].contains(map) {
            continue;
        }
        line("deployed as", &format!("{} from {}", map.to.display(), map.from.display()));
    }
    if let Some(profile) = plan.profile {
        line("profile", profile.as_str());
    }
    text
}
