//! `SCRIPT_FILENAME` names another place than the one where the scripts lie.

use super::{UNKNOWN, scripts};
use crate::deployment::misplaced::Misplaced;
use crate::deployment::{Deployment, Machine, Sample, Script, Sent};
use crate::finding::Finding;
use crate::rules::connection::server_name;
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};

pub(super) static RULE: Rule =
    rule!(script / "script-path-wrong", Error, "PHP-FPM looks for the script in another place than it lies");

fn check(deployment: &Deployment, sources: &Sources, findings: &mut Findings) {
    for machine in &deployment.machines {
        let sites = machine.nginx.iter().flat_map(|nginx| &nginx.sites);
        let left_out = sites.filter(|site| site.locations.is_left_out()).count();
        if left_out > 0 {
            let needs = format!("which location takes a request, in {left_out} servers with too many expressions");
            findings.unchecked(&RULE, needs, "");
        }
        for (script, nginx, hand_over) in scripts(machine) {
            if let Some(finding) = with_arguments(script) {
                let finding = finding.label(hand_over.directive.head, "requests are handed over here");
                findings.push_for(server_name(nginx, hand_over), finding);
                continue;
            }
            let Some(sample) = &script.sample else { continue };
            let Some(why) = machine.misplaced(script, sample) else { continue };
            let at = match script.params.get("SCRIPT_FILENAME") {
                Sent::Yes(param) => param.span(),
                Sent::No | Sent::Unknown => hand_over.directive.head,
            };
            let finding = explain(machine, sources, script, sample, &why, at);
            let finding = finding.label(hand_over.directive.head, "requests are handed over here");
            findings.push_for(server_name(nginx, hand_over), finding);
        }
    }
}

/// A path that ends in the arguments of the request.
fn with_arguments(script: &Script) -> Option<Finding> {
    let Sent::Yes(param) = script.params.get("SCRIPT_FILENAME") else { return None };
    let value = param.value();
    let start = ["$document_root", "$realpath_root"].into_iter().find(|root| value.starts_with(root))?;
    value.strip_suffix("$request_uri")?;
    Some(
        RULE.finding(
            "the path of the script ends in the arguments of the request",
            param.span(),
            "`$request_uri` is what the client asks for, letter by letter: /index.php?id=1",
        )
        .note("PHP-FPM answers 404 with \"File not found.\" to all that has arguments, or that nginx has rewritten")
        .help(format!("write `fastcgi_param SCRIPT_FILENAME {start}$fastcgi_script_name;`"))
        .predict(404, UNKNOWN.to_owned()),
    )
}

fn explain(
    machine: &Machine,
    sources: &Sources,
    script: &Script,
    sample: &Sample,
    why: &Misplaced,
    at: Span,
) -> Finding {
    let (uri, path) = (&sample.uri, sample.path().unwrap_or_default());
    let mapped = sample.mapped().unwrap_or_default();
    let found = |message: String, label: String| {
        RULE.finding(message, at, label)
            .note("PHP-FPM answers 404 with \"File not found.\"")
            .predict(404, UNKNOWN.to_owned())
    };
    let here = format!("for {uri} PHP-FPM is asked for {path}");
    match why {
        Misplaced::Alias => {
            let finding = found(format!("with `alias`, {uri} is looked for in {path}"), here);
            let finding = match &script.root {
                Some(root) => finding.label(root.span, format!("nginx itself takes {uri} from {mapped}")),
                None => finding,
            };
            finding.help("write `fastcgi_param SCRIPT_FILENAME $request_filename;`, which follows the alias")
        }
        Misplaced::Chroot(id, look, span) => {
            let (pool, look) = (&machine.pool(*id).name, look.path.display());
            let label = format!("pool {pool} puts its `chroot` before it and looks for {look}");
            let root = path.strip_suffix(sample.script_name.as_str()).unwrap_or_default();
            let chroot = look.to_string();
            let chroot = chroot.strip_suffix(path).unwrap_or_default();
            let rest = root.strip_prefix(chroot).unwrap_or_default();
            found(format!("pool {pool} with `chroot` is asked for a path of the host"), here).label(*span, label).help(
                format!(
                    "write `fastcgi_param SCRIPT_FILENAME {rest}$fastcgi_script_name;`, the path inside the `chroot`"
                ),
            )
        }
        Misplaced::NoDirectory => found(format!("PHP-FPM is asked for {path}, without the directory"), here)
            .help("write `fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;`"),
        Misplaced::Placeholder => found("the directory /scripts of nginx's sample file is not there".into(), here)
            .help("write `fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;`"),
        Misplaced::Elsewhere => found(format!("PHP-FPM is asked for {path}, and the file is {mapped}"), here).help(
            "write `fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;`, once, behind any include",
        ),
        Misplaced::OtherMount(service, shared, place) => {
            let (name, source, place) = (&service.name, &shared.source, place.display());
            let key = machine.network.as_ref().and_then(|network| network.key_span(service, sources));
            let there = shared.there.display();
            found(format!("in the container of {name}, {path} does not exist: {source} is mounted at {there}"), here)
                .label_at(key, format!("{name} has the script at {place}"))
                .help(format!(
                    "mount {source} at {} in {name} too, or send the path that {name} knows as SCRIPT_FILENAME",
                    shared.here.display()
                ))
        }
        Misplaced::NoMount(service, mount) => {
            let (name, mount) = (&service.name, mount.display());
            let network = machine.network.as_ref();
            let own = network.map_or("", |network| &network.own.name);
            let key = network.and_then(|network| network.key_span(service, sources));
            found(format!("in the container of {name}, {path} does not exist: only {own} has {mount}"), here)
                .label_at(key, format!("nothing is mounted at {mount} in {name}"))
                .help(format!("mount in {name}, too, what {own} has at {mount}"))
        }
        Misplaced::Translated(span, value, off) => RULE
            .finding(
                "with `cgi.fix_pathinfo = 0`, PATH_TRANSLATED names the script",
                *span,
                format!("for {uri} this is {value:?}, and PHP-FPM takes it instead of SCRIPT_FILENAME"),
            )
            .label(off.span, "this makes PATH_TRANSLATED decide")
            .note("PHP-FPM answers 403 with \"Access denied.\"")
            .help("remove the PATH_TRANSLATED line, or set `cgi.fix_pathinfo = 1`")
            .predict(403, "(see security.limit_extensions)".to_owned()),
    }
}
