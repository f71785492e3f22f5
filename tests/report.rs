//! What reports look like: each case is rendered and compared with its files in `testdata/report`.
//!
//! `GATELINT_UPDATE=1 cargo test --test report` rewrites them; read the difference before you
//! believe it.
#![allow(clippy::disallowed_methods, reason = "tests read and lay out real files")]
#![allow(clippy::unwrap_used, reason = "a test may stop at once")]

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use gatelint::finding::{Category, Edit, Finding, Fix, Label, Program, Severity, Unchecked};
use gatelint::report::{Format, Report, Style, Summary, render};
use gatelint::source::{FileId, Sources, Span};

/// Everything a report is made of.
struct Case {
    sources: Sources,
    findings: Vec<Finding>,
    errors: Vec<String>,
    unchecked: BTreeSet<Unchecked>,
    summary: Summary,
    fail_on: Option<Severity>,
}

impl Case {
    fn new() -> Self {
        let elapsed = Duration::from_millis(14);
        Case {
            sources: Sources::default(),
            findings: Vec::new(),
            errors: Vec::new(),
            unchecked: BTreeSet::new(),
            summary: Summary { files: 12, servers: 3, handovers: 5, pools: 2, elapsed },
            fail_on: Some(Severity::Error),
        }
    }

    fn file(&mut self, path: &str, bytes: impl AsRef<[u8]>) -> FileId {
        self.sources.add(path.to_owned(), None, bytes.as_ref().to_vec())
    }

    /// The first place where `text` stands in a file.
    fn span(&self, file: FileId, text: impl AsRef<[u8]>) -> Span {
        let text = text.as_ref();
        let start = self.sources.get(file).bytes().windows(text.len()).position(|window| window == text).unwrap();
        Span::new(file, start, start + text.len())
    }

    fn render(&self, format: Format, style: Style) -> String {
        let report = Report {
            findings: &self.findings,
            sources: &self.sources,
            errors: &self.errors,
            unchecked: &self.unchecked,
            summary: self.summary,
            fail_on: self.fail_on,
        };
        let mut out = Vec::new();
        render(format, &report, style, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }
}

fn finding(rule: &'static str, severity: Severity, message: &str, span: Span, text: &str) -> Finding {
    let label = Label { span, text: text.to_owned() };
    Finding::new(rule, Category::Connection, severity, message.to_owned(), label)
}

fn unchecked(rule: &'static str, needs: &str, option: &str) -> Unchecked {
    Unchecked { rule, needs: needs.to_owned(), option: option.to_owned() }
}

const UNICODE: Style = Style { color: false, unicode: true, width: 100 };
const ASCII: Style = Style { unicode: false, ..UNICODE };
const COLOR: Style = Style { color: true, ..UNICODE };

const SHOP: &str = r"server {
    listen 80;
    server_name shop.example.com;
    root /srv/shop/public;

    location / {
        try_files $uri /index.php$is_args$args;
    }

    location ~ \.php$ {
        include snippets/fastcgi-php.conf;
        fastcgi_pass unix:/run/php/php8.1-fpm.sock;
        fastcgi_read_timeout 30s;
    }
}
";

const POOL: &str = "[www]
user = www-data
group = www-data
listen = /run/php/php8.2-fpm.sock
listen.owner = www-data

pm = static
pm.max_children = 40
request_terminate_timeout = 60s
";

fn listener_missing(case: &mut Case) -> Finding {
    let (path, real) = ("etc/nginx/sites-enabled/shop", "etc/nginx/sites-available/shop");
    let site = case.sources.add(path.to_owned(), Some(real.to_owned()), SHOP.into());
    let pool = case.file("etc/php/8.2/fpm/pool.d/www.conf", POOL);
    let dialled = case.span(site, "unix:/run/php/php8.1-fpm.sock");
    let fix = Fix {
        title: "dial the socket of pool www".to_owned(),
        safe: true,
        edits: vec![Edit { span: dialled, text: "unix:/run/php/php8.2-fpm.sock".to_owned() }],
    };
    let message = "no pool listens on /run/php/php8.1-fpm.sock";
    finding("listener-missing", Severity::Error, message, dialled, "nginx dials this socket")
        .label(case.span(pool, "/run/php/php8.2-fpm.sock"), "the only pool of this host listens here")
        .predict(502, "connect() to unix:/run/php/php8.1-fpm.sock failed (2: No such file or directory) while connecting to upstream".to_owned())
        .note("every .php of shop.example.com is answered like this")
        .help("fastcgi_pass unix:/run/php/php8.2-fpm.sock;")
        .fix(fix)
}

fn two_files() -> Case {
    let mut case = Case::new();
    let finding = listener_missing(&mut case);
    case.findings.push(finding);
    case
}

/// Labels near and far in one file, two in one line, and one with nothing to say.
fn one_file() -> Case {
    let mut case = Case::new();
    let pool = case.file(
        "etc/php/8.2/fpm/pool.d/www.conf",
        "[www]\nuser = www-data\nlisten = 9000\n; one\n; two\n; three\n; four\n; five\n; six\npm = dynamic\n\
         pm.max_children = 5\npm.start_servers = 20\npm.min_spare_servers = 2\npm.max_spare_servers = 30\n",
    );
    let finding = finding(
        "spare-servers-invalid",
        Severity::Error,
        "pool www starts 20 workers and keeps up to 30 spare, but may never have more than 5",
        case.span(pool, "20"),
        "more than there may ever be; FPM refuses to start the whole master for this, not only the pool",
    )
    .label(case.span(pool, "5\n"), "the most there may be")
    .label(case.span(pool, "pm.max_spare_servers"), "")
    .label(case.span(pool, "30"), "more than that, too")
    .label(case.span(pool, "[www]"), "in this pool")
    .refused_by(Program::PhpFpm, "[pool www] pm.start_servers(20) must not be less than pm.min_spare_servers(2) and not greater than pm.max_spare_servers(30)");
    case.findings.push(finding);
    case
}

/// A label on a whole block, with one inside of it.
fn block() -> Case {
    let mut case = Case::new();
    let site = case.file("etc/nginx/conf.d/shop.conf", SHOP);
    let from = case.span(site, "location ~ \\.php$");
    let block = from.to(case.span(site, "30s;\n    }"));
    let finding = finding(
        "request-never-ends",
        Severity::Warning,
        "nothing limits how long a request may run",
        block,
        "requests of this location",
    )
    .label(case.span(site, "location ~ \\.php$"), "")
    .label(case.span(site, "30s"), "nginx gives up, PHP runs on")
    .predict(504, None);
    case.findings.push(finding);
    case
}

/// Everything that would drive a terminal, in a line, a path, a message, a label, a help, an error.
fn controls() -> Case {
    let mut case = Case::new();
    let nasty = "\u{1b}[31mred\u{1b}[0m\u{7}\u{9b}2J\u{202e}evil\u{202c}\r";
    let file = case.file(&format!("etc/nginx/{nasty}.conf"), format!("user {nasty} www;\r\nworker_processes 1;\r\n"));
    let finding = finding(
        "user-unknown",
        Severity::Error,
        &format!("there is no user {nasty}\nsecond line"),
        case.span(file, "www"),
        &format!("from {nasty}"),
    )
    .refused_by(Program::Nginx, format!("getpwnam(\"{nasty}\") failed"))
    .note(format!("note {nasty}"))
    .help(format!("help {nasty}\n  indented"));
    case.findings.push(finding);
    case.errors.push(format!("cannot read etc/{nasty}: permission denied"));
    case.unchecked.insert(Unchecked { rule: "r", needs: nasty.to_owned(), option: "--facts".to_owned() });
    case
}

/// Tabs, bytes that are not UTF-8, wide and combining characters before and in labels.
fn characters() -> Case {
    let mut case = Case::new();
    let file = case.file(
        "etc/nginx/nginx.conf",
        b"http {\n\tserver {\n\t\tserver_name\tshop;\t# tab\n\t\troot /srv/\xfcber/\xff\xfe/www; # latin-1\n\
          \t\troot /srv/\xe6\xbc\xa2\xe5\xad\x97/www; # wide\n\t\troot /srv/\xc3\xbcber/e\xcc\x81/www; # combining\n\t}\n}\n",
    );
    let finding = finding("tabs", Severity::Warning, "carets stay", case.span(file, "shop"), "under shop")
        .label(case.span(file, b"\xfcber"), "latin-1")
        .label(case.span(file, "latin-1"), "under latin-1")
        .label(case.span(file, "漢字"), "under two wide characters")
        .label(case.span(file, "wide"), "under wide")
        .label(case.span(file, "combining"), "under combining");
    case.findings.push(finding);
    case
}

/// 100 kB in one line, with labels in it that are far apart, and one that is long itself.
fn long_line() -> Case {
    let mut case = Case::new();
    let filler = "abcdefghi ".repeat(10_000);
    let file = case.file(
        "etc/nginx/conf.d/long.conf",
        format!("# {filler}\nmap $uri $pool {{ {filler} default unix:/run/a.sock; {filler} other unix:/run/b.sock; {filler} }}\n{filler}\nroot {filler};\n"),
    );
    let message = "no pool listens on /run/a.sock";
    let primary = case.span(file, "unix:/run/a.sock");
    let root = case.span(file, "root ");
    let finding = finding("listener-missing", Severity::Error, message, primary, "this value of $pool")
        .label(case.span(file, "unix:/run/b.sock"), "and this one")
        .label(Span { end: root.end + filler.len() as u32, ..root }, "a very long one");
    case.findings.push(finding);
    case
}

/// A file without a byte, ends of files with and without a line end, empty labels.
fn ends() -> Case {
    let mut case = Case::new();
    let empty = case.file("etc/nginx/empty.conf", "");
    let open = case.file("etc/nginx/open.conf", "events {}\nhttp {\n    server {\n");
    let bare = case.file("etc/nginx/bare.conf", "user www");
    case.findings.push(finding("empty", Severity::Error, "the file is empty", Span::new(empty, 0, 0), "nothing here"));
    let end = case.sources.get(open).bytes().len();
    case.findings.push(
        finding(
            "unexpected-end",
            Severity::Error,
            "the file ends inside a block",
            Span::new(open, end, end),
            "a } is missing",
        )
        .label(case.span(open, "server {"), "opened here")
        .refused_by(Program::Nginx, "unexpected end of file, expecting \"}\""),
    );
    case.findings.push(finding(
        "unexpected-end",
        Severity::Error,
        "the file ends inside a directive",
        Span::new(bare, 8, 8),
        "a ; is missing",
    ));
    case
}

/// Several findings, errors, facts that are missing.
fn several() -> Case {
    let mut case = Case::new();
    let missing = listener_missing(&mut case);
    let main = case.file("etc/nginx/nginx.conf", "user nginx;\nworker_processes auto;\n");
    let pool = case.file(
        "etc/php/8.2/fpm/pool.d/shop.conf",
        "[shop]\nuser = shop\ngroup = shop\nlisten = /run/shop.sock\nlisten.group = shop\nrequest_terminate_timeout = 300s\n",
    );
    let site = case.file("etc/nginx/sites-enabled/blog", SHOP.replace("shop", "blog"));
    let denied = finding(
        "socket-permission-denied",
        Severity::Error,
        "nginx may not open /run/shop.sock",
        case.span(pool, "listen.group = shop"),
        "the socket will be shop:shop 0660 (the mode is the default)",
    )
    .label(case.span(main, "nginx"), "workers run as nginx, in group nginx only (etc/group)")
    .label(case.span(site, "unix:/run/php/php8.1-fpm.sock"), "dialled here")
    .predict(502, "connect() to unix:/run/shop.sock failed (13: Permission denied) while connecting to upstream".to_owned())
    .help("listen.group = nginx, then restart php8.2-fpm (a reload keeps the old owner);\nnot 0666: any local account could run PHP as shop");
    let slow = finding(
        "nginx-gives-up-first",
        Severity::Warning,
        "nginx waits 30s; pool shop may run 300s",
        case.span(site, "30s"),
        "nginx answers 504 after 30s",
    )
    .label(case.span(pool, "300s"), "FPM kills at 300s to 400s")
    .predict(504, "upstream timed out (110: Connection timed out) while reading response header from upstream".to_owned())
    .note("8 such requests fill all 8 workers of the pool")
    .help("if 30s is meant: request_terminate_timeout = 20s (it strikes up to 4/3 later); if 300s is needed: fastcgi_read_timeout 420s; in that location")
    .fix(Fix {
        title: "let nginx wait longer".to_owned(),
        safe: false,
        edits: vec![Edit { span: case.span(site, "30s"), text: "420s".to_owned() }],
    });
    let advice =
        finding("worker-processes", Severity::Advice, "worker_processes follows the CPUs", case.span(main, "auto"), "");
    case.findings = vec![advice, missing, slow, denied];
    case.errors.push("cannot read etc/nginx/conf.d/secret.conf: permission denied".to_owned());
    case.unchecked = BTreeSet::from([
        unchecked("memory-overcommitted", "memory", "--memory"),
        unchecked("memory-overcommitted", "memory of one worker", "--worker-memory"),
        unchecked("opcache-memory", "memory", "--memory"),
        unchecked("socket-directory-closed", "owner and mode of /run/php", "--facts"),
    ]);
    case
}

/// Warnings only, while only errors fail the run.
fn warnings() -> Case {
    let mut case = Case::new();
    let file = case.file("nginx.conf", "worker_connections 10;\n");
    let message = "10 connections are few";
    case.findings.push(finding("connections-few", Severity::Warning, message, case.span(file, "10"), "so few"));
    case.summary = Summary { files: 1, servers: 0, handovers: 1, pools: 0, elapsed: Duration::from_millis(1234) };
    case
}

fn nothing() -> Case {
    Case::new()
}

#[test]
fn of_a_rule_so_many_findings_are_shown() {
    let shown = |count: usize| {
        let mut case = Case::new();
        let file = case.file("a.conf", "x\n".repeat(count));
        for number in 0..count {
            let label = Label { span: Span::new(file, 2 * number, 2 * number + 1), text: String::new() };
            let message = format!("finding {number}");
            case.findings.push(Finding::new("a-rule", Category::Connection, Severity::Error, message, label));
        }
        case
    };
    let text = |count| shown(count).render(Format::Text, Style::default());
    assert_eq!(text(100).matches("error[a-rule]").count(), 100);
    assert!(!text(100).contains("more findings"));
    assert_eq!(text(102).matches("error[a-rule]").count(), 100);
    assert!(text(102).contains("and 2 more findings of a-rule; --format json and compact list all"));
    assert!(text(102).contains("102 errors"));
    assert_eq!(shown(102).render(Format::Json, Style::default()).matches("\"finding ").count(), 102);
}

#[test]
fn so_many_missing_facts_are_named() {
    let text = |count: usize| {
        let mut case = Case::new();
        case.unchecked = (0..count).map(|at| unchecked("a-rule", &format!("fact {at:02}"), "--facts")).collect();
        case.render(Format::Text, Style::default())
    };
    assert!(text(50).contains("fact 49 (--facts): a-rule") && !text(50).contains("more; --format json"));
    assert!(!text(51).contains("fact 50") && text(51).contains("  and 1 more; --format json lists all\n"));
}

#[test]
fn so_many_places_of_a_finding_are_named() {
    let text = |count| labels(count).render(Format::Text, UNICODE);
    assert_eq!(text(12).matches("again").count(), 11);
    assert!(!text(12).contains("nginx.conf:13"));
    // Twelve are drawn, and of the rest twenty are named.
    assert_eq!(text(13).matches("again").count(), 11);
    assert!(text(13).contains("etc/nginx/nginx.conf:13\n"), "{}", text(13));
    assert!(text(32).contains(" 31, 32\n"), "{}", text(32));
    assert!(text(33).contains(" 32 and 1 more\n"), "{}", text(33));
}

/// A finding with many labels.
fn labels(count: usize) -> Case {
    let mut case = Case::new();
    let file = case.file("etc/nginx/nginx.conf", "listen 80;\n".repeat(count));
    let label = |line: usize| Span::new(file, line * 11 + 7, line * 11 + 9);
    let message = format!("{count} times the same");
    let mut finding = finding("duplicate-listen", Severity::Error, &message, label(0), "first");
    for line in 1..count {
        finding = finding.label(label(line), "again");
    }
    case.findings.push(finding);
    case
}

/// More labels than anybody reads.
fn many_labels() -> Case {
    labels(40)
}

type Named = (&'static str, fn() -> Case);

const CASES: &[Named] = &[
    ("two-files", two_files),
    ("one-file", one_file),
    ("block", block),
    ("controls", controls),
    ("characters", characters),
    ("long-line", long_line),
    ("ends", ends),
    ("several", several),
    ("warnings", warnings),
    ("nothing", nothing),
    ("many-labels", many_labels),
];

#[test]
fn reports_look_as_they_did() {
    let update = std::env::var_os("GATELINT_UPDATE").is_some();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/report");
    let mut wrong = Vec::new();
    for (name, case) in CASES {
        let case = case();
        let rendered = [
            ("txt", case.render(Format::Text, UNICODE)),
            ("ascii.txt", case.render(Format::Text, ASCII)),
            ("color.txt", case.render(Format::Text, COLOR)),
            ("compact", case.render(Format::Compact, UNICODE)),
            // The version changes with every release, and is no part of how a report looks.
            ("json", case.render(Format::Json, UNICODE).replace(env!("CARGO_PKG_VERSION"), "VERSION")),
        ];
        for (extension, text) in rendered {
            let path = folder.join(format!("{name}.{extension}"));
            if update {
                std::fs::write(&path, &text).unwrap();
            } else if std::fs::read_to_string(&path).unwrap_or_default() != text {
                wrong.push(format!("{}:\n{text}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "GATELINT_UPDATE=1 rewrites these:\n{}", wrong.join("\n"));
}

#[test]
fn nothing_that_drives_a_terminal_gets_out() {
    for (name, case) in CASES {
        let case = case();
        for format in Format::ALL {
            let text = case.render(format, UNICODE);
            let raw = text.chars().find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}');
            assert_eq!(raw, None, "{name} as {format}");
        }
        let ascii = case.render(Format::Text, ASCII);
        assert!(!ascii.contains(['─', '│', '…', '\u{fffd}']), "{name}");
    }
}

#[test]
fn lines_keep_to_the_width() {
    for (name, case) in CASES {
        let text = case().render(Format::Text, UNICODE);
        // A log line is one word after another; only a word that is longer may stand out.
        for line in text.lines().filter(|line| line.chars().count() > 100) {
            assert!(line.split_whitespace().any(|word| word.chars().count() > 60), "{name}: {line}");
        }
    }
}

#[test]
fn json_is_one_document_that_reads_back() {
    for (name, case) in CASES {
        let case = case();
        let value: serde_json::Value = serde_json::from_str(&case.render(Format::Json, UNICODE)).unwrap();
        assert_eq!(value["version"], 1, "{name}");
        assert_eq!(value["findings"].as_array().unwrap().len(), case.findings.len(), "{name}");
        for (finding, json) in case.findings.iter().zip(value["findings"].as_array().unwrap()) {
            assert_eq!(json["message"], finding.message.as_str(), "{name}");
            assert_eq!(json["labels"].as_array().unwrap().len(), finding.labels().len(), "{name}");
        }
    }
}

/// Random spans over bytes chosen to be awkward: nothing panics, and no label is lost on the way
/// through miette.
#[test]
fn every_label_is_drawn_whatever_it_lies_on() {
    let pieces: [&[u8]; 12] = [
        b"\n",
        b"\r\n",
        b"\t",
        b"server {",
        b"}",
        b"\xff",
        b"\xf0\x9f",
        "漢ä".as_bytes(),
        b"\x1b[2J",
        "\u{202e}".as_bytes(),
        b" ",
        b"\r",
    ];
    // A small generator of numbers, the same in every run (Knuth's MMIX).
    let mut state = 1_u64;
    let mut below = |limit: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % limit
    };
    for round in 0..3000 {
        let mut case = Case::new();
        let long = round % 100 == 0;
        let mut spans = Vec::new();
        for path in ["a.conf", "b.conf"] {
            let bytes: Vec<u8> =
                (0..below(if long { 3000 } else { 30 })).flat_map(|_| pieces[below(12)].to_vec()).collect();
            let length = bytes.len();
            let file = case.file(path, bytes);
            for _ in 0..3 {
                let start = below(length + 2);
                spans.push(Span::new(file, start, start + below(20)));
            }
        }
        let mut found = finding("x", Severity::Error, "m", spans[below(6)], "LABEL0");
        for (number, span) in spans.into_iter().enumerate() {
            found = found.label(span, format!("LABEL{}", number + 1));
        }
        let texts: Vec<String> = found.labels().iter().map(|label| label.text.clone()).collect();
        case.findings.push(found);
        for style in [UNICODE, Style { width: below(200), ..ASCII }, COLOR] {
            let text = case.render(Format::Text, style);
            for label in &texts {
                assert!(text.contains(label.as_str()), "{label} is missing in round {round}:\n{text}");
            }
            assert!(!text.contains("Failed to read"), "round {round}:\n{text}");
        }
    }
}
