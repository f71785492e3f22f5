//! The chain of time limits, outside in.

use super::Rule;
use crate::deployment::Origin;
use crate::deployment::chains::Chain;
use crate::deployment::limits::{STOCK_CPU, Timer, shown_time};
use crate::finding::Finding;
use crate::source::Sources;

mod connect_timeout_too_long;
mod connect_timeout_too_short;
mod edge_gives_up_first;
mod fpm_kills_first;
mod fpm_time_misread;
mod nginx_gives_up_first;
mod reload_kills_requests;
mod request_never_ends;
mod retry_exceeds_budget;
mod slowlog_never_fires;
mod timeout_shadowed;
mod timeout_unit_suspect;
mod timer_zero;

/// The rules of this category.
pub const RULES: &[&Rule] = &[
    &connect_timeout_too_long::RULE,
    &connect_timeout_too_short::RULE,
    &edge_gives_up_first::RULE,
    &fpm_kills_first::RULE,
    &fpm_time_misread::RULE,
    &nginx_gives_up_first::RULE,
    &reload_kills_requests::RULE,
    &request_never_ends::RULE,
    &retry_exceeds_budget::RULE,
    &slowlog_never_fires::RULE,
    &timeout_shadowed::RULE,
    &timeout_unit_suspect::RULE,
    &timer_zero::RULE,
];

/// What nginx logs when a worker is killed under a request.
const KILLED: &str = "recv() failed (104: Connection reset by peer) while reading response header from upstream";

/// The chain in one line, outside in, with where each limit comes from.
fn chain(chain: &Chain, sources: &Sources) -> String {
    let at = |origin: Origin| match origin {
        Origin::Written(span) => format!(" ({})", sources.place(span)),
        Origin::Default(span) => format!(" (default at {})", sources.place(span)),
        Origin::Packaged => " (default)".to_owned(),
    };
    let edges = chain.machine.edges().map(|(wait, edge)| format!("{edge} {} (facts)", shown_time(wait)));
    let nginx = format!("nginx {}{}", shown_time(chain.read.value), at(chain.read.origin));
    let run = &chain.run;
    let fpm = match (run.terminate.value, run.stopped_by) {
        (_, Some(span)) => format!("FPM never ({} stops its timers)", sources.place(span)),
        (0, None) => format!("FPM never{}", at(run.terminate.origin)),
        (seconds, None) => {
            format!("FPM kills at {seconds}–{}{}", run.latest(), at(run.terminate.origin))
        }
    };
    let php = match run.cpu.value {
        0 => format!("PHP never{}", at(run.cpu.origin)),
        seconds => format!("PHP {seconds}s of processor time{}", at(run.cpu.origin)),
    };
    edges.chain([nginx, fpm, php]).collect::<Vec<_>>().join(" → ")
}

/// What to say of nginx's read timeout where it stands, or where it would.
fn read_label(chain: &Chain) -> String {
    let name = chain.hand_over.timer_name(Timer::Read);
    let wait = shown_time(chain.read.value);
    match chain.read.is_written() {
        true => format!("nginx waits {wait} for PHP"),
        false => format!("nginx waits {wait} here: the default of {name}"),
    }
}

/// Adds the line of `max_execution_time`, where one stands.
fn label_cpu(finding: Finding, chain: &Chain) -> Finding {
    let Origin::Written(span) = chain.run.cpu.origin else { return finding };
    let text = match chain.run.cpu.value {
        0 => "PHP itself sets no limit".to_owned(),
        STOCK_CPU if !chain.run.cpu_is_chosen() => format!("PHP itself allows {STOCK_CPU}s of processor time"),
        seconds => format!("PHP itself allows {seconds}s of processor time"),
    };
    finding.label(span, text)
}
