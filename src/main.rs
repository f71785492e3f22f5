//! The `gatelint` program. Everything is in the library.

use std::io::{self, IsTerminal};
use std::process::ExitCode;

fn main() -> ExitCode {
    let is_terminal = io::stdout().is_terminal();
    let (mut out, mut err) = (io::stdout(), io::stderr());
    let mut streams = gatelint::cli::Streams { out: &mut out, err: &mut err, is_terminal };
    ExitCode::from(gatelint::cli::main(std::env::args_os(), &mut streams))
}
