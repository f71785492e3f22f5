//! FPM kills a worker before PHP's own limit could end the script in an orderly way.

use std::collections::BTreeMap;

use super::{KILLED, chain, label_cpu, read_label};
use crate::deployment::chains::Chain;
use crate::deployment::{Deployment, PoolId};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(timeout / "fpm-kills-first", Warning, "PHP-FPM kills the worker before PHP's own limit ends the script");

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        let mut killed: BTreeMap<PoolId, Chain> = BTreeMap::new();
        for link in machine.chains().filter(kills_first) {
            if link.master().ini_is_known(link.pool(), "max_execution_time") {
                killed.entry(link.id).or_insert(link);
            } else {
                findings.unchecked(&RULE, "php.ini", "--php-ini");
            }
        }
        for link in killed.values() {
            let (run, pool) = (&link.run, &link.pool().name);
            let (kill, cpu) = (run.terminate.value, run.cpu.value);
            let finding = RULE.finding(
                format!("pool {pool} kills a script after {kill}s; PHP's own limit is {cpu}s"),
                link.terminate_place(),
                format!("FPM kills the worker between {kill}s and {}", run.latest()),
            );
            findings.push(
                label_cpu(finding, link)
                    .label_at(link.read.written_at(), read_label(link))
                    .note(format!("chain: {}", chain(link, sources)))
                    .note("a killed worker leaves a bare 502: no PHP error, no shutdown functions, no log entry of the script")
                    .help(match kill {
                        0..=2 => format!("set `request_terminate_timeout = {}s`", cpu + 5),
                        _ => format!("set `request_terminate_timeout = {}s`, or `max_execution_time = {}`", cpu + 5, kill - 1),
                    })
                    .predict(502, KILLED.to_owned()),
            );
        }
    }
}

/// Whether FPM strikes before PHP's limit while nginx would still wait for that.
fn kills_first(link: &Chain) -> bool {
    let (kill, cpu) = (link.run.terminate.value, link.run.cpu.value);
    let nginx_waits = link.read.value >= cpu * 1000 || !link.read.is_written();
    kill > 0 && kill < cpu && nginx_waits && link.read.value > kill * 1000
}
