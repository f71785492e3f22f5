//! The table of directives, asked of the nginx that is installed: whether it knows each name, in which blocks it takes
//! it, with how many arguments, with which words, and whether twice.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::print_stdout)]

mod real;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use gatelint::nginx::directives::{self, Entry, Places, Value};
use gatelint::values::version::Version;

/// Blocks, and the configuration that a statement in each needs around it.
const BLOCKS: [(&str, &str, &str); 9] = [
    ("main", "events { } ", ""),
    ("events", "events { ", " }"),
    ("http", "events { } http { ", " }"),
    ("server", "events { } http { server { ", " } }"),
    ("location", "events { } http { server { location / { ", " } } }"),
    ("upstream", "events { } http { upstream u { server 127.0.0.1; ", " } }"),
    ("server_if", "events { } http { server { if ($args) { ", " } } }"),
    ("location_if", "events { } http { server { location / { if ($args) { ", " } } } }"),
    ("limit_except", "events { } http { server { location / { limit_except GET { ", " } } } }"),
];

/// A question and the answer that the table gives.
struct Question {
    text: String,
    /// A text that nginx's answer holds, or must not hold.
    holds: String,
    wanted: bool,
}

#[test]
fn nginx_agrees_with_every_line_of_the_table() {
    let Some(installed) = real::installed() else {
        println!("skipped: nginx is not installed");
        return;
    };
    let version = Version::parse(&installed.version).unwrap();
    let built = |entry: &Entry| {
        // What only other systems have, and what an engine of the library decides, cannot be asked here.
        let platform = ["devpoll", "eventport", "iocp", "kqueue", "openssl"];
        let option = entry.options().all(|option| installed.modules.iter().any(|module| module == option));
        // A package may have it or not.
        let is_sure = !entry.is_backported || entry.since.is_some_and(|since| since <= version);
        option && is_sure && entry.is_in(version) && !platform.contains(&entry.module)
    };
    let mut questions = Vec::new();
    for entry in directives::all().iter().filter(|entry| built(entry)) {
        let others: Vec<&Entry> = directives::entries(entry.name).iter().filter(|other| built(other)).collect();
        questions.extend(places(entry, &others));
        questions.extend(counts(entry));
        questions.extend(words(entry, version));
        questions.extend(twice(entry));
    }
    let wrong = ask(&questions);
    println!("{} questions", questions.len());
    assert!(wrong.is_empty(), "{} of {} answers differ:\n{}", wrong.len(), questions.len(), wrong.join("\n"));
}

/// Whether it is allowed in each block; nine arguments are too many for most, and the block is looked at first.
fn places(entry: &Entry, others: &[&Entry]) -> Vec<Question> {
    let allowed = others.iter().fold(Places::NONE, |places, other| places | other.places);
    let ask = |(name, before, after): &(&str, &str, &str)| Question {
        text: format!("{before}{}{};{after}", entry.name, " x".repeat(9)),
        holds: format!("\"{}\" directive is not allowed here", entry.name),
        wanted: allowed.and(Places::named(name)).is_none(),
    };
    BLOCKS.iter().map(ask).collect()
}

/// Whether each number of arguments is taken.
fn counts(entry: &Entry) -> Vec<Question> {
    let Some((before, after)) = block_of(entry) else { return Vec::new() };
    let end = if entry.is_block { " { }" } else { ";" };
    let ask = |count: usize| Question {
        text: format!("{before}{}{}{end}{after}", entry.name, " x".repeat(count)),
        holds: format!("invalid number of arguments in \"{}\" directive", entry.name),
        wanted: !entry.arguments.allow(count),
    };
    (0..9).map(ask).collect()
}

/// Whether each word is taken, and another one is not.
fn words(entry: &Entry, version: Version) -> Vec<Question> {
    let (Value::One(words) | Value::Some(words)) = entry.value else { return Vec::new() };
    let Some((before, after)) = block_of(entry) else { return Vec::new() };
    let ask = |(word, wanted): (&str, bool)| Question {
        text: format!("{before}{} {word};{after}", entry.name),
        holds: format!("invalid value \"{word}\""),
        wanted,
    };
    let known = words.split(' ').map(|word| {
        let (word, since) = word.split_once('@').unwrap_or((word, ""));
        (word, Version::parse(since).is_some_and(|since| version < since))
    });
    known.chain([("nosuchword", true)]).map(ask).collect()
}

/// Whether a second one is refused.
fn twice(entry: &Entry) -> Vec<Question> {
    let value = match entry.value {
        Value::Flag => "on",
        Value::Size | Value::Offset | Value::Number | Value::SizeVars | Value::Msec | Value::Sec => "64",
        Value::Text | Value::List | Value::Vars | Value::VarsList => "abc",
        Value::Buffers => "8 16k",
        Value::Pair => "a b",
        Value::Bind => "127.0.0.1",
        Value::Access => "user:rw",
        _ => return Vec::new(),
    };
    let Some((before, after)) = block_of(entry) else { return Vec::new() };
    let statement = format!("{} {value}; ", entry.name);
    vec![Question {
        text: format!("{before}{}{after}", statement.repeat(2)),
        holds: format!("\"{}\" directive is duplicate", entry.name),
        wanted: entry.once,
    }]
}

/// What stands around a directive in the first of the blocks it may stand in.
fn block_of(entry: &Entry) -> Option<(&'static str, &'static str)> {
    let (name, before, after) = BLOCKS.iter().find(|(name, _, _)| !entry.places.and(Places::named(name)).is_none())?;
    // A second block `events` would come in the way.
    Some((if *name == "main" && matches!(entry.name, "events") { "" } else { before }, after))
}

/// The questions to which nginx answers otherwise.
fn ask(questions: &[Question]) -> Vec<String> {
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let folder = tempfile::tempdir().unwrap();
    thread::scope(|scope| {
        for worker in 0..thread::available_parallelism().map_or(2, usize::from) + 1 {
            let (next, wrong, folder) = (&next, &wrong, folder.path().join(worker.to_string()));
            scope.spawn(move || {
                fs::create_dir_all(folder.join("logs")).unwrap();
                while let Some(question) = questions.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let answer = answer(&question.text, &folder);
                    if answer.contains(&question.holds) != question.wanted {
                        let line = format!("{}\n    {}", question.text, answer.trim());
                        wrong.lock().unwrap().push(line);
                    }
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().unwrap();
    wrong.sort();
    wrong
}

fn answer(text: &str, folder: &Path) -> String {
    let file = folder.join("nginx.conf");
    fs::write(&file, text).unwrap();
    let output = Command::new("nginx").args(["-t", "-e", "/dev/null", "-p"]).arg(folder).arg("-c").arg(file).output();
    String::from_utf8_lossy(&output.unwrap().stderr).into_owned()
}
