//! `gatelint facts`

use std::io;

use clap::Args;

use super::{CLEAN, FAILED, Streams};
use crate::host::survey::survey;

#[derive(Debug, Args)]
pub(super) struct FactsArguments {}

pub(super) fn run(_: &FactsArguments, streams: &mut Streams<'_>) -> io::Result<u8> {
    match toml::to_string_pretty(&survey()) {
        Ok(text) => {
            streams.out.write_all(text.as_bytes())?;
            Ok(CLEAN)
        }
        Err(error) => {
            super::complain(streams, &format!("cannot write the facts: {error}"));
            Ok(FAILED)
        }
    }
}
