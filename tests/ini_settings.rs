//! The table of php.ini's settings against a real PHP-FPM: each row's default, and who may change it.
//!
//! Without a php-fpm the test passes and says so, except where `CI` is set: there it fails.
#![allow(clippy::disallowed_methods, reason = "tests read and lay out real files")]
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use gatelint::php::ini_settings::{Access, SETTINGS};
use tempfile::TempDir;

mod real;

/// Prints what PHP knows of all settings, a line each.
const SCRIPT: &str = r#"<?php
foreach (ini_get_all(null, true) as $name => $row) echo "$name\t$row[access]\t$row[global_value]\n";
"#;

/// A PHP-FPM without php.ini, ended with the test.
struct Server(Child);

impl Server {
    fn start(binary: &Path, dir: &Path) -> Server {
        let config = format!(
            "[global]\nerror_log = {0}/log\n[www]\nuser = root\nlisten = {0}/socket\npm = static\npm.max_children = 1\n",
            dir.display()
        );
        fs::write(dir.join("fpm.conf"), config).unwrap();
        let mut command = Command::new(binary);
        // It runs as whoever runs the test; opcache is a file of its own in most packages.
        command.args(["-n", "-d", "zend_extension=opcache", "-R", "-F", "-y"]).arg(dir.join("fpm.conf"));
        Server(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its worker ends with it.
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

fn connect(socket: &Path) -> UnixStream {
    for _ in 0..500 {
        match UnixStream::connect(socket) {
            Ok(stream) => return stream,
            Err(_) => thread::sleep(Duration::from_millis(20)),
        }
    }
    panic!("PHP-FPM does not listen");
}

/// What a script answers: one request of FastCGI, in which every length fits into one byte.
fn ask(socket: &Path, script: &Path) -> String {
    let record = |kind: u8, content: &[u8]| {
        let [high, low] = u16::try_from(content.len()).unwrap().to_be_bytes();
        [&[1, kind, 0, 1, high, low, 0, 0], content].concat()
    };
    let param = |name: &str, value: &str| {
        let lengths = [name, value].map(|text| u8::try_from(text.len()).unwrap());
        [&lengths, name.as_bytes(), value.as_bytes()].concat()
    };
    let params = [param("SCRIPT_FILENAME", script.to_str().unwrap()), param("REQUEST_METHOD", "GET")].concat();
    let request = [record(1, &[0, 1, 0, 0, 0, 0, 0, 0]), record(4, &params), record(4, &[]), record(5, &[])].concat();
    let mut stream = connect(socket);
    stream.write_all(&request).unwrap();
    let (mut answer, mut printed) = (Vec::new(), Vec::new());
    stream.read_to_end(&mut answer).unwrap();
    let mut rest = answer.as_slice();
    while let [_, kind, _, _, high, low, padding, _, content @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        if *kind == 6 {
            printed.extend(&content[..length]);
        }
        rest = &content[length + usize::from(*padding)..];
    }
    String::from_utf8(printed).unwrap()
}

#[test]
fn rows_are_what_php_says() {
    let Some(binary) = real::php_fpm() else { return };
    let dir = TempDir::new().unwrap();
    let script = dir.path().join("settings.php");
    fs::write(&script, SCRIPT).unwrap();
    let _server = Server::start(&binary, dir.path());
    let answer = ask(&dir.path().join("socket"), &script);
    let lines = answer.lines().filter_map(|line| {
        let [name, access, value] = line.split('\t').collect::<Vec<_>>()[..] else { return None };
        Some((name, (access, value)))
    });
    let known: BTreeMap<&str, (&str, &str)> = lines.collect();
    let mut wrong = Vec::new();
    for row in SETTINGS {
        let Some((access, value)) = known.get(row.name) else {
            // PHP may be built without opcache.
            if !row.name.starts_with("opcache.") {
                wrong.push(format!("PHP does not know {}", row.name));
            }
            continue;
        };
        let wanted = match row.access {
            Access::All => "7",
            Access::Directory => "6",
            Access::System => "4",
        };
        if (*access, *value) != (wanted, row.default) {
            wrong.push(format!("{}: access {access}, default {value:?}; the table says {row:?}", row.name));
        }
    }
    assert!(known.len() > 100, "{answer}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
