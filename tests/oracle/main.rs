//! The oracle: real nginx and real PHP-FPM on the deployments of `testdata/deployments` that have a `live.toml`, each
//! in namespaces of its own. They must behave as `live.toml` says, and as gatelint predicts.
//!
//! It needs root, namespaces, overlayfs, `ip`, nginx and PHP-FPM. Where one of these is missing each trial is
//! ignored, with the reason; where the environment says `CI`, it fails instead.
//!
//! For each variant of a deployment the program starts itself again inside `unshare` ([`sandbox`]); that inside lays
//! the tree, runs the servers ([`servers`], [`http`]) and prints a report ([`live::Report`]), which the outside compares
//! ([`verdict`], [`predictions`], [`readings`]). The containers of a compose file are such insides as well, linked by
//! networks of their own ([`containers`], [`container`], [`dns`]); no Docker is needed. The reports stay in `target/tmp/oracle/<case>.<variant>.json`.
// The list is about the library, which must not leave the root.
#![allow(clippy::disallowed_methods)]

mod case;
mod container;
mod containers;
mod dns;
mod http;
mod live;
mod predictions;
mod process;
mod readings;
mod sandbox;
mod selftest;
mod servers;
mod tree;
mod verdict;

use case::{Case, Variant};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use live::{Report, Result};
use sandbox::Scratch;
use std::env;
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// The first arguments that make this program the inside of something.
const INSIDES: [&str; 3] = [case::CHILD, case::PROBE, container::CHILD];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| INSIDES.contains(&first.as_str())) {
        return inside(&arguments);
    }
    let mut arguments = Arguments::from_args();
    // More do not end sooner: a case waits for processes to start and stop.
    arguments.test_threads.get_or_insert(4);
    let missing = if arguments.list { None } else { missing() };
    match trials(missing) {
        Ok(trials) => libtest_mimic::run(&arguments, trials).exit_code(),
        Err(message) => complain(&message),
    }
}

fn inside(arguments: &[String]) -> ExitCode {
    if arguments.first().is_some_and(|first| first == container::CHILD) {
        return container::inside(arguments).map_or_else(|message| complain(&message), |()| ExitCode::SUCCESS);
    }
    match case::inside(arguments).map(|text| writeln!(std::io::stdout(), "{text}")) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => complain(&format!("cannot print the report: {error}")),
        Err(message) => complain(&message),
    }
}

fn complain(message: &str) -> ExitCode {
    // Where the standard error is closed, nobody listens.
    let _ = writeln!(std::io::stderr(), "{message}");
    ExitCode::FAILURE
}

/// What the trials of deployments lack here, if anything.
fn missing() -> Option<String> {
    if fs::metadata("/proc/self").map(|own| own.uid()).ok() != Some(0) {
        return Some("not root".to_owned());
    }
    if !Path::new(servers::NGINX).exists() {
        return Some(format!("{} is not installed", servers::NGINX));
    }
    if servers::fpm().is_none() {
        return Some("no PHP-FPM is installed".to_owned());
    }
    for program in ["unshare", "nsenter", "mount", "ip"] {
        let path = env::var_os("PATH").unwrap_or_default();
        if !env::split_paths(&path).any(|folder| folder.join(program).exists()) {
            return Some(format!("{program} is not installed"));
        }
    }
    case::probe().err().map(|reason| format!("no private root can be made: {reason}"))
}

/// Where the deployments are; the variable `ORACLE_DEPLOYMENTS` names others.
fn deployments() -> PathBuf {
    match env::var_os("ORACLE_DEPLOYMENTS") {
        Some(folder) => folder.into(),
        None => Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/deployments"),
    }
}

fn trials(missing: Option<String>) -> Result<Vec<Trial>> {
    let mut trials = selftest::trials();
    for (name, case) in case::find(&deployments())? {
        match case {
            Ok(case) => {
                let case = Arc::new(case);
                for variant in case.variants() {
                    trials.push(trial(Arc::clone(&case), variant, missing.clone()));
                }
            }
            // A live.toml with a mistake is one everywhere, whether or not the servers are there.
            Err(message) => trials.push(Trial::test(format!("{name}::live.toml"), move || Err(message.into()))),
        }
    }
    Ok(trials)
}

fn trial(case: Arc<Case>, variant: Variant, missing: Option<String>) -> Trial {
    Trial::ignorable_test(format!("{}::{variant}", case.name), move || match &missing {
        None => run(&case, variant).map(|()| Completion::Completed),
        Some(reason) if env::var_os("CI").is_some() => Err(format!("cannot run, and CI is set: {reason}").into()),
        Some(reason) => Ok(Completion::ignored_with(reason)),
    })
}

fn run(case: &Case, variant: Variant) -> std::result::Result<(), Failed> {
    let scratch = Scratch::new(&format!("{}-{variant}", case.name))?;
    let report = case.run(variant, &scratch)?;
    let kept = keep(case, variant, &report)?;
    let mut differences = verdict::differences(&case.live, variant == Variant::Fixed, &report);
    tree::materialise(&case.folder, variant == Variant::Fixed, &scratch.tree())?;
    differences.extend(predictions::differences(case, variant, &scratch.tree(), &report)?);
    if !case.live.has_containers() {
        differences.extend(readings::differences(&case.live, &scratch.tree(), &report)?);
    }
    if differences.is_empty() {
        return Ok(());
    }
    let mut message = differences.join("\n");
    if !report.error_log.is_empty() {
        message.push_str(&format!("\nnginx's error log:\n{}", report.error_log.trim_end()));
    }
    Err(format!("{message}\nthe whole report: {}", kept.display()).into())
}

/// Leaves the report for other tests, and for whoever wonders.
fn keep(case: &Case, variant: Variant, report: &Report) -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("oracle");
    let path = folder.join(format!("{}.{variant}.json", case.name));
    let json = serde_json::to_string_pretty(report).map_err(|e| format!("cannot write the report: {e}"))?;
    fs::create_dir_all(&folder)
        .and_then(|()| fs::write(&path, json))
        .map_err(|e| format!("{}: {e}", path.display()))?;
    Ok(path)
}
