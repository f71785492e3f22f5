//! Facts that a run may insist on (`--require`): where one is not known, silence is no success.

use std::fmt;
use std::str::FromStr;

use crate::deployment::Machine;

/// A fact by its name on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Required {
    /// nginx's configuration.
    Nginx,
    /// PHP-FPM's configuration.
    Fpm,
    /// php.ini of every PHP-FPM.
    PhpIni,
    /// All users and groups.
    Users,
    /// Memory of the host.
    Memory,
    /// Memory of one PHP worker.
    WorkerMemory,
    /// Which versions run.
    Versions,
    /// Descriptors that processes may have.
    Limits,
    /// Kernel settings.
    Kernel,
}

impl Required {
    /// All of them.
    pub const ALL: [Required; 9] = [
        Required::Nginx,
        Required::Fpm,
        Required::PhpIni,
        Required::Users,
        Required::Memory,
        Required::WorkerMemory,
        Required::Versions,
        Required::Limits,
        Required::Kernel,
    ];

    /// The word on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Required::Nginx => "nginx",
            Required::Fpm => "fpm",
            Required::PhpIni => "php-ini",
            Required::Users => "users",
            Required::Memory => "memory",
            Required::WorkerMemory => "worker-memory",
            Required::Versions => "versions",
            Required::Limits => "limits",
            Required::Kernel => "kernel",
        }
    }

    /// The option that supplies it.
    pub const fn option(self) -> &'static str {
        match self {
            Required::Nginx => "--nginx-conf",
            Required::Fpm => "--fpm-conf",
            Required::PhpIni => "--php-ini",
            Required::Memory => "--memory",
            Required::WorkerMemory => "--worker-memory",
            Required::Versions => "--nginx-version and --php-version",
            Required::Users | Required::Limits | Required::Kernel => "--facts",
        }
    }

    /// Whether a machine's fact is known.
    pub fn is_known(self, machine: &Machine) -> bool {
        let facts = &machine.facts;
        match self {
            Required::Nginx => !machine.nginx.is_empty(),
            Required::Fpm => !machine.masters.is_empty(),
            Required::PhpIni => machine.masters.iter().all(|master| !master.ini.files.is_empty()),
            Required::Users => facts.accounts.complete || facts.accounts.live,
            Required::Memory => facts.memory.is_some(),
            Required::WorkerMemory => facts.worker_memory.is_some(),
            Required::Versions => {
                let nginx = facts.versions.nginx.is_some() || machine.nginx.is_empty();
                let by_path = machine.masters.iter().all(|master| !master.layout.version.is_empty());
                nginx && (facts.versions.php.is_some() || by_path)
            }
            Required::Limits => facts.nofile.is_some(),
            Required::Kernel => !facts.kernel.is_empty(),
        }
    }
}

impl fmt::Display for Required {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Required {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Required::ALL.into_iter().find(|fact| fact.as_str() == word).ok_or_else(|| {
            let known = Required::ALL.map(Required::as_str).join(", ");
            format!("no such fact; there are {known}")
        })
    }
}
