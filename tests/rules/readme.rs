//! The table of rules in README.md against what `gatelint rules` prints.

use std::fs;
use std::path::Path;
use std::process::Command;

use libtest_mimic::{Completion, Failed};

const BEGIN: &str = "<!-- rules -->\n";
const END: &str = "<!-- /rules -->";

/// Compares the two; with `GATELINT_UPDATE=1` the table is written anew.
pub fn agrees() -> Result<Completion, Failed> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let Ok(readme) = fs::read_to_string(&path) else { return Ok(Completion::ignored_with("there is no README.md")) };
    let parts = readme.split_once(BEGIN).and_then(|(before, rest)| {
        let (table, after) = rest.split_once(END)?;
        Some((before, table, after))
    });
    let (before, table, after) = parts.ok_or(format!("README.md lacks {} or {END}", BEGIN.trim()))?;
    let wanted = wanted()?;
    if table == wanted {
        return Ok(Completion::Completed);
    }
    if std::env::var_os("GATELINT_UPDATE").is_some() {
        fs::write(&path, format!("{before}{BEGIN}{wanted}{END}{after}")).map_err(|error| error.to_string())?;
        return Ok(Completion::Completed);
    }
    let missing = wanted.lines().filter(|line| !table.lines().any(|other| other == *line));
    let stale = table.lines().filter(|line| !wanted.lines().any(|other| other == *line));
    let differences = missing.map(|line| format!("+{line}")).chain(stale.map(|line| format!("-{line}")));
    let differences = differences.collect::<Vec<_>>().join("\n");
    Err(format!("README.md's table is not what `gatelint rules` prints (GATELINT_UPDATE=1 mends it):\n{differences}")
        .into())
}

/// The table that the program's list makes.
fn wanted() -> Result<String, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_gatelint"))
        .arg("rules")
        .output()
        .map_err(|error| format!("cannot run gatelint: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut table = "| rule | severity | what |\n| --- | --- | --- |\n".to_owned();
    let mut category = "";
    for line in text.lines().filter(|line| !line.is_empty()) {
        let Some(row) = line.strip_prefix("  ") else {
            category = line;
            continue;
        };
        let (id, rest) = row.split_once(' ').ok_or(format!("no rule: {line}"))?;
        let (severity, what) = rest.trim_start().split_once(' ').ok_or(format!("no rule: {line}"))?;
        table.push_str(&format!("| [`{id}`](rules/{category}/{id}.md) | {severity} | {} |\n", what.trim_start()));
    }
    Ok(table)
}
