//! A deployment under `testdata/deployments`, and the run of the real servers on one of its variants.

use crate::live::{DEFAULT_FPM, Live, Master, Report, Request, Result, Server};
use crate::sandbox::{self, Scratch};
use crate::servers::Fpm;
use crate::{containers, http, process, servers, tree};
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
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
        let mut command = sandbox::command(&this_program()?, None);
        command.arg(CHILD).arg(folder).arg(variant.to_string()).arg(scratch.work());
        let finished = process::run(&mut command, WATCHDOG).map_err(|e| format!("the sandbox: {e}"))?;
        let failed = || Err(format!("the sandbox failed ({}): {}", finished.status, finished.stderr.trim()));
        finished.stdout.lines().find_map(unmarked).unwrap_or_else(failed)
    }
}

/// Tries whether a private root can be made here.
pub fn probe() -> Result<()> {
    let scratch = Scratch::new("probe")?;
    let mut command = sandbox::command(&this_program()?, None);
    command.arg(PROBE).arg(scratch.tree()).arg(Variant::Faulty.to_string()).arg(scratch.work());
    let finished = process::run(&mut command, WATCHDOG)?;
    if finished.status.success() { Ok(()) } else { Err(finished.stderr.trim().to_owned()) }
}

/// The path of this program.
pub fn this_program() -> Result<PathBuf> {
    std::env::current_exe().map_err(|e| format!("cannot find this test program: {e}"))
}

/// The inside of [`Case::run`] and [`probe`]; `arguments` are those given there. Returns what to print.
pub fn inside(arguments: &[String]) -> Result<String> {
    let [what, folder, variant, work] = arguments else {
        return Err(format!("the inside of a run needs four arguments, not {arguments:?}"));
    };
    let (folder, work, fixed) = (Path::new(folder), Path::new(work), is_fixed(variant));
    if what == PROBE {
        sandbox::enter(work, folder)?;
        return containers::probe().map(|()| String::new());
    }
    let live = Live::read(folder)?;
    if live.has_containers() {
        return marked(&containers::run(&live, folder, fixed, work)?);
    }
    sandbox::enter(work, folder)?;
    tree::materialise(Path::new(sandbox::CASE), fixed, Path::new("/"))?;
    sandbox::make_directories(live.directories.iter().chain(&live.outcome(fixed).directories))?;
    marked(&observe(&live, fixed)?)
}

/// Whether an argument is the name of the corrected variant.
pub fn is_fixed(variant: &str) -> bool {
    variant == Variant::Fixed.to_string()
}

/// The line of the standard output that is a report.
pub fn marked(report: &Report) -> Result<String> {
    let json = serde_json::to_string(report).map_err(|e| format!("cannot write the report: {e}"))?;
    Ok(format!("{MARKER}{json}"))
}

/// The report in a line of the standard output, if it is one.
pub fn unmarked(line: &str) -> Option<Result<Report>> {
    let json = line.strip_prefix(MARKER)?;
    Some(serde_json::from_str(json).map_err(|e| format!("cannot read the report: {e}\n{json}")))
}

/// Runs the servers on the present root.
fn observe(live: &Live, fixed: bool) -> Result<Report> {
    for server in &live.http {
        http::serve(server.address)?;
    }
    let mut report = Report::default();
    let mut masters = Vec::new();
    for (number, config) in masters_to_start(live).iter().enumerate() {
        let fpm = Fpm { config, arguments: &live.fpm_args, private: &live.fpm_private, environment: &BTreeMap::new() };
        masters.push(observe_fpm(&format!("fpm-{number}"), &fpm, &mut report)?);
    }
    if live.nginx {
        observe_nginx(&live.outcome(fixed).requests, &mut report)?;
    }
    for master in masters {
        servers::stop_fpm(master);
    }
    Ok(report)
}

/// Tests and starts a master; `name` tells its output from that of others.
pub fn observe_fpm(name: &str, fpm: &Fpm, report: &mut Report) -> Result<Child> {
    let test = fpm.test()?;
    let fpm_values = if test.ok { Some(fpm.values()?) } else { None };
    let log = fpm_values.as_ref().and_then(|values| values.get("global")?.get("error_log"));
    let (start, child) = fpm.start(name, log.map(String::as_str))?;
    report.fpm.push(Master { config: fpm.config.to_owned(), server: Server { test, start }, fpm_values });
    Ok(child)
}

/// Tests, starts, asks and stops nginx.
pub fn observe_nginx(requests: &[Request], report: &mut Report) -> Result<()> {
    let test = servers::test_nginx()?;
    let dump = if test.ok { servers::dump_nginx()? } else { String::new() };
    report.nginx_files = servers::dumped_files(&dump);
    let (start, child) = servers::start_nginx()?;
    if start.ok {
        for request in requests {
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
