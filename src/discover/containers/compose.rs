//! What a compose file says of its services: what they mount where, and the networks between them.

use std::collections::{BTreeMap, HashMap};

use super::dockerfile::is_root;
use super::env::Env;
use super::mounts;
use super::variables::{self, Text};
use super::yaml::{Entry, Value};
use crate::values::environment::Variable;

/// A compose file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct File {
    /// The services.
    pub services: Vec<Service>,
    /// The networks that others make: their keys.
    pub external: Vec<String>,
    /// The other files that are a part of it (`include`).
    pub includes: Vec<String>,
    /// Whether it has more services than are read.
    pub is_cut: bool,
}

/// A service of a compose file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Service {
    /// Its name.
    pub name: String,
    /// The line of its name, counted from 1.
    pub line: usize,
    /// The image that it runs, where it is not built.
    pub image: Option<String>,
    /// How its image is built, where that is said.
    pub build: Option<Build>,
    /// Files and directories of the repository: where they lie, and where they are mounted.
    pub binds: Vec<(String, String)>,
    /// Everything that is mounted, and where; sources that only a rendered file shows are empty.
    pub mounts: Vec<(String, String)>,
    /// Where something is mounted that it may not write to; `/` for all of it.
    pub read_only: Vec<String>,
    /// The services whose mounts it has as well.
    pub volumes_from: Vec<String>,
    /// The words of its own command, and whether it has a program of its own that takes them.
    pub command: Option<Vec<String>>,
    /// Whether it has an entry point of its own.
    pub has_entrypoint: bool,
    /// The service that it extends, and the file of that one where it is another.
    pub extends: Option<(Option<String>, String)>,
    /// Whether something besides its image and its mounts may put files into its container.
    pub is_filled: bool,
    /// Whether it is started as another user than root, for all that the file says.
    pub has_user: bool,
    /// The variables that it sets, by name; of two of one name the later counts.
    pub environment: Vec<(String, Variable)>,
    /// The files with further ones, the later the stronger.
    pub env_files: Vec<String>,
    /// Further names: of its container, its host, aliases on networks.
    pub aliases: Vec<String>,
    /// Other names that it gives to services: the service, and the name.
    pub links: Vec<(String, String)>,
    /// Names that `extra_hosts` puts into its `/etc/hosts`.
    pub extra_hosts: Vec<String>,
    /// Whether it finds containers of other projects, or asks other name servers.
    pub knows_others: bool,
    /// On which networks it is.
    pub networks: Networks,
    /// The line that says so; the one of its name where none does.
    pub networks_line: usize,
    /// Published ports: the host's, and the container's.
    pub published: Vec<(u16, u16)>,
    /// Ports that it exposes.
    pub exposed: Vec<u16>,
}

/// How an image is built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Build {
    /// The directory of the build's context.
    pub context: String,
    /// The Dockerfile in it.
    pub dockerfile: String,
    /// The stage that is built.
    pub target: Option<String>,
    /// The build's arguments, with the values that the file gives them.
    pub args: BTreeMap<String, Option<String>>,
}

impl Default for Build {
    fn default() -> Self {
        let dockerfile = "Dockerfile".to_owned();
        Build { context: ".".to_owned(), dockerfile, target: None, args: BTreeMap::new() }
    }
}

/// The networks of a service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Networks {
    /// Nothing is said: it is on the project's default network.
    #[default]
    Default,
    /// On these.
    Named(Vec<String>),
    /// `network_mode`.
    Mode(String),
    /// Another file says it.
    Elsewhere,
}

/// Of a file with more services nothing is read: each is compared with each other one.
pub(super) const MAX_SERVICES: usize = 300;

/// Of a file whose services set more variables than this nothing is read, and no more are read of one `env_file`:
/// thousands of services may take all that another one has.
pub(super) const MAX_VARIABLES: usize = 10_000;

/// Whether services set more variables than are read.
pub(super) fn has_too_many_variables(services: &[Service]) -> bool {
    services.iter().map(|service| service.environment.len()).sum::<usize>() > MAX_VARIABLES
}

/// Reads a compose file; it has no services where the text is none.
pub(super) fn read(text: &Text, env: &Env) -> File {
    let Some(file) = Value::read(&text.1) else { return File::default() };
    let entries = |key| file.get(key).map(Value::entries).unwrap_or_default();
    if entries("services").len() > MAX_SERVICES {
        return File { is_cut: true, ..File::default() };
    }
    let is_external = |entry: &&Entry| {
        entry.value.get("external").is_some_and(|value| !matches!(value, Value::Text(text) if text == "false"))
    };
    let file_of = |entry: &'_ Entry| entry.value.text("file").map(|file| env.fill(file));
    let files = entries("configs").iter().filter_map(|entry| Some((entry.key.as_str(), file_of(entry)?)));
    let files = files.filter(|(_, file)| !file.contains('$')).collect();
    let services: Vec<Service> = entries("services").iter().map(|entry| service(entry, &files, text, env)).collect();
    if has_too_many_variables(&services) {
        return File { is_cut: true, ..File::default() };
    }
    File {
        services,
        external: entries("networks").iter().filter(is_external).map(|entry| entry.key.clone()).collect(),
        includes: includes(&file, env),
        is_cut: false,
    }
}

/// A service; `files` are those of the configs of its file, by their names, and `file` is that file.
fn service(entry: &Entry, files: &HashMap<&str, String>, file: &Text, env: &Env) -> Service {
    let value = &*entry.value;
    let build = value.get("build").map(|build| match build {
        Value::Text(context) => Build { context: env.fill(context), ..Build::default() },
        build => {
            let of = |key, otherwise: &str| env.fill(build.text(key).unwrap_or(otherwise));
            let target = build.text("target").map(|target| env.fill(target));
            let args = build.entry("args").map(|args| variables::read(args, file, env)).unwrap_or_default();
            let args = args.into_iter().map(|(name, variable)| (name, variable.value)).collect();
            Build { context: of("context", "."), dockerfile: of("dockerfile", "Dockerfile"), target, args }
        }
    });
    let texts = |key| value.get(key).map(Value::texts).unwrap_or_default();
    let (networks, networks_line) = networks(entry);
    let mut service = Service {
        name: entry.key.clone(),
        line: entry.line,
        image: value.text("image").map(|image| env.fill(image)),
        build,
        volumes_from: texts("volumes_from").iter().map(|from| from.split(':').next().unwrap_or(from).into()).collect(),
        command: value.get("command").map(words),
        has_entrypoint: value.get("entrypoint").is_some(),
        extends: value.get("extends").map(|extends| match extends {
            Value::Text(name) => (None, name.clone()),
            extends => (
                extends.text("file").map(|file| env.fill(file)),
                extends.text("service").unwrap_or_default().to_owned(),
            ),
        }),
        is_filled: ["build", "command", "entrypoint", "develop", "post_start", "volumes_from"]
            .iter()
            .any(|key| value.get(key).is_some()),
        has_user: value.text("user").is_some_and(|user| !is_root(&env.fill(user))),
        environment: value.entry("environment").map(|own| variables::read(own, file, env)).unwrap_or_default(),
        env_files: variables::files(value, env),
        aliases: aliases(value),
        links: texts("links").iter().filter_map(|link| split(link, ':')).collect(),
        extra_hosts: extra_hosts(value),
        knows_others: ["external_links", "dns", "dns_search"].iter().any(|key| value.get(key).is_some()),
        networks,
        networks_line,
        exposed: texts("expose").iter().filter_map(|port| number(port)).collect(),
        ..Service::default()
    };
    for port in value.get("ports").into_iter().flat_map(Value::members) {
        match published(port, env) {
            Some((Some(host), own)) => service.published.push((host, own)),
            Some((None, own)) => service.exposed.push(own),
            None => {}
        }
    }
    for (source, target) in mounts::configs(value, files, env) {
        service.binds.extend(source.clone().map(|source| (source, target.clone())));
        service.mounts.push((source.unwrap_or_default(), target));
    }
    if value.text("read_only").is_some_and(|is| is != "false") {
        service.read_only.push("/".to_owned());
    }
    // An image has volumes of its own, too, which no file here names.
    if !service.volumes_from.is_empty() {
        service.mounts.push((String::new(), "/".to_owned()));
    }
    for mount in value.get("volumes").into_iter().flat_map(Value::members) {
        service.mount(mount, env);
    }
    service
}

/// The files that `include` names: paths, or mappings with one or several of them.
fn includes(file: &Value, env: &Env) -> Vec<String> {
    let all = file.get("include").into_iter().flat_map(Value::members);
    let paths = all.flat_map(|one| match one {
        Value::Text(path) => vec![path.as_str()],
        // Where paths begin elsewhere, nothing that they lead to is known.
        one if one.get("project_directory").is_some() => vec![""],
        one => one.get("path").map(Value::texts).unwrap_or_default(),
    });
    paths.map(|path| env.fill(path)).collect()
}

/// The words of a command, which is a list or a line.
fn words(command: &Value) -> Vec<String> {
    match command {
        Value::Text(line) => line.split_ascii_whitespace().map(str::to_owned).collect(),
        list => list.texts().into_iter().map(str::to_owned).collect(),
    }
}

fn networks(service: &Entry) -> (Networks, usize) {
    if let Some(mode) = service.value.entry("network_mode") {
        let networks = match &*mode.value {
            Value::Text(text) if !text.contains('$') => Networks::Mode(text.clone()),
            _ => Networks::Elsewhere,
        };
        return (networks, mode.line);
    }
    match service.value.entry("networks") {
        Some(own) => {
            let keys = own.value.entries().iter().map(|entry| entry.key.clone());
            let named = keys.chain(own.value.texts().into_iter().map(str::to_owned)).collect::<Vec<_>>();
            let is_known = !named.iter().any(|name| name.contains('$'));
            (if is_known { Networks::Named(named) } else { Networks::Elsewhere }, own.line)
        }
        None => (Networks::Default, service.line),
    }
}

/// The names of a service besides its key. Docker knows a container's host name, too, since release 25.
fn aliases(service: &Value) -> Vec<String> {
    let own = ["container_name", "hostname"].into_iter().filter_map(|key| service.text(key));
    let networks = service.get("networks").map(Value::entries).unwrap_or_default();
    let on_networks = networks.iter().filter_map(|network| network.value.get("aliases")).flat_map(Value::texts);
    own.chain(on_networks).map(str::to_owned).collect()
}

fn extra_hosts(service: &Value) -> Vec<String> {
    let Some(hosts) = service.get("extra_hosts") else { return Vec::new() };
    let in_lines = hosts.texts().into_iter().filter_map(|line| line.split([':', '=']).next().map(str::to_owned));
    in_lines.chain(hosts.entries().iter().map(|entry| entry.key.clone())).collect()
}

/// A published port: the host's, where it is fixed, and the container's. Ranges are left out.
fn published(port: &Value, env: &Env) -> Option<(Option<u16>, u16)> {
    match port {
        // `[[ADDRESS:]HOST:]CONTAINER[/PROTOCOL]`
        Value::Text(text) => {
            let text = env.fill(text);
            let mut parts = text.split('/').next()?.rsplit(':');
            let own = number(parts.next()?)?;
            Some((parts.next().and_then(number), own))
        }
        port => Some((port.text("published").and_then(number), number(port.text("target")?)?)),
    }
}

fn number(text: &str) -> Option<u16> {
    text.trim().parse().ok()
}

fn split(text: &str, at: char) -> Option<(String, String)> {
    text.split_once(at).map(|(one, other)| (one.to_owned(), other.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Text {
        ("compose.yaml".to_owned(), text.into())
    }

    #[test]
    fn services_tell_what_they_mount() {
        let text = "services:\n  web:\n    image: nginx\n    volumes:\n      - ./a.conf:/etc/nginx/nginx.conf:ro\n      \
            - sock:/run/php\n      - {type: bind, source: ./b, target: /etc/nginx/conf.d}\n      - $X:/y\n      - /anonymous\n  \
            php:\n    build: {context: ., dockerfile: p/Dockerfile}\n    command: php-fpm -y /x\n";
        let services = read(&file(text), &Env::default()).services;
        assert_eq!(services[0].image.as_deref(), Some("nginx"));
        let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        assert_eq!(services[0].binds, [pair("./a.conf", "/etc/nginx/nginx.conf"), pair("./b", "/etc/nginx/conf.d")]);
        assert_eq!(services[0].mounts[1], pair("sock", "/run/php"));
        assert_eq!(services[0].mounts[3..], [pair("", "/y"), pair("", "/anonymous")]);
        let build = Build { dockerfile: "p/Dockerfile".into(), ..Build::default() };
        assert_eq!(services[1].build, Some(build));
        assert_eq!(services[1].command.as_deref(), Some(&["php-fpm", "-y", "/x"].map(str::to_owned)[..]));
        assert_eq!(services[0].command, None);
    }

    #[test]
    fn so_many_services_are_read() {
        let read = |count: usize| {
            let text = (0..count).map(|n| format!("  s{n}: {{image: nginx}}\n")).collect::<String>();
            let file = super::read(&file(&format!("services:\n{text}")), &Env::default());
            (file.services.len(), file.is_cut)
        };
        assert_eq!([read(MAX_SERVICES), read(MAX_SERVICES + 1)], [(MAX_SERVICES, false), (0, true)]);
    }

    #[test]
    fn variables_are_bounded() {
        let read = |count: usize| {
            let variables: String = (0..count).map(|n| format!("      V{n}: x\n")).collect();
            let text = format!("services:\n  a:\n    environment:\n{variables}");
            let file = super::read(&("compose.yaml".into(), text.into()), &Env::default());
            (file.services.len(), file.is_cut)
        };
        assert_eq!([read(MAX_VARIABLES), read(MAX_VARIABLES + 1)], [(1, false), (0, true)]);
    }

    #[test]
    fn services_tell_their_networks_names_and_ports() {
        let text = "services:\n  a:\n    networks:\n      front:\n        aliases: [web]\n    container_name: shop\n    \
            links: ['db:database']\n    extra_hosts: ['old:10.0.0.1']\n  b:\n    networks: [front, back]\n    \
            ports: ['127.0.0.1:8081:80/tcp', '9000', {published: 5, target: 6}, '7-9:7-9']\n  \
            c:\n    network_mode: host\n    expose: ['1']\n  d: {}\nnetworks:\n  front: {external: true}\n  back:\n";
        let file = read(&file(text), &Env::default());
        let [a, b, c, d] = &file.services[..] else { panic!("{file:?}") };
        assert_eq!(
            (&a.aliases[..], &a.links[..]),
            (&["shop".into(), "web".into()][..], &[("db".into(), "database".into())][..])
        );
        assert_eq!((a.extra_hosts.as_slice(), a.networks_line), (&["old".to_owned()][..], 3));
        assert_eq!(b.networks, Networks::Named(vec!["front".into(), "back".into()]));
        assert_eq!((&b.published[..], &b.exposed[..]), (&[(8081, 80), (5, 6)][..], &[9000][..]));
        assert_eq!((&c.networks, &c.exposed[..]), (&Networks::Mode("host".into()), &[1][..]));
        assert_eq!(
            (&d.networks, d.networks_line, &file.external[..]),
            (&Networks::Default, 15, &["front".to_owned()][..])
        );
    }
}
