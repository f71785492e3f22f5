//! The environment of a service of a compose file: what `environment`, `env_file` and the `ENV` of its Dockerfile set.

use std::sync::Arc;

use super::compose::{MAX_VARIABLES, Service};
use super::dockerfile::Recipe;
use super::env::{self, Env};
use super::yaml::{Entry, Value};
use crate::values::environment::{Environment, Variable};

/// A file that sets something: its name in reports, and its text.
pub(super) type Text = (String, Arc<str>);

/// The variables of a mapping or a list in a file, as `environment` and `args` are, by name. What the shell of
/// whoever calls `docker compose` sets is not known.
pub(super) fn read(entry: &Entry, file: &Text, env: &Env) -> Vec<(String, Variable)> {
    let known = |value: &str| Some(env.fill(value)).filter(|value| !value.contains('$') && !value.is_empty());
    let variable = |name: &str, value, line| (name.to_owned(), Variable { value, file: file.clone(), line });
    if let Value::Map(_) = &*entry.value {
        let value = |own: &Entry| if let Value::Text(text) = &*own.value { known(text) } else { None };
        return entry.value.all_entries().into_iter().map(|own| variable(&own.key, value(own), own.line)).collect();
    }
    // The parser tells the lines of keys alone.
    let mut lines = file.1.lines().enumerate().skip(entry.line).map(|(at, line)| (at + 1, line));
    let mut in_list = |own: &str| {
        let (name, value) = own.split_once('=').map_or((own, None), |(name, value)| (name, known(value)));
        let is_there = |line: &str| line.trim_start_matches([' ', '-', '"', '\'']).starts_with(name);
        // Those of a list on one line are all on it.
        let line = lines.find(|(_, line)| is_there(line)).map_or(entry.line, |(at, _)| at);
        variable(name, value, line)
    };
    entry.value.texts().into_iter().map(&mut in_list).collect()
}

/// The files that `env_file` names.
pub(super) fn files(service: &Value, env: &Env) -> Vec<String> {
    let named = service.get("env_file");
    let texts = named.map(Value::texts).unwrap_or_default().into_iter();
    let paths = named.into_iter().flat_map(Value::members).filter_map(|one| one.text("path"));
    texts.chain(paths).map(|path| env.fill(path)).collect()
}

/// The environment that an image has by its Dockerfile; whoever starts it may set more.
pub(super) fn of_image(recipe: &Recipe, dockerfile: &Text) -> Environment {
    let mut environment = Environment::default();
    for (line, name, value) in &recipe.environment {
        environment.set(name.clone(), Variable { value: value.clone(), file: dockerfile.clone(), line: *line });
    }
    environment
}

/// The environment that a pod's container says it has; Kubernetes sets more.
pub(super) fn of_pod(container: &Value, file: &Text) -> Environment {
    let mut environment = Environment::default();
    for one in container.get("env").into_iter().flat_map(Value::members) {
        let Some(name) = one.text("name") else { continue };
        let line = one.entry("value").or_else(|| one.entry("name")).map_or(1, |entry| entry.line);
        let value = one.text("value").filter(|value| !value.contains('$')).map(str::to_owned);
        environment.set(name.to_owned(), Variable { value, file: file.clone(), line });
    }
    environment
}

impl Service {
    /// The environment of its container: what its image sets, then its files, then its own lines. `files` are the
    /// texts of [`Service::env_files`]; one that is not there may set anything.
    pub(super) fn environment_over(&self, image: Environment, files: &[Option<Text>], env: &Env) -> Environment {
        let mut environment = image;
        let is_read = |file: &&Text| env::lines(&file.1).nth(MAX_VARIABLES).is_none();
        let read: Vec<&Text> = files.iter().flatten().filter(is_read).collect();
        environment.is_whole = read.len() == files.len();
        for file in read {
            for (line, name, value) in env::lines(&file.1) {
                let value = Some(env.fill(value)).filter(|value| !value.contains('$'));
                environment.set(name.to_owned(), Variable { value, file: file.clone(), line });
            }
        }
        if !environment.is_whole {
            environment.forget_values();
        }
        self.environment.iter().for_each(|(name, variable)| environment.set(name.clone(), variable.clone()));
        environment
    }

    /// Leaves open what another compose file, which may be laid over this service's, sets as well.
    pub(super) fn leave_open(&self, environment: &mut Environment) {
        environment.is_whole &= self.environment.is_empty() && self.env_files.is_empty() && self.extends.is_none();
        for (name, variable) in &self.environment {
            environment.set(name.clone(), Variable { value: None, ..variable.clone() });
        }
    }
}
