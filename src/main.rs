//! The `gatelint` program. Everything is in the library.

use std::io::{self, IsTerminal};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

fn main() -> ExitCode {
    let is_terminal = io::stdout().is_terminal();
    let (mut out, mut err) = (io::stdout(), io::stderr());
    let run = AssertUnwindSafe(|| {
        let mut streams = gatelint::cli::Streams { out: &mut out, err: &mut err, is_terminal };
        gatelint::cli::main(std::env::args_os(), &mut streams)
    });
    // The panic itself has been printed with its place; scripts get a status of its own.
    ExitCode::from(catch_unwind(run).unwrap_or(gatelint::cli::INTERNAL))
}
