//! nginx's workers cannot write to the directories for large bodies and answers.

use std::path::Path;

use crate::deployment::{Deployment, Nginx};
use crate::rules::{Findings, Rule, rule};
use crate::source::Sources;

pub(super) static RULE: Rule = rule!(
    permission / "temp-directory-closed",
    Warning,
    "nginx's workers cannot reach a directory for temporary files"
);

/// Directives that name such a directory.
const DIRECTIVES: [&str; 6] = [
    "client_body_temp_path",
    "fastcgi_temp_path",
    "proxy_temp_path",
    "uwsgi_temp_path",
    "scgi_temp_path",
    "fastcgi_cache_path",
];

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for machine in deployment.machines.iter().filter(|machine| !machine.paths.is_empty()) {
        for nginx in &machine.nginx {
            for (span, name, path) in named(nginx) {
                // nginx itself gives the directory to its workers; those above it are not its own.
                let who = &nginx.worker.identity;
                let Some(above) = Path::new(&path).parent() else { continue };
                let Some(closed) = machine.paths.first_closed(above, who, &machine.facts.accounts) else { continue };
                let directory = closed.path.display();
                let mode = closed.mode.map(|mode| mode.to_string()).unwrap_or_default();
                let log = format!("open() \"{path}");
                let (label, note, status) = match name {
                    "client_body_temp_path" => {
                        ("large request bodies are kept here", "a large request body gets 500", 500)
                    }
                    "fastcgi_cache_path" => ("answers are cached here", "an answer that would be cached gets 500", 500),
                    _ => ("large answers are kept here", "a large answer to a slow client is cut off", 200),
                };
                let finding = RULE
                    .finding(format!("nginx's workers may not pass through {directory}"), span, label)
                    .note(format!("{directory} has mode {mode}; workers run as {}", who.user))
                    .note(note)
                    .help(format!("`setfacl -m u:{}:x {directory}`, or name another directory", who.user))
                    .predict(status, log);
                findings.push(finding);
            }
        }
    }
}

/// The directories that the configuration names, with their places.
fn named(nginx: &Nginx) -> Vec<(crate::source::Span, &'static str, String)> {
    let levels =
        nginx.servers.iter().map(|server| server.level).chain(nginx.hand_overs.iter().map(|found| found.level));
    let mut found = Vec::new();
    for level in levels {
        for name in DIRECTIVES {
            let directive = nginx.config.effective(level, name);
            let path = directive.and_then(|directive| Some((directive.head, name, directive.arg(0)?.to_owned())));
            found.extend(path.filter(|(.., path)| path.starts_with('/')));
        }
    }
    found.sort();
    found.dedup();
    found
}
