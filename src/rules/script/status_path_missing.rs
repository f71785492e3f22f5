//! nginx hands a status address over, and the pool has no such address.

use super::{UNKNOWN, scripts};
use crate::deployment::{Deployment, Machine, Sample, Script};
use crate::nginx::locations::parts;
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule =
    rule!(script / "status-path-missing", Error, "nginx hands over a status address that the pool does not answer");

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        for (script, nginx, hand_over) in scripts(machine) {
            let place = nginx.config.level(hand_over.level).opener.as_ref();
            let is_exact = place.and_then(|place| parts(place)).is_some_and(|(modifier, _)| modifier == "=");
            let Some(sample) = script.sample.as_ref().filter(|_| is_exact) else { continue };
            let name = sample.script_name.to_ascii_lowercase();
            let says = |word| name.split(|char: char| !char.is_ascii_alphanumeric()).any(|part| part == word);
            let setting = match () {
                () if says("status") => "pm.status_path",
                () if says("ping") => "ping.path",
                () => continue,
            };
            if script.pools.is_empty() || is_answered(machine, script, sample) {
                continue;
            }
            let pool = machine.pool(script.pools[0]);
            let (span, label) = match pool.settings.get(setting) {
                Some(other) => (other.span, format!("pool {} answers here instead", pool.name)),
                None => (pool.header, format!("pool {} has no `{setting}`", pool.name)),
            };
            let place = place.map_or(hand_over.span, |place| place.head);
            let shown = &sample.script_name;
            let finding = RULE
                .finding(
                    format!("pool {} does not answer {shown}", pool.name),
                    place,
                    format!("this hands {shown} over, and PHP-FPM looks for a script of that name"),
                )
                .label(span, label)
                .note("PHP-FPM answers 404 with \"File not found.\"")
                .help(format!("set `{setting} = {shown}` in pool {}, then reload PHP-FPM", pool.name))
                .predict(404, UNKNOWN.to_owned());
            findings.push_for(server_name(nginx, hand_over), finding);
        }
    }
}

/// Whether a pool answers the address itself, or the script may be there.
fn is_answered(machine: &Machine, script: &Script, sample: &Sample) -> bool {
    let Some(path) = sample.path() else { return true };
    let is_script = path.ends_with(".php") || sample.looks.iter().any(|look| look.is_there);
    is_script
        || script.pools.iter().any(|id| {
            let settings = &machine.pool(*id).settings;
            let mut answers = ["pm.status_path", "ping.path"].into_iter().filter_map(|key| settings.get(key));
            answers.any(|path| path.text.as_deref().is_none_or(|text| text == sample.script_name))
        })
}
