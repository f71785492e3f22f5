//! Units, logs, what softens a failure, and the comments that speak to this program.

use super::Rule;
use crate::deployment::{HandOver, Nginx};

pub(crate) mod allow_comment;
mod daemon_mismatch;
mod dies_at_reboot;
mod environment_cleared;
mod error_log_off;
mod error_page_loops;
mod errors_shown;
mod limit_counts_proxy;
mod log_rotation_breaks;
mod no_restart;
mod no_slow_log;
mod notices_fail_requests;
mod raw_error_page;
mod real_client_hidden;
mod stale_release;
mod stop_cuts_requests;
mod worker_output_lost;

/// The rules of this category.
pub const RULES: &[&Rule] = &[
    &allow_comment::RULE,
    &daemon_mismatch::RULE,
    &dies_at_reboot::RULE,
    &environment_cleared::RULE,
    &error_log_off::RULE,
    &error_page_loops::RULE,
    &errors_shown::RULE,
    &limit_counts_proxy::RULE,
    &log_rotation_breaks::RULE,
    &no_restart::RULE,
    &no_slow_log::RULE,
    &notices_fail_requests::RULE,
    &raw_error_page::RULE,
    &real_client_hidden::RULE,
    &stale_release::RULE,
    &stop_cuts_requests::RULE,
    &worker_output_lost::RULE,
];

/// The last `error_page` in force for a status, as its target.
fn error_page<'a>(nginx: &'a Nginx, hand_over: &HandOver, status: &str) -> Option<&'a crate::nginx::ast::Word> {
    let pages = nginx.config.effective_list(hand_over.level, "error_page");
    let page = pages.into_iter().find(|page| page.args.iter().any(|word| word.text == status))?;
    page.args.last()
}
