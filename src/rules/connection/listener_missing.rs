//! A FastCGI hand-over that serves PHP dials an address where no pool listens.

use super::{Failure, connect_log, host_of, label_hand_over, listens_here};
use crate::deployment::connect::MAX_DIALS;
use crate::deployment::drift::{Drift, drifts};
use crate::deployment::nearest::{How, Nearest};
use crate::deployment::{Bound, Deployment, Dial, Machine, PoolId, Protocol, Reach, Target, Way};
use crate::finding::{Edit, Finding, Fix, Severity};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;
use crate::values::address::{Address, Endpoint};

pub(super) static RULE: Rule =
    rule!(connection / "listener-missing", Error, "nginx dials an address where no pool listens");

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for drift in drifts(deployment) {
        findings.push(of_drift(&deployment.machines[drift.machine], &drift));
    }
    for machine in &deployment.machines {
        if machine.left_out > 0 {
            let needs = format!("{} hand-overs of more than {MAX_DIALS} dialled addresses", machine.left_out);
            findings.unchecked(&RULE, needs, "");
        }
        for span in machine.nginx.iter().flat_map(|nginx| &nginx.more_branches) {
            let needs = format!("the variable in {}, which can take too many values", sources.place(*span));
            findings.unchecked(&RULE, needs, "");
        }
        for hand_over in machine.nginx.iter().flat_map(|nginx| &nginx.hand_overs) {
            if hand_over.serves_php && matches!(hand_over.target, Target::Unknown) && !machine.masters.is_empty() {
                let needs = format!("the values of the variable in {}", sources.place(hand_over.span));
                findings.unchecked(&RULE, needs, "");
            }
        }
        for dial in &machine.dials {
            let (_, hand_over) = machine.hand_over(dial);
            match &dial.reach {
                _ if hand_over.protocol != Protocol::Fastcgi => {}
                Reach::Unknown(..) if !machine.has_masters_near() && machine.unpaired.is_some() => {
                    let why = machine.unpaired.as_deref().unwrap_or_default();
                    let needs = format!("which PHP-FPM nginx hands over to: {why}");
                    findings.unchecked(&RULE, needs, "--nginx-conf, --fpm-conf");
                }
                Reach::Unknown(needs, option) => findings.unchecked(&RULE, *needs, *option),
                Reach::Nobody if !hand_over.serves_php => {
                    findings.unchecked(&RULE, format!("what listens on {}", dial.address), "--facts");
                }
                Reach::Nobody if is_owned(machine, dial) => {
                    findings.push_for(host_of(machine, dial), finding(machine, dial));
                }
                Reach::Nobody | Reach::Cut(_) | Reach::Pools(_) | Reach::Other(_) => {}
            }
        }
    }
}

/// A socket that no pool of a repository listens on, and one that almost does.
fn of_drift(machine: &Machine, drift: &Drift) -> Finding {
    let Drift { dialled, span, pool: id, .. } = drift;
    let pool = machine.pool(*id);
    let message = format!("no pool of this repository listens on {dialled}");
    let mut finding = RULE.finding(message, *span, "nginx dials this socket").severity(Severity::Warning);
    if let Some(listener) = &pool.listener {
        finding = finding.label(listener.span, listens_here(machine, *id, pool));
    }
    finding
        .note(drift.differ)
        .note("nothing says that these two run together; if they do, every request gets 502")
        .help("write the same path on both sides")
        .predict(502, connect_log(&Address::Unix(dialled.clone())))
}

/// Whether a dial that reaches nobody is this rule's, not that of a rule that knows more.
fn is_owned(machine: &Machine, dial: &Dial) -> bool {
    let (nginx, hand_over) = machine.hand_over(dial);
    let peer = &hand_over.peers(nginx)[dial.peer];
    let related = dial.nearest.is_some_and(|nearest| matches!(nearest.how, How::Kind | How::Family));
    let explained = related && machine.overridden(dial).is_none() && machine.not_loaded(dial).is_none();
    let relative = matches!(&dial.address, Address::Unix(path) if !path.starts_with('/'));
    !peer.port_defaulted && !explained && !relative && !machine.is_prefix_unknown(dial)
}

fn finding(machine: &Machine, dial: &Dial) -> Finding {
    let what = match dial.address {
        Address::Unix(_) => "socket",
        _ => "address",
    };
    let shown = shown(&dial.address);
    let finding = RULE.finding(format!("no pool listens on {shown}"), dial.span, format!("nginx dials this {what}"));
    let finding = explain(label_hand_over(finding, machine, dial), machine, dial, &shown);
    Failure::of(machine, dial).predict(finding, connect_log(&dial.address))
}

fn shown(address: &Address) -> String {
    match address {
        Address::Unix(path) => path.clone(),
        _ => address.to_string(),
    }
}

/// Adds why nobody is there, as far as it shows: an override, a file that is not loaded, or the
/// nearest listener.
fn explain(finding: Finding, machine: &Machine, dial: &Dial, shown: &str) -> Finding {
    if let Some((id, here, wins)) = machine.overridden(dial) {
        let pool = machine.pool(id);
        return finding
            .label(here, format!("pool {} would listen here, but a later line wins", pool.name))
            .label(wins, "this is the last `listen` of the pool, so it is in force")
            .help(format!("remove the later `listen`, or let nginx dial {}", dialled_as(machine, id)));
    }
    if let Some((path, span)) = machine.not_loaded(dial) {
        return finding
            .label(span, "a pool would listen here, but no include of PHP-FPM loads this file")
            .help(format!("rename {path} so that the include pattern takes it, then reload PHP-FPM"));
    }
    if let Address::Unix(path) = &dial.address {
        let trimmed = path.trim_end_matches([':', ' ']);
        if trimmed.len() < path.len() {
            let name = machine.hand_over(dial).1.directive.name().to_owned();
            return finding
                .note(format!(
                    "in `{name}` everything behind `unix:` is the path, `{}` at its end too",
                    &path[trimmed.len()..]
                ))
                .help(format!("write unix:{trimmed}"));
        }
    }
    match dial.nearest {
        Some(Nearest { pool: id, how }) => suggest(finding, machine, dial, id, how, shown),
        None => {
            let listening: Vec<String> = machine.pools().take(4).map(|(id, _)| listen_of(machine, id)).collect();
            let more = machine.pools().count().saturating_sub(listening.len());
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            finding
                .note(format!("the pools listen on {}{more}", listening.join(", ")))
                .help(format!("add a pool with `listen = {shown}`, or let nginx dial a pool that is there"))
        }
    }
}

fn suggest(finding: Finding, machine: &Machine, dial: &Dial, id: PoolId, how: How, shown: &str) -> Finding {
    let pool = machine.pool(id);
    let Some(listener) = &pool.listener else { return finding };
    let finding = finding.label(listener.span, listens_here(machine, id, pool));
    let address = dialled_as(machine, id);
    let why = match how {
        How::Version => "the two differ only in the version",
        How::Directory => "the two differ only in the directory",
        How::Spelling => "the two differ only in their spelling",
        _ => "",
    };
    let finding = if why.is_empty() { finding } else { finding.note(why) };
    // A pool that others dial must stay where it is.
    let in_use = machine.callers(id).next().is_some();
    let finding = finding.help(match in_use {
        true => format!("let nginx dial {address}, or add a pool with `listen = {shown}`"),
        false => {
            format!("let nginx dial {address}, or set `listen = {shown}` in pool {} and reload PHP-FPM", pool.name)
        }
    });
    // A part of a value cannot be replaced by an address.
    let (nginx, hand_over) = machine.hand_over(dial);
    let by_variable = hand_over.has_variables() && dial.span == hand_over.span;
    let by_branch = hand_over.peers(nginx)[dial.peer].branch.is_some();
    if by_variable || by_branch || matches!(listener.bound, Bound::OneOf(_)) {
        return finding;
    }
    finding.fix(Fix {
        title: format!("Dial {address}"),
        safe: false,
        edits: vec![Edit { span: dial.span, text: address }],
    })
}

/// The address by which nginx reaches a pool.
pub(super) fn dialled_as(machine: &Machine, id: PoolId) -> String {
    let service = machine.network.as_ref().and_then(|network| network.service_of(&machine.masters[id.master]));
    let endpoint = machine.pool(id).listener.as_ref().and_then(|listener| listener.bound.endpoints().first());
    match endpoint {
        Some(Endpoint::Unix(path)) => format!("unix:{}", path.display()),
        Some(Endpoint::Tcp(address)) if service.is_some_and(|service| service.way != Way::SameLoopback) => {
            format!("{}:{}", service.map_or("", |service| &service.name), address.port())
        }
        Some(Endpoint::Tcp(address)) if address.ip().is_unspecified() => format!("127.0.0.1:{}", address.port()),
        Some(Endpoint::Tcp(address)) => address.to_string(),
        None => String::new(),
    }
}

/// Where a pool listens, as its socket's path or address.
fn listen_of(machine: &Machine, id: PoolId) -> String {
    let endpoint = machine.pool(id).listener.as_ref().and_then(|listener| listener.bound.endpoints().first());
    endpoint.map_or_else(|| format!("(unknown, pool {})", machine.pool(id).name), Endpoint::to_string)
}
