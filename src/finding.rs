//! What the program has to say: findings, the lines they speak of, and the order they are shown in.
//!
//! A finding knows nothing about terminals or formats; the `report` module turns it into text.

use std::fmt;

use crate::source::{Sources, Span};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Better practice; shown on demand only.
    Advice,
    /// Fails under load, with time, on a reload or a change, or contradicts what was evidently meant.
    Warning,
    /// Does not start, or a request that the configuration serves fails for certain.
    Error,
}

impl Severity {
    /// The lower-case word used on the command line and in every format.
    pub const fn as_str(self) -> &'static str {
        match self {
            Severity::Advice => "advice",
            Severity::Warning => "warning",
            Severity::Error => "error",
        }
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What part of a deployment a rule looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// Who listens where, and who dials.
    Connection,
    /// Who may open a socket, a directory, a file.
    Permission,
    /// The chain of time limits, outside in.
    Timeout,
    /// Buffers and body sizes.
    Buffer,
    /// Workers, memory, descriptors, queues.
    Capacity,
    /// Whether the request reaches the intended PHP file.
    Script,
    /// Groups of servers, their failures and retries.
    Upstream,
    /// What the servers' own tests refuse.
    Syntax,
    /// Files that are not the ones in force.
    Loading,
    /// Units, logs, and what softens a failure.
    Service,
}

impl Category {
    /// Every category.
    pub const ALL: [Category; 10] = [
        Category::Connection,
        Category::Permission,
        Category::Timeout,
        Category::Buffer,
        Category::Capacity,
        Category::Script,
        Category::Upstream,
        Category::Syntax,
        Category::Loading,
        Category::Service,
    ];

    /// The lower-case word used on the command line and in every format.
    pub const fn as_str(self) -> &'static str {
        match self {
            Category::Connection => "connection",
            Category::Permission => "permission",
            Category::Timeout => "timeout",
            Category::Buffer => "buffer",
            Category::Capacity => "capacity",
            Category::Script => "script",
            Category::Upstream => "upstream",
            Category::Syntax => "syntax",
            Category::Loading => "loading",
            Category::Service => "service",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A server program whose own test or start refuses a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// nginx.
    Nginx,
    /// The PHP FastCGI process manager.
    PhpFpm,
}

impl Program {
    /// The name as people and formats write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Program::Nginx => "nginx",
            Program::PhpFpm => "php-fpm",
        }
    }
}

/// What a finding says will happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prediction {
    /// A request of the kind the finding speaks of is answered like this.
    Response {
        /// The status the client gets; `None` where no answer comes.
        status: Option<u16>,
        /// The text in nginx's error log; `None` where nothing is logged.
        log: Option<String>,
    },
    /// The configuration test or the start fails.
    Refused {
        /// Who refuses.
        by: Program,
        /// What it prints.
        message: String,
    },
}

/// A place that takes part in a finding, with what is to be said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What is the matter there; may be empty.
    pub text: String,
}

/// A replacement of some text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The text that goes.
    pub span: Span,
    /// The text that comes.
    pub text: String,
}

/// A change that removes a finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fix {
    /// What the change does, as an instruction.
    pub title: String,
    /// Whether it can be applied without judgement.
    pub safe: bool,
    /// The replacements; they do not overlap.
    pub edits: Vec<Edit>,
}

/// One mistake: a fact, the lines that take part, what follows from it, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Id of the rule.
    pub rule: &'static str,
    /// Category of the rule.
    pub category: Category,
    /// How much it matters here.
    pub severity: Severity,
    /// The fact, in one sentence without a full stop.
    pub message: String,
    /// The places; the first is the primary one, and there always is one.
    labels: Vec<Label>,
    /// Facts that belong to it but to no line.
    pub notes: Vec<String>,
    /// What to do next, with the actual values.
    pub help: Option<String>,
    /// What will happen.
    pub predicts: Option<Prediction>,
    /// Changes that remove it.
    pub fixes: Vec<Fix>,
    /// The servers it concerns, by name, where it is about what servers share.
    pub servers: Vec<String>,
}

impl Finding {
    /// A finding with its primary place. Made through `Rule::finding`, which knows the rule.
    pub fn new(rule: &'static str, category: Category, severity: Severity, message: String, primary: Label) -> Self {
        Finding {
            rule,
            category,
            severity,
            message,
            labels: vec![primary],
            notes: Vec::new(),
            help: None,
            predicts: None,
            fixes: Vec::new(),
            servers: Vec::new(),
        }
    }

    /// The places, the primary one first.
    pub fn labels(&self) -> &[Label] {
        &self.labels
    }

    /// The primary place.
    pub fn primary(&self) -> &Label {
        &self.labels[0]
    }

    /// Makes the first place that somebody can edit the primary one.
    pub fn lead_with(&mut self, is_editable: impl Fn(Span) -> bool) {
        if let Some(at) = self.labels.iter().position(|label| is_editable(label.span)) {
            self.labels[..=at].rotate_right(1);
        }
    }

    /// Adds a place; one that is there already is not repeated.
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        if self.labels.iter().all(|label| label.span != span) {
            self.labels.push(Label { span, text: text.into() });
        }
        self
    }

    /// Adds a place, where there is one.
    pub fn label_at(self, span: Option<Span>, text: impl Into<String>) -> Self {
        match span {
            Some(span) => self.label(span, text),
            None => self,
        }
    }

    /// Gives it another severity than the rule's own.
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Adds a fact that belongs to no line.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Says what to do next.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says how a request will be answered and what nginx's error log will hold.
    pub fn predict(mut self, status: u16, log: impl Into<Option<String>>) -> Self {
        self.predicts = Some(Prediction::Response { status: Some(status), log: log.into() });
        self
    }

    /// Says that a program refuses the configuration, and in which words.
    pub fn refused_by(mut self, by: Program, message: impl Into<String>) -> Self {
        self.predicts = Some(Prediction::Refused { by, message: message.into() });
        self
    }

    /// Offers a change.
    pub fn fix(mut self, fix: Fix) -> Self {
        self.fixes.push(fix);
        self
    }
}

/// Puts findings into the order they are shown in: path, offset, severity (errors first), rule,
/// message; and merges those that say the same about the same lines.
pub fn sort_and_merge(findings: &mut Vec<Finding>, sources: &Sources) {
    findings.sort_by(|a, b| order(a, sources).cmp(&order(b, sources)));
    findings.dedup_by(|b, a| a.rule == b.rule && a.message == b.message && places(a, sources).eq(places(b, sources)));
}

fn order<'a>(finding: &'a Finding, sources: &'a Sources) -> impl Ord + 'a {
    let span = finding.primary().span;
    let path = sources.get(span.file).path.as_str();
    (path, span.start, std::cmp::Reverse(finding.severity), finding.rule, finding.message.as_str())
}

/// Where a finding points; several deployments may read the same file.
fn places<'a>(finding: &'a Finding, sources: &'a Sources) -> impl Iterator<Item = (&'a str, u32, u32)> {
    let place = |label: &Label| (sources.get(label.span.file).path.as_str(), label.span.start, label.span.end);
    finding.labels.iter().map(place)
}

/// Something a rule would have looked at, had it known a fact.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unchecked {
    /// Id of the rule that rested.
    pub rule: &'static str,
    /// What is not known, as a noun phrase: `memory`, `groups of the user nginx`.
    pub needs: String,
    /// The option or key that would supply it, e.g. `--memory`.
    pub option: String,
}
