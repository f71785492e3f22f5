//! Statements that nginx refuses, and some like them that it takes: what gatelint says of them, and the installed nginx.
//!
//! A row of `testdata/nginx/verdicts.txt` is a block, the statements that stand in it, and nginx's words. Without nginx
//! only gatelint is asked; with `CI` in the environment there must be one.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::print_stdout)]

mod real;
#[path = "real/verdict.rs"]
mod verdict;

use std::fs;
use std::path::Path;
use std::process::Command;

use gatelint::host::facts;
use verdict::{Files, gatelint, nginx};

/// The release whose words the rows have.
const FACTS: &str = "version = 1\n[versions]\nnginx = \"1.22.1\"\n[nginx]\nmodules = [\"threads\", \"http_ssl\", \
                     \"http_v2\", \"http_realip\", \"http_secure_link\", \"http_sub\"]\n";

/// A configuration with statements in one of its blocks.
fn configuration(block: &str, statements: &str) -> String {
    let (top, http, server) = match block {
        "main" => return statements.to_owned(),
        "http" => (statements, "", ""),
        "server" => ("", statements, ""),
        _ => ("", "", statements),
    };
    format!(
        "events {{ }}\nhttp {{\n{top}\nserver {{\nlisten 127.0.0.1:8080;\n{http}\nlocation / {{\n{server}\n}}\n}}\n}}\n"
    )
}

/// A certificate and its key; none where `openssl` cannot make them.
fn certificate(folder: &Path) -> Files {
    let words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost";
    let mut command = Command::new("openssl");
    command.args(words.split(' ')).args(["-keyout", "k.pem", "-out", "c.pem"]);
    if !command.current_dir(folder).output().is_ok_and(|made| made.status.success()) {
        return Files::new();
    }
    ["c.pem", "k.pem"].map(|name| (name.to_owned(), fs::read(folder.join(name)).unwrap())).into()
}

#[test]
fn nginx_and_gatelint_say_the_same_of_every_row() {
    let rows = include_str!("../testdata/nginx/verdicts.txt");
    let rows = rows.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let (facts, _) = facts::parse("facts", FACTS).unwrap();
    let installed = real::installed().filter(|installed| installed.version == "1.22.1");
    let scratch = tempfile::tempdir().unwrap();
    let certificate = certificate(scratch.path());
    let mut wrong = Vec::new();
    for row in rows {
        let [block, statements, words] = row.split(" | ").collect::<Vec<_>>()[..] else { panic!("{row}") };
        let mut files = Files::new();
        let text = configuration(block, &statements.replace("\\n", "\n"));
        files.insert("nginx.conf".to_owned(), text.into_bytes());
        files.extend(certificate.clone());
        let said = gatelint(&files, &facts);
        // Without a certificate nginx says that first.
        let can_ask = !certificate.is_empty() || !statements.contains(".pem");
        let answer = installed.as_ref().filter(|_| can_ask).map(|_| nginx(&files, &scratch.path().join("t")));
        let is_told = |(_, told, _): &(String, String, _)| told.contains(words);
        let agrees = match words {
            "accepted" => said.is_empty() && answer.as_ref().is_none_or(Option::is_none),
            words => {
                let told = said.iter().find(|told| is_told(told));
                let real = answer.as_ref().map(|answer| answer.as_ref());
                told.is_some_and(|(_, _, lines)| {
                    real.is_none_or(|real| {
                        real.is_some_and(|(message, place)| {
                            message.contains(words) && place.as_ref().is_none_or(|place| lines.contains(place))
                        })
                    })
                })
            }
        };
        if !agrees {
            wrong.push(format!("{row}\n  nginx: {answer:?}\n  gatelint: {said:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
