//! `gatelint rules`

use std::io;

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::{CLEAN, Streams};
use crate::rules;

#[derive(Debug, Args)]
pub(super) struct RulesArguments {
    /// The shape of the list
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Shape,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shape {
    Text,
    Json,
}

/// A rule as machines read it.
#[derive(Serialize)]
struct Row {
    id: &'static str,
    category: &'static str,
    severity: &'static str,
    summary: &'static str,
}

pub(super) fn run(arguments: &RulesArguments, streams: &mut Streams<'_>) -> io::Result<u8> {
    let rows: Vec<Row> = rules::all()
        .map(|rule| Row {
            id: rule.id,
            category: rule.category.as_str(),
            severity: rule.severity.as_str(),
            summary: rule.summary,
        })
        .collect();
    match arguments.format {
        Shape::Json => {
            serde_json::to_writer_pretty(&mut *streams.out, &rows)?;
            writeln!(streams.out)?;
        }
        Shape::Text => {
            let width = rows.iter().map(|row| row.id.len()).max().unwrap_or(0);
            let mut category = "";
            for row in &rows {
                if row.category != category {
                    let gap = if category.is_empty() { "" } else { "\n" };
                    writeln!(streams.out, "{gap}{}", row.category)?;
                    category = row.category;
                }
                writeln!(streams.out, "  {:width$}  {:7}  {}", row.id, row.severity, row.summary)?;
            }
        }
    }
    Ok(CLEAN)
}
