//! The limits of nginx and PHP for a request's body contradict each other.

use crate::deployment::body_limits::{BodyLimits, Contradiction};
use crate::deployment::limits::shown_size;
use crate::deployment::{Deployment, Setting};
use crate::finding::{Finding, Severity};
use crate::rules::connection::server_name;
use crate::rules::{ByCause, Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(
    buffer / "body-limits-inconsistent",
    Warning,
    "a body that one of nginx and PHP is set to take is refused or dropped by the other"
);

/// What nginx logs of a body that it refuses.
const REFUSED: &str = "client intended to send too large body";

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    outer_servers(deployment, findings);
    let mut told = ByCause::default();
    for link in deployment.machines.iter().flat_map(|machine| machine.chains()) {
        let Some(nginx) = link.hand_over.limits.body else { continue };
        if !link.knows_sizes() {
            // Only somebody's own limit is worth the question.
            if nginx.is_written() {
                findings.unchecked(&RULE, "php.ini", "--php-ini");
            }
            continue;
        }
        let Some(php) = link.sizes() else {
            findings.unchecked(&RULE, "a size in php.ini that depends on the environment", "--php-ini");
            continue;
        };
        told.tell(findings, server_name(link.nginx, link.hand_over), BodyLimits { nginx, php }, |limits| {
            let found = limits.contradictions(deployment.thresholds.form_memory);
            found.filter_map(|found| finding(limits, found, sources)).collect::<Vec<_>>()
        });
    }
}

/// Servers of the same host that hand over to a server which hands over to PHP, and that take less.
fn outer_servers(deployment: &Deployment, findings: &mut Findings) {
    let outer = deployment.machines.iter().flat_map(|machine| machine.outer_hand_overs());
    for (nginx, outer, link) in outer {
        let (Some(least), Some(inner)) = (outer.limits.body, link.hand_over.limits.body) else { continue };
        let is_less = least.value > 0 && (inner.value == 0 || least.value < inner.value);
        let Some(wanted) = inner.written_at().filter(|_| is_less) else { continue };
        let Some(place) = least.origin.span() else { continue };
        let (most, takes) = (shown_size(least.value), shown_size(inner.value));
        let takes = if inner.value == 0 { "any size".to_owned() } else { takes };
        let label = match least.is_written() {
            true => format!("the outer server refuses more than {most}"),
            false => format!("the outer server refuses more than {most}: the default of client_max_body_size"),
        };
        let finding = RULE
            .finding(format!("the inner server takes {takes}; the outer one refuses more than {most}"), place, label)
            .label(wanted, format!("the inner server takes {takes}"))
            .help(match inner.value {
                0 => "set `client_max_body_size 0` in the outer server as well".to_owned(),
                _ => format!("set `client_max_body_size {takes}` in the outer server as well"),
            })
            .predict(413, REFUSED.to_owned());
        findings.push_for(server_name(nginx, outer), finding);
    }
}

fn finding(limits: &BodyLimits, contradiction: Contradiction, sources: &Sources) -> Option<Finding> {
    let finding = match contradiction {
        Contradiction::NginxRefuses(name, wanted) => nginx_refuses(limits, name, wanted),
        Contradiction::PhpDrops => php_drops(limits),
        Contradiction::UploadAbovePost => upload_above_post(limits),
        Contradiction::FormAboveMemory(form) => form_above_memory(limits, form),
    };
    Some(finding?.note(format!("chain: {}", chain(limits, sources))))
}

fn nginx_refuses(limits: &BodyLimits, name: &str, wanted: Setting<u64>) -> Option<Finding> {
    let (nginx, php) = (shown_size(limits.nginx.value), shown_size(wanted.value));
    let label = match limits.nginx.is_written() {
        true => format!("nginx refuses more than {nginx}"),
        false => format!("nginx refuses more than {nginx} here: the default of client_max_body_size"),
    };
    Some(
        RULE.finding(format!("PHP takes {php}; nginx refuses more than {nginx}"), limits.nginx.origin.span()?, label)
            .label_at(wanted.written_at(), format!("PHP takes {php}: {name}"))
            .help(format!(
                "set `client_max_body_size {php}` in the server, so that it holds for every location a request passes"
            ))
            .predict(413, REFUSED.to_owned()),
    )
}

fn php_drops(limits: &BodyLimits) -> Option<Finding> {
    let (nginx, php) = (shown_size(limits.nginx.value), shown_size(limits.php.post.value));
    // Without a limit nginx leaves the question to PHP.
    let (severity, through, until, size) = match limits.nginx.value {
        0 => (Severity::Advice, "bodies of any size".to_owned(), "without a limit".to_owned(), "…".to_owned()),
        _ => (Severity::Warning, nginx.clone(), format!("up to {nginx}"), nginx.to_uppercase()),
    };
    let finding = RULE.finding(
        format!("nginx lets {through} through; PHP drops a form of more than {php}"),
        limits.nginx.origin.span()?,
        format!("nginx lets bodies through {until}"),
    );
    Some(
        with_post(finding, limits, format!("PHP drops more than {php}"))
            .severity(severity)
            .note("the script runs with empty `$_POST` and `$_FILES`, and the client gets 200")
            .help(format!(
                "set `post_max_size = {size}` and `upload_max_filesize` up to that, or `client_max_body_size {php}`"
            ))
            .predict(200, dropped(limits)),
    )
}

fn upload_above_post(limits: &BodyLimits) -> Option<Finding> {
    let (file, form) = (shown_size(limits.php.upload.value), shown_size(limits.php.post.value));
    let finding = RULE.finding(
        format!("a file may have {file}, the form that brings it {form}"),
        limits.php.upload.written_at()?,
        format!("PHP takes a file of {file}"),
    );
    let finding = with_post(finding, limits, format!("but a form of {form} only"))
        .help(format!("set `post_max_size` a little above {file}"));
    Some(match limits.nginx_refuses_first() {
        true => finding.predict(413, REFUSED.to_owned()),
        false => finding.predict(200, dropped(limits)),
    })
}

fn form_above_memory(limits: &BodyLimits, form: u64) -> Option<Finding> {
    let (memory, post) = (limits.php.memory.written_at(), limits.php.post.written_at());
    let (has, takes) = (shown_size(limits.php.memory.value), shown_size(form));
    let label = match memory {
        Some(_) => format!("a script has {has}"),
        None => format!("PHP takes {takes}; memory_limit is not set: {has}"),
    };
    Some(
        RULE.finding(format!("a form of up to {takes} does not fit into memory_limit, {has}"), memory.or(post)?, label)
            .label_at(post, format!("PHP takes {takes}"))
            .note("a form without files is held in memory while it is read; files go to disk")
            .help(format!("set `memory_limit` well above {takes}, or a smaller `post_max_size`"))
            .predict(
                502,
                "upstream sent unexpected FastCGI record: 3 while reading response header from upstream".to_owned(),
            ),
    )
}

/// Adds the line of `post_max_size`, or says that there is none.
fn with_post(finding: Finding, limits: &BodyLimits, label: String) -> Finding {
    match limits.php.post.written_at() {
        Some(span) => finding.label(span, label),
        None => finding.note(format!("post_max_size is not set: {}", shown_size(limits.php.post.value))),
    }
}

/// What PHP logs of a form that it drops.
fn dropped(limits: &BodyLimits) -> String {
    format!("bytes exceeds the limit of {} bytes", limits.php.post.value)
}

/// The chain in one line, outside in, with where each limit comes from.
fn chain(limits: &BodyLimits, sources: &Sources) -> String {
    let shown = limits.named().map(|(name, size)| {
        let bytes = if size.value == 0 { "no limit".to_owned() } else { shown_size(size.value) };
        let at = size.written_at().map_or("default".to_owned(), |span| sources.place(span));
        format!("{name} {bytes} ({at})")
    });
    shown.join(" → ")
}
