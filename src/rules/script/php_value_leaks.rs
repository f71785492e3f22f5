//! Settings that nginx sends along stay in the worker and reach other sites.

use std::collections::BTreeMap;

use super::scripts;
use crate::deployment::{Deployment, HandOver, Nginx, Script, Sent};
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(script / "php-value-leaks", Warning, "settings sent with a request stay in the worker for other sites");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for name in ["PHP_VALUE", "PHP_ADMIN_VALUE"] {
            // The first caller of each pool that sends none.
            let mut without: BTreeMap<_, (&Script, &Nginx, &HandOver)> = BTreeMap::new();
            for caller in scripts(machine).filter(|(script, ..)| script.params.lacks(name)) {
                for id in &caller.0.pools {
                    without.entry(*id).or_insert(caller);
                }
            }
            for (script, nginx, hand_over) in scripts(machine) {
                let Sent::Yes(param) = script.params.get(name) else { continue };
                let others = script.pools.iter().filter_map(|id| Some((id, without.get(id)?)));
                let Some((id, (_, _, other))) = others.into_iter().next() else { continue };
                let pool = &machine.pool(*id).name;
                let finding = RULE
                    .finding(
                        format!("{name} stays in the workers of pool {pool}"),
                        param.span(),
                        "a worker keeps these settings for every later request",
                    )
                    .label(other.directive.head, "requests from here meet such workers, and send none of their own")
                    .help(format!(
                        "set them in the pool (`php_admin_value[…]`), with a pool of its own for this site; or send {name} \
                         from every location that uses pool {pool}"
                    ));
                findings.push_for(server_name(nginx, hand_over), finding);
            }
        }
    }
}
