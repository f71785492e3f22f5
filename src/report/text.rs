//! Findings for people: one miette diagnostic each, with lines of as many files as take part.
//!
//! miette draws the snippets; the words above and below them are ours. It asks one source for all
//! labels of a diagnostic, tries to join neighbouring snippets, and leaves them apart when the
//! source refuses to read across ([`Lines::read_span`]). That refusal is what lets one diagnostic
//! show several files; the dependency is pinned to the minor version for it, and
//! `testdata/report` holds what it looks like.

use std::collections::BTreeMap;
use std::fmt;
use std::io;

use miette::{
    Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode,
    SourceSpan, SpanContents, ThemeCharacters, ThemeStyles,
};

use super::paint::{Ink, paint};
use super::snippet::{MOST_LABELS, Mark, Snippet};
use super::{Report, Style, clean, summary, wrap};
use crate::finding::{Finding, Prediction, Severity};
use crate::source::Sources;

/// Column at which the texts below the snippets begin.
const TEXT_COLUMN: usize = 10;

/// How many findings of one rule are shown: nobody reads more, and the first ones say what is to be done.
const MOST_OF_A_RULE: usize = 100;

/// How many places are named when there are more than can be shown.
const MOST_NAMED: usize = 20;

/// Writes the findings, a blank line after each, and the closing words.
pub(super) fn render(report: &Report<'_>, style: Style, out: &mut dyn io::Write) -> io::Result<()> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for finding in report.findings {
        let count = counts.entry(finding.rule).or_default();
        *count += 1;
        if *count > MOST_OF_A_RULE {
            continue;
        }
        let text = finding_text(finding, report.sources, style).map_err(io::Error::other)?;
        out.write_all(text.as_bytes())?;
        out.write_all(b"\n")?;
    }
    let more: Vec<_> = counts.into_iter().filter(|(_, count)| *count > MOST_OF_A_RULE).collect();
    for (rule, count) in &more {
        writeln!(out, "and {} more findings of {rule}; --format json and compact list all", count - MOST_OF_A_RULE)?;
    }
    if !more.is_empty() {
        out.write_all(b"\n")?;
    }
    out.write_all(summary::closing(report, style).as_bytes())
}

fn finding_text(finding: &Finding, sources: &Sources, style: Style) -> Result<String, fmt::Error> {
    let mut out = heading(finding, style);
    out.push_str(&snippets(&Snippet::new(finding.labels(), sources, style), finding.severity, style)?);
    let mut row = |label: &str, text: &str| {
        let label =
            format!("  {}{}", paint(label, Ink::Strong, style.color), " ".repeat(TEXT_COLUMN - 2 - label.len()));
        wrap::hanging(&mut out, &label, TEXT_COLUMN, &clean::lines(text, style), style.width);
    };
    if let Some(more) = unshown(finding, sources) {
        row("also:", &more);
    }
    match &finding.predicts {
        Some(Prediction::Response { status, log }) => {
            row("result:", &result(*status));
            row("log:", log.as_deref().unwrap_or("nothing"));
        }
        Some(Prediction::Refused { by, message }) => {
            row("result:", &format!("{} refuses this configuration", by.as_str()));
            row("prints:", message);
        }
        None => {}
    }
    for note in &finding.notes {
        row("note:", note);
    }
    if let Some(help) = &finding.help {
        row("help:", help);
    }
    Ok(out)
}

/// `error[rule]: message`, wrapped.
fn heading(finding: &Finding, style: Style) -> String {
    let label = format!("{}[{}]:", finding.severity, finding.rule);
    let message = format!("{label} {}", clean::line(&finding.message, style));
    let mut out = paint(&label, finding.severity.into(), style.color);
    for (number, line) in wrap::wrap(&message, style.width.saturating_sub(2).max(20)).iter().enumerate() {
        // The label is one word, so the first line holds all of it.
        let text = if number == 0 { line.get(label.len()..).unwrap_or_default().trim_start() } else { line };
        out.push_str(if number == 0 { " " } else { "  " });
        out.push_str(&paint(text, Ink::Strong, style.color));
        out.push('\n');
    }
    out
}

/// What the client gets.
fn result(status: Option<u16>) -> String {
    let Some(status) = status else {
        return "no answer".to_owned();
    };
    let reason = match status {
        200 => " OK",
        301 => " Moved Permanently",
        302 => " Found",
        400 => " Bad Request",
        403 => " Forbidden",
        404 => " Not Found",
        405 => " Not Allowed",
        408 => " Request Time-out",
        413 => " Request Entity Too Large",
        414 => " Request-URI Too Large",
        429 => " Too Many Requests",
        500 => " Internal Server Error",
        502 => " Bad Gateway",
        503 => " Service Temporarily Unavailable",
        504 => " Gateway Time-out",
        _ => "",
    };
    format!("{status}{reason}")
}

/// The places that there is no room to show: `a.conf:1, 2, b.conf:1 and 7 more`.
fn unshown(finding: &Finding, sources: &Sources) -> Option<String> {
    let rest = finding.labels().get(MOST_LABELS..).filter(|rest| !rest.is_empty())?;
    let mut named = String::new();
    let mut file = None;
    for label in rest.iter().take(MOST_NAMED) {
        let source = sources.get(label.span.file);
        let line = source.position(label.span.start).line;
        if !named.is_empty() {
            named.push_str(", ");
        }
        if file != Some(label.span.file) {
            named.push_str(&format!("{}:", source.path));
        }
        named.push_str(&line.to_string());
        file = Some(label.span.file);
    }
    match rest.len().saturating_sub(MOST_NAMED) {
        0 => Some(named),
        more => Some(format!("{named} and {more} more")),
    }
}

/// The framed lines, as miette draws them.
fn snippets(snippet: &Snippet, severity: Severity, style: Style) -> Result<String, fmt::Error> {
    let handler = GraphicalReportHandler::new_themed(theme(snippet, severity, style))
        .without_syntax_highlighting()
        .with_context_lines(1)
        .with_width(style.width);
    let mut drawn = String::new();
    handler.render_report(&mut drawn, &Lines(snippet))?;
    // The first line is the place of the message, which is empty: the heading says it.
    let (_, frames) = drawn.split_once('\n').unwrap_or_default();
    Ok(align(frames, snippet, style))
}

/// The label that matters most in the colour of the finding, the others in one of their own.
fn theme(snippet: &Snippet, severity: Severity, style: Style) -> GraphicalTheme {
    let characters = match style.unicode {
        true => ThemeCharacters::unicode(),
        // A row of carets without a bar in it is what everybody knows.
        false => ThemeCharacters { underbar: '^', ..ThemeCharacters::ascii() },
    };
    let mut styles = if style.color { ThemeStyles::ansi() } else { ThemeStyles::none() };
    let primary = match severity {
        Severity::Error => styles.error,
        Severity::Warning => styles.warning,
        Severity::Advice => styles.advice,
    };
    let other = styles.advice;
    styles.highlights = snippet.marks.iter().map(|mark| if mark.primary { primary } else { other }).collect();
    GraphicalTheme { characters, styles }
}

/// Moves the frames of one finding to one column (miette indents each by the width of its own
/// line numbers), and drops blanks at the ends of lines.
fn align(frames: &str, snippet: &Snippet, style: Style) -> String {
    let corner = if style.unicode { '╭' } else { ',' };
    let digits = |line: usize| line.to_string().len();
    let widths: Vec<usize> = snippet.stretches.iter().map(|stretch| digits(stretch.last_line)).collect();
    let widest = widths.iter().copied().max().unwrap_or_default();
    let mut widths = widths.into_iter();
    let mut missing = 0;
    let mut out = String::with_capacity(frames.len());
    for line in frames.lines() {
        if line.trim_start_matches(' ').starts_with(corner) {
            missing = widths.next().map_or(0, |width| widest - width);
        }
        out.push_str(&" ".repeat(missing));
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

/// A snippet as miette wants to see it: a diagnostic, and the source of that diagnostic.
#[derive(Clone, Copy)]
struct Lines<'a>(&'a Snippet);

impl Lines<'_> {
    fn label(mark: &Mark) -> LabeledSpan {
        let text = (!mark.text.is_empty()).then(|| mark.text.clone());
        let span = (mark.range.start, mark.range.len());
        if mark.primary {
            LabeledSpan::new_primary_with_span(text, span)
        } else {
            LabeledSpan::new_with_span(text, span)
        }
    }
}

impl SourceCode for Lines<'_> {
    /// The whole stretch that holds the span, or, when no context is wanted, where the span is:
    /// that is how miette learns what to write above a frame.
    fn read_span<'b>(
        &'b self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'b> + 'b>, MietteError> {
        let (start, end) = (span.offset(), span.offset() + span.len());
        let index = self.0.stretches.partition_point(|stretch| stretch.range.end < start);
        let stretch = self
            .0
            .stretches
            .get(index)
            .filter(|stretch| stretch.range.start <= start && end <= stretch.range.end)
            .ok_or(MietteError::OutOfBounds)?;
        let mark = self.0.marks.iter().find(|mark| mark.range.start == start);
        let (range, line, column) = match mark {
            Some(mark) if before + after == 0 => (start..end, mark.position.line, mark.position.column),
            _ => (stretch.range.clone(), stretch.first_line, 1),
        };
        Ok(Box::new(MietteSpanContents::new_named(
            stretch.path.clone(),
            &self.0.text.as_bytes()[range.clone()],
            (range.start, range.len()).into(),
            line - 1,
            column - 1,
            stretch.last_line - stretch.first_line + 1,
        )))
    }
}

impl Diagnostic for Lines<'_> {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.0.marks.iter().map(Lines::label)))
    }
}

impl std::error::Error for Lines<'_> {}

impl fmt::Debug for Lines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lines")
    }
}

impl fmt::Display for Lines<'_> {
    /// Nothing: the message stands above what miette draws.
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}
