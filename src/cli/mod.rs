//! The command line: parses arguments, hands over streams, returns an exit status.

use std::ffi::OsString;
use std::io::{self, Write};

use clap::{Parser, Subcommand};

use crate::report::{Style, printable};

mod check;
mod config;
mod explain;
mod facts;
mod parse;
mod rules;

/// Nothing at or above `--fail-on` was found.
pub const CLEAN: u8 = 0;
/// Findings at or above `--fail-on`.
pub const FOUND: u8 = 1;
/// The job could not be done.
pub const FAILED: u8 = 2;
/// A fault of this program.
pub const INTERNAL: u8 = 3;

/// Finds the 502 before the reload: reads nginx's and PHP-FPM's configuration together and reports
/// what will fail, on the lines that disagree.
#[derive(Debug, Parser)]
#[command(name = "gatelint", version, args_conflicts_with_subcommands = true, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    check: check::CheckArguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lint; without PATH, this host
    Check(Box<check::CheckArguments>),
    /// Show what gatelint.toml and the options put in force, and why; takes the arguments of check
    Config(Box<check::CheckArguments>),
    /// Show a rule's document
    Explain(explain::ExplainArguments),
    /// List the rules
    Rules(rules::RulesArguments),
    /// Print the parsed tree of a file of nginx and of what it includes, as crossplane's JSON
    Parse(parse::ParseArguments),
    /// Print what this host knows, as a facts file for use elsewhere
    Facts(facts::FactsArguments),
}

/// Where a command writes.
pub struct Streams<'a> {
    /// Results.
    pub out: &'a mut dyn Write,
    /// Complaints.
    pub err: &'a mut dyn Write,
    /// Whether results go to a terminal.
    pub is_terminal: bool,
}

/// Runs a command line and returns its exit status.
pub fn main(arguments: impl IntoIterator<Item = OsString>, streams: &mut Streams<'_>) -> u8 {
    let words: Vec<OsString> = arguments.into_iter().collect();
    let arguments = match Arguments::try_parse_from(&words) {
        Ok(arguments) => arguments,
        // Help and version are answers, everything else is a bad command line.
        Err(error) if !error.use_stderr() => {
            let written = write!(streams.out, "{}", error.render());
            return finish(written, CLEAN, streams);
        }
        Err(error) => {
            let text = error.render().to_string();
            let _ = write!(streams.err, "{text}");
            let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
            let _ = check::bad_command_line(&words, message, streams);
            return FAILED;
        }
    };
    let result = match arguments.command.unwrap_or_else(|| Command::Check(Box::new(arguments.check))) {
        Command::Check(arguments) => check::run(&arguments, streams),
        Command::Config(arguments) => config::run(&arguments, streams),
        Command::Explain(arguments) => explain::run(&arguments, streams),
        Command::Rules(arguments) => rules::run(&arguments, streams),
        Command::Parse(arguments) => parse::run(&arguments, streams),
        Command::Facts(arguments) => facts::run(&arguments, streams),
    };
    match result {
        Ok(status) => status,
        Err(error) => finish(Err(error), FAILED, streams),
    }
}

/// A reader who has seen enough closes the pipe; that is no failure of ours.
fn finish(written: io::Result<()>, status: u8, streams: &mut Streams<'_>) -> u8 {
    match written {
        Ok(()) => status,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => CLEAN,
        Err(error) => {
            let _ =
                writeln!(streams.err, "gatelint: error: cannot write the results: {}", printable(&error.to_string()));
            FAILED
        }
    }
}

/// Prints what stopped the tool, with its causes.
fn complain(streams: &mut Streams<'_>, message: &str) {
    let _ = writeln!(streams.err, "gatelint: error: {}", printable(message));
}

/// Says something on the side, cleaned of what a terminal would act upon.
fn note(streams: &mut Streams<'_>, message: &str) {
    let _ = writeln!(streams.err, "gatelint: {}", printable(message).replace('\n', " "));
}

/// How text is shown: in colour on a terminal unless `NO_COLOR` is set, as wide as the terminal says.
fn style(color: Option<bool>, is_terminal: bool) -> Style {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let color = color.unwrap_or(is_terminal && !no_color);
    Style { color, width: columns.unwrap_or(Style::default().width), ..Style::default() }
}
