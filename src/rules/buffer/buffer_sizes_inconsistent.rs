//! Sizes of buffers that nginx refuses together.

use std::collections::HashMap;

use crate::deployment::buffers::{Buffers, Conflict, PAGE, PREFIXES, Several, client_headers, directives};
use crate::deployment::limits::{effective, shown_size};
use crate::deployment::{Deployment, Nginx, Setting};
use crate::finding::Program;
use crate::nginx::levels::{Context, LevelId};
use crate::nginx::literals;
use crate::rules::{Findings, Rule, Told, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(
    buffer / "buffer-sizes-inconsistent",
    Error,
    "nginx refuses sizes of buffers that contradict each other",
    supersedes["client-header-buffers-small"]
);

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        let page = machine.facts.page_size.unwrap_or(PAGE);
        for nginx in &machine.nginx {
            for (prefix, names) in PREFIXES.into_iter().filter_map(|prefix| Some((prefix, directives(prefix)?))) {
                // What is told of the levels that set a size; thousands of servers may share what `http` sets.
                let mut known: HashMap<LevelId, Option<Told>> = HashMap::new();
                for level in nginx.levels_setting(names) {
                    let sets = |id: &LevelId| nginx.config.last_of(*id, names).is_some();
                    let Some(set_at) = nginx.config.outwards(level).find(sets) else { continue };
                    match known.get(&set_at) {
                        Some(Some(told)) => findings.concerns(*told, server_name(nginx, level)),
                        Some(None) => {}
                        None => {
                            let found = of_module(nginx, level, prefix, page, sources);
                            known.insert(set_at, found.and_then(|found| tell(nginx, level, found, findings)));
                        }
                    }
                }
            }
            for server in nginx.config.levels(Context::Server) {
                if let Some(found) = of_client(nginx, server, sources) {
                    tell(nginx, server, found, findings);
                }
            }
        }
    }
}

/// What takes part in a conflict: the value and its words, whether written or not.
type Part = (Setting<()>, String);

/// A message, nginx's words, the parts with the decisive one first, and what to do.
struct Found {
    message: String,
    refusal: String,
    parts: Vec<Part>,
    help: String,
}

/// The server that a level is or is in, as notes name it.
fn server_name(nginx: &Nginx, level: LevelId) -> Option<&str> {
    nginx.server_around(level)?.shown_name()
}

fn tell(nginx: &Nginx, level: LevelId, found: Found, findings: &mut Findings) -> Option<Told> {
    let written = found.parts.iter().filter(|(setting, _)| setting.is_written());
    let mut written = written.filter_map(|(setting, text)| Some((setting.origin.span()?, text.clone())));
    let (span, label) = written.next()?;
    if !nginx.is_whole && found.parts.iter().any(|(setting, _)| !setting.is_written()) {
        findings.unchecked(&RULE, "the settings of `http` around this file", "--nginx-conf");
        return None;
    }
    let finding = RULE.finding(found.message, span, label);
    let finding = written.fold(finding, |finding, (span, label)| finding.label(span, label));
    let defaults = found.parts.iter().filter(|(setting, _)| !setting.is_written());
    let finding = defaults.fold(finding, |finding, (_, text)| finding.note(format!("default: {text}")));
    let finding = finding.help(found.help).refused_by(Program::Nginx, found.refusal);
    Some(findings.push_for(server_name(nginx, level), finding))
}

fn of_module(nginx: &Nginx, level: LevelId, prefix: &str, page: u64, sources: &Sources) -> Option<Found> {
    let buffers = Buffers::at(&nginx.config, level, prefix, page)?;
    let conflict = buffers.conflict()?;
    let Several { count, size } = buffers.body.value;
    let (one, largest) = (shown_size(size), buffers.largest());
    let free = count.saturating_sub(1).saturating_mul(size);
    let part = |setting: Setting<u64>, suffix: &str| {
        (Setting { value: (), origin: setting.origin }, format!("{prefix}_{suffix} {}", shown_size(setting.value)))
    };
    let header = part(buffers.header, "buffer_size");
    let body = (Setting { value: (), origin: buffers.body.origin }, format!("{prefix}_buffers {count} {one}"));
    let (busy, write, file) = (
        part(buffers.busy, "busy_buffers_size"),
        part(buffers.write, "temp_file_write_size"),
        part(buffers.file, "max_temp_file_size"),
    );
    let most = shown_size(largest);
    let (message, parts, help) = match conflict {
        Conflict::TooFew => (
            format!("{prefix}_buffers is {count}; nginx wants at least 2"),
            vec![body],
            format!("`{prefix}_buffers 8 {one}`"),
        ),
        Conflict::BusyAbove => {
            let busy_size = shown_size(buffers.busy.value);
            let needed = buffers.busy.value.div_ceil(size) + 1;
            let why = match buffers.busy.is_written() {
                true => String::new(),
                false => format!(" (twice the largest, {most})"),
            };
            (
                format!(
                    "busy buffers of {busy_size}{why} do not fit: {count} × {one} minus one is {}",
                    shown_size(free)
                ),
                match buffers.busy.is_written() {
                    true => vec![busy, body],
                    false if buffers.header.value > size => vec![header, body, busy],
                    false => vec![body, header, busy],
                },
                match buffers.header.value > size {
                    true => format!("`{prefix}_buffers 8 {most}`"),
                    false => format!("`{prefix}_buffers {needed} {one}`, or a smaller `{prefix}_busy_buffers_size`"),
                },
            )
        }
        Conflict::BusyBelow => (
            format!("busy buffers of {} are less than one buffer of {most}", shown_size(buffers.busy.value)),
            vec![busy, header, body],
            format!("`{prefix}_busy_buffers_size {}`, or remove the line", shown_size(largest * 2)),
        ),
        Conflict::WriteBelow => (
            format!(
                "{} are written to a temporary file at once, less than one buffer of {most}",
                shown_size(buffers.write.value)
            ),
            vec![write, header, body],
            format!("`{prefix}_temp_file_write_size {}`, or remove the line", shown_size(largest * 2)),
        ),
        Conflict::FileBelow => (
            format!("a temporary file of {} is smaller than one buffer of {most}", shown_size(buffers.file.value)),
            vec![file, header, body],
            format!("`{prefix}_max_temp_file_size 0` for none, or at least {most}"),
        ),
    };
    Some(Found { message, refusal: refusal(nginx, &conflict.message(prefix), sources), parts, help })
}

fn of_client(nginx: &Nginx, level: LevelId, sources: &Sources) -> Option<Found> {
    let headers = client_headers(nginx, level)?;
    let opener = nginx.config.level(level).opener.as_ref()?.head;
    let pool = effective(&nginx.config, level, "connection_pool_size", literals::size, Setting::default(512, opener))?;
    (headers.value.size < pool.value).then(|| {
        let (one, least) = (shown_size(headers.value.size), shown_size(pool.value));
        let of = |origin, text: String| (Setting { value: (), origin }, text);
        Found {
            message: format!("header buffers of {one} are smaller than connection_pool_size, {least}"),
            refusal: refusal(
                nginx,
                "the \"large_client_header_buffers\" size must be equal to or greater than \"connection_pool_size\"",
                sources,
            ),
            parts: vec![
                of(headers.origin, format!("large_client_header_buffers {} {one}", headers.value.count)),
                of(pool.origin, format!("connection_pool_size {least}")),
            ],
            help: "`large_client_header_buffers 4 8k`".into(),
        }
    })
}

/// nginx blames the end of `http`, where it compares.
fn refusal(nginx: &Nginx, message: &str, sources: &Sources) -> String {
    match nginx.end_of_http() {
        Some(end) => {
            let place = sources.place(end);
            // nginx names files as they lie in its own root.
            let inside = place.strip_prefix(&sources.prefix).unwrap_or(&place);
            format!("{message} in /{}", inside.trim_start_matches('/'))
        }
        None => message.to_owned(),
    }
}
