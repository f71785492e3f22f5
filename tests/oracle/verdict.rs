//! What `live.toml` says against what was seen.

use crate::live::{Answer, Live, Outcome, Report, Request, Start, Test, Verdict};

/// Each way in which what was seen differs from what was said; none is a pass.
pub fn differences(live: &Live, fixed: bool, report: &Report) -> Vec<String> {
    let said = live.outcome(fixed);
    let mut found = Vec::new();
    let fpm_tests: Vec<_> = report.fpm.iter().map(|master| (master.config.as_str(), &master.server.test)).collect();
    let fpm_starts: Vec<_> = report.fpm.iter().map(|master| (master.config.as_str(), &master.server.start)).collect();
    if let Some(nginx) = &report.nginx {
        found.extend(outcome("nginx_test", said.nginx_test == Test::Ok, &[("nginx -t", &nginx.test)]));
        found.extend(outcome("nginx_start", said.nginx_start() == Start::Ok, &[("nginx", &nginx.start)]));
    }
    found.extend(outcome("fpm_test", said.fpm_test == Test::Ok, &fpm_tests));
    found.extend(outcome("fpm_start", said.fpm_start() == Start::Ok, &fpm_starts));
    found.extend(message(said, report));
    for (number, request) in said.requests.iter().enumerate() {
        let name = format!("request {} (http://{}{})", number + 1, request.host, request.path);
        match report.answers.get(number) {
            Some(answers) => {
                found.extend(answers.iter().flat_map(|answer| reply(&name, request, answer)));
                let never = |text: &&String| !answers.iter().any(|answer| answer.body.contains(*text));
                let missing = request.bodies.iter().filter(never);
                found.extend(missing.map(|text| format!("{name}: bodies: {text:?} is in no answer")));
            }
            None => found.push(format!("{name}: status {} expected, but nginx does not run", request.status)),
        }
        if let Some(log) = request.log.as_ref().filter(|log| !report.error_log.contains(*log)) {
            found.push(format!("{name}: log: {log:?} is not in nginx's error log"));
        }
    }
    // An answer that never comes the same way is told once.
    found.dedup();
    found
}

fn outcome(key: &str, ok_said: bool, verdicts: &[(&str, &Verdict)]) -> Option<String> {
    let bad: Vec<_> = verdicts.iter().filter(|(_, verdict)| !verdict.ok).collect();
    match (ok_said, bad.as_slice()) {
        (true, []) | (false, [_, ..]) => None,
        (true, bad) => {
            let outputs: Vec<_> = bad.iter().map(|(name, verdict)| format!("{name}: {}", verdict.output)).collect();
            Some(format!("{key}: ok expected, but it does not pass:\n{}", outputs.join("\n")))
        }
        (false, []) => Some(format!("{key}: a failure expected, but it passes")),
    }
}

fn message(said: &Outcome, report: &Report) -> Option<String> {
    let wanted = said.message.as_ref()?;
    let nginx = report.nginx.iter().flat_map(|nginx| [&nginx.test, &nginx.start]);
    let fpm = report.fpm.iter().flat_map(|master| [&master.server.test, &master.server.start]);
    let outputs: Vec<_> =
        nginx.chain(fpm).filter(|verdict| !verdict.ok).map(|verdict| verdict.output.as_str()).collect();
    if outputs.iter().any(|output| output.contains(wanted)) {
        return None;
    }
    Some(format!("message: {wanted:?} is not in what the servers say:\n{}", outputs.join("\n")))
}

fn reply(name: &str, request: &Request, answer: &Answer) -> Vec<String> {
    let mut found = Vec::new();
    if answer.status != request.status {
        let trouble = answer.trouble.as_ref().map(|trouble| format!(" ({trouble})")).unwrap_or_default();
        found.push(format!("{name}: status {} expected, got {}{trouble}", request.status, answer.status));
    }
    let got = || format!("got {:?}", answer.body.chars().take(200).collect::<String>());
    if let Some(body) = request.body.as_ref().filter(|body| !answer.body.contains(*body)) {
        found.push(format!("{name}: body: {body:?} expected in it, {}", got()));
    }
    if let Some(start) = request.body_start.as_ref().filter(|start| !answer.body.starts_with(*start)) {
        found.push(format!("{name}: body_start: {start:?} expected, {}", got()));
    }
    if let Some(body) = request.body_not.as_ref().filter(|body| answer.body.contains(*body)) {
        found.push(format!("{name}: body_not: {body:?} not expected in it, {}", got()));
    }
    found
}
