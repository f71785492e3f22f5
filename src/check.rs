//! The whole way: from what the user names to sorted findings.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::config::{self, Config};
use crate::deployment::{Deployment, Machine, Nginx, Plan, Predicted, View, build};
use crate::discover::environment::{OpenFiles, explain, hangs_on_environment};
use crate::discover::{self, Given, Plans};
use crate::finding::{Finding, Severity, Unchecked, sort_and_merge};
use crate::host::disk::{self, Disk};
use crate::host::facts::{self, Facts, FactsFile};
use crate::host::overlay::Overlay;
use crate::host::profile::Profile;
use crate::host::{Host, MAX_READ, shown};
use crate::report::{Report, Summary};
use crate::required::Required;
use crate::rules::{self, Rule};
use crate::source::{Sources, is_brought};
use crate::thresholds::Thresholds;

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
    /// What the configuration file says.
    pub config: Config,
    /// The facts that must be known.
    pub require: Vec<Required>,
    /// The rules that run.
    pub selected: &'a dyn Fn(&Rule) -> bool,
}

/// What holds for every host that is checked.
pub struct Terms<'a> {
    /// The facts that the user gives, the weakest first.
    pub facts: Vec<FactsFile>,
    /// The numbers that rules compare with.
    pub thresholds: Thresholds,
    /// Directives of third-party modules, as the user declares them.
    pub declared_directives: BTreeSet<String>,
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
    /// What the user should know besides.
    pub warnings: Vec<String>,
    /// What was taken for what.
    pub notes: Vec<String>,
    /// Counts.
    pub summary: Summary,
    /// The paths of the files that were loaded, where some plans hang on that.
    pub loaded: BTreeSet<String>,
    /// What was looked at.
    pub deployments: Vec<Deployment>,
}

impl Checked {
    /// What there is to say of it. Findings from the severity `fail_on` on fail the run.
    pub fn report(&self, fail_on: Option<Severity>) -> Report<'_> {
        Report {
            findings: &self.findings,
            sources: &self.sources,
            errors: &self.errors,
            unchecked: &self.unchecked,
            summary: self.summary,
            fail_on,
        }
    }
}

/// Checks everything that a request names.
pub fn check(request: &Request<'_>) -> Checked {
    let mut checked = Checked::default();
    if let Err(message) = check_all(request, &mut checked) {
        checked.errors.push(message);
    }
    request.config.apply(&mut checked.findings, &checked.sources);
    sort_and_merge(&mut checked.findings, &checked.sources);
    checked.summary.files = checked.sources.len();
    checked
}

fn check_all(request: &Request<'_>, checked: &mut Checked) -> Result<(), String> {
    let config = &request.config;
    let mut given = Vec::new();
    if let Some(path) = &request.facts {
        given.push(facts_file(path, checked)?);
    }
    given.push(request.stated.clone());
    let runs = |rule: &Rule| config.runs(rule) && (request.selected)(rule);
    let terms = Terms {
        facts: given,
        thresholds: config.thresholds.clone(),
        declared_directives: config.directives.clone(),
        selected: &runs,
    };
    let everywhere = facts_of(&config.facts, checked)?;
    let plans = plans(request)?;
    checked.notes.extend(plans.notes);
    checked.notes.extend(plans.unpaired.iter().map(|why| format!("nginx and PHP-FPM are not joined: {why}")));
    checked.unchecked.extend(plans.passed_over);
    // What lies in one repository is looked at together, without being joined.
    let some_are_spare = plans.plans.iter().any(|plan| plan.unless_loaded);
    let mut machines = Vec::new();
    let mut repository = None;
    for mut plan in plans.plans {
        if plan.repository.is_none() || plan.repository != repository {
            run_rules(std::mem::take(&mut machines), &terms, checked);
        }
        repository.clone_from(&plan.repository);
        plan.facts.extend(everywhere.iter().cloned());
        let named = config.deployments.iter().find(|deployment| Some(&deployment.name) == plan.name.as_ref());
        if let Some(deployment) = named {
            plan.facts.extend(facts_of(&deployment.facts, checked)?);
        }
        let first = checked.findings.len();
        match check_plan(&plan, &terms, &request.require, checked) {
            Ok(machine) => {
                let read = machine.iter().flat_map(Machine::loaded).map(|file| checked.sources.get(file));
                let paths =
                    read.filter(|_| some_are_spare).flat_map(|source| [Some(&source.path), source.real_path.as_ref()]);
                checked.loaded.extend(paths.flatten().cloned());
                machines.extend(machine);
            }
            Err(message) => {
                let of = plan.name.as_ref().map_or_else(String::new, |name| format!("deployment {name}: "));
                checked.errors.push(format!("{of}{message}"));
            }
        }
        if let Some(name) = &plan.name {
            run_rules(std::mem::take(&mut machines), &terms, checked);
            let own = checked.findings[first..].iter_mut();
            own.for_each(|finding| finding.notes.push(format!("in the deployment {name}")));
        }
    }
    run_rules(machines, &terms, checked);
    Ok(())
}

/// What is to be checked: the deployments that the configuration file names, where the paths speak of
/// them, and what the other paths hold.
pub fn plans(request: &Request<'_>) -> Result<Plans, String> {
    let config = &request.config;
    let base = config.path.parent().unwrap_or(Path::new("."));
    let is_named = |path: &&PathBuf| config.deployments.iter().any(|named| named.concerns(&disk::canonical(path)));
    let (named, others): (Vec<_>, Vec<_>) = match request.given.root {
        Some(_) => (Vec::new(), request.paths.iter().collect()),
        None => request.paths.iter().partition(is_named),
    };
    let given = Given { profile: request.given.profile.or(config.profile), ..request.given.clone() };
    let named: Vec<_> = named.into_iter().map(|path| disk::canonical(path)).collect();
    let mut plans = Plans::default();
    if !named.is_empty() {
        let found = discover::named(&config.deployments_for(&named), base, &given);
        plans.extend(found.map_err(|error| error.to_string())?);
    }
    if named.is_empty() || !others.is_empty() {
        let others: Vec<_> = others.into_iter().cloned().collect();
        plans.extend(discover::plans(&others, &given).map_err(|error| error.to_string())?);
    }
    Ok(plans)
}

fn facts_of(given: &[config::Facts], checked: &mut Checked) -> Result<Vec<FactsFile>, String> {
    let read = |given: &config::Facts| match given {
        config::Facts::Here(facts) => Ok((**facts).clone()),
        config::Facts::File(path) => facts_file(path, checked),
    };
    given.iter().map(read).collect()
}

/// Reads a facts file. Keys that mean nothing are told, and stop nothing.
fn facts_file(path: &Path, checked: &mut Checked) -> Result<FactsFile, String> {
    let shown = path.display().to_string();
    let text = disk::read_text(path).map_err(|error| format!("{shown}: {error}"))?;
    let (file, unknown) = facts::parse(&shown, &text).map_err(|error| error.to_string())?;
    let told = |key: &String| format!("{shown}: the key {key} means nothing{}", facts::nearest_key(key));
    checked.warnings.extend(unknown.iter().map(told));
    Ok(file)
}

/// Builds the model of a plan's machine; none where others have it already.
fn check_plan(
    plan: &Plan,
    terms: &Terms<'_>,
    require: &[Required],
    checked: &mut Checked,
) -> Result<Option<Machine>, String> {
    let is_loaded = |file: &PathBuf| checked.loaded.contains(&format!("{}{}", plan.shown_prefix, shown(file)));
    if plan.unless_loaded && plan.selection.files().all(is_loaded) {
        return Ok(None);
    }
    let host = host_of(plan, checked)?;
    checked.sources.prefix.clone_from(&plan.shown_prefix);
    let machine = look(&*host, plan, terms, checked)?;
    let missing = require.iter().filter(|fact| !fact.is_known(&machine));
    let of = plan.name.as_ref().map_or_else(String::new, |name| format!("deployment {name}: "));
    let told =
        |fact: &Required| format!("{of}{fact} must be known (--require), and nothing says; {} would", fact.option());
    checked.errors.extend(missing.map(told));
    Ok(Some(machine))
}

/// The files of a plan's host, of which no more are read than may be after what was read before.
fn host_of(plan: &Plan, checked: &Checked) -> Result<Box<dyn Host>, String> {
    let left = MAX_READ.saturating_sub(checked.sources.size());
    let disk = || match Disk::new(&plan.root) {
        Ok(disk) => Ok(disk.limited(left)),
        Err(error) => Err(format!("{}: {error}", plan.root.display())),
    };
    Ok(match plan.view {
        View::Live => Box::new(Disk::running().limited(left)),
        _ if plan.only_maps => {
            let overlay = Overlay::of_maps(disk()?, &plan.maps, &plan.added);
            Box::new(overlay.filled_by(plan.environment.clone(), plan.templates.clone()))
        }
        _ if plan.maps.is_empty() && plan.added.is_empty() && plan.without.is_empty() => Box::new(disk()?),
        _ => Box::new(Overlay::new(disk()?, &plan.maps, &plan.added).without(&plan.without)),
    })
}

/// Checks the host of a plan, wherever its files are, and adds what came out to `checked`, not yet
/// sorted.
pub fn check_host(host: &dyn Host, plan: &Plan, terms: &Terms<'_>, checked: &mut Checked) -> Result<(), String> {
    let machine = look(host, plan, terms, checked)?;
    run_rules(vec![machine], terms, checked);
    Ok(())
}

/// Builds the model of a plan's host.
fn look(host: &dyn Host, plan: &Plan, terms: &Terms<'_>, checked: &mut Checked) -> Result<Machine, String> {
    let mut machine = programs(host, plan, terms, checked)?;
    for (service, neighbour) in &plan.neighbours {
        // One that cannot be read is not known.
        let read = host_of(neighbour, checked).and_then(|host| programs(&*host, neighbour, terms, checked));
        if let Ok(other) = read {
            machine.take_in(*service, other);
        }
    }
    build::connect(&mut machine, host, &mut checked.sources);
    count(&machine, &mut checked.summary);
    let told = versions(&machine).filter(|note| !checked.notes.contains(note));
    checked.notes.extend(told.collect::<Vec<_>>());
    Ok(machine)
}

/// Reads the programs of a plan's host.
fn programs(host: &dyn Host, plan: &Plan, terms: &Terms<'_>, checked: &mut Checked) -> Result<Machine, String> {
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
    let of = plan.shown_prefix.trim_end_matches('/');
    let of = if of.is_empty() { String::new() } else { format!("{of}: ") };
    if let Some((profile, why)) = profile {
        checked.notes.push(format!("{of}packaged as for the profile {profile}, {why}"));
        facts.build_default(profile.build());
    }
    let read = build::programs(host, facts, plan, &terms.declared_directives, &mut checked.sources);
    if host.is_exhausted() {
        let most = MAX_READ >> 20;
        return Err(format!(
            "{of}there are more than {most} MiB of files to read, which is all that is read in one run; include fewer \
             files, or check parts of it"
        ));
    }
    read.map_err(|error| format!("{of}{error}"))
}

fn run_rules(machines: Vec<Machine>, terms: &Terms<'_>, checked: &mut Checked) {
    if machines.is_empty() {
        return;
    }
    let deployment = Deployment { machines, thresholds: terms.thresholds.clone() };
    let mut found = rules::run(&deployment, &checked.sources, terms.selected);
    // What a package or an image brings is nobody's to mend here.
    found.findings.retain(|finding| !is_brought(&checked.sources.get(finding.primary().span.file).path));
    let mut open = OpenFiles::default();
    found.findings.retain(|finding| !hangs_on_environment(finding, &checked.sources, &mut open));
    found.findings.iter_mut().for_each(|finding| explain(finding, &mut checked.sources));
    checked.findings.extend(found.findings);
    checked.unchecked.extend(found.unchecked);
    checked.deployments.push(deployment);
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
    summary.servers += machine.nginx.iter().map(Nginx::written_servers).sum::<usize>();
    summary.handovers += machine.nginx.iter().map(|nginx| nginx.hand_overs.len()).sum::<usize>();
    summary.pools += machine.masters.iter().map(|master| master.pools.len()).sum::<usize>();
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::deployment::{Selection, View};
    use crate::host::memory::Memory;
    use crate::parallel::tests::ALONE;

    /// Everything that is said of a host of so many sites, of which many have findings.
    fn said(sites: usize) -> String {
        let mut host = Memory::default();
        host.add("/etc/nginx/nginx.conf", "events { } http { client_max_body_size 32m; include sites/*; }");
        host.add("/etc/nginx/php", "fastcgi_pass unix:/run/www.sock; fastcgi_read_timeout 0;");
        host.add("/etc/php/8.2/fpm/php-fpm.conf", "[www]\nlisten = /run/www.sock\npm = static\npm.max_children = 5\n");
        for number in 0..sites {
            let pass = match number % 3 {
                0 => "include php".to_owned(),
                1 => "fastcgi_pass unix:/run/www.sock".to_owned(),
                _ => format!("fastcgi_pass unix:/run/gone{number}.sock"),
            };
            let site = format!(
                "server {{ server_name s{number}.test; root /srv/{number};
                    location / {{ try_files $uri @gone; }} location ~ \\.php$ {{ {pass}; }} }}"
            );
            host.add(format!("/etc/nginx/sites/{number}"), site);
        }
        let plan = Plan::new("/".into(), View::Root, Selection::default());
        let (facts, thresholds, declared_directives) = Default::default();
        let terms = Terms { facts, thresholds, declared_directives, selected: &|_| true };
        let mut checked = Checked::default();
        check_host(&host, &plan, &terms, &mut checked).unwrap();
        let scripts = &checked.deployments[0].machines[0].scripts;
        assert_eq!((scripts.len(), checked.findings.len() > sites), (sites, true));
        format!("{:#?}{:#?}{scripts:#?}", checked.findings, checked.unchecked)
    }

    #[test]
    fn what_is_said_does_not_depend_on_threads() {
        let together = said(600);
        ALONE.set(true);
        assert!(said(600) == together);
    }
}
