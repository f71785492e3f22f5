//! What a service of a compose file mounts where: files and directories of the repository, volumes, configs.

use std::collections::HashMap;

use super::compose::Service;
use super::env::Env;
use super::yaml::Value;

impl Service {
    /// Takes in an entry of `volumes`.
    pub(super) fn mount(&mut self, mount: &Value, env: &Env) {
        let (source, target, is_bind, is_read_only) = match mount {
            // `SOURCE:TARGET[:MODE]`
            Value::Text(text) => {
                let text = env.fill(text);
                let mut parts = text.split(':').map(str::to_owned);
                let (source, target) = (parts.next(), parts.next());
                let mode = parts.next().unwrap_or_default();
                (source, target, false, mode.split(',').any(|option| option == "ro"))
            }
            mount => {
                let of = |key| mount.text(key).map(|text| env.fill(text));
                let is_read_only = mount.text("read_only").is_some_and(|is| is != "false");
                (of("source"), of("target"), mount.text("type") == Some("bind"), is_read_only)
            }
        };
        // A volume without a name is nobody else's.
        let (source, target) = if target.is_none() { (None, source) } else { (source, target) };
        let Some(target) = target else { return };
        let source = in_project(source.unwrap_or_default(), is_bind);
        let is_known = !source.is_empty() && !source.contains('$') && !target.contains('$') && target.starts_with('/');
        let known = if is_known { source.clone() } else { String::new() };
        self.mounts.push((known, target.clone()));
        if is_read_only {
            self.read_only.push(target.clone());
        }
        if is_known && source.starts_with('.') {
            self.binds.push((source, target));
        }
    }
}

/// A source as it is relative to the project's directory, where it begins with a dot: `docker compose` is mostly
/// called there.
fn in_project(source: String, is_bind: bool) -> String {
    let below = ["$PWD/", "${PWD}/"].iter().find_map(|here| source.strip_prefix(here));
    match below {
        Some(below) => format!("./{below}"),
        None if is_bind && !source.starts_with(['.', '/', '~', '$']) && !source.is_empty() => format!("./{source}"),
        None => source,
    }
}

/// The configs of a service: the file of each, where it is one of the repository, and where it is mounted. `files`
/// are those of the configs of its compose file, by their names.
pub(super) fn configs(service: &Value, files: &HashMap<&str, String>, env: &Env) -> Vec<(Option<String>, String)> {
    let configs = service.get("configs").into_iter().flat_map(Value::members);
    let named = configs.filter_map(|config| match config {
        Value::Text(name) => Some((env.fill(name), None)),
        config => Some((env.fill(config.text("source")?), config.text("target").map(|target| env.fill(target)))),
    });
    named
        .map(|(name, target)| {
            let target = target.unwrap_or_else(|| format!("/{name}"));
            (files.get(&*name).filter(|_| target.starts_with('/')).cloned(), target)
        })
        .collect()
}
