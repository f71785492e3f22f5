//! A pool that may have many workers makes them too slowly for a burst.

use crate::deployment::Deployment;
use crate::deployment::capacity::number;
use crate::php::workers::{Manager, Workers};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(capacity / "workers-start-slowly", Advice, "a pool of many workers makes them too slowly for a burst");

/// From so many workers on it takes many seconds until all are there.
const MANY: u32 = 20;

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (id, pool) in machine.running_pools() {
            let Some(workers) = Workers::of(&pool.settings).filter(|workers| workers.most() >= MANY) else { continue };
            if super::php_caller(machine, id).is_none() {
                continue;
            }
            let most = workers.most();
            let (message, label, help) = match workers.manager {
                Manager::Static => continue,
                Manager::Dynamic => {
                    let Some((1, least)) = number(&pool.settings, "pm.min_spare_servers") else { continue };
                    let seconds = most - workers.at_start();
                    (
                        format!(
                            "pool {} needs {seconds} s to get from {} to {most} workers",
                            pool.name,
                            workers.at_start()
                        ),
                        (least.value_span, "one spare worker: one more worker each second"),
                        "set `pm.min_spare_servers` to as many workers as a burst needs within a second".to_owned(),
                    )
                }
                Manager::OnDemand => (
                    format!("pool {} makes its {most} workers one wake-up at a time", pool.name),
                    (
                        workers.most_span(),
                        "requests that arrive together share a wake-up, so few workers are made for many",
                    ),
                    "`pm = dynamic` with spare workers takes a burst better".to_owned(),
                ),
            };
            findings.push(RULE.finding(message, label.0, label.1).help(help));
        }
    }
}
