//! Sizes of buffers that nginx refuses together.

use crate::deployment::buffers::{
    Buffers, CLIENT_CONFLICT, Conflict, PAGE, PREFIXES, Several, client_conflict, directives,
};
use crate::deployment::limits::shown_size;
use crate::deployment::{Deployment, Nginx, Origin};
use crate::finding::{Finding, Program};
use crate::nginx::levels::{Context, LevelId};
use crate::rules::{ByCause, Findings, Rule, rule};
use crate::source::{Sources, Span};

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
                // Thousands of servers may share what `http` sets.
                let mut told = ByCause::default();
                for (level, set_at) in nginx.levels_setting(names) {
                    let mut found = None;
                    told.tell(findings, server_name(nginx, level), set_at, |_| {
                        found = of_module(nginx, level, prefix, page);
                        found.as_ref()?.finding(nginx, sources)
                    });
                    unchecked(nginx, found, findings);
                }
            }
            for server in nginx.config.levels(Context::Server) {
                let found = of_client(nginx, server);
                if let Some(finding) = found.as_ref().and_then(|found| found.finding(nginx, sources)) {
                    findings.push_for(server_name(nginx, server), finding);
                }
                unchecked(nginx, found, findings);
            }
        }
    }
}

/// The server that a level is or is in, as notes name it.
fn server_name(nginx: &Nginx, level: LevelId) -> Option<&str> {
    nginx.server_around(level)?.shown_name()
}

/// Says so where a default takes part that lines around this file may replace.
fn unchecked(nginx: &Nginx, found: Option<Found>, findings: &mut Findings) {
    if found.is_some_and(|found| !found.is_known(nginx)) {
        findings.unchecked(&RULE, "the settings of `http` around this file", "--nginx-conf");
    }
}

/// Settings that nginx refuses together.
struct Found {
    message: String,
    /// nginx's words.
    refusal: String,
    /// The settings with what to say of each, the decisive one first.
    parts: Vec<(Origin, String)>,
    help: String,
}

impl Found {
    /// Whether the settings that take part are all in view.
    fn is_known(&self, nginx: &Nginx) -> bool {
        nginx.is_whole || self.parts.iter().all(|(origin, _)| matches!(origin, Origin::Written(_)))
    }

    fn finding(&self, nginx: &Nginx, sources: &Sources) -> Option<Finding> {
        let mut written = self.parts.iter().filter_map(|(origin, text)| match origin {
            Origin::Written(span) => Some((*span, text)),
            _ => None,
        });
        let (span, label) = written.next().filter(|_| self.is_known(nginx))?;
        let finding = RULE.finding(&self.message, span, label);
        let finding = written.fold(finding, |finding, (span, label)| finding.label(span, label));
        let defaults = self.parts.iter().filter(|(origin, _)| !matches!(origin, Origin::Written(_)));
        let finding = defaults.fold(finding, |finding, (_, text)| finding.note(format!("default: {text}")));
        let line = |span: Span| (span.file, sources.get(span.file).position(span.start).line);
        let noticed = nginx.end_of_http().filter(|end| line(*end) != line(span));
        let finding = finding.label_at(noticed, "nginx names this line").help(&self.help);
        Some(finding.refused_by(Program::Nginx, nginx.refusal_of_http(&self.refusal, sources)))
    }
}

/// What nginx refuses of a module's buffers.
fn of_module(nginx: &Nginx, level: LevelId, prefix: &str, page: u64) -> Option<Found> {
    let buffers = Buffers::at(&nginx.config, level, prefix, page)?;
    let conflict = buffers.conflict()?;
    let Several { count, size } = buffers.body.value;
    let (one, most, twice) = (shown_size(size), shown_size(buffers.largest()), shown_size(buffers.largest() * 2));
    let busy = shown_size(buffers.busy.value);
    let (message, help) = match conflict {
        Conflict::TooFew => {
            (format!("{prefix}_buffers is {count}; nginx wants at least 2"), format!("`{prefix}_buffers 8 {one}`"))
        }
        Conflict::BusyAbove => {
            let free = shown_size(count.saturating_sub(1).saturating_mul(size));
            let needed = buffers.busy.value.div_ceil(size) + 1;
            let why = match buffers.busy.is_written() {
                true => String::new(),
                false => format!(" (twice the largest, {most})"),
            };
            let help = match buffers.is_header_larger() {
                true => format!("`{prefix}_buffers 8 {most}`"),
                false => format!("`{prefix}_buffers {needed} {one}`, or a smaller `{prefix}_busy_buffers_size`"),
            };
            (format!("busy buffers of {busy}{why} do not fit: {count} × {one} minus one is {free}"), help)
        }
        Conflict::BusyBelow => (
            format!("busy buffers of {busy} are less than one buffer of {most}"),
            format!("`{prefix}_busy_buffers_size {twice}`, or remove the line"),
        ),
        Conflict::WriteBelow => {
            let write = shown_size(buffers.write.value);
            (
                format!("{write} are written to a temporary file at once, less than one buffer of {most}"),
                format!("`{prefix}_temp_file_write_size {twice}`, or remove the line"),
            )
        }
        Conflict::FileBelow => (
            format!("a temporary file of {} is smaller than one buffer of {most}", shown_size(buffers.file.value)),
            format!("`{prefix}_max_temp_file_size 0` for none, or at least {most}"),
        ),
    };
    let parts = conflict.parts(&buffers).iter().map(|part| buffers.line(*part, prefix)).collect();
    Some(Found { message, refusal: conflict.message(prefix), parts, help })
}

/// What nginx refuses of the buffers for the headers of requests.
fn of_client(nginx: &Nginx, server: LevelId) -> Option<Found> {
    let (headers, pool) = client_conflict(nginx, server)?;
    let (one, least) = (shown_size(headers.value.size), shown_size(pool.value));
    Some(Found {
        message: format!("header buffers of {one} are smaller than connection_pool_size, {least}"),
        refusal: CLIENT_CONFLICT.to_owned(),
        parts: vec![
            (headers.origin, format!("large_client_header_buffers {} {one}", headers.value.count)),
            (pool.origin, format!("connection_pool_size {least}")),
        ],
        help: "`large_client_header_buffers 4 8k`".into(),
    })
}
