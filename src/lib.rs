//! gatelint reads nginx's configuration and PHP-FPM's together, works out which request is handed to
//! which pool, and reports what will fail, on the very lines that disagree.
//!
//! # The way through the house
//!
//! ```text
//! cli ─▶ check ─▶ discover      what the user names: a root, a repository, files ─▶ plans
//!                    │
//!                    ▼          host: files inside a root, and facts (users, units, modes)
//!        nginx::load, php::load       each file read once; includes are edges
//!        nginx::parse, php::parse     trees with positions; parsing never fails
//!        nginx::levels, php::layers   what is in force at each place
//!                    │
//!                    ▼
//!        deployment::build ─▶ Deployment     servers, hand-overs, pools, listeners,
//!                    │                        and which dial reaches which listener
//!                    ▼
//!        rules::run ─▶ findings ─▶ allow comments ─▶ sort and merge ─▶ report
//! ```
//!
//! To follow one finding, begin at [`rules::connection`], in `src/rules/connection/listener_missing.rs`:
//! it looks at [`deployment::Dial`]s, which [`deployment::connect`] makes of what
//! [`deployment::hand_overs`] and [`deployment::pools`] have read. Rules about limits look at
//! [`deployment::chains`]: a hand-over, a pool that it reaches, and what holds at both.
//!
//! # Invariants
//!
//! - **Parsing never fails.** A parser returns a tree and the problems it met; one mistake is one
//!   problem. Held by the damage tests beside each parser.
//! - **Files are read in three places**: `host/disk.rs`, `host/survey.rs` and `discover/`; reports are
//!   written by `cli`. In a given root nothing outside of it is opened. Held by `clippy.toml` and the
//!   tests of `host::disk`.
//! - **Unknown is silent, and told.** What is not known silences the rules that need it, and they say
//!   so with [`rules::Findings::unchecked`]. A rule never guesses.
//! - **Only rules make findings.** Parsers and loaders leave problems as data.
//! - **An error is proven.** For each rule of severity error there is a deployment on which real nginx
//!   and real PHP-FPM fail as predicted, and a twin that works. Held by `tests/oracle`.
//! - **A rule is three things**: its file in `src/rules`, its document in `rules`, a line in its
//!   category's list. Held by the compiler and `tests/rules`.
//! - **miette stays in `report::text`**, and formats have structs of their own.
//! - **Output is deterministic**: no order comes from a hash map.

pub mod allow;
pub mod check;
pub mod cli;
pub mod config;
pub mod deployment;
pub mod discover;
pub mod finding;
pub mod host;
pub mod nginx;
pub mod parallel;
pub mod php;
pub mod report;
pub mod required;
pub mod rules;
pub mod source;
pub mod thresholds;
pub mod values;
