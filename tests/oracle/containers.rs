//! The containers of a deployment, and the networks between them, as Docker makes them: each container is a private
//! root ([`sandbox`]) with a network namespace of its own, each network a bridge, and each volume a directory.

use crate::case::{self, Variant};
use crate::container::{self, Container, Image};
use crate::live::{Live, Report, Result};
use crate::process::{self, tool};
use crate::tree::{self, make_directory};
use crate::{sandbox, servers};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Stdio};

/// What every container sees: a folder in that of the run.
pub const SHARED: &str = "shared";

/// The deployment's repository, and the volumes by their names: folders in [`SHARED`].
pub const REPOSITORY: &str = "repository";
/// See [`REPOSITORY`].
pub const VOLUMES: &str = "volumes";

/// The containers by their names.
pub type Containers = BTreeMap<String, Container>;

/// Runs the containers of the deployment in `folder`, in the empty folder `work`. nginx is the last to start, when
/// all others are ready.
pub fn run(live: &Live, folder: &Path, fixed: bool, work: &Path) -> Result<Report> {
    let all = live.containers(fixed);
    prepare(folder, fixed, work)?;
    link(&all)?;
    let (nginx, others): (Vec<_>, Vec<_>) = all.iter().partition(|(_, container)| container.image == Image::Nginx);
    let start = |(name, own): &(&String, &Container)| Running::start(name, own, folder, fixed, work);
    let mut report = Report::default();
    let mut running = others.iter().map(start).collect::<Result<Vec<_>>>()?;
    for container in &mut running {
        report.fpm.extend(container.report()?.fpm);
    }
    for container in &nginx {
        let mut container = start(container)?;
        report = Report { fpm: report.fpm, ..container.report()? };
        running.push(container);
    }
    running.into_iter().for_each(Running::stop);
    Ok(report)
}

/// Tries whether networks can be made.
pub fn probe() -> Result<()> {
    tool("ip", &["link", "add", "net0", "type", "bridge"])?;
    tool("ip", &["link", "add", "net0-0", "type", "veth", "peer", "name", "eth0"])
}

/// Lays what the containers share, and hides what the real host has in `/run`, where `ip` names namespaces.
fn prepare(folder: &Path, fixed: bool, work: &Path) -> Result<()> {
    tool("mount", &["--make-rprivate", "/"])?;
    for place in [Path::new("/run"), work] {
        tool("mount", &["-t", "tmpfs", "-o", "mode=0755", "tmpfs", &place.display().to_string()])?;
    }
    let shared = work.join(SHARED);
    let images = shared.join("images");
    for folder in [&shared, &images, &shared.join(REPOSITORY), &shared.join(VOLUMES)] {
        make_directory(folder)?;
    }
    tree::lay(&Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/images"), &images, &images)?;
    tree::materialise(folder, fixed, &shared.join(REPOSITORY))
}

/// Makes the namespaces, and a bridge for each network.
fn link(all: &Containers) -> Result<()> {
    for (name, _) in all.iter().filter(|(_, container)| container.network_mode.is_none()) {
        tool("ip", &["netns", "add", name])?;
    }
    for (number, network) in networks(all).into_iter().enumerate() {
        let bridge = format!("net{number}");
        tool("ip", &["link", "add", &bridge, "type", "bridge"])?;
        tool("ip", &["link", "set", &bridge, "up"])?;
        for (at, (name, _)) in on(all, network) {
            let (here, there) = (format!("net{number}-{at}"), device(number));
            tool("ip", &["link", "add", &here, "type", "veth", "peer", "name", &there, "netns", name])?;
            tool("ip", &["link", "set", &here, "master", &bridge, "up"])?;
        }
    }
    Ok(())
}

fn networks(all: &Containers) -> BTreeSet<&str> {
    all.values().flat_map(|container| &container.networks).map(String::as_str).collect()
}

/// The containers on a network, each with its number among all.
fn on<'a>(all: &'a Containers, network: &str) -> impl Iterator<Item = (usize, (&'a String, &'a Container))> {
    all.iter().enumerate().filter(move |(_, (_, container))| container.networks.iter().any(|name| name == network))
}

/// The device that leads to a network.
fn device(network: usize) -> String {
    format!("eth{network}")
}

fn address(network: usize, container: usize) -> Ipv4Addr {
    // Docker, too, gives the first address to itself.
    Ipv4Addr::from([172, 18, network as u8, container as u8 + 2])
}

/// The devices of a container, and their addresses.
pub fn addresses(all: &Containers, name: &str) -> Vec<(String, Ipv4Addr)> {
    let networks = networks(all).into_iter().enumerate();
    let own = networks.flat_map(|(number, network)| {
        let own = on(all, network).filter(|(_, (other, _))| *other == name);
        own.map(move |(at, _)| (device(number), address(number, at)))
    });
    own.collect()
}

/// The names that a container finds.
pub fn names(all: &Containers, name: &str) -> BTreeMap<String, Ipv4Addr> {
    let mut found = BTreeMap::new();
    for (number, network) in networks(all).into_iter().enumerate() {
        if on(all, network).any(|(_, (other, _))| other == name) {
            for (at, (_, other)) in on(all, network) {
                found.extend(other.names.iter().map(|name| (name.clone(), address(number, at))));
            }
        }
    }
    found
}

/// A container that runs.
struct Running {
    name: String,
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Running {
    fn start(name: &str, own: &Container, folder: &Path, fixed: bool, work: &Path) -> Result<Running> {
        make_directory(&work.join(name))?;
        let namespace = own.network_mode.as_deref().and_then(|mode| mode.strip_prefix("service:")).unwrap_or(name);
        let mut command = sandbox::command(&case::this_program()?, Some(&PathBuf::from("/run/netns").join(namespace)));
        let variant = if fixed { Variant::Fixed } else { Variant::Faulty };
        command.arg(container::CHILD).arg(folder).arg(variant.to_string()).arg(work).arg(name);
        let mut child = command
            .envs(&own.environment)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("cannot start the container {name}: {e}"))?;
        let output = child.stdout.take().ok_or("a container without an output")?;
        Ok(Running { name: name.to_owned(), child, output: BufReader::new(output) })
    }

    /// Waits for what it says.
    fn report(&mut self) -> Result<Report> {
        let lines = self.output.by_ref().lines().map_while(std::io::Result::ok);
        let mut reports = lines.filter_map(|line: String| case::unmarked(&line));
        reports.next().unwrap_or_else(|| Err(format!("the container {} says nothing", self.name)))
    }

    /// Lets it end, by the end of its input.
    fn stop(mut self) {
        drop(self.child.stdin.take());
        let _ = process::wait(&mut self.child, servers::STOP);
        process::kill(&mut self.child);
    }
}
