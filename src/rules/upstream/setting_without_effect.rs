//! A setting of a pass has no effect where it stands: another pass hands over there, as with `proxy_read_timeout`
//! beside `fastcgi_pass`, or none does.

use std::sync::Arc;

use crate::deployment::chains::Chain;
use crate::deployment::limits::{Timer, shown_time};
use crate::deployment::{Deployment, HandOver, Nginx, Protocol};
use crate::finding::Finding;
use crate::nginx::ast::Directive;
use crate::nginx::levels::{Config, LevelId};
use crate::nginx::literals;
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(
    upstream / "setting-without-effect",
    Warning,
    "a setting of a pass has no effect where it stands",
    supersedes["nginx-gives-up-first"]
);

/// What the directives of both passes are called behind how they begin, in groups of one purpose, the weightiest
/// first. Where one of a group is set for the pass that is there, its author knows which one counts.
const GROUPS: [&[&str]; 3] = [
    &["read_timeout", "send_timeout", "connect_timeout"],
    &["buffer_size", "buffers", "buffering", "busy_buffers_size", "max_temp_file_size"],
    &["request_buffering", "intercept_errors", "ignore_client_abort", "next_upstream", "cache"],
];

/// Those that say nothing by themselves.
const FOLLOWERS: [&str; 3] = ["connect_timeout", "busy_buffers_size", "max_temp_file_size"];

/// Those that somebody sets to get more; `off` is said in many a place where it changes nothing.
const RAISED: [&str; 4] = ["read_timeout", "send_timeout", "buffer_size", "buffers"];

/// The other of the two passes.
fn other(protocol: Protocol) -> Option<Protocol> {
    match protocol {
        Protocol::Fastcgi => Some(Protocol::Http),
        Protocol::Http => Some(Protocol::Fastcgi),
        _ => None,
    }
}

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    let machines = deployment.machines.iter();
    let each =
        machines.flat_map(|machine| machine.nginx.iter().enumerate().map(move |(at, nginx)| (machine, at, nginx)));
    for (machine, at, nginx) in each {
        for (number, server) in nginx.servers.iter().enumerate() {
            let locations = nginx.sites.get(number).into_iter().flat_map(|site| site.locations.all());
            for found in locations.filter_map(|location| alone(nginx, number, location.level)) {
                findings.push_for(server.shown_name(), found);
            }
            let mut of_server = None;
            for own in nginx.numbers_of(number) {
                let hand_over = &nginx.hand_overs[own];
                if nginx.is_open(hand_over.level) {
                    continue;
                }
                let here = idle(nginx, hand_over, hand_over.level);
                // What the server sets is for its first hand-over to tell.
                let outside = of_server.is_none() && server.level != hand_over.level;
                let around = if outside { idle(nginx, hand_over, server.level) } else { Vec::new() };
                of_server = of_server.or(around.first().map(|_| ()));
                for found in [here, around].into_iter().filter(|found| !found.is_empty()) {
                    let chain = machine.chains_of(machine.dials_of_hand_over(at, own)).next();
                    findings.push_for(server_name(nginx, hand_over), finding(hand_over, chain, &found));
                }
            }
        }
    }
}

/// The settings of a level that are for the other pass, each with the name of the one that would count here.
fn idle(nginx: &Nginx, hand_over: &HandOver, level: LevelId) -> Vec<(Arc<Directive>, String)> {
    let config = &nginx.config;
    let Some(other) = other(hand_over.protocol) else { return Vec::new() };
    if !begins(config, level, other) || passes(config, level, &named(other, "pass")) {
        return Vec::new();
    }
    let has = |id: LevelId, suffix: &&str| config.own(id, &named(hand_over.protocol, suffix)).next().is_some();
    let is_known = |group: &&&[&str]| group.iter().any(|suffix| has(level, suffix) || has(hand_over.level, suffix));
    let mut found = Vec::new();
    for group in GROUPS.iter().filter(|group| !is_known(group)) {
        let written = |suffix: &&'static str| Some((config.own(level, &named(other, suffix)).last()?.clone(), *suffix));
        let written: Vec<_> = group.iter().filter_map(written).collect();
        let matters = |(setting, suffix): &(Arc<Directive>, &str)| {
            !FOLLOWERS.contains(suffix) && !is_in_force(nginx, hand_over, setting, &named(hand_over.protocol, suffix))
        };
        if written.iter().any(matters) {
            found.extend(written.into_iter().map(|(setting, suffix)| (setting, named(hand_over.protocol, suffix))));
        }
    }
    found
}

/// The settings of a location in which nothing is handed over: what becomes another address takes nothing along.
fn alone(nginx: &Nginx, server: usize, level: LevelId) -> Option<Finding> {
    let config = &nginx.config;
    let opener = config.level(level).opener.as_ref()?;
    let protocols = [Protocol::Fastcgi, Protocol::Http];
    let has_any = |protocol: &Protocol| begins(config, level, *protocol);
    if !protocols.iter().any(has_any) || nginx.is_open(level) || PASSES.iter().any(|pass| passes(config, level, pass)) {
        return None;
    }
    protocols.into_iter().find_map(|protocol| {
        let written = |suffix: &str| config.own(level, &named(protocol, suffix)).last().cloned();
        // What a file brings may be meant for other places that include it.
        let mut settings =
            RAISED.into_iter().filter_map(written).filter(|setting| setting.head.file == opener.head.file);
        let first = settings.next()?;
        let lacks = |it: &&HandOver| {
            config.own(it.level, first.name()).next().is_none() && !is_in_force(nginx, it, &first, first.name())
        };
        let hand_over = nginx.hand_overs_of(server).filter(|it| it.protocol == protocol).find(lacks)?;
        let finding = RULE
            .finding(
                format!("`{}` has no effect in this location", first.name()),
                first.head,
                "nothing is handed over here, and an address that a request goes on with takes no setting along",
            )
            .label(hand_over.directive.head, "requests are handed over here, without it")
            .help(format!(
                "set it in the server, or in a location that takes these requests and has a `{}` of its own",
                hand_over.directive.name()
            ));
        Some(match hand_over.waits(Timer::Read).filter(|_| first.name().ends_with("_read_timeout")) {
            Some(wait) => finding
                .note(format!("nginx waits {} there", shown_time(wait.value)))
                .predict(504, Timer::Read.log().to_owned()),
            None => finding,
        })
    })
}

/// Whether a hand-over has the value of a setting all the same, under the name that counts for it.
fn is_in_force(nginx: &Nginx, hand_over: &HandOver, setting: &Directive, name: &str) -> bool {
    if name == hand_over.timer_name(Timer::Read) {
        let wait = hand_over.waits(Timer::Read).map(|wait| wait.value);
        return wait.is_some() && wait == setting.arg(0).and_then(literals::milliseconds);
    }
    let texts = |it: &Directive| it.args.iter().map(|word| word.text.clone()).collect::<Vec<_>>();
    let in_force = nginx.config.effective(hand_over.level, name);
    in_force.is_some_and(|in_force| texts(in_force) == texts(setting))
}

/// What hands a request over.
const PASSES: [&str; 5] = ["fastcgi_pass", "proxy_pass", "uwsgi_pass", "scgi_pass", "grpc_pass"];

fn named(protocol: Protocol, suffix: &str) -> String {
    format!("{}_{suffix}", protocol.prefix())
}

/// Whether a level has a setting of a protocol: most have none.
fn begins(config: &Config, level: LevelId, protocol: Protocol) -> bool {
    config.level(level).settings.iter().any(|setting| setting.name().starts_with(protocol.prefix()))
}

/// Whether a directive stands on a level or inside of it.
fn passes(config: &Config, level: LevelId, pass: &str) -> bool {
    config.own(level, pass).next().is_some()
        || config.level(level).blocks.iter().any(|block| passes(config, *block, pass))
}

fn finding(hand_over: &HandOver, chain: Option<Chain<'_>>, idle: &[(Arc<Directive>, String)]) -> Finding {
    let (first, counts) = &idle[0];
    let pass = hand_over.directive.name();
    let value: Vec<&str> = first.args.iter().map(|word| word.text.as_str()).collect();
    let mut finding = RULE.finding(
        format!("`{}` has no effect on `{pass}`", first.name()),
        first.head,
        format!("this is for `{}_pass`", first.name().split('_').next().unwrap_or_default()),
    );
    for (other, _) in idle.iter().skip(1).take(3) {
        finding = finding.label(other.head, "so is this");
    }
    let handed_over = "requests are handed over by this";
    let finding = finding.help(format!("write `{counts} {};`", value.join(" ")));
    let suffix = counts.split_once('_').map(|(_, suffix)| suffix);
    if let (Some("read_timeout"), Some(wait)) = (suffix, hand_over.waits(Timer::Read)) {
        let waits = shown_time(wait.value);
        let raised = first.arg(0).and_then(literals::milliseconds).is_some_and(|meant| meant > wait.value);
        // Nobody else tells of the default that the line was to raise.
        let finding = match raised && !wait.is_written() {
            true => label_end(finding.label(hand_over.span, format!("{handed_over}, and nginx waits {waits}")), chain),
            false => finding.label(hand_over.directive.head, handed_over),
        };
        return finding
            .note(format!("nginx waits {waits} here, by {counts}"))
            .predict(504, Timer::Read.log().to_owned());
    }
    let finding = finding.label(hand_over.directive.head, handed_over);
    match suffix {
        Some("buffer_size") => {
            finding.predict(502, "upstream sent too big header while reading response header from upstream".to_owned())
        }
        _ => finding,
    }
}

/// Adds how long the pool lets a request run, where somebody says so.
fn label_end(finding: Finding, chain: Option<Chain<'_>>) -> Finding {
    let terminate = chain.map(|chain| (chain.run.terminate, chain.pool().name.clone()));
    match terminate.filter(|(terminate, _)| terminate.is_written() && terminate.value > 0) {
        Some((terminate, pool)) => {
            finding.label_at(terminate.written_at(), format!("pool {pool} lets a request run {}s", terminate.value))
        }
        None => finding,
    }
}
