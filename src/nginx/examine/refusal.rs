//! What nginx refuses, as data: what is wrong, where, and in which words.

use super::values::Refused;
use crate::nginx::directives::{Arguments, Places};
use crate::source::Span;
use crate::values::version::Version;

/// Something that nginx refuses, or that is not what was meant.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// What is wrong.
    pub flaw: Flaw,
    /// The directive it is wrong with.
    pub name: String,
    /// The text that is wrong.
    pub span: Span,
    /// Where nginx notices, where it names a line.
    pub noticed: Option<Span>,
    /// nginx's words; empty where it does not refuse.
    pub refusal: String,
}

/// What nginx refuses.
#[derive(Clone, Debug)]
pub enum Flaw {
    /// A name that nginx does not know.
    Unknown(Unknown),
    /// A directive that may not stand in its block.
    Misplaced {
        /// Where it may stand.
        allowed: Places,
    },
    /// A directive behind the block that had to find it.
    Late {
        /// The block.
        first: Span,
    },
    /// A number of arguments that the directive does not take.
    Count {
        /// The numbers that it takes.
        allowed: Arguments,
        /// How many there are.
        given: usize,
    },
    /// An argument that the directive does not take.
    Value(Box<Refused>),
    /// An argument that a template should have filled in.
    Placeholder,
    /// A directive that the block holds already.
    Duplicate {
        /// The first one.
        first: Span,
    },
    /// A second location of a name, a listener or a default server that another one is already.
    Taken(Taken),
    /// A variable that nothing defines.
    Variable,
    /// A server that is to speak TLS has no certificate.
    NoCertificate,
    /// A block that lacks a directive without which it cannot be.
    Incomplete {
        /// What it lacks, as a noun phrase.
        needs: String,
    },
    /// A next line that became arguments, which nginx accepts.
    Swallowed {
        /// The name at the start of the next line.
        next: Span,
    },
}

/// What is there once only.
#[derive(Clone, Debug)]
pub enum Taken {
    /// A location's path, by an earlier location.
    Location(Span),
    /// An address, by a `listen` of the same server.
    Listen(Span),
    /// The options of an address, by an earlier `listen`.
    Options(Span),
    /// The place of the default server of an address, by another server.
    Default(String, Span),
    /// A name on an address, by an earlier server: nginx warns only.
    Name(String, String, Span),
    /// The name of an upstream group.
    Upstream(Span),
    /// A zone of shared memory, by a directive that uses it otherwise or gives it another size.
    Zone(String, Span),
}

/// Why a name is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// No nginx has it; a name that is spelled nearly so may be meant.
    Never(Option<&'static str>),
    /// A module brings it, by this name, that is not loaded.
    Module(&'static str, bool),
    /// It is gone since the release after this one; what has become of it.
    Removed(Version, &'static str),
    /// It came with this release.
    Newer(Version),
    /// The build lacks an optional module.
    NotBuilt(&'static str),
    /// A module that is not in view may bring it; the one that does, where it is known.
    Perhaps(Option<&'static str>),
}

impl Refusal {
    /// Whether nginx refuses for certain: it reads all of this, and nothing that is not known decides.
    pub fn is_refused(&self) -> bool {
        !self.refusal.is_empty()
    }
}
