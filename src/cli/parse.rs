//! `gatelint parse FILE`

use std::io;
use std::path::PathBuf;

use clap::Args;
use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::PrettyFormatter;

use super::{CLEAN, FAILED, FOUND, Streams};
use crate::host::disk::Disk;
use crate::nginx::crossplane::{Payload, Status, payload};
use crate::report::escape_hidden;

#[derive(Debug, Args)]
pub(super) struct ParseArguments {
    /// A file of nginx's configuration; relative includes begin at its directory
    file: PathBuf,
    /// Keep comments, as statements of the name `#`
    #[arg(long)]
    include_comments: bool,
    /// Blanks by which the JSON is indented; without it, everything stands on one line
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u8).range(0..=16))]
    indent: Option<u8>,
}

pub(super) fn run(arguments: &ParseArguments, streams: &mut Streams<'_>) -> io::Result<u8> {
    let here = std::env::current_dir()?;
    let payload = payload(&Disk::running(), &here, &arguments.file, arguments.include_comments);
    let text = json(&payload, arguments.indent)?;
    streams.out.write_all(escape_hidden(&text).as_bytes())?;
    streams.out.write_all(b"\n")?;
    Ok(match payload.status {
        Status::Ok => CLEAN,
        Status::Failed if payload.main_was_read() => FOUND,
        Status::Failed => FAILED,
    })
}

fn json(payload: &Payload, indent: Option<u8>) -> io::Result<String> {
    let mut bytes = Vec::new();
    match indent {
        None => serde_json::to_writer(&mut bytes, payload)?,
        Some(blanks) => {
            let blanks = vec![b' '; blanks.into()];
            payload.serialize(&mut Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(&blanks)))?;
        }
    }
    String::from_utf8(bytes).map_err(io::Error::other)
}
