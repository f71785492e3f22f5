//! A deployment under `testdata/deployments`, and the run of the real servers on one of its variants.

use crate::live::{DEFAULT_FPM, Live, Master, Report, Result, Server};
use crate::sandbox::{self, Scratch};
use crate::servers::Fpm;
use crate::{http, process, servers, tree};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The argument that makes this program the inside of a run.
pub const CHILD: &str = "--child";

/// The argument that makes it try whether a private root can be made.
pub const PROBE: &str = "--probe";

/// What the report's line on the standard output starts with.
const MARKER: &str = "gatelint-oracle-report: ";

/// No run takes longer.
const WATCHDOG: Duration = Duration::from_secs(60);

/// A deployment with a `live.toml`.
pub struct Case {
    /// The name of its folder.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// How the servers behave on it.
    pub live: Live,
}

/// Which tree of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// As it is.
    Faulty,
    /// With `fixed` laid over it.
    Fixed,
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(if *self == Variant::Fixed { "fixed" } else { "faulty" })
    }
}

/// The deployments in `folder` that are run live, by name; each one that can't be read with what is wrong.
pub fn find(folder: &Path) -> Result<Vec<(String, Result<Case>)>> {
    let listed = fs::read_dir(folder).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    let entries = listed.map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut cases = Vec::new();
    for folder in entries.into_iter().map(|entry| entry.path()).filter(|path| path.join("live.toml").exists()) {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let case = Live::read(&folder).map(|live| Case { name: name.clone(), folder, live });
        cases.push((name, case));
    }
    cases.sort_by(|a, b| a.0.cmp(&b.0));
    if cases.is_empty() { Err(format!("{}: no deployment has a live.toml", folder.display())) } else { Ok(cases) }
}

impl Case {
    /// The variants it has.
    pub fn variants(&self) -> Vec<Variant> {
        let mut variants = vec![Variant::Faulty];
        if self.folder.join("fixed").is_dir() {
            variants.push(Variant::Fixed);
        }
        variants
    }

    /// What gatelint is told of the host on `variant`: a twin may have facts of its own.
    pub fn facts(&self, variant: Variant) -> Option<PathBuf> {
        let own = self.folder.join("facts.fixed.toml");
        let common = self.folder.join("facts.toml");
        let own = Some(own).filter(|path| variant == Variant::Fixed && path.exists());
        own.or(Some(common).filter(|path| path.exists()))
    }

    /// Starts the real servers on `variant` in a sandbox, and reports what was seen.
    pub fn run(&self, variant: Variant, scratch: &Scratch) -> Result<Report> {
        let folder = fs::canonicalize(&self.folder).map_err(|e| format!("{}: {e}", self.folder.display()))?;
        let mut command = sandbox::command(&this_program()?);
        command.arg(CHILD).arg(folder).arg(variant.to_string()).arg(scratch.work());
        let finished = process::run(&mut command, WATCHDOG).map_err(|e| format!("the sandbox: {e}"))?;
        let report = finished.stdout.lines().find_map(|line| line.strip_prefix(MARKER));
        match report {
            Some(json) => serde_json::from_str(json).map_err(|e| format!("cannot read the report: {e}\n{json}")),
            None => Err(format!("the sandbox failed ({}): {}", finished.status, finished.stderr.trim())),
        }
    }
}

/// Tries whether a private root can be made here.
pub fn probe() -> Result<()> {
    let scratch = Scratch::new("probe")?;
    let mut command = sandbox::command(&this_program()?);
    command.arg(PROBE).arg(scratch.tree()).arg(Variant::Faulty.to_string()).arg(scratch.work());
    let finished = process::run(&mut command, WATCHDOG)?;
    if finished.status.success() { Ok(()) } else { Err(finished.stderr.trim().to_owned()) }
}

fn this_program() -> Result<PathBuf> {
    std::env::current_exe().map_err(|e| format!("cannot find this test program: {e}"))
}

/// The inside of [`Case::run`] and [`probe`]; `arguments` are those given there. Returns what to print.
pub fn inside(arguments: &[String]) -> Result<String> {
    let [what, folder, variant, work] = arguments else {
        return Err(format!("the inside of a run needs four arguments, not {arguments:?}"));
    };
    let fixed = *variant == Variant::Fixed.to_string();
    if what == PROBE {
        sandbox::enter(Path::new(work), Path::new(folder))?;
        return Ok(String::new());
    }
    let live = Live::read(Path::new(folder))?;
    sandbox::enter(Path::new(work), Path::new(folder))?;
    tree::materialise(Path::new(sandbox::CASE), fixed, Path::new("/"))?;
    sandbox::make_directories(live.directories.iter().chain(&live.outcome(fixed).directories))?;
    let report = observe(&live, fixed)?;
    let json = serde_json::to_string(&report).map_err(|e| format!("cannot write the report: {e}"))?;
    Ok(format!("{MARKER}{json}"))
}

/// Runs the servers on the present root.
fn observe(live: &Live, fixed: bool) -> Result<Report> {
    for server in &live.http {
        http::serve(server.address)?;
    }
    let mut report = Report::default();
    let mut masters = Vec::new();
    for (number, config) in masters_to_start(live).iter().enumerate() {
        let fpm = Fpm { config, arguments: &live.fpm_args, private: &live.fpm_private };
        let test = fpm.test()?;
        let fpm_values = if test.ok { Some(fpm.values()?) } else { None };
        let log = fpm_values.as_ref().and_then(|values| values.get("global")?.get("error_log"));
        let (start, child) = fpm.start(&format!("fpm-{number}"), log.map(String::as_str))?;
        masters.push(child);
        report.fpm.push(Master { config: config.clone(), server: Server { test, start }, fpm_values });
    }
    if live.nginx {
        observe_nginx(live, fixed, &mut report)?;
    }
    for master in masters {
        servers::stop_fpm(master);
    }
    Ok(report)
}

fn observe_nginx(live: &Live, fixed: bool, report: &mut Report) -> Result<()> {
    let test = servers::test_nginx()?;
    let dump = if test.ok { servers::dump_nginx()? } else { String::new() };
    report.nginx_files = servers::dumped_files(&dump);
    let (start, child) = servers::start_nginx()?;
    if start.ok {
        for request in &live.outcome(fixed).requests {
            report.answers.push((0..request.repeat).map(|_| http::ask(request)).collect());
        }
    }
    report.nginx = Some(Server { test, start });
    // The logs are read when nothing can be added to them any more.
    servers::stop_nginx(child);
    report.error_log = servers::read(&servers::nginx_stderr());
    for log in servers::error_logs(&dump) {
        report.error_log.push_str(&servers::read(&log));
    }
    Ok(())
}

fn masters_to_start(live: &Live) -> Vec<String> {
    match &live.fpm {
        Some(masters) => masters.clone(),
        None if Path::new(DEFAULT_FPM).exists() => vec![DEFAULT_FPM.to_owned()],
        None => Vec::new(),
    }
}
