//! The limits of nginx and PHP for a request's body contradict each other.

use crate::deployment::limits::{STOCK_SIZES, Sizes, shown_size};
use crate::deployment::{Deployment, Setting};
use crate::finding::{Finding, Severity};
use crate::rules::connection::server_name;
use crate::rules::{ByCause, Findings, Rule, rule};
use crate::source::{Sources, Span};

pub(super) static RULE: Rule = rule!(
    buffer / "body-limits-inconsistent",
    Warning,
    "a body that one of nginx and PHP is set to take is refused or dropped by the other"
);

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    let mut told = ByCause::default();
    for link in deployment.machines.iter().flat_map(|machine| machine.chains()) {
        let (master, pool) = (link.master(), link.pool());
        let Some(nginx) = link.hand_over.limits.body else { continue };
        if link.user.is_none() && !STOCK_SIZES.iter().any(|(name, _)| master.ini_is_known(pool, name)) {
            // Only somebody's own limit is worth the question.
            if nginx.is_written() {
                findings.unchecked(&RULE, "php.ini", "--php-ini");
            }
            continue;
        }
        let Some(sizes) = link.sizes() else {
            findings.unchecked(&RULE, "a size in php.ini that depends on the environment", "--php-ini");
            continue;
        };
        let server = server_name(link.nginx, link.hand_over);
        told.tell(findings, server, Limits { nginx, sizes }, |limits| limits.contradictions(deployment, sources));
    }
}

#[derive(PartialEq, Eq, Hash)]
struct Limits {
    nginx: Setting<u64>,
    sizes: Sizes,
}

/// A limit, where 0 is none.
fn or_endless(size: u64) -> u64 {
    if size == 0 { u64::MAX } else { size }
}

fn written(size: &Setting<u64>) -> Option<Span> {
    size.origin.span().filter(|_| size.is_written())
}

impl Limits {
    /// What contradicts what, each with all the limits.
    fn contradictions(&self, deployment: &Deployment, sources: &Sources) -> Vec<Finding> {
        let found =
            [self.nginx_refuses(), self.post_dropped(), self.upload_above_post(), self.form_above_memory(deployment)];
        let found = found.into_iter().flatten();
        found.map(|finding| finding.note(format!("chain: {}", self.chain(sources)))).collect()
    }

    /// What was chosen of post and upload, with its name: the largest that somebody wants to take.
    fn wanted(&self) -> Option<(&'static str, Setting<u64>)> {
        let [(post, stock_post), (upload, stock_upload), _] = STOCK_SIZES;
        let sizes = [(upload, self.sizes.upload, stock_upload), (post, self.sizes.post, stock_post)];
        // What is above the post limit never comes through.
        let chosen = sizes.into_iter().filter(|(_, size, stock)| Sizes::is_chosen(size, *stock));
        let capped = chosen.filter(|(_, size, _)| size.value > 0 && size.value <= or_endless(self.sizes.post.value));
        // A form around a file makes a post a little larger than the file: nginx's own limit decides there.
        let capped = capped.filter(|(name, ..)| *name == upload || !self.nginx.is_written());
        capped.map(|(name, size, _)| (name, size)).max_by_key(|(_, size)| size.value)
    }

    /// nginx refuses what PHP was set to take.
    fn nginx_refuses(&self) -> Option<Finding> {
        let (name, wanted) = self.wanted()?;
        if wanted.value <= or_endless(self.nginx.value) {
            return None;
        }
        let (nginx, php) = (shown_size(self.nginx.value), shown_size(wanted.value));
        let label = match self.nginx.is_written() {
            true => format!("nginx refuses more than {nginx}"),
            false => format!("nginx refuses more than {nginx} here: the default of client_max_body_size"),
        };
        let place = self.nginx.origin.span()?;
        let finding = RULE.finding(format!("PHP takes {php}; nginx refuses more than {nginx}"), place, label);
        let finding =
            written(&wanted).map_or(finding.clone(), |span| finding.label(span, format!("PHP takes {php}: {name}")));
        Some(
            finding
                .help(format!(
                    "set `client_max_body_size {php}` in the server, so that it holds for every location a request passes"
                ))
                .predict(413, "client intended to send too large body".to_owned()),
        )
    }

    /// PHP drops without an error what nginx was set to let through.
    fn post_dropped(&self) -> Option<Finding> {
        let post = self.sizes.post;
        let chosen = self.nginx.is_written() || Sizes::is_chosen(&post, STOCK_SIZES[0].1);
        if !chosen || or_endless(self.nginx.value) <= or_endless(post.value) {
            return None;
        }
        // Without a limit nginx leaves the question to PHP.
        let severity = if self.nginx.value == 0 { Severity::Advice } else { Severity::Warning };
        let (nginx, php) = (shown_size(self.nginx.value), shown_size(post.value));
        let (through, until) = match self.nginx.value {
            0 => ("bodies of any size".to_owned(), "without a limit".to_owned()),
            _ => (nginx.clone(), format!("up to {nginx}")),
        };
        let place = self.nginx.origin.span()?;
        let finding = RULE.finding(
            format!("nginx lets {through} through; PHP drops a form of more than {php}"),
            place,
            format!("nginx lets bodies through {until}"),
        );
        let finding = match written(&post) {
            Some(span) => finding.label(span, format!("PHP drops more than {php}")),
            None => finding.note(format!("post_max_size is not set: {php}")),
        };
        let size = if self.nginx.value == 0 { "…".to_owned() } else { nginx };
        Some(
            finding
                .severity(severity)
                .note("the script runs with empty `$_POST` and `$_FILES`, and the client gets 200")
                .help(format!(
                    "set `post_max_size = {}` and `upload_max_filesize` up to that, or `client_max_body_size {php}`",
                    size.to_uppercase()
                ))
                .predict(200, format!("bytes exceeds the limit of {} bytes", post.value)),
        )
    }

    /// A file may be larger than the form it comes in.
    fn upload_above_post(&self) -> Option<Finding> {
        let (upload, post) = (self.sizes.upload, self.sizes.post);
        let place = written(&upload).filter(|_| Sizes::is_chosen(&upload, STOCK_SIZES[1].1))?;
        if upload.value <= or_endless(post.value) {
            return None;
        }
        let (file, form) = (shown_size(upload.value), shown_size(post.value));
        let finding = RULE.finding(
            format!("a file may have {file}, the form that brings it {form}"),
            place,
            format!("PHP takes a file of {file}"),
        );
        let finding = match written(&post) {
            Some(span) => finding.label(span, format!("but a form of {form} only")),
            None => finding.note(format!("post_max_size is not set: {form}")),
        };
        let refused = or_endless(self.nginx.value) <= post.value;
        let finding = finding.help(format!("set `post_max_size` a little above {file}"));
        Some(match refused {
            true => finding.predict(413, "client intended to send too large body".to_owned()),
            false => finding.predict(200, format!("bytes exceeds the limit of {} bytes", post.value)),
        })
    }

    /// A form that PHP takes does not fit into its memory.
    fn form_above_memory(&self, deployment: &Deployment) -> Option<Finding> {
        let (memory, post) = (self.sizes.memory, self.sizes.post);
        let form = or_endless(post.value).min(or_endless(self.nginx.value));
        // Large limits are for files, which PHP writes to disk; forms are smaller.
        if memory.value == 0 || form <= memory.value || memory.value >= deployment.thresholds.form_memory {
            return None;
        }
        let chosen = Sizes::is_chosen(&memory, STOCK_SIZES[2].1) || Sizes::is_chosen(&post, STOCK_SIZES[0].1);
        let place = written(&memory).or(written(&post)).filter(|_| chosen)?;
        let (has, takes) = (shown_size(memory.value), shown_size(form));
        let finding = RULE.finding(
            format!("a form of up to {takes} does not fit into memory_limit, {has}"),
            place,
            match written(&memory) {
                Some(_) => format!("a script has {has}"),
                None => format!("PHP takes {takes}; memory_limit is not set: {has}"),
            },
        );
        let finding = written(&post).map_or(finding.clone(), |span| finding.label(span, format!("PHP takes {takes}")));
        Some(
            finding
                .note("a form without files is held in memory while it is read; files go to disk")
                .help(format!("set `memory_limit` well above {takes}, or a smaller `post_max_size`"))
                .predict(
                    502,
                    "upstream sent unexpected FastCGI record: 3 while reading response header from upstream".to_owned(),
                ),
        )
    }

    /// The chain in one line, outside in, with where each limit comes from.
    fn chain(&self, sources: &Sources) -> String {
        let shown = |name: &str, size: &Setting<u64>| {
            let bytes = if size.value == 0 { "no limit".to_owned() } else { shown_size(size.value) };
            let at = written(size).map_or("default".to_owned(), |span| sources.place(span));
            format!("{name} {bytes} ({at})")
        };
        let sizes = [self.sizes.post, self.sizes.upload, self.sizes.memory];
        let php = STOCK_SIZES.iter().zip(&sizes).map(|((name, _), size)| shown(name, size));
        std::iter::once(shown("client_max_body_size", &self.nginx)).chain(php).collect::<Vec<_>>().join(" → ")
    }
}
