//! The binary as a user meets it: exit statuses, streams, and input that is not what it seems.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A run that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);

fn gatelint(directory: &Path, arguments: &[&OsStr]) -> Output {
    gatelint_reading(directory, arguments, Stdio::null())
}

fn gatelint_reading(directory: &Path, arguments: &[&OsStr], input: impl Into<Stdio>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatelint"));
    command.args(arguments).current_dir(directory).stdin(input).env_remove("COLUMNS");
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let started = Instant::now();
    while child.try_wait().unwrap().is_none() {
        if started.elapsed() > PATIENCE {
            child.kill().unwrap();
            panic!("{arguments:?} hangs");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.wait_with_output().unwrap()
}

/// Runs over words; the result is the exit status and what was printed.
fn run(directory: &Path, words: &str) -> (i32, String) {
    let words: Vec<&OsStr> = words.split(' ').map(OsStr::new).collect();
    let output = gatelint(directory, &words);
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap(), text)
}

/// Runs over words with a file as the standard input.
fn run_reading(directory: &Path, words: &str, input: &Path) -> (i32, String) {
    let words: Vec<&OsStr> = words.split(' ').map(OsStr::new).collect();
    let output = gatelint_reading(directory, &words, File::open(input).unwrap());
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap(), text)
}

/// What real nginx and PHP-FPM printed of the example: `nginx-T.txt`, `nginx-V.txt`, `php-fpm-tt.txt`.
fn dump(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/dumps").join(name)
}

fn write(directory: &Path, path: &str, text: impl AsRef<[u8]>) {
    let path = directory.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn example() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/deployments/example/rootfs")
}

#[test]
fn statuses_follow_the_findings() {
    let here = tempfile::tempdir().unwrap();
    let root = example();
    let root = root.to_str().unwrap();
    assert_eq!(run(here.path(), &format!("check {root}")).0, 1);
    assert_eq!(run(here.path(), root).0, 1, "check is the default command");
    assert_eq!(run(here.path(), &format!("check --root {root} --fail-on never")).0, 0);
    assert_eq!(run(here.path(), &format!("check {root} --ignore connection,permission")).0, 0);
    assert_eq!(run(here.path(), &format!("check {root} --select wrong-protocol")).0, 0);
    assert_eq!(run(here.path(), &format!("check {root} --select listener-missing")).0, 1);
}

#[test]
fn what_cannot_be_done_is_status_2_with_one_message() {
    let here = tempfile::tempdir().unwrap();
    let directory = here.path();
    fs::create_dir(directory.join("empty")).unwrap();
    nix::unistd::mkfifo(&directory.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    File::create(directory.join("big.conf")).unwrap().set_len(100 << 20).unwrap();
    write(directory, "binary.conf", [0u8, 159, 146, 150].repeat(1000));
    let utf16: Vec<u8> = "\u{feff}events {}\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    write(directory, "utf16.conf", utf16);
    write(directory, "facts.toml", "memory = \"much\"");
    write(directory, "templates/site.conf.j2", "server { listen {{ port }}; }");
    for (words, message) in [
        ("check empty", "no nginx and no PHP-FPM configuration"),
        ("check nowhere", "cannot read nowhere"),
        ("check pipe", "not a regular file"),
        ("check big.conf", "100 MiB is more than the 64 MiB that are read"),
        ("check binary.conf", "this is not text, so it is no configuration of nginx or PHP-FPM"),
        ("check utf16.conf", "this is UTF-16, as `>` of Windows PowerShell writes it; convert it with iconv"),
        ("check /dev/zero", "not a regular file"),
        ("check templates", "templates only"),
        ("check --root empty", "name them with --nginx-conf"),
        ("check --root empty --nginx-conf /etc/nginx.conf", "cannot read /etc/nginx.conf"),
        ("check empty --facts facts.toml", "`much` is no size"),
        ("check empty --facts nowhere.toml", "nowhere.toml"),
        ("check empty --facts pipe", "not a regular file"),
        ("check empty --facts big.conf", "100 MiB is more than the 64 MiB that are read"),
        ("check empty --facts binary.conf", "not UTF-8"),
        ("check --format yaml", "no such format"),
        ("check --select everything", "no rule and no category"),
        ("check --fail-on always", "invalid value"),
        ("check --memory 0", "a whole number above 0"),
        ("explain listener-mising", "the nearest is `listener-missing`"),
    ] {
        let (status, text) = run(directory, words);
        assert_eq!(status, 2, "{words}: {text}");
        assert!(text.contains(message), "{words}: {text}");
        assert_eq!(text.matches("error:").count(), 1, "{words}: {text}");
    }
}

#[test]
fn a_machine_format_is_one_document_also_when_nothing_was_checked() {
    let here = tempfile::tempdir().unwrap();
    let output = gatelint(here.path(), &["check", ".", "--format", "json"].map(OsStr::new));
    assert_eq!(output.status.code(), Some(2));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["version"], 1);
    assert_eq!(document["errors"].as_array().unwrap().len(), 1);
    assert_eq!(document["findings"].as_array().unwrap().len(), 0);
}

#[test]
fn formats_go_to_files_and_streams_at_once() {
    let here = tempfile::tempdir().unwrap();
    let root = example();
    let words = format!("check {} --format compact --format json=out.json", root.display());
    let (status, text) = run(here.path(), &words);
    assert_eq!(status, 1);
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(text.starts_with("etc/nginx/sites-enabled/blog:13:16: error: no pool listens on"), "{text}");
    let document: serde_json::Value = serde_json::from_slice(&fs::read(here.path().join("out.json")).unwrap()).unwrap();
    assert_eq!(document["summary"]["errors"], 3);
    assert_eq!(document["findings"][0]["labels"][0]["real_path"], "etc/nginx/sites-available/blog");
}

#[test]
fn hostile_includes_end_with_findings() {
    let here = tempfile::tempdir().unwrap();
    let directory = here.path();
    write(directory, "cycle/etc/nginx/nginx.conf", "events {}\nhttp { include /etc/nginx/nginx.conf; }\n");
    write(directory, "odd/etc/nginx/nginx.conf", "events {}\nhttp { include conf.d/*; }\n");
    write(directory, "odd/etc/nginx/conf.d/binary", [0u8, 255, b'{', b'"'].repeat(5000));
    File::create(directory.join("odd/etc/nginx/conf.d/big")).unwrap().set_len(100 << 20).unwrap();
    nix::unistd::mkfifo(&directory.join("odd/etc/nginx/conf.d/pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    std::os::unix::fs::symlink("../../../../../etc/passwd", directory.join("odd/etc/nginx/conf.d/out")).unwrap();
    let (status, text) = run(directory, "check cycle --format compact");
    assert_eq!((status, text.matches("[include-cycle]").count()), (1, 1), "{text}");
    let (status, text) = run(directory, "check odd --format compact");
    assert_eq!((status, text.matches("[include-unreadable]").count()), (1, 3), "{text}");
    assert!(text.contains("leads out of the root"), "{text}");
    assert_eq!(text.matches("[syntax-error]").count(), 1, "{text}");
    assert!(!text.contains("root:x:0"), "{text}");
}

#[test]
fn the_number_of_dialled_addresses_is_bounded() {
    let here = tempfile::tempdir().unwrap();
    let peers: String = (0..50_000).map(|n| format!("server 10.0.{}.{};", n / 250, n % 250 + 1)).collect();
    let check = |servers: usize| {
        let server = |n| format!("server {{ server_name s{n}.test; location / {{ fastcgi_pass php; }} }}");
        let servers: String = (0..servers).map(server).collect();
        let text = format!("events {{}} http {{ upstream php {{ {peers} }} {servers} }}");
        write(here.path(), "etc/nginx/nginx.conf", text);
        run(here.path(), "check . --select listener-missing").1
    };
    assert!(!check(5).contains("hand-overs of more than"));
    assert!(check(7).contains("2 hand-overs of more than 250000 dialled addresses"));
}

#[test]
fn includes_that_multiply_end_in_time() {
    let here = tempfile::tempdir().unwrap();
    write(here.path(), "etc/nginx/nginx.conf", "events {}\nhttp { include 0; }\n");
    for n in 0..40 {
        write(here.path(), &format!("etc/nginx/{n}"), format!("include {};\n", n + 1).repeat(2));
    }
    write(here.path(), "etc/nginx/40", "server { listen 80; }\n");
    let (status, text) = run(here.path(), "check . --format compact");
    assert_eq!((status, text.matches("4000000 statements").count()), (1, 1), "{text}");
}

#[test]
fn a_path_that_is_not_utf_8_is_a_path() {
    let here = tempfile::tempdir().unwrap();
    let name = OsStr::from_bytes(b"caf\xe9.conf");
    fs::write(here.path().join(name), "server { listen 80; location / { fastcgi_pass 127.0.0.1; } ").unwrap();
    let output = gatelint(here.path(), &[OsStr::new("check"), name, OsStr::new("--format"), OsStr::new("json")]);
    assert_eq!(output.status.code(), Some(1));
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["findings"][0]["labels"][0]["path"], "caf\u{fffd}.conf");
}

#[test]
fn control_characters_never_reach_the_terminal() {
    let here = tempfile::tempdir().unwrap();
    let pass = "location ~ .php$ { fastcgi_pass unix:/run/\u{1b}[31mred.sock; }";
    write(here.path(), "etc/nginx/nginx.conf", format!("events {{}}\nhttp {{ server {{ {pass} }} }}\n"));
    write(here.path(), "etc/php/8.2/fpm/pool.d/www.conf", "[www]\nuser = a\nlisten = /run/a.sock\npm = static\n");
    for format in ["text", "compact"] {
        let (status, text) = run(here.path(), &format!("check . --format {format} --color never"));
        assert_eq!(status, 1, "{text}");
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }
}

#[test]
fn a_closed_pipe_is_no_failure_and_keeps_the_status() {
    let here = tempfile::tempdir().unwrap();
    let mut child = Command::new(env!("CARGO_BIN_EXE_gatelint"))
        .args(["check", example().to_str().unwrap(), "--format", "json"])
        .current_dir(here.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut first = [0u8; 1];
    let mut out = child.stdout.take().unwrap();
    out.read_exact(&mut first).unwrap();
    drop(out);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn every_command_ends_quietly_when_nobody_reads_on() {
    let here = tempfile::tempdir().unwrap();
    let main = example().join("etc/nginx/nginx.conf");
    let (example, main) = (example().display().to_string(), main.display().to_string());
    for (words, want) in [
        (format!("check {example}"), 1),
        (format!("check {example} --format compact --verbose"), 1),
        (format!("config {example}"), 0),
        (format!("parse {main}"), 0),
        ("rules".to_owned(), 0),
        ("rules --format json".to_owned(), 0),
        ("explain listener-missing".to_owned(), 0),
        ("facts".to_owned(), 0),
        ("--help".to_owned(), 0),
        ("check nowhere --format json".to_owned(), 2),
    ] {
        // Nobody has ever read: the first word that is written finds the pipe closed.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatelint"));
        command.args(words.split(' ')).current_dir(here.path()).stdin(Stdio::null()).stdout(writer);
        let output = command.stderr(Stdio::piped()).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(want), "{words}: {errors}");
        assert!(!errors.contains("panicked") && !errors.contains("cannot write"), "{words}: {errors}");
    }
}

#[test]
fn results_that_cannot_be_written_are_no_success() {
    let here = tempfile::tempdir().unwrap();
    for words in [format!("check {} --fail-on never", example().display()), "rules".to_owned()] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gatelint"));
        command.args(words.split(' ')).current_dir(here.path()).stdin(Stdio::null());
        let output = command.stdout(File::create("/dev/full").unwrap()).stderr(Stdio::piped()).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!((output.status.code(), errors.lines().count()), (Some(2), 1), "{words}: {errors}");
        assert!(errors.contains("cannot write the results"), "{words}: {errors}");
    }
}

#[test]
fn streams_that_are_closed_or_endless_or_odd_are_told() {
    let here = tempfile::tempdir().unwrap();
    let under_shell = |line: &str| {
        let mut command = Command::new("sh");
        command.args(["-c", line, "sh", env!("CARGO_BIN_EXE_gatelint"), example().to_str().unwrap()]);
        let output = command.current_dir(here.path()).stdin(Stdio::null()).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code().unwrap(), text)
    };
    // With no stream to write to, the status still says what was found.
    for closed in [">&-", "2>&-", ">&- 2>&- <&-"] {
        assert_eq!(under_shell(&format!("exec \"$1\" check \"$2\" {closed}")).0, 1, "{closed}");
    }
    write(
        here.path(),
        "random",
        (0..4000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect::<Vec<_>>(),
    );
    for (input, message) in [
        ("<&-", "-: this is empty"),
        ("</dev/null", "-: this is empty"),
        ("</dev/zero", "-: this is more than the 64 MiB that are read of a file"),
        ("<random", "-: this is not text"),
    ] {
        let (status, text) = under_shell(&format!("exec \"$1\" check - {input}"));
        assert_eq!((status, text.contains(message), text.matches("error:").count()), (2, true, 1), "{input}: {text}");
    }
}

#[test]
fn a_check_that_takes_too_long_says_for_how_long_it_was_let() {
    let here = tempfile::tempdir().unwrap();
    let sites: String = (0..20_000).map(|n| format!("server {{ server_name s{n}; location / {{ }} }}\n")).collect();
    write(here.path(), "etc/nginx/nginx.conf", format!("events {{}}\nhttp {{\n{sites}}}\n"));
    let (status, text) = run(here.path(), "check . --timeout 1ms --color never");
    assert_eq!((status, text.contains("not done after 1 ms, which is all that --timeout allows")), (2, true), "{text}");
}

#[test]
fn containers_bring_nothing_from_outside_of_the_repository() {
    let here = tempfile::tempdir().unwrap();
    let services = "services:\n  web:\n    build: {context: ., dockerfile: ../Dockerfile}\n";
    write(here.path(), "Dockerfile", "FROM nginx\nCOPY nginx.conf /etc/nginx/nginx.conf\n");
    write(here.path(), "outside.yaml", services);
    write(here.path(), "in/nginx.conf", MAIN);
    let link = |to: &str, from: &str| std::os::unix::fs::symlink(to, here.path().join("in").join(from)).unwrap();
    // Links that lead out, never end, or wait for a writer: each would be read for ever, or tell what is none of it.
    link("../outside.yaml", "compose.yaml");
    link("/dev/zero", "docker-compose.yml");
    link("compose.override.yaml", "compose.override.yaml");
    nix::unistd::mkfifo(&here.path().join("in/Dockerfile"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    fs::create_dir(here.path().join("in/Dockerfile.d")).unwrap();
    let (status, text) = run(here.path(), "check in --verbose --format compact");
    assert_eq!((status, text.contains("a container")), (0, false), "{text}");
}

#[test]
fn compose_files_that_multiply_end_in_time() {
    let here = tempfile::tempdir().unwrap();
    write(here.path(), "site.conf", SITE);
    write(here.path(), "pool.conf", POOL);
    let many = |line: fn(usize) -> String| (0..5_000).map(line).collect::<String>();
    let services =
        many(|n| format!("  s{n}: {{build: ., volumes: ['./site.conf:/etc/nginx/conf.d/{n}.conf', 'v{n}:/run']}}\n"));
    let doubled: String = (1..60).map(|n| format!("a{n}: &a{n} {{<<: [*a{0}, *a{0}]}}\n", n - 1)).collect();
    let chain = many(|n| format!("b{}: &b{} {{<<: *b{n}}}\n", n + 1, n + 1));
    let mounts = many(|n| format!("    - ./site.conf:/etc/nginx/conf.d/{n}.conf\n"));
    let stages = many(|n| format!("FROM s{n} AS s{}\nCOPY *.conf /etc/nginx/conf.d/{n}/\n", n + 1));
    for (path, text) in [
        ("compose.yaml", format!("services:\n{services}")),
        ("compose.yaml", format!("a0: &a0 {{x: y}}\n{doubled}services: {{web: *a59}}\n")),
        ("compose.yaml", format!("b0: &b0 {{image: nginx}}\n{chain}services: {{web: *b5000}}\n")),
        ("compose.yaml", format!("services:\n  web:\n    image: nginx:1.25\n    volumes:\n{mounts}")),
        ("compose.yaml", "[".repeat(200_000)),
        ("compose.yaml", "- ".repeat(200_000)),
        ("Dockerfile", stages),
    ] {
        write(here.path(), path, text);
        let (status, text) = run(here.path(), "check . --format compact");
        assert!(status < 2, "{text}");
    }
}

#[test]
fn so_many_php_fpms_are_joined_with_nginx() {
    let joined = |count: usize| {
        let here = tempfile::tempdir().unwrap();
        let site = SITE.replace("unix:/run/b.sock", "p0:9000");
        let mut services = "services:\n".to_owned();
        for n in 0..count {
            write(here.path(), &format!("{n}.nginx.conf"), format!("# {n}\nevents {{}}\nhttp {{ {site} }}\n"));
            write(here.path(), &format!("{n}.pool.conf"), POOL);
            services.push_str(&format!(
                "  n{n}: {{image: nginx, volumes: ['./{n}.nginx.conf:/etc/nginx/nginx.conf']}}\n  \
                   p{n}: {{image: 'php:8.2-fpm', volumes: ['./{n}.pool.conf:/usr/local/etc/php-fpm.d/www.conf']}}\n"
            ));
        }
        write(here.path(), "compose.yaml", &services);
        run(here.path(), "check .").1.contains("more than 2000 PHP-FPMs stand beside an nginx")
    };
    assert_eq!([joined(44), joined(45)], [false, true]);
}

#[test]
fn texts_that_are_not_looked_into_are_told() {
    let told = |count: usize| {
        let here = tempfile::tempdir().unwrap();
        let text = |n: usize| format!("  {n}.conf: |\n    server {{ listen {}; }}\n", n + 1);
        let texts: String = (0..count).map(text).collect();
        write(here.path(), "map.yaml", format!("kind: ConfigMap\ndata:\n{texts}"));
        run(here.path(), "check .").1.contains("all services or texts in map.yaml")
    };
    assert_eq!([told(100), told(101)], [false, true]);
}

#[test]
fn facts_of_this_host_can_be_read_again() {
    let here = tempfile::tempdir().unwrap();
    let output = gatelint(here.path(), &["facts".as_ref()]);
    assert_eq!(output.status.code(), Some(0));
    fs::write(here.path().join("facts.toml"), &output.stdout).unwrap();
    let (status, text) = run(here.path(), &format!("check {} --facts facts.toml --verbose", example().display()));
    assert_eq!(status, 1, "{text}");
    assert!(!text.contains("means nothing"), "{text}");
}

#[test]
fn files_named_together_are_one_deployment() {
    let here = tempfile::tempdir().unwrap();
    let site = "server { listen 80; location ~ \\.php$ { fastcgi_pass unix:/run/php/php8.1-fpm.sock; } }\n";
    write(here.path(), "site.conf", site);
    write(here.path(), "pool.d/www.conf", "[www]\nuser = a\nlisten = /run/php/php8.2-fpm.sock\npm = static\n");
    let (status, text) = run(here.path(), "check site.conf pool.d --format compact");
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("site.conf:1:54: error: no pool listens on /run/php/php8.1-fpm.sock"), "{text}");
    let (status, text) = run(here.path(), "check site.conf --format compact");
    assert_eq!((status, text.as_str()), (0, ""));
}

#[test]
fn containers_are_not_joined_and_it_is_told() {
    let here = tempfile::tempdir().unwrap();
    let main = "events {}\nhttp { server { location ~ \\.php$ { fastcgi_param REQUEST_METHOD $request_method; fastcgi_param SCRIPT_FILENAME /srv/a.php; fastcgi_pass 127.0.0.1:9000; } } }\n";
    write(here.path(), "nginx/nginx.conf", main);
    write(here.path(), "php/www.conf", "[www]\nuser = a\nlisten = /run/a.sock\npm = static\npm.max_children = 1\n");
    let (status, _) = run(here.path(), "check . --format compact");
    assert_eq!(status, 1, "the only ones of each kind belong together");
    write(here.path(), "compose.yaml", "services: {}\n");
    let (status, text) = run(here.path(), "check . --color never");
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("compose.yaml puts nginx and PHP-FPM into containers"), "{text}");
}

#[test]
fn variables_that_multiply_end_in_time() {
    let here = tempfile::tempdir().unwrap();
    let pass = "set $v \"$v$v$v$v\"; location ~ \\.php$ { fastcgi_param REQUEST_METHOD $request_method; fastcgi_param SCRIPT_FILENAME /srv/a.php; fastcgi_pass unix:/run/$v.sock; }";
    write(here.path(), "etc/nginx/nginx.conf", format!("events {{}}\nhttp {{ server {{ {pass} }} }}\n"));
    assert_eq!(run(here.path(), "check . --format compact"), (0, String::new()));
}

#[test]
fn blocks_nested_through_includes_are_bounded() {
    let here = tempfile::tempdir().unwrap();
    // Read from the last to the first, so that every file is known before it is reached.
    let all: String = (0..150).rev().map(|n| format!("include f{n};\n")).collect();
    write(here.path(), "etc/nginx/nginx.conf", format!("events {{}}\n{all}"));
    for n in 0..150 {
        let (open, close) = ("a {".repeat(90), "}".repeat(90));
        write(here.path(), &format!("etc/nginx/f{n}"), format!("{open} include f{}; {close}\n", n + 1));
    }
    write(here.path(), "etc/nginx/f150", "x;\n");
    let (status, text) = run(here.path(), "check . --format compact");
    assert_eq!((status, text.matches("[include-unreadable]").count()), (1, 1), "{text}");
}

#[test]
fn pools_that_include_each_other_end_in_time() {
    let here = tempfile::tempdir().unwrap();
    write(here.path(), "etc/php/8.2/fpm/php-fpm.conf", "include = /etc/php/8.2/fpm/pool.d/*.conf\n");
    for n in 0..60 {
        let pool = format!("[p{n}]\nuser = a\nlisten = /run/p{n}.sock\ninclude = /etc/php/8.2/fpm/pool.d/*.conf\n");
        write(here.path(), &format!("etc/php/8.2/fpm/pool.d/{n}.conf"), pool);
    }
    let (status, text) = run(here.path(), "check . --format compact");
    assert_eq!((status, text.matches("[include-cycle]").count()), (1, 1), "{text}");
}

#[test]
fn one_snippet_with_two_values_is_two_findings() {
    let here = tempfile::tempdir().unwrap();
    let server = |v: &str| format!("server {{ server_name s{v}.example; set $v {v}; include /etc/nginx/php; }}\n");
    write(
        here.path(),
        "etc/nginx/nginx.conf",
        format!("events {{}}\nhttp {{ {} {} }}\n", server("7.4"), server("8.1")),
    );
    write(here.path(), "etc/nginx/php", "location ~ \\.php$ { fastcgi_pass unix:/run/php$v-fpm.sock; }\n");
    write(
        here.path(),
        "etc/php/8.2/fpm/pool.d/www.conf",
        "[www]\nuser = a\nlisten = /run/php8.2-fpm.sock\npm = static\n",
    );
    let (status, text) = run(here.path(), "check . --format compact --select listener-missing");
    assert_eq!((status, text.lines().count()), (1, 2), "{text}");
}

#[test]
fn what_is_there_and_cannot_be_read_is_never_clean() {
    let here = tempfile::tempdir().unwrap();
    fs::create_dir_all(here.path().join("root/etc/nginx")).unwrap();
    std::os::unix::fs::symlink("nowhere", here.path().join("root/etc/nginx/nginx.conf")).unwrap();
    write(here.path(), "root/etc/php/8.2/fpm/pool.d/www.conf", "[www]\nuser = a\nlisten = /run/a.sock\npm = static\n");
    let (status, text) = run(here.path(), "check --root root --format compact");
    assert_eq!(status, 2, "{text}");
    let (status, text) = run(here.path(), &format!("check --root {} --php-ini /nowhere.ini", example().display()));
    assert_eq!(status, 2, "{text}");
}

#[test]
fn what_this_account_may_not_read_is_told() {
    let here = tempfile::tempdir().unwrap();
    let mode = |path: &str, mode| fs::set_permissions(here.path().join(path), Permissions::from_mode(mode)).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_gatelint"), here.path().join("gatelint")).unwrap();
    ["", "gatelint"].iter().for_each(|path| mode(path, 0o755));
    let run = |path: &str| {
        let mut command = Command::new(here.path().join("gatelint"));
        command.args(["check", path, "--color", "never"]).current_dir(here.path());
        // Root may read everything.
        if here.path().metadata().unwrap().uid() == 0 {
            command.uid(65534).gid(65534);
        }
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code().unwrap(), text)
    };
    write(here.path(), "host/etc/nginx/nginx.conf", MAIN);
    mode("host/etc", 0);
    let (status, text) = run("host");
    assert_eq!((status, text.contains("/etc/nginx/nginx.conf: permission denied")), (2, true), "{text}");
    write(here.path(), "repository/nginx.conf", MAIN);
    write(here.path(), "repository/pool.d/www.conf", POOL);
    write(here.path(), "repository/secret/site.conf", SITE);
    mode("repository/pool.d/www.conf", 0);
    mode("repository/secret", 0);
    let (status, text) = run("repository");
    let told = "what is in 2 closed files and folders, such as pool.d/www.conf (an account that may";
    assert_eq!((status, text.contains(told)), (0, true), "{text}");
    mode("repository/nginx.conf", 0);
    let (status, text) = run("repository");
    assert_eq!((status, text.contains("ermission denied")), (2, true), "{text}");
    ["host/etc", "repository/secret"].iter().for_each(|path| mode(path, 0o755));
}

#[test]
fn a_deployment_that_holds_nothing_is_told_by_its_place() {
    let here = tempfile::tempdir().unwrap();
    fs::create_dir(here.path().join("empty")).unwrap();
    write(here.path(), "gatelint.toml", "[[deployment]]\nname = \"shop\"\nroot = \"empty\"\n");
    let (status, text) = run(here.path(), "check . --format compact");
    assert_eq!(
        (status, text.contains("deployment shop: empty: no nginx.conf and no php-fpm.conf")),
        (2, true),
        "{text}"
    );
}

#[test]
fn a_deployment_whose_files_are_gone_is_named() {
    let here = tempfile::tempdir().unwrap();
    for key in ["files = [\"gone.conf\"]", "root = \"gone\""] {
        write(here.path(), "gatelint.toml", format!("[[deployment]]\nname = \"shop\"\n{key}\n"));
        let (status, text) = run(here.path(), "check . --format compact");
        assert_eq!((status, text.contains("error: deployment shop: cannot read ")), (2, true), "{text}");
    }
}

#[test]
fn a_root_without_main_files_is_its_files() {
    let here = tempfile::tempdir().unwrap();
    let wrong = SITE.replace("fastcgi_pass", "fastcgi_pas");
    for (root, prefix) in [("tree", "sites-available"), ("host", "etc/nginx/sites-available")] {
        for name in ["one", "two"] {
            write(here.path(), &format!("{root}/{prefix}/{name}"), &wrong);
        }
        let (status, text) = run(here.path(), &format!("check --root {root} --format compact"));
        let places = ["one", "two"].map(|name| text.contains(&format!("{prefix}/{name}:1:")));
        assert_eq!((status, places, text.lines().count()), (1, [true; 2], 2), "{text}");
    }
    fs::create_dir(here.path().join("empty")).unwrap();
    assert_eq!(run(here.path(), "check --root empty").0, 2);
}

#[test]
fn sites_that_are_called_after_their_hosts_are_found() {
    let here = tempfile::tempdir().unwrap();
    let wrong = SITE.replace("fastcgi_pass", "fastcgi_pas");
    for path in ["web/sites-enabled/example.com", "web/sites-enabled/example.com.bak", "web/notes/example.com"] {
        write(here.path(), path, &wrong);
    }
    write(here.path(), "web/sites-enabled/logo.svg", "<svg><a href=\"x\"/></svg>\n");
    let (status, text) = run(here.path(), "check . --format compact");
    let lines: Vec<_> = text.lines().filter(|line| line.contains("error")).collect();
    assert_eq!((status, lines.len(), text.contains("web/sites-enabled/example.com:")), (1, 1, true), "{text}");
}

#[test]
fn a_relative_include_of_a_fragment_is_told_as_it_is_written() {
    let here = tempfile::tempdir().unwrap();
    write(here.path(), "web/site.conf", "server {\n    listen 80;\n    include snippets/tls.conf;\n}\n");
    let (status, text) = run(here.path(), "check . --color never");
    assert!(status == 0 && text.contains("  the included snippets/tls.conf (--root)"), "{text}");
}

#[test]
fn the_format_of_a_log_makes_no_template_of_a_pool() {
    let here = tempfile::tempdir().unwrap();
    let pool = "[www]\nuser = a\nlisten = 9000\npm = statik\naccess.format = \"%R %{mili}d %C%%\"\n";
    write(here.path(), "docker/www.conf", pool);
    let (status, text) = run(here.path(), "check . --format compact");
    assert!(status == 1 && text.contains("docker/www.conf:4:6: error:"), "{status} {text}");
}

#[test]
fn a_template_in_the_tree_of_an_image_is_passed_over() {
    let here = tempfile::tempdir().unwrap();
    write(here.path(), "Dockerfile", "FROM alpine\nCOPY conf /\n");
    let main = "events { }\nhttp {\n    server_tokens {TOKENS};\n    include /etc/nginx/http.d/*.conf;\n}\n";
    write(here.path(), "conf/etc/nginx/nginx.conf", main);
    let (status, text) = run(here.path(), "check . --format compact");
    assert!(status == 2 && text.contains("found templates only (1)"), "{status} {text}");
    write(here.path(), "conf/etc/nginx/nginx.conf", main.replace("{TOKENS}", "off"));
    write(here.path(), "conf/etc/nginx/http.d/a.conf", "upstream php {\n    server {{ php }};\n}\n");
    let site = SITE.replace("unix:/run/b.sock", "php");
    write(here.path(), "conf/etc/nginx/http.d/b.conf", &site);
    let (status, text) = run(here.path(), "check . --color never");
    assert!(site.contains("fastcgi_pass php;") && status == 0, "{status} {text}");
    assert!(text.contains("the template conf/etc/nginx/http.d/a.conf"), "{text}");
}

#[test]
fn a_map_that_also_follows_from_an_include_is_listed_once() {
    let here = tempfile::tempdir().unwrap();
    write(here.path(), "a/nginx.conf", MAIN);
    write(here.path(), "a/conf.d/site.conf", SITE);
    write(
        here.path(),
        "gatelint.toml",
        "[[deployment]]\nname = \"a\"\nfiles = [\"a/nginx.conf\"]\n\
         path-map = { \"a/conf.d\" = \"/etc/nginx/conf.d\" }\n",
    );
    let (status, text) = run(here.path(), "config .");
    assert_eq!((status, text.matches("deployed as:").count()), (0, 1), "{text}");
}

#[test]
fn a_snippet_is_checked_where_it_belongs() {
    let here = tempfile::tempdir().unwrap();
    write(here.path(), "php.conf", "fastcgi_param SCRIPT_FILENAME /srv/a.php;\nfastcgi_pass unix:/run/b.sock;\n");
    write(here.path(), "www.conf", "[www]\nuser = a\nlisten = /run/a.sock\npm = static\n");
    let (status, text) = run(here.path(), "check php.conf www.conf --format compact");
    assert_eq!(status, 1, "{text}");
    assert!(text.starts_with("php.conf:2:14: error: no pool listens on /run/b.sock"), "{text}");
}

#[test]
fn secrets_stay_out_of_reports() {
    let here = tempfile::tempdir().unwrap();
    let pass = "fastcgi_pass unix:/run/b.sock;\nfastcgi_param API_KEY s3cr3t;\n";
    write(here.path(), "php.conf", format!("location ~ \\.php$ {{\n{pass}}}\n"));
    write(here.path(), "www.conf", "[www]\nuser = a\nlisten = /run/a.sock\nenv[DB_PASSWORD] = hunter2\npm = static\n");
    let (status, text) = run(here.path(), "check php.conf www.conf --color never");
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("API_KEY") && !text.contains("s3cr3t") && !text.contains("hunter2"), "{text}");
}

/// What healthy hosts do that looks like a mistake; each was seen to work with the real servers.
#[test]
fn healthy_hosts_get_no_error() {
    let pool = "[www]\nuser = www-data\nlisten = /run/php/a.sock\npm = static\npm.max_children = 1\n\
                pm.status_path = /status\npm.status_listen = /run/php/status.sock\n";
    let pass = |socket: &str| {
        format!(
            "fastcgi_param REQUEST_METHOD $request_method; fastcgi_param SCRIPT_FILENAME /srv/a.php; fastcgi_pass unix:/run/php/{socket}.sock;"
        )
    };
    let servers = [
        format!("location = /status {{ {} }}", pass("status")),
        format!("return 301 https://x; location ~ \\.php$ {{ {} }}", pass("gone")),
        format!("location ~ \\.php$ {{ return 410; {} }}", pass("gone")),
        format!("location ~ \\.php$ {{ deny all; {} }}", pass("gone")),
        format!("location ~ \\.php$ {{ error_page 502 = @b; {} }} location @b {{ {} }}", pass("gone"), pass("a")),
        "location / { proxy_pass http://localhost:8080; } location ~ ^/a(.*) { proxy_pass http://LOCALHOST:8080$1; }"
            .into(),
        "location / { proxy_pass http://be_$arg_x; }".into(),
        "location ~ \\.php$ { fastcgi_param REQUEST_METHOD $request_method; fastcgi_param SCRIPT_FILENAME /srv/a.php; fastcgi_pass 127.0.0.1:9074; }".into(),
        "set $p unix:/run/none.sock; access_by_lua_block { x } location ~ \\.php$ { fastcgi_param REQUEST_METHOD $request_method; fastcgi_param SCRIPT_FILENAME /srv/a.php; fastcgi_pass $p; }".into(),
        "location /trac { include fastcgi_params; fastcgi_pass 127.0.0.1:9010; }".into(),
    ];
    for server in servers {
        let here = tempfile::tempdir().unwrap();
        let stream = "stream { server { listen 127.0.0.1:9074; proxy_pass unix:/run/php/a.sock; } }";
        let http = format!("upstream BE_web {{ server 127.0.0.1:81; }} server {{ listen 80; {server} }}");
        write(here.path(), "etc/nginx/nginx.conf", format!("events {{}}\n{stream}\nhttp {{ {http} }}\n"));
        write(here.path(), "etc/nginx/fastcgi_params", "fastcgi_param QUERY_STRING $query_string;\n");
        write(here.path(), "etc/php/8.2/fpm/pool.d/www.conf", pool);
        let (status, text) = run(here.path(), "check --root . --format compact");
        assert_eq!(status, 0, "{server}: {text}");
    }
}

#[test]
fn a_listen_through_a_link_is_the_socket_it_leads_to() {
    let here = tempfile::tempdir().unwrap();
    let server = "location ~ \\.php$ { fastcgi_pass unix:/run/php/a.sock; }";
    write(here.path(), "etc/nginx/nginx.conf", format!("events {{}}\nhttp {{ server {{ {server} }} }}\n"));
    write(here.path(), "etc/php/8.2/fpm/pool.d/www.conf", "[www]\nuser = a\nlisten = /srv/sock/a.sock\npm = static\n");
    fs::create_dir_all(here.path().join("run/php")).unwrap();
    fs::create_dir_all(here.path().join("srv")).unwrap();
    std::os::unix::fs::symlink("../run/php", here.path().join("srv/sock")).unwrap();
    assert_eq!(run(here.path(), "check --root . --format compact --select connection"), (0, String::new()));
}

#[test]
fn a_master_that_something_else_starts_is_not_called_absent() {
    let here = tempfile::tempdir().unwrap();
    let server = "location ~ \\.php$ { fastcgi_pass unix:/run/php/a.sock; }";
    write(here.path(), "etc/nginx/nginx.conf", format!("events {{}}\nhttp {{ server {{ {server} }} }}\n"));
    write(here.path(), "etc/php/7.4/fpm/pool.d/www.conf", "[www]\nuser = a\nlisten = /run/php/a.sock\npm = static\n");
    write(here.path(), "usr/lib/systemd/system/php8.2-fpm.service", "[Service]\nExecStart=/usr/sbin/php-fpm8.2\n");
    let words = "check --root . --format compact --select listener-not-running";
    assert_eq!(run(here.path(), words).0, 1);
    write(here.path(), "etc/systemd/system/old.service", "[Service]\nExecStart=/usr/sbin/php-fpm7.4 -F\n");
    assert_eq!(run(here.path(), words), (0, String::new()));
}

#[test]
fn a_dump_is_a_host_with_the_files_that_nginx_loaded() {
    let here = tempfile::tempdir().unwrap();
    let pools = example().join("etc/php/8.2/fpm/pool.d");
    fs::copy(pools.join("www.conf"), here.path().join("www.conf")).unwrap();
    fs::copy(dump("nginx-T.txt"), here.path().join("dump")).unwrap();
    let found = "etc/nginx/sites-enabled/blog:13:16: error: no pool listens on /run/php/php8.1-fpm.sock";
    for words in ["check dump www.conf --format compact", "check - www.conf --format compact"] {
        let (status, text) = run_reading(here.path(), words, &dump("nginx-T.txt"));
        assert_eq!(status, 1, "{text}");
        assert!(text.lines().any(|line| line.starts_with(found)), "{text}");
    }
    let (status, text) = run(here.path(), "check dump --color never");
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("PHP-FPM's configuration (name its files as well): "), "{text}");
    // What was captured on a host belongs to the tree of that host.
    write(here.path(), "root/etc/php-fpm.d/www.conf", fs::read(pools.join("www.conf")).unwrap());
    let (status, text) = run(here.path(), "check dump root --format compact");
    assert_eq!(status, 1, "{text}");
    assert!(text.lines().any(|line| line.starts_with(found)), "{text}");
}

#[test]
fn a_dump_that_was_pasted_somewhere_is_read() {
    let here = tempfile::tempdir().unwrap();
    let pools = example().join("etc/php/8.2/fpm/pool.d");
    fs::copy(pools.join("www.conf"), here.path().join("www.conf")).unwrap();
    let dump = fs::read_to_string(dump("nginx-T.txt")).unwrap();
    let (_, expected) = run_reading(here.path(), "check - www.conf --format compact", &self::dump("nginx-T.txt"));
    let marked = |mark: &str| dump.lines().map(|line| format!("{mark}{line}\n")).collect::<String>();
    let logged = |(at, line): (usize, &str)| format!("Nov 21 21:{:02}:07 web1 nginx[{at}]: {line}\n", at % 60);
    for pasted in [
        format!("Why do I get 502?\n\n{}", marked("    ")),
        format!("Why do I get 502?\n\n{}", marked("> ")),
        marked("[pod/web-5c/nginx] "),
        marked("\u{1b}[36mweb-1  | \u{1b}[0m"),
        dump.lines().enumerate().map(logged).collect(),
        format!("$ sudo nginx -T\r\n{}me@web1:~$ exit\r\nlogout\r\n", dump.replace('\n', "\r\n")),
    ] {
        write(here.path(), "dump", pasted);
        let (status, text) = run(here.path(), "check dump www.conf --format compact");
        // What is taken off shows in no column.
        assert_eq!((status, text), (1, expected.clone()));
    }
}

#[test]
fn what_php_fpm_and_nginx_say_of_themselves_is_recognised() {
    let here = tempfile::tempdir().unwrap();
    let all = ["nginx-T.txt", "nginx-V.txt", "php-fpm-tt.txt"].map(|name| fs::read(dump(name)).unwrap()).concat();
    write(here.path(), "all", &all);
    let (status, text) = run_reading(here.path(), "check - --format compact", &here.path().join("all"));
    assert_eq!(status, 1, "{text}");
    let places: Vec<&str> = text.lines().filter_map(|line| line.split(": ").next()).collect();
    let (api, _) = text.split_once(": error: pool api refuses nginx").unwrap();
    let line: usize =
        api.lines().last().unwrap().strip_prefix("<stdin>:").unwrap().split(':').next().unwrap().parse().unwrap();
    let line = String::from_utf8_lossy(&all).lines().nth(line - 1).unwrap().to_owned();
    assert!(line.contains("NOTICE: \tlisten.allowed_clients = "), "{line}");
    assert!(places.contains(&"etc/nginx/sites-enabled/blog:13:16"), "{text}");
    // The same of two PHP-FPMs is two PHP-FPMs, also out of a log.
    let tested = fs::read_to_string(dump("php-fpm-tt.txt")).unwrap();
    let older = tested.replace("8.2", "8.1");
    let logged = (tested + &older).lines().map(|line| format!("web-1  | {line}\n")).collect::<String>();
    write(here.path(), "both", logged);
    let (_, text) = run(here.path(), "check both --color never");
    assert!(text.contains("(0 servers, 0 hand-overs, 6 pools)"), "{text}");
    let (_, text) = run_reading(here.path(), "check - --verbose", &here.path().join("all"));
    assert!(text.contains("the behaviour of nginx 1.22.1 is predicted"), "{text}");
    assert!(text.contains("/etc/php/8.2/fpm/php-fpm.conf: the behaviour of PHP 8.2 is predicted"), "{text}");
}

#[test]
fn a_dump_that_was_cut_off_is_told() {
    let here = tempfile::tempdir().unwrap();
    let whole = fs::read_to_string(dump("nginx-T.txt")).unwrap();
    let before = |mark: &str| whole.find(mark).unwrap();
    write(here.path(), "middle", &whole[..before("fastcgi_pass")]);
    let (status, text) = run(here.path(), "check middle");
    assert_eq!(status, 2, "{text}");
    assert!(text.contains("this dump ends in the middle of /etc/nginx/"), "{text}");
    write(here.path(), "begin", &whole[before("# configuration file /etc/nginx/mime.types")..]);
    let (status, text) = run(here.path(), "check begin");
    assert_eq!(status, 2, "{text}");
    assert!(text.contains("begins with /etc/nginx/mime.types, and lacks nginx's main file"), "{text}");
    write(here.path(), "end", &whole[..before("# configuration file /etc/nginx/snippets")]);
    let (_, text) = run(here.path(), "check end --color never");
    assert!(text.contains("snippets/fastcgi-php.conf, which the dump lacks (nginx -T)"), "{text}");
    write(
        here.path(),
        "refused",
        "2026/01/31 12:00:00 [emerg] 7#7: unknown directive \"x\" in /etc/nginx/nginx.conf:1\n",
    );
    let (status, text) = run(here.path(), "check refused");
    assert_eq!(status, 2, "{text}");
    assert!(text.contains("what a program says of one"), "{text}");
}

const POOL: &str = "[www]\nuser = a\nlisten = /run/a.sock\npm = static\npm.max_children = 1\n";
const MAIN: &str = "user a;\nevents {}\nhttp { include /etc/nginx/conf.d/*.conf; }\n";
const SITE: &str = "server { listen 80; location ~ \\.php$ { fastcgi_pass unix:/run/b.sock; \
     fastcgi_param REQUEST_METHOD $request_method; fastcgi_param SCRIPT_FILENAME /srv/a.php; } }\n";

#[test]
fn a_context_makes_a_fragment_of_any_file() {
    let here = tempfile::tempdir().unwrap();
    write(here.path(), "log.conf", "access_log off;\n");
    assert_eq!(run(here.path(), "check log.conf").0, 0);
    write(here.path(), "lua.conf", "lua_x off;\n");
    assert_eq!(run(here.path(), "check lua.conf").0, 2);
    assert_eq!(run(here.path(), "check lua.conf --context http,server --format compact"), (0, String::new()));
    let (status, text) = run(here.path(), "check log.conf --context http,location");
    assert_eq!((status, text.contains("outermost first")), (2, true), "{text}");
}

#[test]
fn files_are_checked_as_if_they_were_where_they_belong() {
    let here = tempfile::tempdir().unwrap();
    write(here.path(), "docker/web/nginx.conf", MAIN);
    write(here.path(), "docker/sites/shop.conf", SITE);
    write(here.path(), "docker/php/www.conf", POOL);
    let maps = "--path-map docker/web=/etc/nginx --path-map docker/sites=/etc/nginx/conf.d \
                --path-map docker/php/www.conf=/etc/php-fpm.d/www.conf";
    let found = "docker/sites/shop.conf:1:54: error: no pool listens on /run/b.sock";
    write(here.path(), "gatelint.toml", "");
    for words in [format!("check . {maps}"), format!("check . --config gatelint.toml {maps}")] {
        let (status, text) = run(here.path(), &format!("{words} --format compact"));
        assert_eq!(status, 1, "{text}");
        assert!(text.lines().any(|line| line.starts_with(found)), "{text}");
    }
    let (status, text) = run(here.path(), "check . --path-map /etc=/etc/nginx");
    assert_eq!((status, text.contains("cannot reach outside")), (2, true), "{text}");
    let (status, text) = run(here.path(), "check . --path-map docker/web");
    assert_eq!((status, text.contains("FROM=TO")), (2, true), "{text}");
}

#[test]
fn an_image_brings_what_the_repository_lacks() {
    let here = tempfile::tempdir().unwrap();
    write(here.path(), "shop.conf", SITE.replace("unix:/run/b.sock", "127.0.0.1:9001"));
    let map = "--path-map shop.conf=/etc/nginx/conf.d/shop.conf";
    write(here.path(), "php/pm.conf", "[www]\npm.max_children = 9\n");
    let (status, text) = run(here.path(), &format!("check . {map} --profile docker-nginx -v"));
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("1 server"), "{text}");
    write(here.path(), "nginx.conf", MAIN);
    let maps = format!("{map} --path-map nginx.conf=/etc/nginx/nginx.conf --path-map php=/usr/local/etc/php-fpm.d");
    let (status, text) = run(here.path(), &format!("check . {maps} --profile docker-php --color never"));
    assert_eq!(status, 1, "{text}");
    assert!(text.contains("no pool listens on 127.0.0.1:9001"), "{text}");
    assert!(text.contains("image:php/usr/local/etc/php-fpm.d/zz-docker.conf"), "{text}");
    let (status, text) = run(here.path(), "check . --profile gentoo");
    assert_eq!((status, text.contains("there are debian, rhel")), (2, true), "{text}");
}

#[test]
fn what_a_main_file_includes_is_looked_for_beside_it() {
    let here = tempfile::tempdir().unwrap();
    write(here.path(), "web/nginx.conf", MAIN);
    write(here.path(), "web/conf.d/shop.conf", SITE);
    write(here.path(), "php/php-fpm.conf", "[global]\ninclude = /etc/php/8.2/fpm/pool.d/*.conf\n");
    write(here.path(), "php/pool.d/www.conf", POOL);
    for words in
        ["check web/nginx.conf php/php-fpm.conf", "check web/nginx.conf web/conf.d php/php-fpm.conf", "check ."]
    {
        let (status, text) = run(here.path(), &format!("{words} --format compact"));
        assert_eq!((status, text.lines().count()), (1, 1), "{words}: {text}");
        assert!(text.starts_with("web/conf.d/shop.conf:1:54: error: no pool listens on /run/b.sock"), "{text}");
    }
}

#[test]
fn deployments_of_gatelint_toml_are_checked_by_name() {
    let here = tempfile::tempdir().unwrap();
    let main = MAIN.replace("include /etc/nginx/conf.d/*.conf;", SITE.trim_end());
    write(here.path(), "shop/etc/nginx/nginx.conf", &main);
    write(here.path(), "shop/etc/php/8.2/fpm/pool.d/www.conf", POOL);
    write(here.path(), "blog/nginx.conf", &main);
    write(here.path(), "blog/www.conf", POOL);
    let config = "[[deployment]]\nname = \"shop\"\nroot = \"shop\"\n\
                  [[deployment]]\nname = \"blog\"\nfiles = [\"blog\"]\nnginx-version = \"1.18\"\n";
    write(here.path(), "gatelint.toml", config);
    let (status, text) = run(here.path(), "check . --color never --verbose");
    assert_eq!((status, text.matches("error[").count()), (1, 2), "{text}");
    for part in
        ["in the deployment shop", "in the deployment blog", "shop/etc/nginx/nginx.conf:3:", "blog/nginx.conf:3:"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(text.contains("nginx 1.18 is predicted") && text.contains("nginx 1.28 is predicted"), "{text}");
    let (_, text) = run(here.path(), "check shop --format compact");
    assert!(text.starts_with("shop/etc/nginx/nginx.conf:3:") && text.lines().count() == 1, "{text}");
    let (status, text) = run(here.path(), "config .");
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("deployment blog: ") && text.contains("gatelint.toml"), "{text}");
    let all = format!(
        "{config}[rules]\nlistener-missing = \"warning\"\n[[ignore]]\nrule = \"connection\"\npaths = [\"blog/**\"]\n"
    );
    write(here.path(), "gatelint.toml", all);
    let (status, text) = run(here.path(), "check . --format compact");
    assert_eq!((status, text.matches(": warning: no pool").count(), text.matches("blog").count()), (0, 1, 0), "{text}");
    write(here.path(), "gatelint.toml", config.replace("root", "rot"));
    let (status, text) = run(here.path(), "check . --format json");
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let error = document["errors"][0].as_str().unwrap();
    assert!(
        status == 2 && error.ends_with("gatelint.toml:3: the key `rot` means nothing; the nearest is `root`"),
        "{text}"
    );
}

#[test]
fn what_is_in_force_is_shown_with_the_options() {
    let here = tempfile::tempdir().unwrap();
    write(here.path(), "site.conf", SITE);
    write(here.path(), "gatelint.toml", "nginx-version = \"1.24\"\n");
    let words = "config site.conf --select connection,stale-name --memory 1k --fail-on warning --require users";
    let (status, text) = run(here.path(), words);
    let options =
        "options:\n  --select connection,stale-name\n  --fail-on warning\n  --require users\n  --memory 1024\n\n";
    assert_eq!((status, text.contains(options)), (0, true), "{text}");
    assert!(text.contains("\nnginx 1.24 is predicted  (gatelint.toml)\n") && !text.contains("facts:"), "{text}");
    assert_eq!(run(here.path(), "config site.conf --select nothing").0, 2);
}

#[test]
fn a_file_is_checked_with_the_deployment_that_it_is_mapped_into() {
    let here = tempfile::tempdir().unwrap();
    write(here.path(), "blog/nginx.conf", MAIN);
    write(here.path(), "blog/sites/blog.conf", SITE);
    write(here.path(), "blog/pool.d/www.conf", POOL);
    write(here.path(), "other/site.conf", SITE.replace("listen 80", "gzip maybe"));
    write(
        here.path(),
        "gatelint.toml",
        "[[deployment]]\nname = \"blog\"\nfiles = [\"blog/nginx.conf\", \"blog/pool.d\"]\n\
         path-map = { \"blog/sites\" = \"/etc/nginx/conf.d\" }\n",
    );
    let found = "blog/sites/blog.conf:1:54: error: no pool listens on /run/b.sock";
    for named in ["blog/sites/blog.conf", "blog/sites", "blog/pool.d/www.conf", "blog/nginx.conf"] {
        let (status, text) = run(here.path(), &format!("check {named} --format compact"));
        assert_eq!((status, text.starts_with(found)), (1, true), "{named}: {text}");
    }
    // What belongs to no deployment is checked for itself.
    let (_, text) = run(here.path(), "check blog/sites/blog.conf other/site.conf --format compact");
    let lines: Vec<_> = text.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(lines, ["blog/sites/blog.conf:1:54:", "other/site.conf:1:15:"], "{text}");
}

#[test]
fn facts_can_be_insisted_on() {
    let here = tempfile::tempdir().unwrap();
    let root = example();
    let root = root.display();
    let (status, text) = run(here.path(), &format!("check {root} --require nginx,fpm,php-ini,users --fail-on never"));
    assert_eq!(status, 0, "{text}");
    let (status, text) = run(here.path(), &format!("check {root} --require memory --fail-on never --format compact"));
    assert_eq!(
        (status, text.contains("memory must be known (--require), and nothing says; --memory would")),
        (2, true),
        "{text}"
    );
    assert_eq!(run(here.path(), &format!("check {root} --require memory --memory 4G --fail-on never")).0, 0);
    let (status, text) = run(here.path(), &format!("check {root} --require luck"));
    assert_eq!((status, text.contains("there are nginx, fpm")), (2, true), "{text}");
}

#[test]
fn every_mistake_on_the_command_line_is_a_document_in_a_machine_format() {
    let here = tempfile::tempdir().unwrap();
    for (words, want) in [
        ("check --select nope --format json", "`nope` is no rule"),
        ("check --format json --frobnicate", "unexpected argument"),
        ("check --format=json --fail-on always", "invalid value"),
        ("check nowhere --format json", "cannot read nowhere"),
        ("check --format json --config nowhere.toml", "nowhere.toml"),
        ("check --format json --timeout never", "invalid value"),
    ] {
        let words: Vec<&OsStr> = words.split(' ').map(OsStr::new).collect();
        let output = gatelint(here.path(), &words);
        let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let error = document["errors"][0].as_str().unwrap();
        assert!(output.status.code() == Some(2) && error.contains(want), "{words:?}: {error}");
    }
}

#[test]
fn facts_that_mean_nothing_are_told_unasked() {
    let here = tempfile::tempdir().unwrap();
    write(here.path(), "facts.toml", "memroy = \"1G\"\n");
    let (_, text) = run(here.path(), &format!("check {} --facts facts.toml --format compact", example().display()));
    assert!(text.contains("warning: facts.toml: the key memroy means nothing; the nearest is `memory`"), "{text}");
}

#[test]
fn alternatives_stay_alternatives_and_a_folder_of_pools_is_one() {
    let here = tempfile::tempdir().unwrap();
    let main = MAIN.replace("include /etc/nginx/conf.d/*.conf;", SITE.trim_end());
    write(here.path(), "web/nginx.conf", &main);
    write(here.path(), "php/pool.d/www.conf", POOL);
    write(here.path(), "php/pool.d/api.conf", POOL.replace("www", "api").replace("a.sock", "c.sock"));
    let (status, text) = run(here.path(), "check . --format compact");
    assert_eq!((status, text.contains("no pool listens on /run/b.sock")), (1, true), "{text}");
    // Two versions are alternatives: which of them runs is not known.
    write(here.path(), "php8.3/www.conf", POOL);
    let (status, text) = run(here.path(), "check . --color never --verbose");
    assert_eq!(status, 0, "{text}");
    assert!(text.contains("1 nginx and 2 PHP-FPM configurations may be alternatives"), "{text}");
    assert!(text.contains("php/pool.d/api.conf, php/pool.d/www.conf: pools of PHP-FPM"), "{text}");
}

#[test]
fn a_half_done_upgrade_shows_where_nothing_is_joined() {
    let here = tempfile::tempdir().unwrap();
    let group = |version: &str| format!("upstream php {{ server unix:/run/php{version}-fpm.sock; }}\n");
    let pool = POOL.replace("a.sock", "php8.2-fpm.sock");
    write(here.path(), "compose.yaml", "services: {}\n");
    write(here.path(), "web/nginx.conf", MAIN.replace("http {", &format!("http {{\n{}", group("8.1"))));
    write(here.path(), "php/www.conf", &pool);
    let told = "warning: no pool of this repository listens on /run/php8.1-fpm.sock [listener-missing]";
    let is_told = || run(here.path(), "check . --format compact").1.contains(told);
    assert!(is_told(), "{}", run(here.path(), "check .").1);
    // A group that is called after the version has its own reasons.
    write(here.path(), "web/php82.conf", group("8.2").replace("upstream php", "upstream php82"));
    assert!(is_told());
    // Several sockets or pools that come into question are alternatives.
    write(here.path(), "old/site.conf", group("7.4"));
    assert!(!is_told());
    fs::remove_file(here.path().join("old/site.conf")).unwrap();
    write(here.path(), "old/www.conf", pool.replace("8.2", "8.1"));
    assert!(!is_told());
}

/// A repository whose Dockerfile puts nginx and PHP-FPM into one image.
fn image(directory: &Path, commands: &str) {
    let copies = "COPY web/nginx.conf /etc/nginx/\nCOPY web/sites /etc/nginx/conf.d\n\
        COPY php.conf /usr/local/etc/php-fpm.d/zzz.conf\n";
    write(directory, "Dockerfile", format!("FROM php:8.2-fpm-alpine\nRUN apk add nginx\n{copies}{commands}"));
    write(directory, "web/nginx.conf", MAIN);
    write(directory, "web/sites/a.conf", SITE);
    write(directory, "other/nginx.conf", MAIN);
    write(directory, "php.conf", POOL);
}

#[test]
fn what_a_dockerfile_copies_is_checked_where_it_goes() {
    let here = tempfile::tempdir().unwrap();
    image(here.path(), "CMD [\"supervisord\"]\n");
    let (status, text) = run(here.path(), "check . --format compact");
    let missing = "web/sites/a.conf:1:54: error: no pool listens on /run/b.sock [listener-missing]";
    assert_eq!((status, text.trim_end()), (1, missing), "{text}");
    // The entry point of the image itself changes nothing.
    image(here.path(), "ENTRYPOINT [\"docker-php-entrypoint\"]\nCMD [\"php-fpm\"]\n");
    assert_eq!(run(here.path(), "check . --format compact").0, 1);
    // What a script or an edit makes of the files is not known.
    for command in ["ENTRYPOINT [\"/start.sh\"]\n", "RUN sed -i s/a/b/ /usr/local/etc/php-fpm.d/zzz.conf\n"] {
        image(here.path(), command);
        assert_eq!(run(here.path(), "check . --format compact"), (0, String::new()), "{command}");
    }
}

#[test]
fn containers_that_share_the_socket_are_one_deployment() {
    let here = tempfile::tempdir().unwrap();
    let services = |volume: &str| {
        format!(
            "services:\n  web:\n    image: nginx:1.25\n    volumes: ['./site.conf:/etc/nginx/conf.d/default.conf', 'run:/run']\n  \
             php:\n    image: php:8.2-fpm\n    volumes: ['./pool.conf:/usr/local/etc/php-fpm.d/zzz.conf', '{volume}:/run']\n"
        )
    };
    write(here.path(), "site.conf", SITE);
    write(here.path(), "pool.conf", POOL);
    write(here.path(), "compose.yaml", services("run"));
    let (status, text) = run(here.path(), "check . --format compact");
    assert_eq!((status, text.contains("no pool listens on /run/b.sock")), (1, true), "{text}");
    write(here.path(), "compose.yaml", services("other"));
    let (status, text) = run(here.path(), "check . --color never");
    assert_eq!((status, text.contains("compose.yaml puts nginx and PHP-FPM into containers")), (0, true), "{text}");
}

#[test]
fn services_have_their_stages_and_configs() {
    let here = tempfile::tempdir().unwrap();
    let found = |compose: &str| {
        write(here.path(), "compose.yaml", format!("services:\n{compose}"));
        run(here.path(), "check . --format compact")
    };
    write(here.path(), "site.conf", SITE.replace("unix:/run/b.sock", "php:9001"));
    write(here.path(), "pool.conf", "[www]\nlisten = 9002\n");
    let copies = "FROM php:8.2-fpm AS fpm\nCOPY pool.conf /usr/local/etc/php-fpm.d/zzz.conf\n\
                  FROM nginx:1.25\nCOPY site.conf /etc/nginx/conf.d/default.conf\n";
    write(here.path(), "Dockerfile", copies);
    let wrong = "nothing in the container of php listens on port 9001";
    for target in ["fpm", "${STAGE:-fpm}", "0"] {
        let (status, text) =
            found(&format!("  php:\n    build: {{context: ., target: '{target}'}}\n  web:\n    build: .\n"));
        assert_eq!((status, text.contains(wrong)), (1, true), "{target}: {text}");
    }
    let (status, text) = found("  php:\n    build: {context: ., target: gone}\n  web:\n    build: .\n");
    assert_eq!(status, 0, "{text}");
    let (status, text) = found(
        "  php:\n    image: php:8.2-fpm\n    configs: [{source: pool, target: /usr/local/etc/php-fpm.d/zzz.conf}]\n  \
         web:\n    image: nginx:1.25\n    configs: [{source: site, target: /etc/nginx/conf.d/default.conf}]\n\
         configs:\n  pool: {file: pool.conf}\n  site: {file: ./site.conf}\n",
    );
    assert_eq!((status, text.contains(wrong)), (1, true), "{text}");
}

#[test]
fn a_tree_without_a_main_file_is_laid_over_the_package() {
    let here = tempfile::tempdir().unwrap();
    let site = "server {\n    listen 80;\n    include snippets/of-the-package.conf;\n}\n";
    write(here.path(), "etc/nginx/sites-available/shop", site);
    write(here.path(), "etc/php/8.2/fpm/pool.d/www.conf", POOL);
    let (status, text) = run(here.path(), "check . --color never");
    let unchecked = "the included /etc/nginx/snippets/of-the-package.conf (--root): include-missing";
    assert_eq!((status, text.contains(unchecked)), (0, true), "{text}");
    // A copy of a whole host holds its accounts, and lacks what it does not hold.
    write(here.path(), "etc/passwd", "root:x:0:0::/:/bin/sh\n");
    let (status, text) = run(here.path(), "check . --format compact");
    assert_eq!((status, text.contains("[include-missing]")), (1, true), "{text}");
}

#[test]
fn the_root_directory_is_this_host() {
    let here = tempfile::tempdir().unwrap();
    let (status, text) = run(here.path(), "config /");
    assert_eq!(status, 0, "{text}");
    let (_, of_host) = run(here.path(), "config --root /");
    assert_eq!(text, of_host);
}

#[test]
fn what_to_do_about_an_include_depends_on_why_it_was_not_read() {
    let here = tempfile::tempdir().unwrap();
    let socket = here.path().join("etc/nginx/pipe");
    write(here.path(), "etc/nginx/nginx.conf", "events {}\nhttp {\n    include pipe;\n    include round;\n}\n");
    std::os::unix::net::UnixListener::bind(socket).unwrap();
    std::os::unix::fs::symlink("round", here.path().join("etc/nginx/round")).unwrap();
    let (status, text) = run(here.path(), "check . --color never");
    assert_eq!(status, 1, "{text}");
    for (why, help) in
        [("not a regular file", "include a file"), ("too many links", "let one of the links name a file")]
    {
        assert!(text.contains(why) && text.contains(help), "{text}");
    }
    assert!(!text.contains("as a user who may read it"), "{text}");
}

#[test]
fn what_stands_inside_of_other_files_is_checked_at_its_place() {
    let here = tempfile::tempdir().unwrap();
    let site = SITE.replace("fastcgi_pass unix", "fastcgi_pas unix");
    let indented = site.replace("server {", "server {\n     ");
    let map = format!(
        "kind: ConfigMap\ndata:\n  site.conf: |\n    {indented}  www.conf: |\n    [www]\n    listen = 9000\n    pm = dynamik\n    pm.max_children = 1\n    user = a\n"
    );
    write(here.path(), "map.yaml", map);
    write(
        here.path(),
        "chart.yaml",
        format!("kind: ConfigMap\ndata:\n  a.conf: |\n    listen {{{{ .P }}}};\n    {site}"),
    );
    write(here.path(), "Dockerfile", format!("FROM nginx\nCOPY <<'EOF' /etc/nginx/conf.d/a.conf\n{site}EOF\n"));
    let script =
        format!("cat > /etc/nginx/conf.d/a.conf <<'EOF'\n{site}EOF\ncat > /etc/nginx/b.conf <<EOF\n{site}EOF\n");
    write(here.path(), "install.sh", script.replace("$request_method", "GET"));
    let (status, text) = run(here.path(), "check . --format compact");
    let places: Vec<&str> = text.lines().filter_map(|line| line.split(": ").next()).collect();
    assert_eq!(
        (status, places),
        (1, vec!["Dockerfile:3:41", "install.sh:2:41", "map.yaml:5:38", "map.yaml:9:6"]),
        "{text}"
    );
    let (status, text) = run(here.path(), "check map.yaml --format compact");
    assert_eq!((status, text.lines().count()), (1, 2), "{text}");
    assert_eq!(run(here.path(), "check chart.yaml").0, 2);
    // What something fills in first is told, once for each file.
    let (_, text) = run(here.path(), "check . --color never");
    assert!(text.contains("what is made of 2 templates, such as chart.yaml"), "{text}");
}

#[test]
fn a_template_of_the_environment_is_checked_as_far_as_it_is_written() {
    let here = tempfile::tempdir().unwrap();
    let site = "server {\n    listen ${PORT};\n    server_name $HOST;\n    client_max_body_size ${MAX};\n    location ~ [.]php$ {\n        \
        include fastcgi_params;\n        fastcgi_param SCRIPT_FILENAME /srv$fastcgi_script_name;\n        \
        fastcgi_buffers ${N} 4k;\n        fastcgi_busy_buffers_size 256k;\n        fastcgi_pass ${PHP}:9000;\n    }\n}\n";
    write(here.path(), "templates/site.conf.template", site);
    write(here.path(), "templates/mail.template", "Dear ${NAME},\n");
    for path in [".", "templates/site.conf.template"] {
        let (status, text) = run(here.path(), &format!("check {path} --color never"));
        let told = text.contains("what the environment fills into templates/site.conf.template (the rendered file)");
        assert_eq!((status, told), (0, true), "{text}");
    }
    write(here.path(), "templates/site.conf.template", site.replace("${PHP}:9000;", "${PHP}"));
    let (status, text) = run(here.path(), "check . --format compact");
    assert_eq!((status, text.as_str()), (0, ""), "the word may bring its `;`");
    write(
        here.path(),
        "templates/site.conf.template",
        site.replace("server_name", "servername").replace("9000;", "9000"),
    );
    let (status, text) = run(here.path(), "check . --format compact");
    let places: Vec<&str> = text.lines().filter_map(|line| line.split(": ").next()).collect();
    assert_eq!(
        (status, places),
        (1, vec!["templates/site.conf.template:3:5", "templates/site.conf.template:10:9"]),
        "{text}"
    );
}

#[test]
fn a_compose_file_beats_a_root_shaped_folder() {
    let here = tempfile::tempdir().unwrap();
    let main = MAIN.replace("include /etc/nginx/conf.d/*.conf;", SITE.trim_end());
    for (folder, want) in [("host", 1), ("stack", 0)] {
        write(here.path(), &format!("{folder}/in/etc/nginx/nginx.conf"), &main);
        write(here.path(), &format!("{folder}/in/etc/php/8.2/fpm/pool.d/www.conf"), POOL);
        if folder == "stack" {
            write(here.path(), "stack/in/compose.yaml", "services: {}\n");
        }
        for path in [folder.to_owned(), format!("{folder}/in")] {
            let (status, text) = run(here.path(), &format!("check {path} --color never"));
            assert_eq!(status, want, "{path}: {text}");
            assert_eq!(text.contains("into containers"), want == 0, "{path}: {text}");
        }
    }
}

#[test]
fn a_fragment_is_checked_as_far_as_it_goes() {
    let here = tempfile::tempdir().unwrap();
    write(here.path(), "up.conf", "upstream php {\n}\n");
    write(here.path(), "open.conf", "upstream php {\n    include php.d/*.conf;\n}\n");
    write(here.path(), "params", "fastcgi_param REQUEST_METHOD $request_method;\n");
    write(here.path(), "site.conf", SITE);
    write(here.path(), "group.conf", SITE.replace("unix:/run/b.sock", "php"));
    write(here.path(), "name.conf", SITE.replace("unix:/run/b.sock", "$host:9000"));
    let (status, text) = run(here.path(), "check up.conf --format compact");
    assert_eq!((status, text.contains("the group php has no servers [upstream-empty]")), (1, true), "{text}");
    assert_eq!(run(here.path(), "check open.conf --format compact"), (0, String::new()));
    // A server with locations is one of web sites, wherever its file is included.
    write(here.path(), "web.conf", SITE.replace("listen 80", "listen 80 bogus"));
    let (status, text) = run(here.path(), "check web.conf --format compact");
    assert_eq!((status, text.contains("web.conf:1:20: error: `listen` does not take `bogus`")), (1, true), "{text}");
    // A file of settings with a mistake is one of nginx, too.
    write(here.path(), "ssl.conf", "ssl_protocols TLSv1.2;\nssl_ciphers HIGH\n");
    let (status, text) = run(here.path(), "check ssl.conf --format compact");
    assert_eq!((status, text.contains("ssl.conf:2:1: error: ")), (1, true), "{text}");
    // What is not checked is what something here hangs on.
    let unchecked = |file: &str| {
        let (_, text) = run(here.path(), &format!("check {file} --color never"));
        let lines = text.lines().filter(|line| line.starts_with("  ")).map(str::trim).map(str::to_owned);
        (lines.collect::<Vec<_>>(), text.lines().last().unwrap().to_owned())
    };
    let (lines, last) = unchecked("params");
    assert!(lines.is_empty() && last.contains("1 file (0 servers, 0 hand-overs, 0 pools)"), "{lines:?} {last}");
    write(here.path(), "lost.conf", SITE.replace("location", "include snippets/a.conf; location"));
    assert!(unchecked("lost.conf").0.contains(&"the included snippets/a.conf (--root): include-unreadable".into()));
    write(here.path(), "pool.conf", "listen = 9000\npm = static\n");
    let section = "which section is open where `listen` stands in pool.conf, before any header (name all files";
    assert!(unchecked("pool.conf").0[0].starts_with(section), "{:?}", unchecked("pool.conf"));
    let pools = "PHP-FPM's configuration (name its files as well): listener-missing";
    assert_eq!(unchecked("site.conf").0, [pools]);
    assert_eq!(unchecked("group.conf").0, ["whether another file defines the group php (--root): upstream-undefined"]);
    assert_eq!(unchecked("name.conf").0[..1], ["the files that may set a resolver (--root): resolver-missing"]);
}

#[test]
fn pools_beside_the_main_file_that_includes_them_are_read_through_it() {
    let here = tempfile::tempdir().unwrap();
    write(here.path(), "php-fpm.conf", "[global]\ninclude = /etc/php/8.2/fpm/pool.d/*.conf\n");
    write(here.path(), "www.conf", POOL.replace("static", "dynamic"));
    write(here.path(), "site.conf", SITE);
    let lines = |words: &str| run(here.path(), &format!("check {words} --format compact")).1.lines().count();
    let both = "site.conf php-fpm.conf www.conf";
    let (status, text) = run(here.path(), &format!("check {both} --format compact"));
    assert_eq!((status, text.lines().count()), (1, 2), "{text}");
    assert!(text.contains("no pool listens on /run/b.sock"), "{text}");
    assert!(text.contains("www.conf:4:1: error: pool www sets no `pm.min_spare_servers`"), "{text}");
    // On its own, a pool may be completed by other files.
    assert_eq!(lines("www.conf"), 0);
    let (_, text) = run(here.path(), "check www.conf --color never");
    assert!(text.contains("whether another file sets `pm.min_spare_servers` in pool www (name all files of"), "{text}");
    // Where they lie in the folder that it includes, they are read once.
    write(here.path(), "fpm/php-fpm.conf", "[global]\ninclude = /etc/php/8.2/fpm/pool.d/*.conf\n");
    write(here.path(), "fpm/pool.d/www.conf", POOL);
    let (_, text) = run(here.path(), "check site.conf fpm fpm/pool.d fpm/pool.d/www.conf --color never");
    assert!(text.contains("(1 server, 1 hand-over, 1 pool)"), "{text}");
}

#[test]
fn main_files_of_options_are_found_as_they_are_named() {
    let here = tempfile::tempdir().unwrap();
    write(here.path(), "tree/etc/nginx/nginx.conf", MAIN);
    write(here.path(), "tree/etc/nginx/conf.d/site.conf", SITE);
    write(here.path(), "tree/etc/php/8.2/fpm/php-fpm.conf", "[global]\n".to_owned() + POOL);
    write(here.path(), "site.conf", SITE);
    write(here.path(), "work/site.conf", SITE);
    let whole = here.path().join("tree/etc/php/8.2/fpm/php-fpm.conf").display().to_string();
    for words in [
        "check tree --fpm-conf /etc/php/8.2/fpm/php-fpm.conf".to_owned(),
        "check tree --fpm-conf etc/php/8.2/fpm/php-fpm.conf".into(),
        "check tree --fpm-conf tree/etc/php/8.2/fpm/php-fpm.conf".into(),
        format!("check --root tree --nginx-conf tree/etc/nginx/nginx.conf --fpm-conf {whole}"),
        "check site.conf --fpm-conf tree/etc/php/8.2/fpm/php-fpm.conf".into(),
        format!("check site.conf --fpm-conf {whole}"),
    ] {
        let (status, text) = run(here.path(), &format!("{words} --format compact"));
        assert_eq!((status, text.contains("no pool listens on /run/b.sock")), (1, true), "{words}: {text}");
    }
    let (status, text) =
        run(&here.path().join("work"), "check site.conf --fpm-conf ../tree/etc/php/8.2/fpm/php-fpm.conf");
    assert_eq!((status, text.contains("no pool listens on /run/b.sock")), (1, true), "{text}");
}

#[test]
fn a_file_of_a_compose_project_is_checked_in_its_containers() {
    let here = tempfile::tempdir().unwrap();
    let compose = "services:\n  web:\n    image: nginx:1.25\n    \
        volumes: ['./nginx/site.conf:/etc/nginx/conf.d/default.conf']\n  php:\n    image: php:8.2-fpm\n    \
        volumes: ['./php/own.conf:/usr/local/etc/php-fpm.d/own.conf']\n";
    write(here.path(), "app/docker-compose.yml", compose);
    write(here.path(), "app/nginx/site.conf", SITE.replace("unix:/run/b.sock", "php:9001"));
    write(here.path(), "app/nginx/other.conf", SITE);
    write(here.path(), "app/php/own.conf", "[www]\npm.max_requests = 500\n");
    let found = "app/nginx/site.conf:1:54: error: nothing in the container of php listens on port 9001";
    for named in ["nginx/site.conf", "php/own.conf", "docker-compose.yml", "nginx/site.conf app/php/own.conf"] {
        let (status, text) = run(here.path(), &format!("check app/{named} --format compact"));
        assert_eq!((status, text.starts_with(found), text.lines().count()), (1, true, 1), "{named}: {text}");
    }
    let (_, text) = run(&here.path().join("app/nginx"), "check site.conf --format compact");
    assert!(text.starts_with('/') && text.contains(found), "{text}");
    // What goes into no container is a file like others.
    assert_eq!(run(here.path(), "check app/nginx/other.conf --format compact"), (0, String::new()));
}

#[test]
fn what_holds_nothing_is_told_as_what_it_is() {
    let here = tempfile::tempdir().unwrap();
    write(here.path(), "empty.conf", "");
    write(here.path(), "comments.conf", "# later\n; more\n");
    write(here.path(), "none/notes.txt", "x");
    write(here.path(), "site.conf", SITE);
    write(here.path(), "www.conf", POOL);
    write(here.path(), "php.ini", "memory_limit = 1G\n");
    write(here.path(), "words.conf", "Hello world\n");
    write(here.path(), "lua.conf", "lua_x off;\n");
    write(here.path(), "Dockerfile", "FROM nginx:1.25\nCOPY site.conf /etc/nginx/conf.d/default.conf\n");
    fs::create_dir(here.path().join("empty")).unwrap();
    fs::create_dir(here.path().join("bare")).unwrap();
    for (words, message) in [
        ("check empty.conf", "empty.conf: this file holds nothing, or comments only"),
        ("check comments.conf empty.conf", "this file holds nothing, or comments only"),
        ("check -", "-: this is empty; the program that was to fill it has failed"),
        ("check php.ini", "php.ini: php.ini is checked with PHP-FPM's pools"),
        ("check words.conf", "words.conf: this is no configuration of nginx or PHP-FPM\n"),
        ("check lua.conf", "lua.conf: this is no configuration of nginx or PHP-FPM; --context http takes it"),
        ("check Dockerfile", "no configuration of nginx or PHP-FPM; name its directory to have its containers"),
        ("check site.conf none", "none: no *.conf and no *.ini lies here"),
        ("check empty bare", "empty: found no nginx and no PHP-FPM configuration here"),
    ] {
        let (status, text) = run(here.path(), &format!("{words} --format compact"));
        assert_eq!((status, text.contains(message)), (2, true), "{words}: {text}");
    }
    // Beside others, they take nothing away.
    let (status, text) = run(here.path(), "check site.conf empty.conf comments.conf www.conf empty --format compact");
    assert_eq!((status, text.lines().count()), (1, 1), "{text}");
}

#[test]
fn a_directory_of_sites_beside_other_paths_is_all_of_them() {
    let here = tempfile::tempdir().unwrap();
    write(here.path(), "sites-enabled/shop.example.com", SITE);
    write(here.path(), "sites-enabled/shop.example.com.bak", SITE);
    write(here.path(), "www.conf", POOL);
    let (status, text) = run(here.path(), "check sites-enabled www.conf --format compact");
    let found = "sites-enabled/shop.example.com:1:54: error: no pool listens on /run/b.sock [listener-missing]\n";
    assert_eq!((status, text.as_str()), (1, found));
    // A link is what was named, and what it leads to is told besides.
    std::os::unix::fs::symlink("sites-enabled/shop.example.com", here.path().join("shop.conf")).unwrap();
    let (_, text) = run(here.path(), "check shop.conf www.conf --format compact");
    assert!(text.starts_with("shop.conf:1:54: error: "), "{text}");
    let (_, text) = run(here.path(), "check shop.conf www.conf --format json");
    assert!(text.contains("\"real_path\": \"sites-enabled/shop.example.com\""), "{text}");
    // From a place that does not hold them all, they are called by their whole paths.
    let (_, text) = run(&here.path().join("sites-enabled"), "check . ../www.conf --format compact");
    let whole = here.path().canonicalize().unwrap();
    assert_eq!(text, format!("{}/{found}", whole.display()));
}

#[test]
fn files_elsewhere_never_reach_into_this_machine() {
    let here = tempfile::tempdir().unwrap();
    write(here.path(), "nginx/sites/a", SITE.replace("location", "include snippets/b; location"));
    write(here.path(), "nginx/snippets/b", "gzip maybe;\n");
    // There is such a directory on every host, and it is not meant.
    write(here.path(), "fpm.conf", "[global]\ninclude = /etc/*.conf\n");
    fs::create_dir(here.path().join("work")).unwrap();
    let work = here.path().join("work");
    let (_, text) = run(&work, "check ../nginx/sites/a --format compact");
    assert!(text.contains("/nginx/snippets/b:1:6: error: `gzip` does not take `maybe`"), "{text}");
    let (status, text) = run(&work, "check ../fpm.conf --color never");
    assert_eq!((status, text.contains("what PHP-FPM includes by /etc/*.conf")), (0, true), "{text}");
}

#[test]
fn a_clone_of_etc_has_its_sites() {
    let here = tempfile::tempdir().unwrap();
    write(here.path(), "nginx/nginx.conf", MAIN.replace("conf.d/*.conf", "sites-enabled/*"));
    write(here.path(), "nginx/sites-available/shop", SITE);
    write(here.path(), "php/8.2/fpm/php-fpm.conf", "[global]\ninclude = /etc/php/8.2/fpm/pool.d/*.conf\n");
    write(here.path(), "php/8.2/fpm/pool.d/www.conf", POOL);
    fs::create_dir(here.path().join("nginx/sites-enabled")).unwrap();
    std::os::unix::fs::symlink("/etc/nginx/sites-available/shop", here.path().join("nginx/sites-enabled/shop"))
        .unwrap();
    let (status, text) = run(here.path(), "check . --format compact");
    assert_eq!((status, text.lines().count()), (1, 1), "{text}");
    assert!(text.starts_with("nginx/sites-available/shop:1:54: error: no pool listens on /run/b.sock"), "{text}");
}

#[test]
fn several_hosts_are_told_apart() {
    let here = tempfile::tempdir().unwrap();
    for host in ["web1", "web2"] {
        write(here.path(), &format!("{host}/etc/nginx/nginx.conf"), MAIN);
        write(here.path(), &format!("{host}/etc/nginx/conf.d/site.conf"), SITE);
        write(here.path(), &format!("{host}/etc/php/8.2/fpm/pool.d/www.conf"), POOL);
    }
    let (_, text) = run(here.path(), "check web1 ./web2/ --format compact");
    let places: Vec<_> = text.lines().filter_map(|line| line.split(": error: ").next()).collect();
    assert_eq!(places, ["web1/etc/nginx/conf.d/site.conf:1:54", "web2/etc/nginx/conf.d/site.conf:1:54"], "{text}");
    let (_, text) = run(here.path(), "check web1 --format compact");
    assert!(text.starts_with("etc/nginx/conf.d/site.conf:1:54"), "{text}");
}

#[test]
fn what_a_shell_substitutes_is_read_as_it_comes() {
    let here = tempfile::tempdir().unwrap();
    write(here.path(), "www.conf", POOL);
    write(here.path(), "site.conf", SITE);
    let command = format!("{} check <(cat site.conf) www.conf --format compact", env!("CARGO_BIN_EXE_gatelint"));
    let output = Command::new("bash").args(["-c", &command]).current_dir(here.path()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.starts_with("/dev/fd/") && text.contains(":1:54: error: no pool listens on"), "{text}");
}

#[test]
fn what_lies_in_the_tree_of_a_host_is_checked_with_it() {
    let here = tempfile::tempdir().unwrap();
    write(here.path(), "web/etc/nginx/nginx.conf", MAIN.replace("conf.d/*.conf", "sites-enabled/*"));
    write(here.path(), "web/etc/nginx/sites-available/shop", SITE);
    write(here.path(), "web/etc/php/8.2/fpm/pool.d/www.conf", POOL);
    fs::create_dir(here.path().join("web/etc/nginx/sites-enabled")).unwrap();
    let link = here.path().join("web/etc/nginx/sites-enabled/shop");
    std::os::unix::fs::symlink("/etc/nginx/sites-available/shop", link).unwrap();
    let found = "web/etc/nginx/sites-enabled/shop:1:54: error: no pool listens on /run/b.sock";
    let etc = "web/etc/nginx";
    for named in
        [etc.to_owned(), "web/etc/php".into(), format!("{etc}/sites-enabled/shop"), format!("{etc}/nginx.conf")]
    {
        let (status, text) = run(here.path(), &format!("check {named} --format compact"));
        assert_eq!((status, text.lines().count()), (1, 1), "{named}: {text}");
        assert!(text.starts_with(found), "{named}: {text}");
    }
    // From where it lies, and with the file of another program.
    let (_, text) = run(&here.path().join("web/etc/nginx"), "check . ../php/8.2/fpm/pool.d/www.conf --format compact");
    assert!(text.starts_with("etc/nginx/sites-enabled/shop:1:54: error: "), "{text}");
    // What the host does not load is checked beside it.
    write(here.path(), "web/etc/nginx/sites-available/old", SITE.replace("listen 80", "gzip maybe"));
    let (_, text) = run(here.path(), "check web/etc/nginx/sites-available/old --format compact");
    assert!(text.contains("web/etc/nginx/sites-available/old:1:15: error: "), "{text}");
    assert!(text.contains(found), "{text}");
    // Who says what belongs together is believed.
    let (_, text) = run(here.path(), "check web/etc/nginx/sites-available/shop --context http --format compact");
    assert_eq!(text, "");
}

#[test]
fn what_the_only_main_file_leaves_out_is_checked_as_well() {
    let here = tempfile::tempdir().unwrap();
    write(here.path(), "web/nginx.conf", "user a;\nevents {}\nhttp { server { listen 80; } }\n");
    write(here.path(), "web/extra.conf", "server { location ~ \\.php$ { fastcgi_pass unix:/run/a.sock } }\n");
    write(here.path(), "www.conf", POOL);
    let (status, text) = run(here.path(), "check . --format compact");
    assert_eq!((status, text.contains("web/extra.conf:1:")), (1, true), "{text}");
}

#[test]
fn an_empty_main_file_that_is_named_is_no_success() {
    let here = tempfile::tempdir().unwrap();
    write(here.path(), "nginx.conf", "");
    write(here.path(), "php-fpm.conf", "; nothing\n");
    write(here.path(), "other.conf", "");
    let (status, text) = run(here.path(), "check nginx.conf php-fpm.conf --format compact");
    assert_eq!((status, text.matches("[include-empty]").count()), (1, 2), "{text}");
    assert_eq!(run(here.path(), "check other.conf").0, 2);
}
