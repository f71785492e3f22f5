//! A container of a deployment: how `live.toml` describes it, and its inside.

use crate::live::{Live, Report, Result};
use crate::process::tool;
use crate::sandbox::{self, CASE};
use crate::servers::{self, Fpm};
use crate::tree::{lay, trouble};
use crate::{case, containers, dns, http};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

/// The argument that makes this program the inside of a container.
pub const CHILD: &str = "--container";

/// The main file of the image `php`, and the directory in which it was built.
const FPM: (&str, &str) = ("/usr/local/etc/php-fpm.conf", "/usr/local");

/// A container, in the words of compose files.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Container {
    /// What runs in it.
    pub image: Image,
    /// The networks that it is on.
    #[serde(default)]
    pub networks: Vec<String>,
    /// By which names the others on its networks find it.
    #[serde(default)]
    pub names: Vec<String>,
    /// `service:NAME`: it has the network namespace of that container.
    pub network_mode: Option<String>,
    /// What is mounted where: `./PATH:TARGET` of the repository, or `VOLUME:TARGET`.
    #[serde(default)]
    pub volumes: Vec<String>,
    /// The environment of its programs.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// For another image than the two: the ports at which it answers HTTP.
    #[serde(default)]
    pub http: Vec<u16>,
}

/// The image of a container. The files of the official ones are in `testdata/images`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Image {
    /// The official image `nginx`.
    Nginx,
    /// The official image `php` with a tag `fpm`.
    Php,
    /// Some other one.
    Other,
}

impl Image {
    /// The folder of its files below `testdata/images`.
    fn folder(self) -> Option<&'static str> {
        match self {
            Image::Nginx => Some("nginx"),
            Image::Php => Some("php"),
            Image::Other => None,
        }
    }
}

/// The inside of a container. `arguments` are [`CHILD`], the deployment's folder, the variant, the folder that
/// [`containers::run`] prepared, and the container's name. It says what it saw, and ends when its standard input does.
pub fn inside(arguments: &[String]) -> Result<()> {
    let [_, folder, variant, work, name] = arguments else {
        return Err(format!("the inside of a container needs five arguments, not {arguments:?}"));
    };
    let (live, fixed, work) = (Live::read(Path::new(folder))?, case::is_fixed(variant), Path::new(work));
    let all = live.containers(fixed);
    let own = all.get(name).ok_or_else(|| format!("{name}: no such container"))?;
    sandbox::enter(&work.join(name), &work.join(containers::SHARED))?;
    if let Some(image) = own.image.folder() {
        lay(&Path::new(CASE).join("images").join(image), Path::new("/"), Path::new("/"))?;
    }
    own.volumes.iter().try_for_each(|volume| mount(volume))?;
    sandbox::write("/etc/resolv.conf", &format!("nameserver {}\noptions ndots:0\n", dns::ADDRESS.ip()))?;
    if own.network_mode.is_none() {
        for (device, address) in containers::addresses(&all, name) {
            tool("ip", &["address", "add", &format!("{address}/24"), "dev", &device])?;
            tool("ip", &["link", "set", &device, "up"])?;
        }
        dns::serve(containers::names(&all, name))?;
    }
    let mut report = Report::default();
    let mut master = None;
    match own.image {
        Image::Nginx => {
            render(&own.environment)?;
            case::observe_nginx(&live.outcome(fixed).requests, &mut report)?;
        }
        Image::Php => {
            let arguments = ["-p".to_owned(), FPM.1.to_owned()];
            let fpm = Fpm { config: FPM.0, arguments: &arguments, private: &[], environment: &own.environment };
            master = Some(case::observe_fpm("fpm", &fpm, &mut report)?);
        }
        Image::Other => {
            own.http.iter().try_for_each(|port| http::serve(SocketAddr::from((Ipv4Addr::UNSPECIFIED, *port))))?;
        }
    }
    let said = writeln!(std::io::stdout(), "{}", case::marked(&report)?);
    said.map_err(|e| format!("cannot print the report: {e}"))?;
    // Whatever ends the input, the container is not needed any more.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    master.into_iter().for_each(servers::stop_fpm);
    Ok(())
}

/// The places of templates and of what is made of them, in the image of nginx.
const TEMPLATES: (&str, &str) = ("/etc/nginx/templates", "/etc/nginx/conf.d");

/// Fills the environment into the templates as the image of nginx does (`20-envsubst-on-templates.sh`).
fn render(environment: &BTreeMap<String, String>) -> Result<()> {
    let names: Vec<String> = environment.keys().map(|name| format!("${{{name}}}")).collect();
    for entry in fs::read_dir(TEMPLATES.0).into_iter().flatten().flatten() {
        let template = entry.path();
        let Some(name) = template.file_stem().filter(|_| template.extension().is_some_and(|it| it == "template"))
        else {
            continue;
        };
        let output = Path::new(TEMPLATES.1).join(name);
        let script = r#"exec envsubst "$1" < "$2" > "$3""#;
        let (template, output) = (template.display().to_string(), output.display().to_string());
        tool("sh", &["-c", script, "sh", &names.join(" "), &template, &output])?;
    }
    Ok(())
}

/// Mounts a volume as Docker does: what is not there becomes a directory.
fn mount(volume: &str) -> Result<()> {
    let (source, target) =
        volume.split_once(':').ok_or_else(|| format!("live.toml: {volume}: SOURCE:TARGET expected"))?;
    let source = match source.strip_prefix("./") {
        Some(path) => Path::new(CASE).join(containers::REPOSITORY).join(path),
        None => Path::new(CASE).join(containers::VOLUMES).join(source),
    };
    let directory = |path: &Path| fs::create_dir_all(path).map_err(|e| trouble(path, e));
    if !source.exists() {
        directory(&source)?;
    }
    let target = PathBuf::from(target);
    if source.is_dir() {
        directory(&target)?;
    } else if !target.exists() {
        target.parent().map_or(Ok(()), directory)?;
        File::create(&target).map_err(|e| trouble(&target, e))?;
    }
    tool("mount", &["--bind", &source.display().to_string(), &target.display().to_string()])
}
