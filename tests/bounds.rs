//! Hosts laid out to cost without end: each run comes to its end, and what was not looked at is told.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use gatelint::check::{Checked, Terms, check_host};
use gatelint::deployment::routes::MAX_TRIES;
use gatelint::deployment::{Fragment, Plan, Selection, View};
use gatelint::finding::sort_and_merge;
use gatelint::host::Host;
use gatelint::host::glob::MAX_MATCHES;
use gatelint::host::memory::Memory;
use gatelint::nginx::parse::{MAX_LENGTH, parse};
use gatelint::php::load::MAX_STATEMENTS;
use gatelint::report::{Format, Style, render};
use gatelint::source::Sources;
use gatelint::thresholds::Thresholds;

const NGINX: &str = "/etc/nginx/nginx.conf";
const FPM: &str = "/etc/php/8.2/fpm/php-fpm.conf";
const POOL: &str = "[www]\nlisten = /run/p.sock\nuser = www-data\npm = static\npm.max_children = 5\n";

/// Checks a host of these files, and says in every format what was found.
fn check<T: Into<Vec<u8>>>(files: impl IntoIterator<Item = (String, T)>) -> Checked {
    let mut host = Memory::default();
    for (path, text) in files {
        host.add(path, text);
    }
    check_host_of(&host)
}

fn check_host_of(host: &dyn Host) -> Checked {
    check_plan(host, &Plan::new("/".into(), View::Root, Selection::default()))
}

fn check_plan(host: &dyn Host, plan: &Plan) -> Checked {
    let terms = Terms {
        facts: Vec::new(),
        thresholds: Thresholds::default(),
        declared_directives: BTreeSet::default(),
        selected: &|_| true,
    };
    let mut checked = Checked::default();
    check_host(host, plan, &terms, &mut checked).unwrap();
    sort_and_merge(&mut checked.findings, &checked.sources);
    for label in checked.findings.iter().flat_map(|finding| finding.labels()) {
        assert!(label.span.range().end <= checked.sources.get(label.span.file).bytes().len());
    }
    for format in Format::ALL {
        let text = written(&checked, format);
        let driving = |c: &char| {
            c.is_control() && *c != '\n'
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        };
        assert_eq!(text.chars().find(driving), None);
        match format {
            Format::Compact => assert_eq!(text.lines().count(), checked.findings.len()),
            Format::Json => {
                let document: serde_json::Value = serde_json::from_str(&text).unwrap();
                assert_eq!(document["findings"].as_array().map(Vec::len), Some(checked.findings.len()));
            }
            Format::Text => {}
        }
    }
    checked
}

fn written(checked: &Checked, format: Format) -> String {
    let mut out = Vec::new();
    render(format, &checked.report(None), Style::default(), &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Checks an nginx of one file.
fn nginx(text: impl Into<Vec<u8>>) -> Checked {
    check([(NGINX.to_owned(), text)])
}

/// Checks an nginx of one server with these statements, beside a pool.
fn server(text: &str) -> Checked {
    let nginx = format!("events {{}}\nhttp {{ server {{ {text} }} }}");
    check([(NGINX.to_owned(), nginx), (FPM.to_owned(), POOL.to_owned())])
}

fn count(checked: &Checked, rule: &str) -> usize {
    checked.findings.iter().filter(|finding| finding.rule == rule).count()
}

fn tells(checked: &Checked, text: &str) -> bool {
    let findings = checked.findings.iter().any(|finding| finding.message.contains(text));
    findings || checked.unchecked.iter().any(|unchecked| unchecked.needs.contains(text))
}

#[test]
fn blocks_that_never_end() {
    for block in
        ["a{", "server {\n", "location / {", "{", "if (", "\"", "x_by_lua_block {", "location /a\n", "server\n"]
    {
        let checked = nginx(block.repeat(50_000));
        assert!((1..200).contains(&checked.findings.len()), "{block}: {}", checked.findings.len());
    }
}

#[test]
fn statements_that_lost_what_ends_them() {
    for line in ["location /a\n", "location ~ x${\n", "root /a\n", "server {\n", "}\n", "\"a\"b\n", "index a b c\n"] {
        let checked = nginx(format!("events {{}}\nhttp {{ server {{\n{};\n}} }}", line.repeat(4_000)));
        assert!(!checked.findings.is_empty(), "{line}");
    }
}

#[test]
fn lines_without_end() {
    for part in ["a", "a ", "a b;", "listen 80;", "\"a\"b;", "\"a;", "'a' ", "$a", "\u{1b}[31m", "ä", "# ", "}"] {
        let line = part.repeat(20_000 / part.len());
        nginx(format!("events {{}}\nhttp {{ server {{ {line} }} }}"));
        check([(FPM.to_owned(), format!("{POOL}a = {line}\nb = {line}"))]);
    }
}

#[test]
fn a_word_of_five_megabytes() {
    let file = Sources::default().add(String::new(), None, Vec::new());
    assert_eq!(parse(file, "a".repeat(5 << 20).as_bytes()).problems.len(), 2);
}

#[test]
fn values_of_pools_without_end() {
    for part in ["(", "!", "1|", "${A}", "${", "'x' ", "\"x\" ", "\"", "E_ALL & ", "[", "=", "a[b]=c "] {
        let value = part.repeat(50_000);
        let files =
            [(FPM, format!("{POOL}a = {value}\n")), ("/etc/php/8.2/fpm/php.ini", format!("[PHP]\na = {value}\n"))];
        check(files.map(|(path, text)| (path.to_owned(), text)));
    }
    let array: String = (0..200_000).map(|n| format!("a[{n}] = b\n")).collect();
    check([(FPM.to_owned(), POOL.to_owned()), ("/etc/php/8.2/fpm/php.ini".to_owned(), array)]);
}

/// Many statements in one server, each of which asks for what others say: the cost is that of reading them.
#[test]
fn statements_that_ask_for_each_other() {
    const MANY: usize = 2_000;
    let each = |line: fn(usize) -> String| (0..MANY).map(line).collect::<String>();
    let pass = |n: usize| format!("location /{n}.php {{ fastcgi_pass unix:/run/$v{n}.sock; }}\n");
    server(&(each(|n| format!("set $v{n} b{n};\n")) + &each(pass)));
    server(&each(|n| format!("fastcgi_param P{n} x;\nlocation /{n}.php {{ fastcgi_pass unix:/run/p.sock; }}\n")));
    server(&each(|n| format!("location = /{n} {{ auth_request /{n}/a; fastcgi_pass unix:/run/gone.sock; }}\n")));
    server(&each(|n| format!("error_page 404 @gone{n}; location /{n} {{ try_files $uri @{n}; }}\n")));
    nginx(format!(
        "events {{}}\nhttp {{ {} }}",
        each(|n| format!("log_format f{n} x; access_log /var/log/{n} f{n};\n"))
    ));
    let groups = each(|n| format!("upstream php{n} {{ server 10.0.0.1; }}\n"));
    let undefined = each(|n| format!("location /{n} {{ fastcgi_pass phpx{n}; }}\n"));
    nginx(format!("events {{}}\nhttp {{ {groups} server {{ {undefined} }} }}"));
    let shares = each(|n| format!("0.01% {n};\n"));
    nginx(format!("events {{}}\nhttp {{ split_clients $a $b {{ {shares} }} }}"));
}

#[test]
fn maps_of_many_values() {
    let records: String = (0..50_000).map(|n| format!("k{n} unix:/run/{n}.sock;")).collect();
    let map = |server: &str| nginx(format!("events {{}}\nhttp {{ map $http_x $p {{ {records} }} {server} }}"));
    assert!(tells(&map("server { location / { fastcgi_pass $p; } }"), "can take too many values"));
    assert!(!tells(&map("server { location / { fastcgi_pass unix:/run/php.sock; } }"), "too many values"));
}

#[test]
fn variables_that_double() {
    let doubling: String = (0..200).map(|n| format!("set $v{} \"$v{n}$v{n}\";", n + 1)).collect();
    server(&format!("set $v0 aaaaaaaaaaaaaaaa; {doubling} location / {{ fastcgi_pass unix:$v200; }}"));
    let maps: String = (0..200).map(|n| format!("map $p{n} $p{} {{ default $p{n}; x $p{n}$p{n}; }}", n + 1)).collect();
    nginx(format!("events {{}}\nhttp {{ {maps} server {{ location / {{ fastcgi_pass $p200; }} }} }}"));
}

#[test]
fn expressions_that_take_long() {
    let slow: String = (0..50)
        .map(|n| format!("location ~ ^(a|aa|a{n}|.)+(?=b)\\1\\.php$ {{ fastcgi_pass unix:/run/p.sock; }}"))
        .collect();
    server(&slow);
    server(&format!("location ~ {} {{ fastcgi_pass unix:/run/p.sock; }}", "(a+)+".repeat(500)));
}

#[test]
fn locations_with_more_expressions_than_are_tried() {
    let told = |count: usize| {
        let location = |n| format!("location ~ ^/{n}$ {{ fastcgi_pass unix:/run/p.sock; }}\n");
        tells(&server(&(0..count).map(location).collect::<String>()), "servers with too many expressions")
    };
    // (hand-overs + 10) × expressions: the most that fit into MAX_TRIES, and one more.
    let most = (1..).take_while(|count| (count + 10) * count <= MAX_TRIES).last().unwrap();
    assert!(!told(most));
    assert!(told(most + 1));
}

#[test]
fn files_of_endless_words_and_lines() {
    let words = nginx(format!("events {{}}\n{}", "a ".repeat(MAX_LENGTH)));
    assert!(tells(&words, "nginx.conf was not read to its end: more than 4000000 words and marks are not read"));
    assert_eq!(words.findings.len(), 1);
    let lines = |count: usize| check([(FPM.to_owned(), format!("{POOL}{}", ";\n".repeat(count)))]);
    let told = |checked: &Checked| tells(checked, "php-fpm.conf was not read to its end: more than 1000000 lines");
    // The pool has five lines.
    assert_eq!([MAX_STATEMENTS - 5, MAX_STATEMENTS - 4].map(|count| told(&lines(count))), [false, true]);
}

#[test]
fn fragments_that_bring_files_again_and_again() {
    let again = |n: usize| format!("include {n};").repeat(100);
    let files = (0..9).map(|n| (format!("/etc/nginx/{n}"), again(n + 1)));
    let mut host = Memory::default();
    for (path, text) in files.chain([("/etc/nginx/9".to_owned(), "root /srv;".to_owned())]) {
        host.add(&path, text);
    }
    let fragment = Fragment::at("/etc/nginx/0".into());
    let plan = Plan::new("/".into(), View::Files, Selection { fragments: vec![fragment], ..Selection::default() });
    assert!(tells(&check_plan(&host, &plan), "files come into blocks that have them already"));
}

#[test]
fn files_that_bring_each_other() {
    let each_other = |files: usize| {
        let all: String = (0..files).map(|n| format!("include {n};")).collect();
        let files = (0..files).map(|n| (format!("/etc/nginx/{n}"), all.clone())).collect::<Vec<_>>();
        check(files.into_iter().chain([(NGINX.to_owned(), format!("events {{}}\nhttp {{ {all} }}"))]))
    };
    assert!(count(&each_other(15), "include-cycle") > 0);
}

#[test]
fn pool_files_that_bring_each_other() {
    let again = |n: usize| format!("include = /etc/php/8.2/fpm/{n}.conf\n").repeat(1000);
    let files = (1..8).map(|n| (format!("/etc/php/8.2/fpm/{n}.conf"), again(n + 1)));
    let checked = check(files.chain([(FPM.to_owned(), format!("{POOL}{}", again(1)))]));
    assert_eq!(count(&checked, "include-cycle"), 1);
}

#[test]
fn the_number_of_included_files_is_bounded() {
    let told = |count: usize| {
        let files = (0..count).map(|n| (format!("/etc/nginx/many/{n}.conf"), String::new()));
        check(files.chain([(NGINX.to_owned(), "events {}\nhttp { include many/*.conf; }".to_owned())]))
    };
    assert!(!tells(&told(MAX_MATCHES), "the pattern matches"));
    assert!(tells(&told(MAX_MATCHES + 1), "the pattern matches more than 100000 files"));
}

#[test]
fn the_number_of_included_pool_files_is_bounded() {
    let told = |count: usize| {
        let files = (0..count).map(|n| (format!("/etc/php/8.2/fpm/pool.d/{n}.conf"), String::new()));
        check(files.chain([(FPM.to_owned(), "include = /etc/php/8.2/fpm/pool.d/*.conf\n".to_owned())]))
    };
    assert!(tells(&told(MAX_MATCHES + 1), "the pattern matches more than 100000 files"));
}

#[test]
fn ten_thousand_servers_are_well_below_every_bound() {
    let site = |n: usize| {
        let text = format!(
            "server {{ listen 80; server_name s{n}.test; root /srv/{n}; include snippet; location ~ \\.php$ {{ \
             include fastcgi_params; fastcgi_pass unix:/run/{n}.sock; }} }}"
        );
        (format!("/etc/nginx/conf.d/{n}.conf"), text)
    };
    let params: String = (0..20).map(|n| format!("fastcgi_param P{n} x;")).collect();
    let main = "events {}\nhttp { include conf.d/*.conf; }".to_owned();
    let snippet = "location ~ /\\.ht { deny all; } location / { try_files $uri /index.php; }".to_owned();
    let given = [(NGINX, main), ("/etc/nginx/fastcgi_params", params), ("/etc/nginx/snippet", snippet)];
    let checked = check((0..10_000).map(site).chain(given.map(|(path, text)| (path.to_owned(), text))));
    assert_eq!(checked.summary.servers, 10_000);
    for words in ["statements", "too many", "more than"] {
        assert!(!tells(&checked, words), "{words}");
    }
}

#[test]
fn a_comment_that_allows_stands_behind_any_bytes() {
    let http = |before: &[u8]| {
        let unknown = b" gatelint: allow(directive-unknown) a module of ours brings it\n our_own_directive on;";
        nginx([b"events {}\nhttp {\n", before, unknown, b"\n}\n"].concat())
    };
    for (before, found) in [("#".as_bytes(), 0), (b"root /\xff\xff; #", 1), ("# é".as_bytes(), 1), (b"# \xff", 1)] {
        assert_eq!(count(&http(before), "directive-unknown"), found, "{}", String::from_utf8_lossy(before));
    }
}

#[test]
fn a_character_that_looks_like_another_stands_behind_any_bytes() {
    let text = b"events {}\nhttp { server { listen 80; return 200\xff\xfe\xfd\xe2\x80\x9d; } }\n";
    let checked = nginx(text.as_slice());
    let finding = checked.findings.iter().find(|finding| finding.rule == "character-suspect").unwrap();
    let place = finding.primary().span;
    assert_eq!(&text[place.range()], "\u{201d}".as_bytes());
}

/// Whatever stands in files, and whatever they are called, every format can be read and drives no terminal: `check` looks.
#[test]
fn formats_are_whole_for_any_bytes() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        // xorshift64: the same bytes in each run.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let words = [
        "\u{1b}]0;x\u{7}",
        "\u{9b}2J",
        "\r",
        "\u{202e}",
        "\u{feff}",
        "\u{2028}",
        "\"",
        "\\",
        "</a>",
        "\u{e0041}",
        "\0",
    ];
    let mut found = 0;
    for _ in 0..200 {
        let mut bytes = |most: usize| -> Vec<u8> {
            let length = random(most) + 1;
            let mut piece = |_| match random(3) {
                0 => words[random(words.len())].as_bytes().to_vec(),
                1 => vec![random(256) as u8],
                _ => vec![b'a' + random(26) as u8],
            };
            (0..length).flat_map(&mut piece).filter(|byte| !b"/;{}\n".contains(byte)).collect()
        };
        let (name, word, param, pool) = (bytes(6), bytes(12), bytes(12), bytes(12));
        let file = |directory: &str| Path::new(directory).join(OsStr::from_bytes(&[b"x", &*name, b".conf"].concat()));
        let site = [
            &b"server { listen 80; server_name "[..],
            &word,
            b";\nlocation / {\nfastcgi_param SCRIPT_FILENAME ",
            &param,
            b";\nfastcgi_pass unix:/run/",
            &word,
            b";\nunknown_directive ",
            &param,
            b"; } }\n",
        ];
        let pool = [&b"["[..], &pool, b"]\nlisten = /run/", &word, b"\nuser = ", &param, b"\npm = ", &pool, b"\n"];
        let mut host = Memory::default();
        host.add(NGINX, "events {}\nhttp { include conf.d/*; }");
        host.add(FPM, "include = /etc/php/8.2/fpm/pool.d/*\n");
        host.add(file("/etc/nginx/conf.d"), site.concat());
        host.add(file("/etc/php/8.2/fpm/pool.d"), pool.concat());
        found += check_host_of(&host).findings.len();
    }
    assert!(found > 400, "{found}");
}
