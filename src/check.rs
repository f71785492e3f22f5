//! The whole way: from what the user names to sorted findings.

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::deployment::{Deployment, Machine, Plan, Predicted, View, build};
use crate::discover::{self, Given};
use crate::finding::{Finding, Unchecked, sort_and_merge};
use crate::host::Host;
use crate::host::disk::{self, Disk};
use crate::host::facts::{self, Facts, FactsFile};
use crate::host::overlay::Overlay;
use crate::host::profile::Profile;
use crate::host::shown;
use crate::report::Summary;
use crate::rules::{self, Rule, Thresholds};
use crate::source::Sources;

/// What is to be checked, and how.
pub struct Request<'a> {
    /// Roots, repositories and files; none for this host.
    pub paths: Vec<PathBuf>,
    /// What is said of them.
    pub given: Given,
    /// The facts file.
    pub facts: Option<PathBuf>,
    /// Facts from options, which are stronger than the file.
    pub stated: FactsFile,
    /// The numbers that rules compare with.
    pub thresholds: Thresholds,
    /// The rules that run.
    pub selected: &'a dyn Fn(&Rule) -> bool,
}

/// What holds for every host that is checked.
pub struct Terms<'a> {
    /// The facts that the user gives, the weakest first.
    pub facts: Vec<FactsFile>,
    /// The numbers that rules compare with.
    pub thresholds: Thresholds,
    /// The rules that run.
    pub selected: &'a dyn Fn(&Rule) -> bool,
}

/// What came out.
#[derive(Debug, Default)]
pub struct Checked {
    /// The texts that were read.
    pub sources: Sources,
    /// The findings in the order in which they are shown.
    pub findings: Vec<Finding>,
    /// What rules rested for.
    pub unchecked: BTreeSet<Unchecked>,
    /// What kept the tool from its job: exit status 2.
    pub errors: Vec<String>,
    /// What was taken for what.
    pub notes: Vec<String>,
    /// Counts.
    pub summary: Summary,
    /// What was looked at.
    pub deployments: Vec<Deployment>,
}

/// Checks everything that a request names.
pub fn check(request: &Request<'_>) -> Checked {
    let mut checked = Checked::default();
    let terms = match given_facts(request, &mut checked) {
        Ok(facts) => Terms { facts, thresholds: request.thresholds.clone(), selected: request.selected },
        Err(message) => {
            checked.errors.push(message);
            return checked;
        }
    };
    let plans = match discover::plans(&request.paths, &request.given) {
        Ok(plans) => plans,
        Err(error) => {
            checked.errors.push(error.to_string());
            return checked;
        }
    };
    checked.notes.extend(plans.notes);
    checked.notes.extend(plans.unpaired.iter().map(|why| format!("nginx and PHP-FPM are not joined: {why}")));
    for plan in plans.plans {
        if let Err(message) = check_plan(&plan, &terms, &mut checked) {
            checked.errors.push(message);
        }
    }
    sort_and_merge(&mut checked.findings, &checked.sources);
    checked.summary.files = checked.sources.len();
    checked
}

/// The facts that the user gives, the weakest first: the file, then the options.
fn given_facts(request: &Request<'_>, checked: &mut Checked) -> Result<Vec<FactsFile>, String> {
    let mut given = Vec::new();
    if let Some(path) = &request.facts {
        let shown = path.display().to_string();
        let text = disk::read_text(path).map_err(|error| format!("{shown}: {error}"))?;
        let (file, unknown) = facts::parse(&shown, &text).map_err(|error| error.to_string())?;
        checked.notes.extend(unknown.iter().map(|key| format!("{shown}: the key {key} means nothing")));
        given.push(file);
    }
    given.push(request.stated.clone());
    Ok(given)
}

fn check_plan(plan: &Plan, terms: &Terms<'_>, checked: &mut Checked) -> Result<(), String> {
    let seen = |file: &PathBuf| checked.sources.has(&shown(file));
    if plan.is_fragment && plan.selection.nginx_mains.iter().all(seen) {
        return Ok(());
    }
    let disk = || Disk::new(&plan.root).map_err(|error| format!("{}: {error}", plan.root.display()));
    let host: Box<dyn Host> = match plan.view {
        View::Live => Box::new(Disk::running()),
        _ if plan.maps.is_empty() && plan.added.is_empty() => Box::new(disk()?),
        _ => Box::new(Overlay::new(disk()?, &plan.maps, &plan.added)),
    };
    checked.sources.prefix.clone_from(&plan.shown_prefix);
    check_host(&*host, plan, terms, checked)
}

/// Checks the host of a plan, wherever its files are, and adds what came out to `checked`, not yet
/// sorted.
pub fn check_host(host: &dyn Host, plan: &Plan, terms: &Terms<'_>, checked: &mut Checked) -> Result<(), String> {
    let mut facts = match plan.view {
        View::Live | View::Root => Facts::from_host(host),
        View::Overlay | View::Files => Facts::default(),
    };
    for file in plan.facts.iter().chain(&terms.facts) {
        facts.lay_over(file.clone());
    }
    let profile = match plan.profile {
        Some(profile) => Some((profile, "as the option says".to_owned())),
        None if matches!(plan.view, View::Live | View::Files) => None,
        None => Profile::detect(host).map(|(profile, path)| (profile, format!("as {path} shows"))),
    };
    if let Some((profile, why)) = profile {
        checked.notes.push(format!("packaged as for the profile {profile}, {why}"));
        facts.build_default(profile.build());
    }
    let machine = build::machine(host, facts, plan, &mut checked.sources)
        .map_err(|error| format!("{}{error}", plan.shown_prefix))?;
    count(&machine, &mut checked.summary);
    checked.notes.extend(versions(&machine));
    let deployment = Deployment { machines: vec![machine], thresholds: terms.thresholds.clone() };
    let found = rules::run(&deployment, &checked.sources, terms.selected);
    checked.findings.extend(found.findings);
    checked.unchecked.extend(found.unchecked);
    checked.deployments.push(deployment);
    Ok(())
}

/// Which versions' behaviour is predicted, and why.
fn versions(machine: &Machine) -> impl Iterator<Item = String> {
    let told = |what: &str, known: &Predicted| format!("{what} {} is predicted, {}", known.version, known.because);
    let nginx = machine.nginx.iter().map(move |nginx| told("the behaviour of nginx", &nginx.version));
    let php = machine.masters.iter().map(move |master| {
        told(&format!("{}: the behaviour of PHP", master.configuration.main.display()), &master.version)
    });
    nginx.chain(php).collect::<Vec<_>>().into_iter()
}

fn count(machine: &Machine, summary: &mut Summary) {
    summary.servers += machine.nginx.iter().map(|nginx| nginx.servers.len()).sum::<usize>();
    summary.handovers += machine.nginx.iter().map(|nginx| nginx.hand_overs.len()).sum::<usize>();
    summary.pools += machine.masters.iter().map(|master| master.pools.len()).sum::<usize>();
}
