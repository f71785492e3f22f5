//! `gatelint.toml`: deployments by name, facts, severities, ignores and thresholds.
//!
//! What it says is weaker than options and stronger than what is guessed. A key that means nothing is
//! an error, since it would silently leave a check out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use crate::deployment::nearest::distance;
use crate::finding::{Category, Finding, Severity};
use crate::host::facts;
use crate::host::facts::{FactsFile, Versions};
use crate::host::profile::Profile;
use crate::rules::{self, Rule};
use crate::source::Sources;
use crate::thresholds::Thresholds;

/// The name of the file.
pub const NAME: &str = "gatelint.toml";

/// What a configuration file says.
#[derive(Debug, Default)]
pub struct Config {
    /// The file.
    pub path: PathBuf,
    /// Severities by rule or category; none for what is switched off.
    pub severities: BTreeMap<String, Option<Severity>>,
    /// Findings that are passed over.
    pub ignores: Vec<Ignore>,
    /// The numbers that rules compare with.
    pub thresholds: Thresholds,
    /// Directives of third-party modules.
    pub directives: BTreeSet<String>,
    /// Facts for everything that is checked.
    pub facts: Vec<Facts>,
    /// The packaging, unless a deployment names its own.
    pub profile: Option<Profile>,
    /// The deployments, in order.
    pub deployments: Vec<Deployment>,
}

/// Facts, or the file that holds them.
#[derive(Clone, Debug)]
pub enum Facts {
    /// They stand in the configuration file.
    Here(Box<FactsFile>),
    /// A facts file.
    File(PathBuf),
}

/// A deployment by name.
#[derive(Clone, Debug, Default)]
pub struct Deployment {
    /// Its name.
    pub name: String,
    /// The directory that is the root of its host.
    pub root: Option<PathBuf>,
    /// Its files, and directories that stand for the files in them.
    pub files: Vec<PathBuf>,
    /// Files that are elsewhere when they are deployed.
    pub maps: Vec<(PathBuf, PathBuf)>,
    /// The packaging.
    pub profile: Option<Profile>,
    /// Its facts, the weakest first.
    pub facts: Vec<Facts>,
    /// Main files of nginx inside of its root.
    pub nginx_conf: Vec<PathBuf>,
    /// Main files of the PHP-FPMs that run.
    pub fpm_conf: Vec<PathBuf>,
    /// php.ini files.
    pub php_ini: Vec<PathBuf>,
    /// Whether these are all files that belong to it; by default a root is whole and files are not.
    pub complete: Option<bool>,
}

/// Findings that are passed over.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Ignore {
    /// The rule or category; all when there is none.
    pub rule: Option<Spanned<String>>,
    /// Patterns of paths, relative to the root or repository; `**` crosses directories.
    pub paths: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct ConfigFile {
    rules: BTreeMap<Spanned<String>, Level>,
    ignore: Vec<Ignore>,
    thresholds: Thresholds,
    directives: BTreeSet<String>,
    facts: Option<toml::Value>,
    nginx_version: Option<String>,
    php_version: Option<String>,
    profile: Option<Profile>,
    deployment: Vec<DeploymentTable>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct DeploymentTable {
    name: String,
    root: Option<PathBuf>,
    files: Vec<PathBuf>,
    path_map: BTreeMap<String, PathBuf>,
    profile: Option<Profile>,
    facts: Option<toml::Value>,
    nginx_version: Option<String>,
    php_version: Option<String>,
    nginx_conf: Vec<PathBuf>,
    fpm_conf: Vec<PathBuf>,
    php_ini: Vec<PathBuf>,
    complete: Option<bool>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Error,
    Warning,
    Advice,
    Off,
}

impl Config {
    /// Reads the text of the file at `path`. The error says where and what.
    pub fn parse(path: &Path, text: &str) -> Result<Self, String> {
        let at = |offset: usize| {
            let line = text.as_bytes()[..offset.min(text.len())].iter().filter(|byte| **byte == b'\n').count() + 1;
            format!("{}:{line}", path.display())
        };
        let file: ConfigFile = toml::from_str(text).map_err(|error| {
            let place = error.span().map_or_else(|| path.display().to_string(), |span| at(span.start));
            format!("{place}: {}", plainly(error.message()))
        })?;
        let base = path.parent().unwrap_or(Path::new("."));
        let known = |name: &Spanned<String>| match rule_or_category(name.get_ref()) {
            true => Ok(()),
            false => Err(format!("{}: {}", at(name.span().start), no_rule(name.get_ref()))),
        };
        file.rules.keys().try_for_each(known)?;
        file.ignore.iter().filter_map(|ignore| ignore.rule.as_ref()).try_for_each(known)?;
        let of = |what: &str, message: String| format!("{}: {what}: {message}", path.display());
        for ignore in &file.ignore {
            if let Some((pattern, error)) =
                ignore.paths.iter().find_map(|pattern| Some((pattern, ::glob::Pattern::new(pattern).err()?)))
            {
                return Err(of("ignore", format!("`{pattern}` is no pattern: {error}")));
            }
            if ignore.rule.is_none() && ignore.paths.is_empty() {
                return Err(of("ignore", "without a rule and without paths it would pass over everything".into()));
            }
        }
        let severity = |level: Level| match level {
            Level::Error => Some(Severity::Error),
            Level::Warning => Some(Severity::Warning),
            Level::Advice => Some(Severity::Advice),
            Level::Off => None,
        };
        let mut deployments: Vec<Deployment> = Vec::new();
        for table in file.deployment {
            let name = table.name.clone();
            let what = format!("deployment {name}");
            let is_taken = deployments.iter().any(|other| other.name == name);
            let wrong = match (&table.root, table.files.is_empty()) {
                _ if name.is_empty() => Some("a deployment needs a name"),
                _ if is_taken => Some("this name is taken by another deployment"),
                (None, true) => Some("a deployment needs a root or files"),
                (Some(_), false) => Some("a deployment has a root or files, and not both"),
                _ => None,
            };
            if let Some(wrong) = wrong {
                return Err(of(&what, wrong.into()));
            }
            deployments.push(deployment(table, base).map_err(|message| of(&what, message))?);
        }
        let facts = facts_of(file.facts, file.nginx_version, file.php_version, base);
        Ok(Config {
            path: path.to_owned(),
            severities: file.rules.into_iter().map(|(rule, level)| (rule.into_inner(), severity(level))).collect(),
            ignores: file.ignore,
            thresholds: file.thresholds,
            directives: file.directives,
            facts: facts.map_err(|message| of("facts", message))?,
            profile: file.profile,
            deployments,
        })
    }

    /// The severity that a rule has here: none when it is switched off, `Err` when nothing is said of
    /// it. What is said of the rule is stronger than what is said of its category.
    fn severity(&self, rule: &str, category: Category) -> Result<Option<Severity>, ()> {
        self.severities.get(rule).or_else(|| self.severities.get(category.as_str())).copied().ok_or(())
    }

    /// Whether a rule runs.
    pub fn runs(&self, rule: &Rule) -> bool {
        self.severity(rule.id, rule.category) != Ok(None)
    }

    /// Gives findings their severities, and takes out those that are passed over.
    pub fn apply(&self, findings: &mut Vec<Finding>, sources: &Sources) {
        findings.retain(|finding| !self.ignores.iter().any(|ignore| ignore.holds_for(finding, sources)));
        for finding in findings {
            if let Ok(Some(severity)) = self.severity(finding.rule, finding.category) {
                finding.severity = severity;
            }
        }
    }

    /// The deployments that paths speak of: those that lie below one of them or hold one of them.
    pub fn deployments_for(&self, paths: &[PathBuf]) -> Vec<&Deployment> {
        let is_meant = |deployment: &&Deployment| paths.iter().any(|path| deployment.concerns(path));
        self.deployments.iter().filter(is_meant).collect()
    }
}

impl Deployment {
    /// Whether a path is a part of it, or holds one.
    pub fn concerns(&self, path: &Path) -> bool {
        let mapped = self.maps.iter().map(|(from, _)| from);
        let mut places = self.root.iter().chain(&self.files).chain(mapped);
        places.any(|place| place.starts_with(path) || path.starts_with(place))
    }
}

impl Ignore {
    fn holds_for(&self, finding: &Finding, sources: &Sources) -> bool {
        let rule = self.rule.as_ref().map(|rule| rule.get_ref().as_str());
        let by_rule = rule.is_none_or(|rule| rule == finding.rule || rule == finding.category.as_str());
        let source = sources.get(finding.primary().span.file);
        let names = std::iter::once(source.path.as_str()).chain(source.real_path.as_deref());
        let matches = |path: &str| {
            let patterns = self.paths.iter().filter_map(|pattern| ::glob::Pattern::new(pattern).ok());
            patterns.into_iter().any(|pattern| pattern.matches(path))
        };
        by_rule && (self.paths.is_empty() || names.into_iter().any(matches))
    }
}

fn deployment(table: DeploymentTable, base: &Path) -> Result<Deployment, String> {
    let below = |path: PathBuf| crate::host::normalize(&base.join(path));
    let maps = table.path_map.into_iter().map(|(from, to)| match to.is_absolute() {
        true => Ok((below(from.into()), to)),
        false => Err(format!("path-map: `{}` is where a file is deployed, and must be absolute", to.display())),
    });
    Ok(Deployment {
        name: table.name,
        root: table.root.map(below),
        files: table.files.into_iter().map(below).collect(),
        maps: maps.collect::<Result<_, _>>()?,
        profile: table.profile,
        facts: facts_of(table.facts, table.nginx_version, table.php_version, base)?,
        nginx_conf: table.nginx_conf,
        fpm_conf: table.fpm_conf,
        php_ini: table.php_ini,
        complete: table.complete,
    })
}

fn facts_of(
    written: Option<toml::Value>,
    nginx: Option<String>,
    php: Option<String>,
    base: &Path,
) -> Result<Vec<Facts>, String> {
    let mut found = Vec::new();
    match written {
        None => {}
        Some(toml::Value::String(path)) => found.push(Facts::File(base.join(path))),
        Some(value) => {
            let mut unknown = Vec::new();
            let file: FactsFile = serde_ignored::deserialize(value, |key| unknown.push(key.to_string()))
                .map_err(|error: toml::de::Error| plainly(error.message()))?;
            if let Some(key) = unknown.first() {
                return Err(format!("the fact `{key}` means nothing{}", facts::nearest_key(key)));
            }
            found.push(Facts::Here(Box::new(file)));
        }
    }
    if nginx.is_some() || php.is_some() {
        let versions = Some(Versions { nginx, php });
        found.push(Facts::Here(Box::new(FactsFile { versions, ..FactsFile::default() })));
    }
    Ok(found)
}

fn rule_or_category(name: &str) -> bool {
    rules::find(name).is_some() || Category::ALL.iter().any(|category| category.as_str() == name)
}

/// What is said of a name that is no rule.
pub fn no_rule(name: &str) -> String {
    let known = rules::all().map(|rule| rule.id).chain(Category::ALL.iter().map(|category| category.as_str()));
    let hint = nearest(name, known).map_or_else(String::new, |close| format!("; the nearest is `{close}`"));
    format!("`{name}` is no rule and no category{hint}; `gatelint rules` lists them")
}

/// The known name that was probably meant.
pub fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let close = known.map(|known| (distance(known, name), known)).min_by_key(|(distance, _)| *distance);
    close.filter(|(distance, _)| *distance <= 4 && *distance < name.len()).map(|(_, known)| known)
}

/// A message of the TOML reader, with what was probably meant in place of a list of everything.
fn plainly(message: &str) -> String {
    let mut quoted = message.split('`').skip(1).step_by(2);
    match (message.starts_with("unknown field"), quoted.next()) {
        (true, Some(name)) => {
            let hint = nearest(name, quoted).map_or_else(String::new, |close| format!("; the nearest is `{close}`"));
            format!("the key `{name}` means nothing{hint}")
        }
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(Path::new("/r/gatelint.toml"), text)
    }

    #[test]
    fn the_whole_file() {
        let config = parse(
            r#"
            directives = ["more_set_headers"]
            profile = "rhel"
            facts = { memory = "4G" }
            php-version = "8.1"
            [rules]
            listener-missing = "warning"
            capacity = "off"
            [[ignore]]
            rule = "syntax"
            paths = ["legacy/**"]
            [[deployment]]
            name = "shop"
            root = "deploy/shop"
            path-map = { "docker/web" = "/etc/nginx" }
            profile = "docker-php"
            facts = "facts/shop.toml"
            complete = false
            [[deployment]]
            name = "blog"
            files = ["nginx.conf", "pool.d"]
            "#,
        )
        .unwrap();
        assert_eq!(config.severity("listener-missing", Category::Connection), Ok(Some(Severity::Warning)));
        assert_eq!(config.severity("workers-too-few", Category::Capacity), Ok(None));
        assert_eq!(config.severity("syntax-error", Category::Syntax), Err(()));
        let shop = &config.deployments[0];
        assert_eq!(shop.root.as_deref(), Some(Path::new("/r/deploy/shop")));
        assert_eq!(shop.maps, [(PathBuf::from("/r/docker/web"), PathBuf::from("/etc/nginx"))]);
        assert!(matches!(&shop.facts[..], [Facts::File(path)] if path == Path::new("/r/facts/shop.toml")));
        assert!(matches!(&config.facts[..], [Facts::Here(_), Facts::Here(_)]));
        let names = |path: &str| {
            let found = config.deployments_for(&[PathBuf::from(path)]);
            found.into_iter().map(|deployment| deployment.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names("/r"), ["shop", "blog"]);
        assert_eq!(names("/r/deploy/shop/etc"), ["shop"]);
        assert_eq!(names("/r/nginx.conf"), ["blog"]);
        assert!(names("/r/other").is_empty());
    }

    #[test]
    fn mistakes_are_told_with_their_place_and_what_was_meant() {
        for (text, want) in [
            ("\nprofil = \"rhel\"", "/r/gatelint.toml:2: the key `profil` means nothing; the nearest is `profile`"),
            (
                "[rules]\nlistener-mising = \"off\"",
                "gatelint.toml:2: `listener-mising` is no rule and no category; the nearest is `listener-missing`",
            ),
            ("[rules]\nlistener-missing = \"loud\"", "gatelint.toml:2: unknown variant `loud`"),
            ("[thresholds]\nleast-backlg = 1", "the nearest is `least-backlog`"),
            ("facts = { memroy = 1 }", "facts: the fact `memroy` means nothing; the nearest is `memory`"),
            ("[[deployment]]\nname = \"a\"", "deployment a: a deployment needs a root or files"),
            ("[[deployment]]\nroot = \".\"", "a deployment needs a name"),
            ("[[deployment]]\nname = \"a\"\nroot = \".\"\npath-map = { a = \"b\" }", "must be absolute"),
            ("[[ignore]]\npaths = [\"a[\"]", "`a[` is no pattern"),
            ("[[ignore]]\n", "would pass over everything"),
            ("rules = 1", "gatelint.toml:1: invalid type"),
            ("= 1", "gatelint.toml:1: "),
        ] {
            let message = parse(text).unwrap_err();
            assert!(message.contains(want), "{text}: {message}");
        }
    }
}
