//! The numbers that rules compare with and that are a matter of judgement, each with its reason. They can be set in
//! `gatelint.toml` under `[thresholds]`.

use serde::Deserialize;

/// The numbers, by what they are compared with.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Thresholds {
    /// Mebibytes that a PHP worker has at the very least once it has served an application's pages. Frameworks take 30
    /// to 100; where even this does not fit, nothing will.
    pub least_worker_memory: u64,
    /// Connections that a pool's queue must hold: what a few visitors open at once when every page is slow for a
    /// moment. PHP-FPM's own default is the kernel's limit, 4096.
    pub least_backlog: u64,
    /// Descriptors of a PHP worker: scripts, sockets to databases and caches, logs, uploads. The kernel's default is
    /// 1024.
    pub least_worker_files: u64,
    /// Below this size the kernel's limit of queues is worth a warning where `listen.backlog` asks for more.
    pub least_clamped_backlog: u64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Thresholds { least_worker_memory: 20, least_backlog: 32, least_worker_files: 64, least_clamped_backlog: 512 }
    }
}
