//! What a compose file mounts where.

use super::yaml::Value;

/// A service of a compose file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Service {
    /// Its name.
    pub name: String,
    /// The image that it runs, where it is not built.
    pub image: Option<String>,
    /// The context of its build, and the Dockerfile in it.
    pub build: Option<(String, String)>,
    /// Files and directories of the repository: where they lie, and where they are mounted.
    pub binds: Vec<(String, String)>,
    /// Volumes by name, and where they are mounted.
    pub volumes: Vec<(String, String)>,
    /// Whether it starts with a command of its own.
    pub has_command: bool,
}

/// The services of a compose file; none where the text is none.
pub(super) fn services(text: &str) -> Vec<Service> {
    let Some(file) = Value::read(text) else { return Vec::new() };
    let services = file.get("services").into_iter().flat_map(Value::entries);
    services.map(|(name, value)| service(name, value)).collect()
}

fn service(name: &str, value: &Value) -> Service {
    let build = value.get("build").map(|build| match build {
        Value::Text(context) => (context.clone(), "Dockerfile".to_owned()),
        build => {
            let of = |key, otherwise: &str| build.text(key).unwrap_or(otherwise).to_owned();
            (of("context", "."), of("dockerfile", "Dockerfile"))
        }
    });
    let mut service = Service {
        name: name.to_owned(),
        image: value.text("image").map(str::to_owned),
        build,
        has_command: value.get("command").is_some() || value.get("entrypoint").is_some(),
        ..Service::default()
    };
    for mount in value.get("volumes").into_iter().flat_map(Value::members) {
        let (source, target) = match mount {
            // `SOURCE:TARGET[:MODE]`
            Value::Text(text) => {
                let mut parts = text.split(':');
                (parts.next(), parts.next())
            }
            mount => (mount.text("source"), mount.text("target")),
        };
        let (Some(source), Some(target)) = (source, target) else { continue };
        if source.contains('$') || target.contains('$') || !target.starts_with('/') {
            continue;
        }
        let mounts = if source.starts_with('.') { &mut service.binds } else { &mut service.volumes };
        mounts.push((source.to_owned(), target.to_owned()));
    }
    service
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_tell_what_they_mount() {
        let text = "services:\n  web:\n    image: nginx\n    volumes:\n      - ./a.conf:/etc/nginx/nginx.conf:ro\n      \
            - sock:/run/php\n      - {type: bind, source: ./b, target: /etc/nginx/conf.d}\n      - $X:/y\n      - /anonymous\n  \
            php:\n    build: {context: ., dockerfile: p/Dockerfile}\n    command: php-fpm -y /x\n";
        let services = services(text);
        assert_eq!(services[0].image.as_deref(), Some("nginx"));
        let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        assert_eq!(services[0].binds, [pair("./a.conf", "/etc/nginx/nginx.conf"), pair("./b", "/etc/nginx/conf.d")]);
        assert_eq!(services[0].volumes, [pair("sock", "/run/php")]);
        assert_eq!(services[1].build, Some(pair(".", "p/Dockerfile")));
        assert!(services[1].has_command && !services[0].has_command);
    }
}
