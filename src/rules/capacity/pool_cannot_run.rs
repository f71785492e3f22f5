//! Settings that pass `php-fpm -t` and with which no worker runs, or no master.

use std::path::Path;

use crate::deployment::capacity::{Workers, number};
use crate::deployment::{Deployment, Machine, Pool, PoolId};
use crate::finding::{Finding, Program};
use crate::host::units::Unit;
use crate::php::load::Assigned;
use crate::php::readers;
use crate::rules::connection::{StartFails, predict_failed_start};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(
    capacity / "pool-cannot-run",
    Error,
    "a setting that `php-fpm -t` takes keeps workers or the master from running"
);

/// With so many open files or fewer no script can be opened.
pub(super) const NO_FILES: u64 = 5;

/// What nginx logs when nobody takes the request.
const WAITED: &str = "upstream timed out (110: Connection timed out) while reading response header from upstream";

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (id, pool) in machine.running_pools() {
            findings.findings.extend(ping_path(pool));
            findings.findings.extend(files(machine, id, pool));
            findings.findings.extend(capability(machine, id, pool));
        }
        for master in (0..machine.masters.len()).filter(|master| !machine.masters[*master].is_stopped()) {
            findings.findings.extend(pid_directory(machine, master));
            findings.findings.extend(pipes(machine, master));
        }
    }
}

fn ping_path(pool: &Pool) -> Option<Finding> {
    let assigned = pool.settings.get("ping.path").filter(|assigned| assigned.text.as_deref() == Some(""))?;
    let finding = RULE
        .finding(format!("the workers of pool {} end as soon as they start", pool.name), assigned.span, "an empty path")
        .note("each worker exits with code 70, and PHP-FPM starts the next one, over and over")
        .help("remove the line, or set `ping.path = /ping`");
    Some(finding.predict(504, WAITED.to_owned()))
}

fn files(machine: &Machine, id: PoolId, pool: &Pool) -> Option<Finding> {
    let of_master = || {
        let assigned = machine.masters[id.master].configuration.global("rlimit_files")?;
        Some((readers::int(assigned.text.as_deref()?).value()?, assigned))
    };
    let is_set = |found: &(i32, &Assigned)| found.0 > 0;
    let (files, assigned) =
        number(&pool.settings, "rlimit_files").filter(is_set).or_else(|| of_master().filter(is_set))?;
    if u64::try_from(files).ok()? > NO_FILES {
        return None;
    }
    let finding = RULE
        .finding(
            format!(
                "a worker of pool {} may open {files} files, which are used up before it opens a script",
                pool.name
            ),
            assigned.value_span,
            "the limit of open files",
        )
        .help("remove the line, or set it to 1024 or more");
    // With one more than the worker itself needs, the script is the first that cannot be opened.
    Some(match files {
        5 => finding.predict(404, "(Too many open files)".to_owned()),
        _ => finding.predict(504, WAITED.to_owned()),
    })
}

/// What a pool asks for and the capabilities of its unit do not allow.
fn capability(machine: &Machine, id: PoolId, pool: &Pool) -> Option<Finding> {
    let name = &machine.masters[id.master].layout.unit;
    let unit =
        machine.facts.units.get(name).filter(|unit| unit.get("Service.User").is_none_or(|user| user == "root"))?;
    let written =
        |key: &str| pool.settings.get(key).filter(|found| found.text.as_deref().is_none_or(|text| !text.is_empty()));
    let priority = number(&pool.settings, "process.priority").filter(|(value, _)| *value < 0).map(|(_, found)| found);
    let needs = [
        ("CAP_SETUID", written("user")),
        ("CAP_SETGID", written("user")),
        ("CAP_SYS_CHROOT", written("chroot")),
        ("CAP_SYS_NICE", priority),
    ];
    let (capability, assigned) = needs
        .into_iter()
        .find_map(|(capability, found)| found.filter(|_| !has(unit, capability)).map(|found| (capability, found)))?;
    let finding = RULE
        .finding(
            format!("the workers of pool {} end as soon as they start: {name} lacks {capability}", pool.name),
            assigned.span,
            format!("this needs {capability}"),
        )
        .note("each worker exits with code 70, and PHP-FPM starts the next one, over and over")
        .help(format!("add {capability} to `CapabilityBoundingSet` of {name}, or remove `{}`", assigned.key));
    Some(finding.predict(504, WAITED.to_owned()))
}

/// Whether the processes of a unit may have a capability.
fn has(unit: &Unit, capability: &str) -> bool {
    let Some(lines) = unit.settings.get("Service.CapabilityBoundingSet") else { return true };
    let mut has = lines.first().is_none_or(|line| line.starts_with('~'));
    for line in lines {
        let names = line.trim_start_matches('~').split_whitespace().any(|word| word.eq_ignore_ascii_case(capability));
        if names {
            has = !line.starts_with('~');
        }
    }
    has
}

fn pid_directory(machine: &Machine, master: usize) -> Option<Finding> {
    let assigned = machine.masters[master].configuration.global("pid")?;
    let path = assigned.text.as_deref().filter(|path| path.starts_with('/'))?;
    let directory = Path::new(path).parent()?;
    machine.paths.get(directory).filter(|fact| fact.exists == Some(false))?;
    let finding = RULE
        .finding(
            format!("PHP-FPM cannot write its pid file: {} is not there", directory.display()),
            assigned.value_span,
            "the directory is not there",
        )
        .help(format!("create {}, or set `pid` to /run/php/php-fpm.pid", directory.display()));
    Some(finding.refused_by(Program::PhpFpm, format!("Unable to create the PID file ({path})")))
}

/// The pipes that the master holds for the output of its workers: two for each.
fn pipes(machine: &Machine, master: usize) -> Option<Finding> {
    let assigned = machine.masters[master].configuration.global("rlimit_files")?;
    let limit = readers::int(assigned.text.as_deref()?).value().filter(|limit| *limit > 0)?;
    let pools = machine.pools().filter(|(id, _)| id.master == master);
    let catching = pools.filter(|(_, pool)| {
        let text = pool.settings.get("catch_workers_output").and_then(|found| found.text.as_deref());
        text.and_then(|text| readers::boolean(text).value()) == Some(true)
    });
    let workers: Vec<_> = catching.filter_map(|(id, pool)| Some((id, Workers::of(&pool.settings)?))).collect();
    let needed = 2 * workers.iter().map(|(_, workers)| i64::from(workers.at_start)).sum::<i64>();
    let (id, first) = *workers.first()?;
    if needed < i64::from(limit) {
        return None;
    }
    let finding = RULE
        .finding(
            format!("the master may open {limit} files; the output of its first workers alone takes {needed}"),
            assigned.value_span,
            "the limit of open files",
        )
        .label(first.span, "with `catch_workers_output` each worker takes two of the master's files")
        .note("the master ends at its start, with exit status 0: `failed to prepare the stderr pipe: Too many open files (24)`")
        .help(format!("remove the line, or set it to {} or more", needed * 2 + 64));
    Some(predict_failed_start(finding, machine, id, StartFails::BeforeSockets))
}
