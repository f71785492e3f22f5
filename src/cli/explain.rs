//! `gatelint explain RULE`

use std::io;

use clap::Args;

use super::{CLEAN, FAILED, Streams};
use crate::deployment::nearest::distance;
use crate::report::markdown;
use crate::rules;

#[derive(Debug, Args)]
pub(super) struct ExplainArguments {
    /// The id of a rule
    rule: String,
}

pub(super) fn run(arguments: &ExplainArguments, streams: &mut Streams<'_>) -> io::Result<u8> {
    let Some(rule) = rules::find(&arguments.rule) else {
        let close = rules::all().min_by_key(|rule| distance(rule.id, &arguments.rule));
        let close = close.filter(|rule| distance(rule.id, &arguments.rule) <= 4);
        let hint = close.map_or_else(String::new, |rule| format!("; the nearest is `{}`", rule.id));
        super::complain(streams, &format!("`{}` is no rule{hint}; `gatelint rules` lists them", arguments.rule));
        return Ok(FAILED);
    };
    let style = super::style(None, streams.is_terminal);
    streams.out.write_all(markdown(rule.document, style).as_bytes())?;
    Ok(CLEAN)
}
