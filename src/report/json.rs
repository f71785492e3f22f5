//! The JSON document, version 1: a contract with other programs.
//!
//! It has structs of its own, so that the program can change inside without changing what it says.

use std::io;

use serde::Serialize;

use super::{Report, clean};
use crate::finding::{Edit, Finding, Fix, Label, Prediction, Severity, Unchecked};
use crate::source::{Position, Sources, Span};

#[derive(Serialize)]
struct Document<'a> {
    version: u32,
    tool: Tool,
    findings: Vec<JsonFinding<'a>>,
    errors: &'a [String],
    unchecked: Vec<JsonUnchecked<'a>>,
    summary: JsonSummary,
}

#[derive(Serialize)]
struct Tool {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
struct JsonFinding<'a> {
    rule: &'a str,
    category: &'static str,
    severity: &'static str,
    message: &'a str,
    predicts: Option<Predicts<'a>>,
    labels: Vec<JsonLabel<'a>>,
    notes: &'a [String],
    help: Option<&'a str>,
    fixes: Vec<JsonFix<'a>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Predicts<'a> {
    Response { status: Option<u16>, log: Option<&'a str> },
    Refused { refused_by: &'static str, message: &'a str },
}

#[derive(Serialize)]
struct JsonLabel<'a> {
    primary: bool,
    #[serde(flatten)]
    place: Place<'a>,
    text: &'a str,
}

#[derive(Serialize)]
struct JsonFix<'a> {
    title: &'a str,
    safe: bool,
    edits: Vec<JsonEdit<'a>>,
}

#[derive(Serialize)]
struct JsonEdit<'a> {
    #[serde(flatten)]
    place: Place<'a>,
    text: &'a str,
}

#[derive(Serialize)]
struct Place<'a> {
    path: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    real_path: Option<&'a str>,
    start: JsonPosition,
    end: JsonPosition,
}

#[derive(Serialize)]
struct JsonPosition {
    line: usize,
    column: usize,
    offset: usize,
}

#[derive(Serialize)]
struct JsonUnchecked<'a> {
    rule: &'a str,
    needs: &'a str,
    option: &'a str,
}

#[derive(Serialize)]
struct JsonSummary {
    errors: usize,
    warnings: usize,
    advice: usize,
    files: usize,
    servers: usize,
    handovers: usize,
    pools: usize,
}

/// Writes the document.
pub(super) fn render(report: &Report<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let document = Document {
        version: 1,
        tool: Tool { name: "gatelint", version: env!("CARGO_PKG_VERSION") },
        findings: report.findings.iter().map(|finding| json_finding(finding, report.sources)).collect(),
        errors: report.errors,
        unchecked: report.unchecked.iter().map(json_unchecked).collect(),
        summary: JsonSummary {
            errors: report.count(Severity::Error),
            warnings: report.count(Severity::Warning),
            advice: report.count(Severity::Advice),
            files: report.summary.files,
            servers: report.summary.servers,
            handovers: report.summary.handovers,
            pools: report.summary.pools,
        },
    };
    let text = serde_json::to_string_pretty(&document).map_err(io::Error::other)?;
    out.write_all(escape_hidden(&text).as_bytes())?;
    out.write_all(b"\n")
}

fn json_finding<'a>(finding: &'a Finding, sources: &'a Sources) -> JsonFinding<'a> {
    let label = |(index, label): (usize, &'a Label)| JsonLabel {
        primary: index == 0,
        place: place(label.span, sources),
        text: &label.text,
    };
    JsonFinding {
        rule: finding.rule,
        category: finding.category.as_str(),
        severity: finding.severity.as_str(),
        message: &finding.message,
        predicts: finding.predicts.as_ref().map(predicts),
        labels: finding.labels().iter().enumerate().map(label).collect(),
        notes: &finding.notes,
        help: finding.help.as_deref(),
        fixes: finding.fixes.iter().map(|fix| json_fix(fix, sources)).collect(),
    }
}

fn predicts(prediction: &Prediction) -> Predicts<'_> {
    match prediction {
        Prediction::Response { status, log } => Predicts::Response { status: *status, log: log.as_deref() },
        Prediction::Refused { by, message } => Predicts::Refused { refused_by: by.as_str(), message },
    }
}

fn json_fix<'a>(fix: &'a Fix, sources: &'a Sources) -> JsonFix<'a> {
    let edit = |edit: &'a Edit| JsonEdit { place: place(edit.span, sources), text: &edit.text };
    JsonFix { title: &fix.title, safe: fix.safe, edits: fix.edits.iter().map(edit).collect() }
}

fn json_unchecked(unchecked: &Unchecked) -> JsonUnchecked<'_> {
    JsonUnchecked { rule: unchecked.rule, needs: &unchecked.needs, option: &unchecked.option }
}

fn place(span: Span, sources: &Sources) -> Place<'_> {
    let source = sources.get(span.file);
    Place {
        path: &source.path,
        real_path: source.real_path.as_deref(),
        start: position(source.position(span.start)),
        end: position(source.position(span.end)),
    }
}

fn position(Position { line, column, offset }: Position) -> JsonPosition {
    JsonPosition { line, column, offset }
}

/// Escapes what serde_json leaves as it is although a terminal would act on it.
///
/// Such characters can only stand inside strings, where `\u` means the same to every reader; the
/// line breaks between the values are the only controls outside of them.
pub(crate) fn escape_hidden(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        if c == '\n' || !clean::is_hidden(c) {
            escaped.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                escaped.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hidden_characters_are_escaped_and_mean_the_same() {
        let text = "C1 \u{9b} bidi \u{202e} tag \u{e0041} umlaut ü";
        let json = escape_hidden(&serde_json::to_string(text).unwrap_or_default());
        assert_eq!(json, r#""C1 \u009b bidi \u202e tag \udb40\udc41 umlaut ü""#);
        assert_eq!(serde_json::from_str::<String>(&json).ok().as_deref(), Some(text));
    }
}
