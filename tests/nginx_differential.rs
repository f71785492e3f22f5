//! Damaged configurations, read by a real nginx and by gatelint: both must refuse the same ones, and on the same line.
//!
//! The configurations of `testdata/nginx` are damaged at random, reproducibly: `GATELINT_SEED` begins elsewhere, and
//! `GATELINT_ROUNDS` sets how many are tried (2000 by itself). What gatelint does not look at, and why, stands in
//! `testdata/nginx/blind-spots.txt`. Without nginx the test is skipped; with `CI` in the environment it fails.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::print_stdout)]

mod real;
#[path = "real/verdict.rs"]
mod verdict;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use gatelint::host::facts::FactsFile;
use gatelint::nginx::directives;
use verdict::{Files, Said, build, gatelint, is_environment, nginx};

/// Damage of which some is refused for certain must be refused so often by both.
const LEAST_AGREEMENT: f64 = 0.99;

#[test]
fn nginx_and_gatelint_refuse_the_same() {
    let Some(build) = build() else {
        println!("skipped: nginx is not installed");
        return;
    };
    let number = |name: &str, default: u64| env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let (seed, rounds) = (number("GATELINT_SEED", 1), number("GATELINT_ROUNDS", 2000) as usize);
    let bases: Vec<Files> = ["php", "proxy", "limits", "names"].into_iter().map(base).collect();
    let blind: Vec<String> =
        read("blind-spots.txt").lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
    let next = AtomicUsize::new(0);
    let (sender, results) = mpsc::channel();
    thread::scope(|scope| {
        for worker in 0..thread::available_parallelism().map_or(2, usize::from) + 1 {
            let (sender, next, bases, build) = (sender.clone(), &next, &bases, &build);
            scope.spawn(move || {
                let scratch = tempfile::tempdir().unwrap();
                loop {
                    let round = next.fetch_add(1, Ordering::Relaxed);
                    if round >= rounds {
                        break;
                    }
                    let mut chance = Chance(seed.wrapping_mul(0x9e37_79b9).wrapping_add(round as u64));
                    let mut files = bases[round % bases.len()].clone();
                    let mut damage = String::new();
                    for _ in 0..=usize::from(chance.one_in(5)) {
                        damage = chance.damage(&mut files);
                    }
                    let verdict = Verdict::of(&files, &scratch.path().join(worker.to_string()), build);
                    sender.send((round, damage, verdict)).unwrap();
                }
            });
        }
        drop(sender);
    });
    let mut results: Vec<_> = results.into_iter().collect();
    results.sort_by_key(|(round, ..)| *round);
    let mut tally = Tally::default();
    for (round, damage, verdict) in &results {
        tally.take(*round, damage, verdict, &blind);
    }
    println!("{}\n{}", tally.shown(), tally.disagreements());
    assert_eq!(tally.false_refusals, Vec::<String>::new(), "gatelint refuses what nginx accepts");
    let agreement = 1.0 - (tally.missed.len() + tally.elsewhere.len()) as f64 / tally.compared.max(1) as f64;
    assert!(agreement >= LEAST_AGREEMENT, "agreement {agreement:.4}\n{}", tally.disagreements());
}

/// What the two say about a configuration.
struct Verdict {
    /// nginx's first complaint, with file and line where it names them; none where it accepts.
    nginx: Option<(String, Option<(String, usize)>)>,
    /// What gatelint says nginx refuses: rule, message, and the lines.
    gatelint: Vec<Said>,
}

impl Verdict {
    fn of(files: &Files, folder: &Path, build: &FactsFile) -> Self {
        Verdict { nginx: nginx(files, folder), gatelint: gatelint(files, build) }
    }
}

impl Verdict {
    fn ends_there(&self, message: &str) -> bool {
        self.gatelint.iter().any(|(_, told, _)| told.ends_with(message))
    }
}

#[derive(Default)]
struct Tally {
    compared: usize,
    refused: usize,
    environment: usize,
    blind: usize,
    findings: usize,
    false_refusals: Vec<String>,
    missed: Vec<String>,
    elsewhere: Vec<String>,
}

impl Tally {
    fn take(&mut self, round: usize, damage: &str, verdict: &Verdict, blind: &[String]) {
        let told = || {
            let said =
                |(rule, message, lines): &(String, String, BTreeSet<_>)| format!("    {rule}: {message} {lines:?}");
            verdict.gatelint.iter().map(said).collect::<Vec<_>>().join("\n")
        };
        match &verdict.nginx {
            Some((message, _)) if is_environment(message) => self.environment += 1,
            None => {
                self.compared += 1;
                if !verdict.gatelint.is_empty() {
                    self.false_refusals.push(format!("{round}: {damage}\n{}", told()));
                }
            }
            Some((message, place)) => {
                if verdict.gatelint.is_empty() && blind.iter().any(|spot| message.contains(spot)) {
                    self.blind += 1;
                    return;
                }
                self.compared += 1;
                self.refused += 1;
                self.findings += verdict.gatelint.len();
                let on_line =
                    |place: &(String, usize)| verdict.gatelint.iter().any(|(_, _, lines)| lines.contains(place));
                if verdict.gatelint.is_empty() {
                    self.missed.push(format!("{round}: {damage}\n  nginx: {message} {place:?}"));
                } else if message.starts_with("unexpected end of file") && verdict.ends_there(message) {
                    // There is no text on that line to point at: the prediction says it.
                } else if place.as_ref().is_some_and(|place| !on_line(place)) {
                    self.elsewhere.push(format!("{round}: {damage}\n  nginx: {message} {place:?}\n{}", told()));
                }
            }
        }
    }

    fn shown(&self) -> String {
        format!(
            "{} compared, {} refused by nginx, {} missed, {} on another line, {} false, {} in blind spots, {} for the \
             environment, {:.2} findings each",
            self.compared,
            self.refused,
            self.missed.len(),
            self.elsewhere.len(),
            self.false_refusals.len(),
            self.blind,
            self.environment,
            self.findings as f64 / self.refused.max(1) as f64,
        )
    }

    fn disagreements(&self) -> String {
        let list = |title: &str, all: &[String]| format!("{title}:\n{}\n", all.join("\n"));
        list("missed", &self.missed) + &list("on another line", &self.elsewhere)
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/nginx")
}

fn read(path: &str) -> String {
    fs::read_to_string(folder().join(path)).unwrap_or_default()
}

fn base(name: &str) -> Files {
    fn walk(folder: &Path, below: &str, files: &mut Files) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let name = format!("{below}{}", entry.file_name().to_string_lossy());
            match entry.path().is_dir() {
                true => walk(&entry.path(), &format!("{name}/"), files),
                false => drop(files.insert(name, fs::read(entry.path()).unwrap())),
            }
        }
    }
    let mut files = Files::new();
    walk(&folder().join(name), "", &mut files);
    files
}

/// A small generator of numbers (splitmix64): the same seed gives the same damage.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    /// Damages one file, and says how.
    fn damage(&mut self, files: &mut Files) -> String {
        let names: Vec<String> = files.keys().cloned().collect();
        // Most of it goes into the main file and those with servers.
        let name = match self.one_in(6) {
            true => self.pick(&names).clone(),
            false => {
                self.pick(&names.iter().filter(|name| name.ends_with(".conf")).cloned().collect::<Vec<_>>()).clone()
            }
        };
        let text = files.get(&name).cloned().unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        if lines.is_empty() {
            return "nothing".to_owned();
        }
        let at = self.below(lines.len());
        let other = self.below(lines.len());
        let what = match self.below(15) {
            0 | 14 => return self.damage_bytes(files, &name),
            1 => {
                let line = lines.remove(at);
                format!("without line {}: {line}", at + 1)
            }
            2 => {
                lines.insert(at, lines[other].clone());
                format!("line {} repeated at {}: {}", other + 1, at + 1, lines[at])
            }
            3 => {
                lines.swap(at, other);
                format!("lines {} and {} swapped", at + 1, other + 1)
            }
            4 => {
                lines[at] = lines[at].replacen([';', '{', '}'], "", 1);
                format!("line {} without a sign: {}", at + 1, lines[at])
            }
            5 | 6 => {
                let statement = self.statement();
                lines.insert(at, statement.clone());
                format!("line {} is new: {statement}", at + 1)
            }
            7 | 8 => {
                let words: Vec<&str> = lines[at].split(' ').collect();
                let index = self.below(words.len());
                let mut words: Vec<String> = words.into_iter().map(str::to_owned).collect();
                words[index] = self.value() + if words[index].ends_with(';') { ";" } else { "" };
                lines[at] = words.join(" ");
                format!("line {} has another word: {}", at + 1, lines[at])
            }
            9 => {
                let words: Vec<&str> = lines[at].split(' ').collect();
                let index = self.below(words.len());
                let mut words: Vec<String> = words.into_iter().map(str::to_owned).collect();
                match self.one_in(2) {
                    true => drop(words.remove(index)),
                    false => words.insert(index, self.value()),
                }
                lines[at] = words.join(" ");
                format!("line {} has a word more or less: {}", at + 1, lines[at])
            }
            10 => {
                let line = lines.remove(at);
                let to = self.below(lines.len() + 1);
                lines.insert(to, line.clone());
                format!("line {} moved to {}: {line}", at + 1, to + 1)
            }
            11 => {
                let chars: Vec<char> = lines[at].chars().collect();
                let index = self.below(chars.len());
                lines[at] = chars.iter().enumerate().filter(|(at, _)| *at != index).map(|(_, char)| char).collect();
                format!("line {} without a letter: {}", at + 1, lines[at])
            }
            12 => {
                // A value goes to where another one of a directive of the same kind stands.
                let word = lines[other].split_whitespace().nth(1).unwrap_or("x").trim_end_matches(';').to_owned();
                let name = lines[at].split_whitespace().next().unwrap_or("x").to_owned();
                lines[at] = format!("{name} {word};");
                format!("line {} is {}", at + 1, lines[at])
            }
            _ => {
                lines.truncate(at);
                format!("ends before line {}", at + 1)
            }
        };
        files.insert(name.clone(), (lines.join("\n") + "\n").into_bytes());
        format!("{name}: {what}")
    }

    /// Takes away, puts in or replaces single bytes.
    fn damage_bytes(&mut self, files: &mut Files, name: &str) -> String {
        const SIGNS: [&[u8]; 16] = [
            b";",
            b"{",
            b"}",
            b"\"",
            b"'",
            b"\\",
            b"$",
            b"#",
            b" ",
            b"\n",
            b"${",
            b"\xef\xbb\xbf",
            b"\xc2\xa0",
            b"(",
            b"~",
            b"\r",
        ];
        let Some(text) = files.get_mut(name) else { return String::new() };
        let at = self.below(text.len());
        let line = 1 + text[..at].iter().filter(|byte| **byte == b'\n').count();
        let what = match self.below(4) {
            3 => {
                // nginx's buffer holds 4095 bytes of a word or a comment.
                let length = 4090 + self.below(10);
                let mut long = self.pick(&["#", "x", "\"", "\0", " \0 "]).as_bytes().to_vec();
                long.extend(b"y".repeat(length));
                long.extend(self.pick(&["\n", " ", "\"", ";"]).as_bytes());
                text.splice(at..at, long.iter().copied());
                format!("{length} bytes are new")
            }
            0 => {
                let gone = text.remove(at);
                format!("byte {:?} is gone", gone as char)
            }
            1 => {
                let sign = *self.pick(&SIGNS);
                text.splice(at..at, sign.iter().copied());
                format!("{:?} is new", String::from_utf8_lossy(sign))
            }
            _ => {
                text.truncate(at);
                "the end".to_owned()
            }
        };
        format!("{name}:{line}: {what}")
    }

    /// A statement with a name of the table and values by chance.
    fn statement(&mut self) -> String {
        let entry = self.pick(directives::all());
        let most = entry.arguments.most.unwrap_or(entry.arguments.least + 2);
        let count = match self.one_in(6) {
            true => self.below(5),
            false => entry.arguments.least + self.below(most - entry.arguments.least + 1),
        };
        let values: Vec<String> = (0..count).map(|_| self.value()).collect();
        let end = if entry.is_block != self.one_in(20) { " { }" } else { ";" };
        [vec![entry.name.to_owned()], values].concat().join(" ") + end
    }

    fn value(&mut self) -> String {
        const VALUES: [&str; 48] = [
            "on",
            "off",
            "1",
            "0",
            "10",
            "8 16k",
            "64k",
            "1m",
            "1g",
            "2G",
            "30s",
            "500ms",
            "1h",
            "1M",
            "1y",
            "-1",
            "1.5s",
            "any",
            "all",
            "none",
            "error",
            "timeout",
            "http_502",
            "$host",
            "$nosuch",
            "${host}x",
            "$",
            "\"a b\"",
            "'x'",
            "/srv/www",
            "127.0.0.1:9000",
            "unix:/run/x.sock",
            "[::1]:80",
            "80",
            "text/html",
            "GET",
            "http://127.0.0.1:81",
            "=404",
            "404",
            "700",
            "^/a(b)$",
            "~",
            "user:rw",
            "utf-8",
            "zone=req",
            "max=10",
            "x",
            "@missing",
        ];
        (*self.pick(&VALUES)).to_owned()
    }
}
