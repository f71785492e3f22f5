//! Nothing tells what a slow request was doing.

use crate::deployment::Deployment;
use crate::php::readers;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(service / "no-slow-log", Advice, "nothing tells what a slow request was doing");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (_, pool) in machine.pools().filter(|(id, _)| machine.callers.contains_key(id)) {
            let limit = pool.settings.get("request_slowlog_timeout");
            let seconds = limit.and_then(|found| readers::time(found.text.as_deref()?).value());
            if limit.is_some_and(|found| found.text.is_none()) || seconds.is_some_and(|seconds| seconds > 0) {
                continue;
            }
            let span = limit.map_or(pool.header, |found| found.span);
            let finding = RULE
                .finding(format!("pool {} keeps no slow log", pool.name), span, "no slow request is written down")
                .help("set `slowlog = /var/log/php-fpm-$pool-slow.log` and `request_slowlog_timeout = 5s`");
            findings.push(finding);
        }
    }
}
