//! Our verdict on whole configurations against that of the real `php-fpm -t`: thousands of small files with one to
//! three mistakes, made from a seed and the same on every run.
//!
//! Nothing that PHP-FPM accepts may be refused here. What it refuses must be refused here too, in its words and on the
//! line that it names, but for what hangs on the host's files: see [`needs_the_host`].
//!
//! `GATELINT_VERDICTS=200000` tries so many instead; `GATELINT_SEED=7` tries others. Without a php-fpm the test passes
//! and says so, except where `CI` is set: there it fails.
#![allow(clippy::disallowed_methods, reason = "tests read and lay out real files")]
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use gatelint::check::{Checked, Terms, check_host};
use gatelint::deployment::{Plan, Selection, View};
use gatelint::finding::Prediction;
use gatelint::host::facts::{FactsFile, MasterFact};
use gatelint::host::memory::Memory;
use gatelint::php::settings::{DIRECTIVES, Directive, Kind, Place};
use gatelint::thresholds::Thresholds;
use tempfile::TempDir;

mod real;

/// How many configurations are tried unless `GATELINT_VERDICTS` says otherwise.
const TRIED: usize = 2000;

/// Where the main file lies for us, so that it is known to be started as root.
const MAIN: &str = "/etc/php/8.2/fpm/php-fpm.conf";

/// Small, and the same on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % limit
    }

    fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.below(of.len())]
    }
}

/// Sound files to start from. Paths are relative, so that the server writes into the test's directory only.
const SOUND: &[&str] = &[
    "[global]\nerror_log = log\n[www]\nuser = nobody\nlisten = /tmp/x.sock\npm = static\npm.max_children = 1\n",
    "[global]\nerror_log = log\npid = pid\nlog_level = warning\nlog_limit = 1024\nprocess.max = 10\n\
     emergency_restart_threshold = 10\nemergency_restart_interval = 1m\nprocess_control_timeout = 10s\n\n\
     [www]\nuser = nobody\ngroup = nogroup\nlisten = 127.0.0.1:9000\nlisten.backlog = 511\npm = dynamic\n\
     pm.max_children = 5\npm.start_servers = 2\npm.min_spare_servers = 1\npm.max_spare_servers = 3\n\
     pm.max_requests = 500\npm.status_path = /status\nping.path = /ping\nping.response = pong\n",
    "error_log = log\n[www]\nuser = nobody\nlisten = 9000\nlisten.allowed_clients = 127.0.0.1\npm = ondemand\n\
     pm.max_children = 5\npm.process_idle_timeout = 10s\nslowlog = slow.log\nrequest_slowlog_timeout = 5s\n\
     request_slowlog_trace_depth = 20\nrequest_terminate_timeout = 30s\naccess.log = access.log\n\
     access.format = \"%R - %u %t \\\"%m %r%Q%q\\\" %s %f %{milli}d %{kilo}M %C%%\"\n\
     access.suppress_path[] = /ping\nsecurity.limit_extensions = .php .php7\n",
    "[global]\nerror_log = log ; here\n[a]\nuser=nobody\nlisten=a.sock\nlisten.owner=nobody\nlisten.mode=0660\npm=static\n\
     pm.max_children=1\nenv[HOSTNAME] = $HOSTNAME\nenv[TMP] = \"/tmp\"\nphp_admin_value[memory_limit] = 32M\n\
     php_flag[display_errors] = off\n[b]\nuser=nobody\nlisten=$pool.sock\npm=ondemand\npm.max_children=4\n\
     rlimit_files = 1024\nrlimit_core = 0\ncatch_workers_output = yes\nclear_env = no\n",
];

/// Values that stand on an edge, or beyond it.
#[rustfmt::skip]
const VALUES: &[&str] = &[
    "", "0", "1", "2", "3", "4", "5", "6", "10", "511", "512", "-1", "-19", "-20", "20", "21", "64", "99999999999",
    "5k", "5.5", "0x10", "010", "30s", "1m", "1m30s", "5ms", "0s", "-5s", "1h", "25d", "30sec", "s", "yes", "no", "on",
    "Off", "none", "NULL", "true", "\"yes\"", "\"Yes\"", "static", "dynamic", "ondemand", "ONDEMAND", "Static", "nobody",
    "ghost", "0660", "rw", "/status", "status", "/", "\"/a b\"", "/~x", "\"/~x\"", "\"/%\"", "unlimited", "epoll", "poll",
    "SELECT", "kqueue", "notice", "info", "WARN", "daemon", "local9", "$pool", "$prefix", "${HOME}", "${NOTHING}",
    "127.0.0.1:9000", "9000", "\"\"", "''", "'a b'", "a b", "a;b", "a=b", "a&b", "3|4", "!1", "E_ALL", "%R", "\"%a\"",
    "\"%{x}d\"", "\"%{mili}d\"", "\"%e\"", "\"%{A}e\"", "\"%{open\"", "\"%{milli}\"", "%", "%%", "\"%{kilo}M %C\"",
    "\"%o\"", "\"% {x}d\"", ".php", "pong",
];

/// What is put between the characters of a line.
#[rustfmt::skip]
const CHARACTERS: &[&str] = &[
    " ", "\t", "=", ";", "#", "[", "]", "\"", "'", "\\", "$", "{", "}", "(", ")", "&", "|", "^", "~", "!", ",", ".", "0",
    "1", "-", "a", "s", "m", "\r", "\n", "\u{feff}", "é",
];

/// What one configuration is made of.
struct Made {
    main: String,
    /// A file that the main file includes.
    pool: Option<String>,
}

fn made(random: &mut Random) -> Made {
    let mut lines: Vec<String> = random.one(SOUND).lines().map(str::to_owned).collect();
    for _ in 0..=random.below(3) {
        mutate(&mut lines, random);
    }
    // Now and then the last pool is in a file of its own.
    let header = lines.iter().rposition(|line| line.starts_with('['));
    match header.filter(|_| random.below(5) == 0) {
        Some(at) => {
            let pool = lines.split_off(at);
            lines.push("include = pool.d/*.conf".to_owned());
            Made { main: joined(&lines, random), pool: Some(joined(&pool, random)) }
        }
        None => Made { main: joined(&lines, random), pool: None },
    }
}

fn joined(lines: &[String], random: &mut Random) -> String {
    let mut text = lines.join("\n");
    if random.below(20) > 0 {
        text.push('\n');
    }
    text
}

fn mutate(lines: &mut Vec<String>, random: &mut Random) {
    let at = random.below(lines.len());
    match random.below(12) {
        0 => drop(lines.remove(at)),
        1 => {
            let other = random.below(lines.len());
            lines.swap(at, other);
        }
        2 => {
            let line = lines[at].clone();
            lines.insert(random.below(lines.len() + 1), line);
        }
        3..6 => lines.insert(at + 1, setting(random)),
        6..9 => {
            let key = lines[at].split('=').next().unwrap_or_default().trim().to_owned();
            let directive = DIRECTIVES.iter().find(|directive| !directive.array && directive.name == key);
            lines[at] = match directive {
                Some(directive) if directive.kind == Kind::Path || key == "include" => return,
                _ => format!("{key} = {}", random.one(VALUES)),
            };
        }
        9 => lines[at] = with_a_character(&lines[at], random),
        10 => {
            // The start of a path stays, so that it stays in the test's directory.
            let length = random.below(lines[at].chars().count() + 1);
            lines[at] = lines[at].chars().take(length).collect();
        }
        _ => {
            // Not `[$pool]`: php-fpm replaces `$pool` in it by itself for ever.
            let header = ["[global]", "[www]", "[WWW]", "[b]", "[]", "[a b]", " [www]", "[www"];
            lines.insert(at, random.one(&header).to_owned());
        }
    }
    if lines.is_empty() {
        lines.push(String::new());
    }
}

/// A line for some directive.
fn setting(random: &mut Random) -> String {
    let known: Vec<&Directive> = DIRECTIVES.iter().filter(|known| known.needs.is_none()).collect();
    let directive = random.one(&known);
    let name = directive.name;
    match directive.kind {
        // An own directory that is there, or a file in one: nothing else may come out.
        Kind::Path if ["chdir", "chroot", "prefix"].contains(&name) => format!("{name} = \"\""),
        Kind::Path => format!("{name} = file.log"),
        Kind::Pattern => format!("{name} = nothing-here"),
        _ if directive.array => {
            let index = random.one(&["", "A", "memory_limit", "\"x\"", " b ", "${HOME}", "0"]);
            format!("{name}[{index}] = {}", random.one(VALUES))
        }
        _ if directive.section == Place::Pool && random.below(9) == 0 => name.to_uppercase() + " = 5",
        _ => format!("{name} = {}", random.one(VALUES)),
    }
}

fn with_a_character(line: &str, random: &mut Random) -> String {
    let characters: Vec<char> = line.chars().collect();
    let at = random.below(characters.len() + 1);
    let (before, behind) = characters.split_at(at);
    let skipped = random.below(2).min(behind.len());
    let mut changed: String = before.iter().collect();
    // Paths stay relative, and never go up.
    let character = match random.one(CHARACTERS) {
        "." if line.contains("log") => "x",
        character => character,
    };
    changed.push_str(character);
    changed.extend(&behind[skipped..]);
    changed
}

/// The real program, and a directory that is the prefix of all paths.
struct Fpm {
    binary: PathBuf,
    dir: TempDir,
}

impl Fpm {
    /// Whether the program accepts a configuration, and what it says.
    fn test(&self, made: &Made) -> (bool, String) {
        let dir = self.dir.path();
        let pool = dir.join("pool.d/a.conf");
        fs::write(dir.join("fpm.conf"), &made.main).unwrap();
        let _ = fs::remove_file(&pool);
        if let Some(text) = &made.pool {
            fs::write(pool, text).unwrap();
        }
        let output = Command::new(&self.binary)
            .current_dir(dir)
            .env_clear()
            .env("HOME", "here")
            .args(["-n", "-t", "-p"])
            .arg(dir)
            .arg("-y")
            .arg(dir.join("fpm.conf"))
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout) + &text(&output.stderr))
    }
}

/// A refusal that we predict: the words, and the line of the primary label with its file.
struct Predicted {
    rule: &'static str,
    message: String,
    line: usize,
}

/// What we say about a configuration on a host with this machine's users.
fn predicted(made: &Made, prefix: &Path) -> Vec<Predicted> {
    let mut host = Memory::default();
    for users in ["/etc/passwd", "/etc/group"] {
        host.add(users, fs::read(users).unwrap_or_default());
    }
    host.add("/etc/nsswitch.conf", "passwd: files\ngroup: files\n");
    host.add(MAIN, made.main.as_str());
    host.add(prefix.join("keep"), "");
    // The directory is there, with or without a pool in it.
    host.add(prefix.join("pool.d/keep"), "");
    if let Some(pool) = &made.pool {
        host.add(prefix.join("pool.d/a.conf"), pool.as_str());
    }
    let master = MasterFact { config: MAIN.into(), prefix: Some(prefix.to_owned()), state: None, allow_root: None };
    let facts = FactsFile { fpm: vec![master], ..FactsFile::default() };
    let plan = Plan::new("/".into(), View::Root, Selection::default());
    let terms = Terms {
        facts: vec![facts],
        thresholds: Thresholds::default(),
        declared_directives: Default::default(),
        selected: &|_| true,
    };
    let mut checked = Checked::default();
    check_host(&host, &plan, &terms, &mut checked).unwrap();
    let refused = checked.findings.iter().filter_map(|finding| match &finding.predicts {
        Some(Prediction::Refused { message, .. }) => {
            let span = finding.primary().span;
            let line = checked.sources.get(span.file).position(span.start).line;
            Some(Predicted { rule: finding.rule, message: message.clone(), line })
        }
        _ => None,
    });
    refused.collect()
}

/// Refusals that no file of the configuration decides: whether a directory is there, whether a file can be opened.
fn needs_the_host(said: &str) -> bool {
    let signs = [
        "does not exist or is not a directory",
        "failed to open error_log",
        "failed to open access log",
        "Unable to create or open slowlog",
        // The part of a text behind a `'` is read beyond the end of a buffer: what is there is chance.
        "syntax error, unexpected end of file, expecting TC_RAW",
    ];
    signs.iter().any(|sign| said.contains(sign))
}

/// Whether a configuration holds what we leave open: values of the environment, which here are words that no setting
/// takes.
fn is_open(made: &Made) -> bool {
    let mut lines = made.main.lines().chain(made.pool.iter().flat_map(|pool| pool.lines()));
    lines.any(|line| line.contains("${"))
}

/// What is wrong with our verdict, if anything.
fn difference(fpm: &Fpm, made: &Made, is_root: bool) -> Option<String> {
    let (accepted, said) = fpm.test(made);
    let mut predicted = predicted(made, fpm.dir.path());
    if !is_root {
        // Only a master that runs as root needs a user.
        predicted.retain(|one| !one.message.contains("user has not been defined"));
    }
    let ours: Vec<String> = predicted.iter().map(|one| format!("{}:{} {}", one.rule, one.line, one.message)).collect();
    let told = |what: &str| {
        let pool = made.pool.as_deref().map(|pool| format!("\n--- pool.d/a.conf\n{pool}")).unwrap_or_default();
        Some(format!("=== {what}\n{}{pool}\n--- php-fpm: {}\n--- we: {ours:?}", made.main, said.trim()))
    };
    match (accepted, predicted.is_empty()) {
        (true, true) => None,
        (true, false) => told("a false refusal"),
        (false, true) if needs_the_host(&said) || is_open(made) => None,
        (false, true) => told("a refusal that we do not see"),
        (false, false) => {
            let is_said = |one: &&Predicted| said.contains(&one.message);
            let Some(one) = predicted.iter().find(is_said) else {
                return if needs_the_host(&said) || is_open(made) { None } else { told("other words") };
            };
            // Behind an include PHP-FPM counts wrong, and of the grammar it names no line at all.
            let named = format!(":{}] ", one.line);
            let names_a_line = said.contains("/fpm.conf:") && said.contains(&format!("] {}", one.message));
            match names_a_line && made.pool.is_none() && !said.contains(&named) && !is_open(made) {
                true => told("another line"),
                false => None,
            }
        }
    }
}

#[test]
fn verdicts_are_those_of_the_server() {
    let Some(binary) = real::php_fpm() else { return };
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<usize>().ok());
    let (tried, seed) = (number("GATELINT_VERDICTS").unwrap_or(TRIED), number("GATELINT_SEED").unwrap_or(1));
    let is_root = fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let wrong: Vec<String> = std::thread::scope(|scope| {
        let work = |thread: usize| {
            let fpm = Fpm { binary: binary.clone(), dir: TempDir::new().unwrap() };
            fs::create_dir(fpm.dir.path().join("pool.d")).unwrap();
            // Each configuration has a seed of its own, whichever thread tries it.
            let of_thread = (thread..tried).step_by(threads);
            let found = of_thread.filter_map(|at| {
                let made = made(&mut Random((seed * 1_000_003 + at) as u64 * 0x9e37_79b9));
                difference(&fpm, &made, is_root)
            });
            found.collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..threads).map(|thread| scope.spawn(move || work(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
}
