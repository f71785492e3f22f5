//! The numbers that rules compare with and that are a matter of judgement, each with its reason. They can be set in
//! `gatelint.toml` under `[thresholds]`.

use serde::{Deserialize, Serialize};

/// The numbers, by what they are compared with.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
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
    /// Milliseconds below which waiting for an answer of a back end is taken for a slip of the unit:
    /// PHP's own start takes up to tens of them, one query of a busy database hundreds.
    pub shortest_wait: u64,
    /// Milliseconds up to which nginx waits for PHP for next to nothing: a page that fills a cache or sends a
    /// mail takes seconds.
    pub brief_wait: u64,
    /// Milliseconds below which a connection to another host is given up before its first packet can be
    /// sent again, which happens after one second; a round trip between continents takes up to 300.
    pub shortest_connect: u64,
    /// Milliseconds of a connect timeout above which it is the kernel that gives up, or nobody: nginx's
    /// manual names 75 seconds.
    pub longest_connect: u64,
    /// Milliseconds that one request may occupy pools by being tried on one peer after the other.
    pub retry_budget: u64,
    /// Bytes of `large_client_header_buffers` below which ordinary cookies do not fit: nginx's default.
    pub client_header: u64,
    /// Bytes of memory from which on a form that does not fit is taken to be no form of this site: PHP's
    /// own `memory_limit`.
    pub form_memory: u64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Thresholds {
            least_worker_memory: 20,
            least_backlog: 32,
            least_worker_files: 64,
            least_clamped_backlog: 512,
            shortest_wait: 1000,
            brief_wait: 5000,
            shortest_connect: 300,
            longest_connect: 75_000,
            retry_budget: 120_000,
            client_header: 8 << 10,
            form_memory: 128 << 20,
        }
    }
}
