//! Settings of opcache with which PHP-FPM does not start.

use crate::deployment::opcache::{self, Refused};
use crate::deployment::openings::{Trouble, Unopenable};
use crate::deployment::{Deployment, Master};
use crate::finding::{Finding, Program};
use crate::host::facts::Facts;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(syntax / "opcache-invalid", Error, "a setting of opcache keeps PHP-FPM from starting");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    // Several masters may read one php.ini.
    let mut told = Vec::new();
    for machine in &deployment.machines {
        for master in machine.masters.iter().filter(|master| !master.is_absent()) {
            for finding in of_master(master, &machine.facts) {
                let span = finding.primary().span;
                if !told.contains(&span) {
                    told.push(span);
                    findings.push(finding);
                }
            }
        }
    }
}

fn of_master(master: &Master, facts: &Facts) -> Vec<Finding> {
    if !opcache::runs(master) {
        return Vec::new();
    }
    let unopenable = master.openings.unopenable.iter().filter(|found| found.key.starts_with("opcache."));
    let refused = opcache::refused(master, facts);
    refused.into_iter().map(setting).chain(unopenable.map(path)).collect()
}

fn setting(refused: Refused<'_>) -> Finding {
    match refused {
        Refused::NoUser(at) => RULE
            .finding("opcache.preload is set and opcache.preload_user is not", at.span, "root loads no scripts")
            .help("add `opcache.preload_user = www-data`, or the pool's user")
            .refused_by(Program::PhpFpm, "\"opcache.preload_user\" has not been defined"),
        Refused::UnknownUser(at) => {
            let user = at.text.as_deref().unwrap_or_default();
            RULE.finding(format!("there is no user {user} to preload scripts"), at.span, "no user of this name")
                .help("name a user that exists; a number is no name here")
                .refused_by(Program::PhpFpm, format!("Preloading failed to getpwnam(\"{user}\")"))
        }
        Refused::NoFileCache(at) => RULE
            .finding("opcache.file_cache_only is on and no opcache.file_cache is set", at.span, "needs a directory")
            .help("add `opcache.file_cache` with a directory that exists, or remove the line")
            .refused_by(
                Program::PhpFpm,
                "opcache.file_cache_only is set without a proper setting of opcache.file_cache",
            ),
        Refused::Strings(at, strings, memory) => RULE
            .finding(
                format!("opcache has {memory} MB in all, and {strings} MB of it shall hold strings"),
                at.span,
                "nothing is left for scripts",
            )
            .help("raise opcache.memory_consumption to 128, or lower opcache.interned_strings_buffer to 8")
            .refused_by(Program::PhpFpm, "Insufficient shared memory for interned strings buffer!"),
        Refused::Memory(at, memory) => RULE
            .finding(
                format!("opcache.memory_consumption asks for {} GiB", memory >> 10),
                at.span,
                "the number counts megabytes",
            )
            .help("write megabytes without a unit, such as 256")
            .refused_by(Program::PhpFpm, "Unable to allocate shared memory segment"),
    }
}

fn path(found: &Unopenable) -> Finding {
    let (path, key) = (found.path.display(), found.key);
    let (message, label) = match found.trouble {
        Trouble::Missing => (format!("{path} is not there"), format!("`{key}` needs it")),
        Trouble::Directory => (format!("{path} is a directory"), format!("`{key}` needs a file")),
        Trouble::NotDirectory => (format!("{path} is no directory"), format!("`{key}` needs a directory")),
    };
    RULE.finding(message, found.span, label)
        .help("correct the path, or remove the line: PHP-FPM does not start without it")
        .refused_by(Program::PhpFpm, found.refusal.clone())
}
