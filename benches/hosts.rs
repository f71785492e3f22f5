//! How long gatelint takes for hosts of many servers, beside `nginx -t` on the same files and beside merely
//! reading them.
//!
//! ```sh
//! cargo bench --bench hosts                                            # everything; about two minutes
//! cargo bench --bench hosts -- 1000                                    # hosts of 1,000 servers only
//! cargo bench --bench hosts -- generate SERVERS POOLS DIR [healthy|findings|shared]
//! ```
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)]

use std::collections::BTreeSet;
use std::fs;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use gatelint::deployment::{Deployment, Nginx, Plan, Selection, View, build};
use gatelint::host::Host;
use gatelint::host::disk::Disk;
use gatelint::host::facts::Facts;
use gatelint::nginx::levels::{Config, Context};
use gatelint::nginx::load::Files;
use gatelint::nginx::parse::parse;
use gatelint::report::{Format, Report, Style, Summary, render};
use gatelint::rules;
use gatelint::source::Sources;

use host::{Shape, Variant};

mod host;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["generate", servers, pools, directory, variant @ ..] => {
            let variant = Variant::of(variant.first().unwrap_or(&"healthy")).unwrap();
            let shape = Shape { servers: servers.parse().unwrap(), pools: pools.parse().unwrap(), variant };
            host::generate(shape, Path::new(directory)).unwrap();
        }
        ["memory", root] => memory(root),
        [] => all(&[1000, 10_000]),
        sizes => all(&sizes.iter().map(|size| size.parse().unwrap()).collect::<Vec<_>>()),
    }
}

/// Measures hosts of each size and variant.
fn all(sizes: &[usize]) {
    println!("| host | servers | reading | `nginx -t` | gatelint | to reading | to `nginx -t` | a server | memory |");
    println!("| --- | --: | --: | --: | --: | --: | --: | --: | --: |");
    let mut phases = Vec::new();
    for variant in [Variant::Healthy, Variant::Findings, Variant::Shared] {
        for servers in sizes {
            let root = tempfile::tempdir().unwrap();
            let shape = Shape { servers: *servers, pools: servers / 10, variant };
            host::generate(shape, root.path()).unwrap();
            whole(shape, root.path());
            phases.push((shape, measure_phases(root.path())));
        }
    }
    println!("\n| host | servers | phases |\n| --- | --: | --- |");
    for (shape, phases) in phases {
        let phases: Vec<String> = phases.iter().map(|(name, time)| format!("{name} {}", shown(*time))).collect();
        println!("| {} | {} | {} |", shape.variant.name(), shape.servers, phases.join(", "));
    }
}

/// The whole run, as a program, in turn with the others.
fn whole(shape: Shape, root: &Path) {
    let files = host::files(root).unwrap();
    let read = || files.iter().map(|file| fs::read(file).unwrap().len()).sum::<usize>();
    let prefix = root.join("etc/nginx");
    let nginx =
        || succeeds(Command::new("nginx").arg("-t").arg("-p").arg(&prefix).args(["-c", "nginx.conf", "-e", "stderr"]));
    let gatelint = || run(Command::new(env!("CARGO_BIN_EXE_gatelint")).arg("check").arg(root)).is_some();
    let has_nginx = nginx();
    let (mut reading, mut testing, mut linting) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..5 {
        reading.push(time(&read));
        linting.push(time(&gatelint));
        if has_nginx {
            testing.push(time(&nginx));
        }
    }
    let (reading, linting) = (median(reading), median(linting));
    let testing = has_nginx.then(|| median(testing));
    let ratio = |to: Duration| format!("{:.2}", linting.as_secs_f64() / to.as_secs_f64());
    println!(
        "| {} | {} | {} | {} | {} | {} | {} | {:.0} µs | {} |",
        shape.variant.name(),
        shape.servers,
        shown(reading),
        testing.map_or("–".into(), shown),
        shown(linting),
        ratio(reading),
        testing.map_or("–".into(), ratio),
        linting.as_secs_f64() * 1e6 / shape.servers as f64,
        peak(root),
    );
}

/// What each part takes within one process, one thread unless the part itself takes more.
fn measure_phases(root: &Path) -> Vec<(&'static str, Duration)> {
    let host = Disk::new(root).unwrap();
    let main = Path::new("/etc/nginx/nginx.conf");
    let inside = |file: PathBuf| Path::new("/").join(file.strip_prefix(root).unwrap());
    let files: Vec<PathBuf> = host::files(root).unwrap().into_iter().map(inside).collect();
    let mut phases = Vec::new();
    phases.push(("read", repeated(|| files.iter().map(|file| host.open(file).unwrap().bytes.len()).sum::<usize>())));
    let texts: Vec<Vec<u8>> = files.iter().map(|file| host.read(file).unwrap()).collect();
    let file = Sources::default().add(String::new(), None, Vec::new());
    phases.push(("parse", repeated(|| texts.iter().map(|text| parse(file, text).directives.len()).sum::<usize>())));
    let mut sources = Sources::default();
    let mut loaded = Files::default();
    let id = loaded.load(&host, &mut sources, main).unwrap();
    phases.push(("resolve", repeated(|| Config::resolve(&loaded, id, Context::Main).levels(Context::Server).count())));
    let (loaded, facts) = (Arc::new(loaded), Facts::from_host(&host));
    let configs = || Config::resolve(&loaded, id, Context::Main);
    let mut ready: Vec<Config> = (0..REPEATED).map(|_| configs()).collect();
    let mut front_end = || Nginx::new(loaded.clone(), ready.pop().unwrap(), &facts, main, View::Root).servers.len();
    phases.push(("hand-overs", repeated(&mut front_end)));
    let plan = Plan::new(root.to_owned(), View::Root, Selection::default());
    let machine = || {
        let mut sources = Sources::default();
        let facts = Facts::from_host(&host);
        let mut machine = build::programs(&host, facts, &plan, &BTreeSet::new(), &mut sources).unwrap();
        build::connect(&mut machine, &host, &mut sources);
        (machine, sources)
    };
    phases.push(("all of these, with pools and dials (build)", repeated(|| machine().0.dials.len())));
    let (machine, sources) = machine();
    let deployment = Deployment { machines: vec![machine], ..Deployment::default() };
    phases.push(("rules", repeated(|| rules::run(&deployment, &sources, &|_| true).findings.len())));
    let found = rules::run(&deployment, &sources, &|_| true);
    let report = Report {
        findings: &found.findings,
        sources: &sources,
        errors: &[],
        unchecked: &found.unchecked,
        summary: Summary::default(),
        fail_on: None,
    };
    let written = || {
        let mut out = Vec::new();
        render(Format::Text, &report, Style::default(), &mut out).unwrap();
        out.len()
    };
    phases.push(("report", repeated(written)));
    phases
}

/// How often a phase is measured.
const REPEATED: usize = 3;

fn repeated<T>(mut work: impl FnMut() -> T) -> Duration {
    median((0..REPEATED).map(|_| time(&mut work)).collect())
}

fn time<T>(mut work: impl FnMut() -> T) -> Duration {
    let start = Instant::now();
    black_box(work());
    start.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn shown(time: Duration) -> String {
    format!("{:.0} ms", time.as_secs_f64() * 1e3)
}

fn run(command: &mut Command) -> Option<bool> {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.ok().map(|status| status.success())
}

fn succeeds(command: &mut Command) -> bool {
    run(command) == Some(true)
}

/// The most memory that a run takes, as a process of its own sees it.
fn peak(root: &Path) -> String {
    let output = Command::new(std::env::current_exe().unwrap()).arg("memory").arg(root).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn memory(root: &str) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut streams = gatelint::cli::Streams { out: &mut out, err: &mut err, is_terminal: false };
    gatelint::cli::main(["gatelint", "check", root].map(Into::into), &mut streams);
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes: f64 = peak.and_then(|peak| peak.trim().split(' ').next()?.parse().ok()).unwrap_or(f64::NAN);
    println!("{:.0} MB", kilobytes / 1e3);
}
