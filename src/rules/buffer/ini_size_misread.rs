//! A size that PHP reads as another one.

use crate::deployment::Deployment;
use crate::finding::Finding;
use crate::php::ini_settings::{self, LEAST_MEMORY, Zero};
use crate::php::layers::Ini;
use crate::php::readers::{self, Difference};
use crate::rules::{Findings, Rule, rule};
use crate::source::{Sources, Span};
use crate::values::placeholder::is_placeholder;

pub(super) static RULE: Rule = rule!(
    buffer / "ini-size-misread",
    Warning,
    "PHP reads another size than is written",
    supersedes["body-limits-inconsistent"]
);

fn check(deployment: &Deployment, _: &Sources, findings: &mut Findings) {
    for master in deployment.machines.iter().flat_map(|machine| &machine.masters).filter(|master| !master.is_absent()) {
        for setting in &master.ini.settings {
            findings.findings.extend(misread(&setting.name, setting.value.text.as_deref(), setting.value.span));
        }
        for pool in &master.pools {
            for (name, assigned) in Ini::entries(&pool.settings) {
                findings.findings.extend(misread(name, assigned.text.as_deref(), assigned.value_span));
            }
        }
    }
}

fn misread(name: &str, text: Option<&str>, span: Span) -> Option<Finding> {
    let (setting, text) = (ini_settings::find(name)?, text.filter(|text| !is_placeholder(text))?);
    let zero = ini_settings::zero_of_size(name)?;
    let reading = readers::size(text);
    let bytes = reading.value()?;
    let is_ignored = zero == Zero::Ignored && (0..LEAST_MEMORY).contains(&bytes);
    let why = match reading.difference() {
        Some(Difference::Empty) if zero == Zero::NoLimit => "an empty value means no limit",
        Some(Difference::Ignored) => "only the number at the start and a last letter K, M or G count",
        Some(Difference::NoNumber) => "no number stands at the start, which counts as 0",
        Some(Difference::Overflow) => "the number is too big",
        Some(Difference::Octal) => "a number with a leading 0 is octal",
        Some(Difference::Empty) | None if is_ignored => "less than PHP needs to start",
        Some(Difference::Empty) | None => return None,
    };
    let shown = if text.is_empty() { "an empty value" } else { text };
    let message = match (bytes, zero) {
        _ if is_ignored => {
            format!(
                "PHP reads `{name} = {shown}` as {}, ignores it and keeps the limit it had, {}",
                told(bytes),
                setting.default
            )
        }
        (..=0, Zero::NoLimit) => format!("PHP reads `{name} = {shown}` as {}, which is no limit", told(bytes)),
        _ => format!("PHP reads `{name} = {shown}` as {}", told(bytes)),
    };
    let finding = RULE.finding(message, span, why);
    let finding = match (name, bytes) {
        ("post_max_size", 1..) => {
            let finding = finding.note("of a larger form the script sees nothing, and the client gets 200");
            let dropped = || format!("bytes exceeds the limit of {bytes} bytes");
            // So little that no other limit is met before.
            if bytes < 1024 { finding.predict(200, dropped()) } else { finding }
        }
        ("upload_max_filesize", 1..) => finding.note("the script does not get a larger file, and the client gets 200"),
        _ => finding,
    };
    Some(match written_out(text) {
        Some(meant) => finding.help(format!("write `{name} = {meant}`")),
        None => finding.help("write a whole number with one letter: 512K, 64M or 1G"),
    })
}

/// A number of bytes, shortened where that loses nothing.
fn told(bytes: i64) -> String {
    match bytes {
        0 => "0".to_owned(),
        _ if bytes % (1 << 30) == 0 => format!("{}G", bytes >> 30),
        _ if bytes % (1 << 20) == 0 => format!("{}M", bytes >> 20),
        _ if bytes % (1 << 10) == 0 => format!("{}K", bytes >> 10),
        _ => format!("{bytes} bytes"),
    }
}

/// What `64MB`, `64 mib` or `1.5G` was meant for, in PHP's way of writing.
fn written_out(text: &str) -> Option<String> {
    let lower = text.trim().to_ascii_lowercase();
    let end = lower.find(|char: char| !char.is_ascii_digit() && char != '.')?;
    let number = &lower[..end];
    let (letter, below) = match lower[end..].trim() {
        "k" | "kb" | "kib" => ('K', None),
        "m" | "mb" | "mib" => ('M', Some('K')),
        "g" | "gb" | "gib" => ('G', Some('M')),
        _ => return None,
    };
    match number.split_once('.') {
        None => Some(format!("{number}{letter}")),
        Some((whole, part)) => {
            let tenths = whole.parse::<u32>().ok()?.checked_mul(10)? + part.get(..1)?.parse::<u32>().ok()?;
            Some(format!("{}{}", tenths.checked_mul(1024)? / 10, below?))
        }
    }
}
