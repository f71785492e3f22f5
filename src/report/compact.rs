//! One line per finding, for editors, grep and small screens: `path:line:column: severity: message [rule]`.

use std::io;

use super::{Report, Style, clean};

/// Writes a line for each finding and each error, and nothing when there are none.
pub(super) fn render(report: &Report<'_>, style: Style, out: &mut dyn io::Write) -> io::Result<()> {
    for finding in report.findings {
        let span = finding.primary().span;
        let source = report.sources.get(span.file);
        let at = source.position(span.start);
        writeln!(
            out,
            "{}:{}:{}: {}: {} [{}]",
            clean::line(&source.path, style),
            at.line,
            at.column,
            finding.severity,
            clean::line(&finding.message, style),
            finding.rule,
        )?;
    }
    for error in report.errors {
        writeln!(out, "gatelint: error: {}", clean::line(error, style))?;
    }
    Ok(())
}
