//! What gatelint predicts against what was seen.

use crate::case::{Case, Variant};
use crate::live::{Report, Result};
use crate::process;
use serde::Deserialize;
use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// What counts here of the JSON that gatelint prints.
#[derive(Debug, Deserialize)]
struct Output {
    findings: Vec<Finding>,
    #[serde(default)]
    errors: Vec<serde_json::Value>,
}

/// A finding.
#[derive(Debug, Deserialize)]
pub struct Finding {
    rule: String,
    severity: String,
    message: String,
    predicts: Option<Prediction>,
}

/// `{"status": …, "log": …}` or `{"refused_by": …, "message": …}`.
#[derive(Debug, Deserialize)]
struct Prediction {
    status: Option<u16>,
    log: Option<String>,
    refused_by: Option<String>,
    message: Option<String>,
}

/// gatelint's program: the one that cargo built beside this test, unless the variable `GATELINT` names another.
fn program() -> Option<OsString> {
    env::var_os("GATELINT").or(option_env!("CARGO_BIN_EXE_gatelint").map(OsString::from))
}

/// Lets gatelint check `tree`, which is that of `variant`, and returns each prediction that did not come true.
pub fn differences(case: &Case, variant: Variant, tree: &Path, report: &Report) -> Result<Vec<String>> {
    let Some(program) = program() else { return Ok(Vec::new()) };
    let mut command = Command::new(program);
    command.args(["check", "--format", "json", "--fail-on", "never"]);
    if let Some(facts) = case.facts(variant) {
        command.arg("--facts").arg(facts);
    }
    for master in case.live.fpm.iter().flatten() {
        command.arg("--fpm-conf").arg(master);
    }
    if !case.live.has_containers() {
        command.arg("--root");
    }
    command.arg(tree);
    let finished = process::run(&mut command, Duration::from_secs(30))?;
    let output = parse(&finished.stdout)
        .map_err(|e| format!("gatelint ({}) prints no report: {e}\n{}", finished.status, finished.stderr))?;
    if !finished.status.success() {
        return Err(format!("gatelint: {}: {:?}\n{}", finished.status, output.errors, finished.stderr));
    }
    Ok(match variant {
        Variant::Faulty => unproven(&output.findings, report),
        Variant::Fixed => unwanted(&output.findings),
    })
}

fn parse(json: &str) -> serde_json::Result<Output> {
    serde_json::from_str(json)
}

/// The findings in gatelint's JSON.
pub fn findings(json: &str) -> Result<Vec<Finding>> {
    parse(json).map(|output| output.findings).map_err(|e| e.to_string())
}

/// The predictions of errors and warnings that the servers did not bear out.
pub fn unproven(findings: &[Finding], report: &Report) -> Vec<String> {
    let mut found = Vec::new();
    for finding in findings.iter().filter(|finding| finding.severity != "advice") {
        let missing = match &finding.predicts {
            None => Vec::new(),
            Some(Prediction { refused_by: Some(server), message, .. }) => refusal(server, message.as_deref(), report),
            Some(prediction) => answer(prediction, report),
        };
        found.extend(missing.into_iter().map(|missing| format!("gatelint's {} predicts {missing}", finding.rule)));
    }
    found
}

fn answer(prediction: &Prediction, report: &Report) -> Vec<String> {
    let mut missing = Vec::new();
    // Where gatelint says that no answer comes, the client of the oracle sees status 0.
    let status = prediction.status.unwrap_or(0);
    let seen: Vec<_> = report.answers.iter().flatten().map(|answer| answer.status).collect();
    if !seen.contains(&status) {
        missing.push(format!("status {status}, but the requests got {seen:?}"));
    }
    if let Some(log) = prediction.log.as_ref().filter(|log| !report.error_log.contains(*log)) {
        missing.push(format!("{log:?}, but that is not in nginx's error log"));
    }
    missing
}

fn refusal(server: &str, message: Option<&str>, report: &Report) -> Vec<String> {
    let servers: Vec<_> = match server {
        "nginx" => report.nginx.iter().collect(),
        "php-fpm" => report.fpm.iter().map(|master| &master.server).collect(),
        other => return vec![format!("refused_by {other:?}, which is no server")],
    };
    let verdicts = servers.iter().flat_map(|server| [&server.test, &server.start]);
    let outputs: Vec<_> = verdicts.filter(|verdict| !verdict.ok).map(|verdict| verdict.output.as_str()).collect();
    let wanted = message.unwrap_or_default();
    if outputs.is_empty() {
        vec![format!("that {server} refuses it, but {server} passes its test and starts")]
    } else if !outputs.iter().any(|output| output.contains(wanted)) {
        vec![format!("that {server} says {wanted:?}, but it says:\n{}", outputs.join("\n"))]
    } else {
        Vec::new()
    }
}

/// The errors that gatelint finds where there is nothing wrong any more.
pub fn unwanted(findings: &[Finding]) -> Vec<String> {
    let errors = findings.iter().filter(|finding| finding.severity == "error");
    errors.map(|finding| format!("gatelint finds an error: {}: {}", finding.rule, finding.message)).collect()
}
