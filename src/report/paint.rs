//! The few colours of the parts that miette does not draw.

use crate::finding::Severity;

/// What a stretch of text is, as far as its colour goes.
#[derive(Clone, Copy)]
pub(super) enum Ink {
    /// What stops or fails.
    Error,
    /// What will fail some day.
    Warning,
    /// What could be better, and what to do.
    Advice,
    /// What is to be read first.
    Strong,
    /// What may be overlooked.
    Faint,
}

impl From<Severity> for Ink {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Error => Ink::Error,
            Severity::Warning => Ink::Warning,
            Severity::Advice => Ink::Advice,
        }
    }
}

/// `text` in its colour, or as it is when there are no colours.
pub(super) fn paint(text: &str, ink: Ink, color: bool) -> String {
    if !color || text.is_empty() {
        return text.to_owned();
    }
    let code = match ink {
        Ink::Error => "1;31",
        Ink::Warning => "1;33",
        Ink::Advice => "1;36",
        Ink::Strong => "1",
        Ink::Faint => "2",
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}
