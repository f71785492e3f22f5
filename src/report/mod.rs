//! What a run has to say, in the form somebody asked for: for a person, for an editor, for a program.
//!
//! This part sees findings and the texts they speak of, nothing else. One file per format; only
//! `text` knows miette. Everything that comes from a file passes `clean` before it is printed, so
//! that no configuration can drive a terminal or break a document.

mod clean;
mod compact;
mod json;
mod markdown;
mod paint;
mod redact;
mod snippet;
mod summary;
mod text;
mod wrap;

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::str::FromStr;
use std::time::Duration;

use crate::finding::{Finding, Severity, Unchecked};
use crate::source::Sources;

pub(crate) use json::escape_hidden;
pub use markdown::markdown;
pub(crate) use summary::duration;

/// Everything a run has to say.
pub struct Report<'a> {
    /// What was found, in the order it is shown in.
    pub findings: &'a [Finding],
    /// The texts the findings speak of.
    pub sources: &'a Sources,
    /// What kept the tool from doing its job.
    pub errors: &'a [String],
    /// What rules could not look at for want of a fact.
    pub unchecked: &'a BTreeSet<Unchecked>,
    /// How much was looked at.
    pub summary: Summary,
    /// From which severity on findings fail the run; `None` means never.
    pub fail_on: Option<Severity>,
}

impl Report<'_> {
    /// How many findings have this severity.
    fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}

/// How much was looked at, and how long it took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Files that were read.
    pub files: usize,
    /// `server` blocks of nginx.
    pub servers: usize,
    /// Places where nginx hands a request to another program.
    pub handovers: usize,
    /// Pools of PHP-FPM.
    pub pools: usize,
    /// Wall-clock time of the whole run.
    pub elapsed: Duration,
}

/// The forms a report can take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people: the lines with marks under them, what follows, what to do.
    Text,
    /// For editors and grep: one line per finding.
    Compact,
    /// For programs: one document, version 1.
    Json,
}

impl Format {
    /// All of them, the default first.
    pub const ALL: [Format; 3] = [Format::Text, Format::Compact, Format::Json];

    /// The lower-case word used on the command line.
    pub const fn as_str(self) -> &'static str {
        match self {
            Format::Text => "text",
            Format::Compact => "compact",
            Format::Json => "json",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        Format::ALL.into_iter().find(|format| format.as_str() == word).ok_or_else(|| {
            let known = Format::ALL.map(Format::as_str).join(", ");
            format!("no such format; there are {known}")
        })
    }
}

/// What the place that the text goes to can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether ANSI colours are understood.
    pub color: bool,
    /// Whether frames may be drawn with characters beyond ASCII.
    pub unicode: bool,
    /// Columns of a line.
    pub width: usize,
}

impl Default for Style {
    fn default() -> Self {
        Style { color: false, unicode: true, width: 100 }
    }
}

/// A text that may have several lines, without anything that a terminal would act upon.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c == '\n' { c } else { clean::visible(c, Style::default()) }).collect()
}

/// Writes `report` to `out`. Machine formats are one valid document whatever was found.
pub fn render(format: Format, report: &Report<'_>, style: Style, out: &mut dyn io::Write) -> io::Result<()> {
    match format {
        Format::Text => text::render(report, style, out),
        Format::Compact => compact::render(report, style, out),
        Format::Json => json::render(report, out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_read_back_from_their_names() {
        for format in Format::ALL {
            assert_eq!(format.as_str().parse(), Ok(format));
        }
        assert_eq!("yaml".parse::<Format>(), Err("no such format; there are text, compact, json".to_owned()));
    }
}
