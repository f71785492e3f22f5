//! Settings that pass `php-fpm -t` and with which no worker runs, or no master.

use crate::deployment::capacity::number;
use crate::deployment::openings::Trouble;
use crate::deployment::{Deployment, Machine, Master, Pool, PoolId};
use crate::finding::Finding;
use crate::host::units::Unit;
use crate::php::load::Assigned;
use crate::php::readers;
use crate::php::workers::Workers;
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

/// Linux lets `fs.nr_open`, and with it the limit of open files, be no higher.
const MOST_FILES: i64 = 2_147_483_584;

/// What PHP-FPM keeps of each worker in memory that it shares with them, in bytes.
const STATE: u64 = 1168;

/// What nginx logs when nobody takes the request.
const WAITED: &str = "upstream timed out (110: Connection timed out) while reading response header from upstream";

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (id, pool) in machine.running_pools() {
            findings.findings.extend(ping_path(pool));
            findings.findings.extend(files(machine, id, pool));
            findings.findings.extend(capability(machine, id, pool));
            findings.findings.extend(shared_memory(machine, id, pool));
        }
        for master in (0..machine.masters.len()).filter(|master| !machine.masters[*master].is_stopped()) {
            let of_master = pid_file(&machine.masters[master]).into_iter().chain(numbers(machine, master));
            // Where there is no pool, that is what keeps it from starting.
            let first = machine.pools().map(|(id, _)| id).find(|id| id.master == master);
            let failed = |(finding, id)| predict_failed_start(finding, machine, id, StartFails::BeforeSockets);
            findings.findings.extend(of_master.filter_map(|finding| Some((finding, first?))).map(failed));
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

fn pid_file(master: &Master) -> Option<Finding> {
    let found = master.openings.unopenable.iter().find(|found| found.key == "pid")?;
    let path = found.path.display();
    let (message, label, help) = match found.trouble {
        Trouble::Missing => ("is not there", "the directory is not there", format!("create {path}, or")),
        Trouble::Directory => ("is a directory", "this names a directory", "name a file:".to_owned()),
        Trouble::NotDirectory => ("lies below a file", "a file stands on the way", "correct the path, or".to_owned()),
    };
    let finding = RULE
        .finding(format!("PHP-FPM cannot write its pid file: {path} {message}"), found.span, label)
        .note(format!(
            "`php-fpm -t` accepts this; the start fails with `{}`, and no pool of this PHP-FPM runs",
            found.refusal
        ))
        .help(format!("{help} set `pid` to /run/php/php-fpm.pid"));
    Some(finding)
}

/// Global numbers with which the master does not start.
fn numbers(machine: &Machine, master: usize) -> impl Iterator<Item = Finding> {
    let master = &machine.masters[master];
    let number = |key: &str| {
        let at = master.configuration.global(key)?;
        Some((at, at.number()?))
    };
    let does_not_start = |at: &Assigned, message: String, label: &str, refusal: &str, help: &str| {
        RULE.finding(message, at.span, label)
            .note(format!(
                "`php-fpm -t` accepts this; the start fails with `{refusal}`, and no pool of this PHP-FPM runs"
            ))
            .help(help)
    };
    let interval = master.configuration.global("emergency_restart_interval").and_then(Assigned::seconds);
    let threshold = number("emergency_restart_threshold").filter(|(_, value)| *value < 0 && interval.unwrap_or(0) != 0);
    let threshold = threshold.map(|(at, value)| {
        let message = format!("PHP-FPM cannot count {value} crashes, and does not start");
        let help = "write a number of 1 or more, or 0 for no restarts";
        does_not_start(at, message, "less than 0", "FPM initialization failed", help)
    });
    let most = machine.facts.kernel.get("nr_open").and_then(toml::Value::as_integer).unwrap_or(MOST_FILES);
    let files = number("rlimit_files").filter(|(_, value)| *value < 0 || i64::from(*value) > most);
    let files = files.map(|(at, value)| {
        let message = format!("the kernel does not allow {value} open files, and PHP-FPM does not start");
        let refusal = format!("setrlimit(RLIMIT_NOFILE, {value}): Operation not permitted (1)");
        let label = if value < 0 { "less than 0".to_owned() } else { format!("the kernel allows {most} (fs.nr_open)") };
        does_not_start(at, message, &label, &refusal, "remove the line, or write a number such as 65536")
    });
    threshold.into_iter().chain(files)
}

/// The memory in which the master keeps its workers' states: it takes it for all of them at its start.
fn shared_memory(machine: &Machine, id: PoolId, pool: &Pool) -> Option<Finding> {
    let workers = Workers::of(&pool.settings)?;
    let bytes = u64::from(workers.most()) * STATE;
    // How much more than its memory a host promises depends on its swap.
    let promised = machine.facts.memory.map_or(1 << 40, |memory| memory.saturating_mul(4));
    if bytes <= promised {
        return None;
    }
    let finding = RULE
        .finding(
            format!("PHP-FPM needs {} GiB to keep the states of {} workers", bytes >> 30, workers.most()),
            workers.most_span(),
            "so many workers",
        )
        .note("`php-fpm -t` accepts this; the start fails with `unable to allocate … bytes in shared memory`, and no pool of this PHP-FPM runs")
        .help("write the number of requests that PHP may handle at once");
    Some(predict_failed_start(finding, machine, id, StartFails::BeforeSockets))
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
    let needed = 2 * workers.iter().map(|(_, workers)| i64::from(workers.at_start())).sum::<i64>();
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
        .label(first.most_span(), "with `catch_workers_output` each worker takes two of the master's files")
        .note("the master ends at its start, with exit status 0: `failed to prepare the stderr pipe: Too many open files (24)`")
        .help(format!("remove the line, or set it to {} or more", needed * 2 + 64));
    Some(predict_failed_start(finding, machine, id, StartFails::BeforeSockets))
}
