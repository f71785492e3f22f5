//! Our reading of PHP-FPM's files and of php.ini against the real PHP-FPM: what it accepts, what it
//! prints about what it refuses, and the values that it sees.
//!
//! Without a php-fpm these tests pass and say so, except where `CI` is set: there they fail.
#![allow(clippy::disallowed_methods, reason = "tests read and lay out real files")]
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::path::{Path, PathBuf};
use std::process::Command;

use gatelint::php::ast::{Document, Item, Setting};
use gatelint::php::ini::parse_ini;
use gatelint::php::parse::parse_fpm;
use gatelint::php::readers::{self, Limit, Reading};
use gatelint::php::settings::{DIRECTIVES, Kind};
use gatelint::source::{FileId, Sources};
use tempfile::TempDir;

/// The real program, and a place for its files.
struct Fpm {
    binary: PathBuf,
    dir: TempDir,
}

/// What a test of a configuration says.
struct Verdict {
    accepted: bool,
    output: Vec<u8>,
}

impl Fpm {
    /// The installed program, if there is one.
    fn installed() -> Option<Fpm> {
        let others = std::fs::read_dir("/usr/sbin").into_iter().flatten().flatten().map(|entry| entry.path());
        let mut others: Vec<_> =
            others.filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("php-fpm")).collect();
        others.sort();
        let named = ["php-fpm8.2", "php-fpm"].iter().flat_map(|name| {
            ["/usr/sbin", "/usr/local/sbin", "/usr/bin"].iter().map(move |dir| Path::new(dir).join(name))
        });
        let Some(binary) = named.chain(others).find(|path| path.is_file()) else {
            assert!(std::env::var_os("CI").is_none(), "no php-fpm is installed");
            eprintln!("skipped: no php-fpm is installed");
            return None;
        };
        Some(Fpm { binary, dir: TempDir::new().unwrap() })
    }

    /// Tests a file that consists of these lines in the global section, and a pool with these.
    fn test(&self, global: &[u8], pool: &[u8], ini: Option<&[u8]>) -> Verdict {
        let dir = self.dir.path();
        let log = format!("[global]\nerror_log = {}/log\n", dir.display());
        let pool_start = b"[www]\nuser = nobody\nlisten = /tmp/x.sock\npm = static\npm.max_children = 1\n";
        let config = dir.join("fpm.conf");
        std::fs::write(&config, [log.as_bytes(), global, b"\n", pool_start, pool].concat()).unwrap();
        let mut command = Command::new(&self.binary);
        command.env_clear().env("X", "vx").env("PHP_INI_SCAN_DIR", "").arg("-tt").arg("-y").arg(config);
        match ini {
            Some(ini) => {
                std::fs::write(dir.join("php.ini"), ini).unwrap();
                command.arg("-c").arg(dir.join("php.ini"));
            }
            None => {
                command.arg("-n");
            }
        }
        let output = command.output().unwrap();
        Verdict { accepted: output.status.success(), output: output.stderr }
    }
}

impl Verdict {
    fn says(&self, text: &str) -> bool {
        let output = String::from_utf8_lossy(&self.output);
        output.contains(text)
    }

    /// The value that is printed for `name` (last, as pools come behind the global section), up to the
    /// next line of the log.
    fn printed(&self, name: &str) -> Option<String> {
        let output = String::from_utf8_lossy(&self.output);
        let needle = format!("\t{name} = ");
        let (_, behind) = output.rsplit_once(&needle)?;
        let is_log_line = |text: &str| text.starts_with("\n[") && text.as_bytes().get(4) == Some(&b'-');
        let end = behind.match_indices('\n').map(|(at, _)| at).find(|at| is_log_line(&behind[*at..]));
        Some(behind[..end.unwrap_or(behind.trim_end_matches('\n').len())].to_owned())
    }
}

/// Small, and the same on every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) as usize % limit
    }

    fn text(&mut self, words: &[&str], most: usize) -> String {
        (0..=self.below(most)).map(|_| words[self.below(words.len())]).collect()
    }
}

fn file() -> FileId {
    Sources::default().add("test".to_owned(), None, Vec::new())
}

fn settings(document: &Document) -> impl Iterator<Item = &Setting> {
    document.items.iter().filter_map(|item| match item {
        Item::Setting(setting) => Some(setting),
        Item::Section(_) => None,
    })
}

fn environment(name: &str) -> Option<String> {
    Some(if name == "X" { "vx".to_owned() } else { String::new() })
}

/// Whether the grammar takes a line of a pool.
fn grammar_accepts(document: &Document) -> bool {
    document.problems.iter().all(|problem| problem.kind.message().is_none())
}

/// Whether all that the line says means something in a pool, as far as these tests go.
fn makes_sense(document: &Document) -> bool {
    document.items.iter().all(|item| match item {
        Item::Section(section) => section.name.resolve(&environment).unwrap().eq_ignore_ascii_case("www"),
        Item::Setting(setting) => {
            let index = setting.index.as_ref().map(|index| index.resolve(&environment));
            setting.key == "php_value" && index.is_some_and(|i| i.as_deref() != Some("")) && setting.value.is_some()
        }
    })
}

/// Values as they stand behind `=`.
#[rustfmt::skip]
const VALUES: &[&str] = &[
    "", " ", "abc", " abc  ", "a  b", "a\tb", "abc;def", "abc ; def", ";", "\"a;b\"", "'a;b'", "a#b", "# b",
    // Quotes.
    "\"abc\"def", "\"abc\" def", "abc \"def\"", "\"a\" \"b\"", "'a' 'b'", "'a'b", "a'b'c", "\"\"", "''", "''b", "'",
    "it's", "it's it's", "'unclosed", "\"unclosed", "a\"", "\"it's\"", "'say \"x\"'",
    // Escapes.
    r#""a\"b""#, r#""a\\b""#, r#""a\$b""#, r#""a\nb""#, r#""C:\x\""#, r#""C:\x\" "#, r#""C:\x\" ;"#, r#""C:\x\"y"#,
    r"a\b", r"a\;b", r"'a\'", r#""\${X}""#, r"\${X}", r#""\"#,
    // Arithmetic.
    "a&b", "3 & 1", "1|2|4", "5|~0&1", "6 ^ 3", "~5", "~/dir", "!x", "!0", "!!7", "!(1)", "~~5", "(5|3)&1", "(5)",
    "(a b)", "(a\"b\" c)", "((a))", "(a", "a)", "()", "a(b)", "a (b)", "(a)b", "(a) b", "(a)\"b\"", "(a)\"b", "& a",
    "a &", "a & & b", "a & ~b", "a~b", "a !b", "!", "0x10|0", "99999999999|0", "9999999999999999999|0", "-5|0",
    "5 5|0", "\" 7\"|0", "(1|2", "E_ALL & ~E_NOTICE", "E_ALL&E_STRICT", "\"E_ALL\"|0", "${X}|1",
    // Words.
    "on", "On", "YES", "true", "off", "no", "none", "FALSE", "null", "NULL", "yes please", "on x", "1 on",
    "foo on bar", "nothing", "onx", "no.x", "-on", "on-", "on;c", "on ; c", "on = 1", "on & 1", "on 'x", "on ''",
    "on \"x\"", "on\"x", "'on'", "\"on\"on", "on$", "on$ x",
    // Constants.
    "E_ALL", "x E_ALL y", "E_ALL\"x\"", "e_all", "E_ALL,", "PHP_VERSION", "M_PI", "E_FOO", "_", "'E_ALL'",
    // Numbers.
    "010", "0x10", "1e3", "5.5", ".5", "5.", ".", "-", "-5", "64M", "+5",
    // Dollars and variables.
    "$name", "a$", "$", "$$", "$$$", "a$ ", "a$;b", "a$=b", "a$\"b\"", "a$'b'", "$\\;b", "$\\$\"b\"", "$(a)", "$&",
    "${X}", "a${X}b", "\"a${X}b\"", "'${X}'", "${ X }", "${X:-d}", "${UNSET}x", "$${X}", "${X", "${", "${}",
    "\"${X\"", "\"${", "${X=}", "${X\t}", "\"a$b\"", "\"a$\"", "\"$\"", "${X}${X}", "${X} ${X}", "$x$",
    // Characters with a meaning elsewhere.
    "a=b", "=", "\"a=b\"", "[a]", "{a}", "@a", "%a", "`a`", ",a", ":", "a?b*c", "<a>", "a/b", "äö ü", "\u{1f600}",
    // Line ends and ends of the text.
    "a\r", "a \r", "\"a\"\r", "\"C:\\x\\\"\r", "a\rphp_value[z]=b", "a\rb", "a$\r", "a\0b", "a \0", "\"a\0b\"",
    "a ;c\0",
];

/// What values are put together from at random.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "a", "b c", "E_ALL", "on", "no", "null", "yes", "${X}", "${", "}", "{", "\"", "\"", "'", "''", "'q'", "\"q\"",
    "\\", "\\\"", "$", "$$", "&", "|", "^", "~", "!", "(", ")", "=", ";", " ", " ", "\t", "  ", "-", "5", "5.5", ".",
    "0x10", "[", "]", "é", "#", "\r", "\0", "010", "99999999999", "x", "M_PI", "/",
];

/// What whole lines are put together from at random.
#[rustfmt::skip]
const LINE_WORDS: &[&str] = &[
    "php_value", "php_value[k]", "php_value[k]=v", "[", "]", "[www]", "k", "\"k\"", "'k'", "'", "\"", "=", "=", " ",
    "  ", "\t", ";", "#", "a", "on", "no", "null", "é", "\r", "\0", "(", "!", "$", "${X}", "\\", "E_ALL", "\u{feff}",
];

#[test]
fn values() {
    let Some(fpm) = Fpm::installed() else { return };
    let mut random = Random(1);
    let generated: Vec<String> = (0..6000).map(|_| random.text(WORDS, 6)).collect();
    let values: Vec<&str> = VALUES.iter().copied().chain(generated.iter().map(String::as_str)).collect();
    let lines: Vec<(String, Vec<u8>)> = values
        .iter()
        .enumerate()
        .map(|(n, value)| (format!("k{n}"), format!("php_value[k{n}]={value}\n").into()))
        .collect();
    let (accepted, refused): (Vec<_>, Vec<_>) = lines.iter().partition(|(_, line)| {
        let document = parse_fpm(file(), line);
        grammar_accepts(&document) && makes_sense(&document)
    });
    let mut wrong = Vec::new();
    for batch in accepted.chunks(200) {
        compare_accepted(&fpm, batch, &mut wrong);
    }
    // The table is at the front, so all of it is among these.
    for (_, line) in refused.iter().take(350) {
        compare_refused(&fpm, line, &mut wrong);
    }
    assert!(accepted.len() > 1000 && refused.len() > 350, "{} {}", accepted.len(), refused.len());
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn lines() {
    let Some(fpm) = Fpm::installed() else { return };
    #[rustfmt::skip]
    let table: &[&str] = &[
        "", " ", "\t", "; c", "  ; c", "# c", "# c (x)", "# a = b", "#", "// c", "key", "key:value", "key value",
        "=x", "   =x", "\"x\"", "   \"x\"", "a\"x\"", "on=5", " on=5", "on", "onx", "on[x]=5", "on [x]=5", "null",
        "Include=x", "ENV[A]=1", "env", "php_value", "php_value[]=1", "php_value[ ]=1", "php_value[a]=1",
        " php_value[a]=1", "\tphp_value[a]=1", "php_value [a]=1", "php_value\t[a]=1", "php_value[ a ]=1",
        "php_value[\"a\"]=1", "php_value['a']=1", "php_value['a' ]=1", "php_value['']=1", "php_value[${X}]=1",
        "php_value[E_ALL]=1", "php_value[a]", "php_value[a] b=1", "php_value[a] = 1", "php_value[a]\t=\t1",
        "php_value[a", "php_value[a;]=1", "php_value[a]]=1", "php_value[a] [www]", "php_value[a] on = 5",
        "php_value[a\\]]=1", "php_value[a$]=1", "php_value[a'b]=1", "[www]", "[WWW]", " [www]", "\t[www]",
        "  \t[www]", "[www] ; c", "[www];c", "[www] php_value[a]=1", "[www] foo", "[www] \"x\"", "[www]]",
        "[\"www\"]", "['w'ww]", "[ \"www\"]", "[www", "[w;ww]", "[www$]", "[www\\]", "[w'ww]", "[w\"ww]", "[]",
        "[w\\]ww]", "[${X}]", "[on]", "\u{feff}php_value[a]=1", "\u{feff}\u{feff}php_value[a]=1", "\u{feff}; c",
        "\u{feff}", "\u{feff}[www]", "php_value[a]=1\r", "php_value[a]=1\rphp_value[b]=2", "\r\r", "x\ty=5", "a]b=5",
        "x'y=5", "\0", "a\0=1", "; \0", "é=1", "php_value[é]=1",
    ];
    let mut random = Random(2);
    let generated: Vec<String> = (0..250).map(|_| random.text(LINE_WORDS, 6)).collect();
    let mut wrong = Vec::new();
    for line in table.iter().copied().chain(generated.iter().map(String::as_str)) {
        // An incomplete pool, or a pool's setting in the global section, is another matter.
        let mut line = line.as_bytes().to_vec();
        line.push(b'\n');
        let document = parse_fpm(file(), &line);
        if grammar_accepts(&document) && makes_sense(&document) {
            compare_accepted(&fpm, &[&(String::new(), line)], &mut wrong);
        } else {
            compare_refused(&fpm, &line, &mut wrong);
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// Compares lines that we accept; one that the server refuses is looked for by halves.
fn compare_accepted(fpm: &Fpm, lines: &[&(String, Vec<u8>)], wrong: &mut Vec<String>) {
    let text: Vec<u8> = lines.iter().flat_map(|(_, line)| line.clone()).collect();
    let verdict = fpm.test(b"", &text, None);
    if !verdict.accepted {
        if let [(_, line)] = lines {
            let output = String::from_utf8_lossy(&verdict.output).into_owned();
            wrong.push(format!("{:?} is refused: {output}", String::from_utf8_lossy(line)));
        } else {
            let (first, second) = lines.split_at(lines.len() / 2);
            compare_accepted(fpm, first, wrong);
            compare_accepted(fpm, second, wrong);
        }
        return;
    }
    for (key, line) in lines {
        let document = parse_fpm(file(), line);
        for setting in settings(&document) {
            let index = setting.index.as_ref().unwrap().resolve(&environment);
            let value = setting.value.as_ref().unwrap().resolve(&environment);
            let printed = verdict.printed(&format!("php_value[{key}]"));
            // A value that depends on a constant is not ours to know.
            if index.as_ref() == Some(key) && value.is_some() && printed != value {
                wrong.push(format!("{:?}: we {value:?}, server {printed:?}", String::from_utf8_lossy(line)));
            }
        }
    }
}

/// Compares a line that we refuse: the server must refuse it, and in our words if it is the grammar.
fn compare_refused(fpm: &Fpm, line: &[u8], wrong: &mut Vec<String>) {
    let verdict = fpm.test(b"", line, None);
    let document = parse_fpm(file(), line);
    let message = document.problems.first().and_then(|problem| problem.kind.message());
    if verdict.accepted {
        wrong.push(format!("{:?} is accepted, we say {message:?}", String::from_utf8_lossy(line)));
        return;
    }
    // After a setting that makes no sense the server says no more.
    let senseless = settings(&document).any(|setting| setting.value.is_some()) && !makes_sense(&document);
    let message = message.filter(|_| !senseless).unwrap_or_default();
    let from_parser = verdict.says(&format!("PHP:  {message} in Unknown on line"));
    let from_fpm = verdict.says(&format!("] {message}\n"));
    if !message.is_empty() && !from_parser && !from_fpm {
        let output = String::from_utf8_lossy(&verdict.output).into_owned();
        wrong.push(format!("{:?}: we {message}, server {output}", String::from_utf8_lossy(line)));
    }
}

#[test]
fn long_and_deep_values() {
    let Some(fpm) = Fpm::installed() else { return };
    let mut wrong = Vec::new();
    for (value, accepted) in [
        (format!("{}a{}", "(".repeat(9000), ")".repeat(9000)), true),
        (format!("{}a{}", "(".repeat(20000), ")".repeat(20000)), false),
        (format!("{}1", "~".repeat(9000)), true),
        (format!("{}1", "!".repeat(20000)), false),
        (format!("{}1", "3&".repeat(20000)), true),
        ("x".repeat(100_000), true),
        ("\"a\" b ".repeat(10_000), true),
    ] {
        let line = format!("php_value[k]={value}\n").into_bytes();
        assert_eq!(grammar_accepts(&parse_fpm(file(), &line)), accepted);
        if accepted {
            compare_accepted(&fpm, &[&(String::new(), line)], &mut wrong);
        } else {
            compare_refused(&fpm, &line, &mut wrong);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// php.ini: each file is a run, in which the pool asks for the values by `${NAME}`.
#[test]
fn php_ini() {
    let Some(fpm) = Fpm::installed() else { return };
    #[rustfmt::skip]
    let table: &[&str] = &[
        "k0=1\nk1=2\n", "k0=1", "k0=1 ", "k0=1 ; c", "k0=a=b\nk1=2\n", "k0=1\n [PHP]\nk1=2\n",
        "k0=1\n# c (x)\nk1=2\n", "k0=1\n# c\nk1=2\n", "k0=\"a\nb\"\nk1=2\n", "k0=\"a\nk1=2\n", "k0=a &\nk1=2\n",
        "k0=it's\nk1=2\n", "k0=it's\nk1=it's 5\nk2=3\n", "k0='a\nb'\nk1=2\n", "k0=''\nk1=2\n", "k0\nk1=2\n",
        "[a\nk0=1\n", "[a]\nk0=1\n[b]\nk1=2\n", "K0=1\nk0=2\nk0=3\n", "k0=a$\nk1=2\n", "k0=a$\n\nk1=2\n",
        "\u{feff}k0=1\n", "k0=1\n\u{feff}k1=2\n", "k0=1\r\nk1=2\r\n", "k0=1\rk1=2\r", "k0=", "k0", "k0 =\n\n",
        "k0=yes please\nk1=2\n", "k0=a (b)\nk1=2\n", "k0=(a\nk1=2\n", "k0=${X}\nk1=${k0}\n", "k0=E_ALL & ~E_NOTICE\n",
        "   \nk0=1\n   ", "k0=1\n;c", "on=1\nk0=1\n", "k3[]=1\nk3[a]=2\nk0=1\n", "k0=\"C:\\x\\\"\nk1=2\n",
        "k0=\"a\\\"\nb\"\nk1=2", "[a\\\nb]\nk0=1\n",
    ];
    let words: Vec<&str> = WORDS
        .iter()
        .copied()
        .chain(["\nk0=", "\nk1=", "\nk2=", "\n[s]\n", "\n"])
        .filter(|word| *word != "\0")
        .collect();
    let mut random = Random(3);
    let generated: Vec<String> = (0..250).map(|_| format!("k0={}\nk2=5\n", random.text(&words, 8))).collect();
    let pool = b"php_value[p0]=\"${k0}\"\nphp_value[p1]=\"${k1}\"\nphp_value[p2]=\"${k2}\"\n";
    let mut wrong = Vec::new();
    for ini in table.iter().copied().chain(generated.iter().map(String::as_str)) {
        let document = parse_ini(file(), ini.as_bytes());
        let verdict = fpm.test(b"", pool, Some(ini.as_bytes()));
        for name in ["k0", "k1", "k2"] {
            let last = settings(&document).filter(|s| s.key == name && s.index.is_none() && s.value.is_some()).last();
            // `${k0}` is a setting by then; it is in the table once, with a value that is known.
            let lookup = |variable: &str| environment(if variable == "k0" { "X" } else { variable });
            let value = last.map_or(Some(String::new()), |s| s.value.as_ref().unwrap().resolve(&lookup));
            let array = settings(&document).any(|s| s.key == name && s.index.is_some());
            let printed = verdict.printed(&format!("php_value[p{}]", &name[1..]));
            if value.is_some() && !array && value != printed {
                wrong.push(format!("{ini:?}: {name}: we {value:?}, server {printed:?}"));
            }
        }
        let message = document.problems.first().and_then(|problem| problem.kind.message());
        let said = String::from_utf8_lossy(&verdict.output).contains("PHP:  ");
        if message.is_some() != said
            || message.as_ref().is_some_and(|message| !verdict.says(&format!("PHP:  {message} in ")))
        {
            let output = String::from_utf8_lossy(&verdict.output[..verdict.output.len().min(200)]).into_owned();
            wrong.push(format!("{ini:?}: we {message:?}, server {output}"));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

/// The readers of values: what they refuse with which message, and what they make of the rest.
#[test]
fn value_readers() {
    let Some(fpm) = Fpm::installed() else { return };
    let values = [
        "",
        "0",
        "1",
        "5",
        "-5",
        "-",
        "+5",
        "010",
        "99999999999",
        "4294967297",
        "5k",
        "5.5",
        "5 ",
        " 5",
        "yes",
        "no",
        "true",
        "on",
        "off",
        "none",
        "false",
        "null",
        "Yes",
        "2",
        "y",
        "30s",
        "2m",
        "1h",
        "1d",
        "1m30s",
        "5ms",
        "0.5",
        "1e3",
        "abcs",
        "m5",
        "-1",
        "s",
        "5S",
        "5 s",
        "50000d",
        "100000000000s",
        "unlimited",
        "UNLIMITED",
        "x",
    ];
    let mut wrong = Vec::new();
    let mut compare = |name: &str, value: &str, shown: Option<String>, refusal: Option<&str>| {
        let verdict = fpm.test(b"", format!("{name}=\"{value}\"\n").as_bytes(), None);
        let printed = verdict.printed(name).filter(|_| verdict.accepted);
        let frame = if name.ends_with(']') {
            format!("error while parsing '{name}' : ")
        } else {
            format!("unable to parse value for entry '{name}': ")
        };
        if printed != shown || refusal.is_some_and(|text| !verdict.says(&format!("{frame}{text}\n"))) {
            wrong.push(format!("{name} = {value:?}: we {shown:?} {refusal:?}, server {printed:?}"));
        }
    };
    for value in values {
        let int = readers::int(value);
        compare("pm.max_requests", value, int.value().map(|number| number.to_string()), int.refusal());
        let time = readers::time(value);
        compare("request_terminate_timeout", value, time.value().map(|seconds| format!("{seconds}s")), time.refusal());
        let boolean = readers::boolean(value);
        let word = |yes| if yes { "yes" } else { "no" }.to_owned();
        compare("catch_workers_output", value, boolean.value().map(word), boolean.refusal());
        let rlimit = readers::rlimit(value);
        let shown = rlimit.value().map(|limit| match limit {
            Limit::Unlimited => "-1".to_owned(),
            Limit::Bytes(bytes) => bytes.to_string(),
        });
        compare("rlimit_core", value, shown, rlimit.refusal());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(readers::int("5k"), Reading::Refused(readers::NOT_A_NUMBER));
}

/// The table of directives: what this build knows where, and which words it takes.
#[test]
fn directives() {
    let Some(fpm) = Fpm::installed() else { return };
    let mut wrong = Vec::new();
    for directive in DIRECTIVES.iter().filter(|directive| directive.name != "include" && directive.needs.is_none()) {
        for in_pool in [false, true] {
            let index = match directive.name {
                "access.suppress_path" => "[]=/x",
                _ if directive.array => "[a]=1",
                _ => "=1",
            };
            let line = format!("{}{index}\n", directive.name);
            let (global, pool) = if in_pool { ("", line.as_str()) } else { (line.as_str(), "") };
            let verdict = fpm.test(global.as_bytes(), pool.as_bytes(), None);
            let known = !verdict.says(&format!("unknown entry '{}'", directive.name))
                && !verdict.says(&format!("unknown directive '{}'", directive.name))
                && !verdict.says("Array are not allowed in the global section");
            if known != directive.allowed(in_pool) {
                wrong.push(format!("{} in_pool={in_pool}: {known}", directive.name));
            }
            if let (Kind::Choice(words), true) = (directive.kind, directive.allowed(in_pool)) {
                for word in words {
                    let line = format!("{}={}\n", directive.name, word.to_uppercase());
                    let (global, pool) = if in_pool { ("", line.as_str()) } else { (line.as_str(), "") };
                    if fpm.test(global.as_bytes(), pool.as_bytes(), None).says("unable to parse value") {
                        wrong.push(format!("{} = {word}", directive.name));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The table of directives: what is in force where nothing is written.
#[test]
fn defaults() {
    let Some(fpm) = Fpm::installed() else { return };
    // Its workers' settings, and the pages and logs that have defaults of their own.
    let pool = "ping.path = /ping\nslowlog = x.log\naccess.log = y.log\nprefix = ";
    let verdict = fpm.test(b"", format!("{pool}{}\n", fpm.dir.path().display()).as_bytes(), None);
    assert!(verdict.accepted, "{}", String::from_utf8_lossy(&verdict.output));
    let mut wrong = Vec::new();
    let mut compared = 0;
    for directive in DIRECTIVES.iter() {
        let (name, Some(default)) = (directive.name, directive.default) else { continue };
        // What is not printed, printed as a number of its own, or complete with its directory.
        let Some(printed) = verdict.printed(name).filter(|printed| printed != "undefined") else { continue };
        let same = match directive.kind {
            Kind::Choice(_) | Kind::Path => continue,
            Kind::Time => readers::time(&printed).value() == readers::time(default).value(),
            _ => printed == default,
        };
        compared += 1;
        if !same {
            wrong.push(format!("{name}: {printed:?}, the table says {default:?}"));
        }
    }
    assert!(compared > 20, "{compared}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
