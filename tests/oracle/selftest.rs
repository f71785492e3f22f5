//! The oracle's own checks, on reports made up here: each comparison can fail, and names what differs. They need no
//! servers and run everywhere.

use crate::live::{Answer, Live, Master, Report, Result, Server, Verdict};
use crate::sandbox::Scratch;
use crate::tree;
use crate::{containers, dns, http, predictions, servers, verdict};
use gatelint::host::profile::Profile;
use libtest_mimic::Trial;
use std::fs;
use std::os::unix::fs::symlink;

type Check = fn() -> Result<()>;

/// The trials of this module.
pub fn trials() -> Vec<Trial> {
    let all: [(&str, Check); 11] = [
        ("live_toml_is_checked", live_toml_is_checked),
        ("differences_are_told", differences_are_told),
        ("predictions_are_compared", predictions_are_compared),
        ("corrected_trees_have_no_errors", corrected_trees_have_no_errors),
        ("values_are_read", values_are_read),
        ("dumps_are_read", dumps_are_read),
        ("answers_are_read", answers_are_read),
        ("trees_stay_inside", trees_stay_inside),
        ("containers_are_linked", containers_are_linked),
        ("names_are_answered", names_are_answered),
        ("images_are_those_of_the_profiles", images_are_those_of_the_profiles),
    ];
    all.into_iter().map(|(name, check)| Trial::test(format!("selftest::{name}"), move || Ok(check()?))).collect()
}

/// Fails unless `found` is one text that holds `wanted`; with an empty `wanted`, unless `found` is empty.
fn expect(what: &str, found: &[String], wanted: &str) -> Result<()> {
    match (found, wanted) {
        ([], "") => Ok(()),
        ([text], wanted) if !wanted.is_empty() && text.contains(wanted) => Ok(()),
        _ => Err(format!("{what}: {wanted:?} expected, got {found:#?}")),
    }
}

fn expect_same<T: PartialEq + std::fmt::Debug>(got: T, wanted: T) -> Result<()> {
    if got == wanted { Ok(()) } else { Err(format!("{wanted:?} expected, got {got:?}")) }
}

fn live_toml_is_checked() -> Result<()> {
    let cases = [
        ("nginks = true", "unknown field `nginks`"),
        ("[faulty]\nnginx_test = \"bad\"", "unknown variant `bad`"),
        ("[[http]]\naddress = \"localhost\"", "socket address"),
        ("", "nothing says what is wrong"),
        ("nginx = false\n[faulty]\n[[faulty.requests]]\npath = \"/\"\nstatus = 502", "nginx does not run"),
        ("[faulty]\n[[faulty.requests]]\npath = \"/\"\nstatus = 502\nrepeat = 0", "never asked"),
        ("[faulty]\nmessage = \"no\"", "no server refuses"),
        ("[faulty]\nnginx_test = \"refused\"\nmessage = \"no\"", ""),
        ("[containers.a]\nimage = \"php\"\n[faulty]", "0 containers of nginx"),
        ("[containers.a]\nimage = \"nginx\"\nnetwork = \"b\"\n[faulty]", "unknown field `network`"),
    ];
    for (text, wanted) in cases {
        expect(text, &Live::parse(text, true).err().into_iter().collect::<Vec<_>>(), wanted)?;
    }
    let orphan = Live::parse("[fixed]", false).err().into_iter().collect::<Vec<_>>();
    expect("[fixed] without fixed/", &orphan, "no folder fixed/")
}

fn server(ok: bool, output: &str) -> Server {
    let verdict = || Verdict { ok, output: output.to_owned() };
    Server { test: verdict(), start: verdict() }
}

/// Servers that run, one answer, and a line in the error log.
fn report(nginx: bool, fpm: bool, status: u16) -> Report {
    Report {
        nginx: Some(server(nginx, "nginx speaks")),
        nginx_files: Vec::new(),
        fpm: vec![Master { config: "a.conf".to_owned(), server: server(fpm, "fpm speaks"), fpm_values: None }],
        answers: vec![vec![Answer { status, body: "OK fpm".to_owned(), trouble: None }]],
        error_log: "connect() failed (111: Connection refused)\n".to_owned(),
    }
}

fn differences_are_told() -> Result<()> {
    let asked = |more: &str| format!("[faulty]\n[[faulty.requests]]\npath = \"/\"\nstatus = 200\n{more}");
    let cases = [
        (asked(""), report(true, true, 200), ""),
        (asked(""), report(true, true, 502), "status 200 expected, got 502"),
        (asked("body = \"fpm\"\nbody_start = \"OK\"\nbody_not = \"<?php\""), report(true, true, 200), ""),
        (asked("body = \"other\""), report(true, true, 200), "body: \"other\" expected"),
        (asked("body_start = \"fpm\""), report(true, true, 200), "body_start: \"fpm\" expected"),
        (asked("body_not = \"fpm\""), report(true, true, 200), "body_not: \"fpm\" not expected"),
        (asked("log = \"(111: Connection refused)\""), report(true, true, 200), ""),
        (asked("log = \"(2: No such file\""), report(true, true, 200), "is not in nginx's error log"),
        ("[faulty]\nnginx_test = \"refused\"".to_owned(), report(false, true, 0), ""),
        ("[faulty]\nnginx_test = \"refused\"\nmessage = \"nginx speaks\"".to_owned(), report(false, true, 0), ""),
        ("[faulty]\nnginx_test = \"refused\"\nmessage = \"fpm\"".to_owned(), report(false, true, 0), "not in what the"),
        ("[faulty]\nfpm_test = \"refused\"".to_owned(), report(true, false, 0), ""),
        ("[faulty]\nfpm_start = \"fails\"".to_owned(), report(true, true, 0), "fpm_start: a failure expected"),
        ("[faulty]\nnginx_start = \"fails\"".to_owned(), report(true, true, 0), "nginx_start: a failure expected"),
    ];
    for (text, report, wanted) in &cases {
        let live = Live::parse(text, false)?;
        expect(text, &verdict::differences(&live, false, report), wanted)?;
    }
    // A server that unexpectedly fails both differs twice, and leaves requests unanswered.
    let live = Live::parse(&asked(""), false)?;
    let mut dead = report(false, false, 0);
    dead.answers.clear();
    let found = verdict::differences(&live, false, &dead);
    expect_same(found.len(), 5)?;
    expect("the request", &found[4..], "nginx does not run")
}

/// gatelint's JSON with one finding.
fn json(severity: &str, predicts: &str) -> String {
    format!(
        r#"{{"version": 1, "findings": [{{"rule": "some-rule", "severity": "{severity}", "message": "It fails.",
            "predicts": {predicts}, "labels": []}}], "errors": []}}"#
    )
}

fn predictions_are_compared() -> Result<()> {
    let cases = [
        ("error", r#"{"status": 502, "log": null}"#, ""),
        ("error", r#"{"status": 502, "log": "failed (111: Connection refused)"}"#, ""),
        ("error", r#"{"status": 502, "log": "failed (2: No such file"}"#, "predicts \"failed (2: No such file\""),
        ("error", r#"{"status": 504, "log": null}"#, "predicts status 504, but the requests got [502]"),
        ("error", r#"{"status": null, "log": null}"#, "predicts status 0"),
        ("advice", r#"{"status": 504, "log": null}"#, ""),
        ("error", r#"{"refused_by": "nginx", "message": "speaks"}"#, ""),
        ("error", r#"{"refused_by": "nginx", "message": "is silent"}"#, "says \"is silent\", but it says"),
        ("error", r#"{"refused_by": "php-fpm", "message": "speaks"}"#, "php-fpm passes its test and starts"),
        ("error", r#"{"refused_by": "apache", "message": ""}"#, "which is no server"),
    ];
    for (severity, predicts, wanted) in cases {
        let findings = predictions::findings(&json(severity, predicts))?;
        expect(predicts, &predictions::unproven(&findings, &report(false, true, 502)), wanted)?;
    }
    Ok(())
}

fn corrected_trees_have_no_errors() -> Result<()> {
    for (severity, wanted) in [("error", "gatelint finds an error: some-rule: It fails."), ("warning", "")] {
        let findings = predictions::findings(&json(severity, r#"{"status": 502, "log": null}"#))?;
        expect(severity, &predictions::unwanted(&findings), wanted)?;
    }
    Ok(())
}

fn values_are_read() -> Result<()> {
    let printed = "[21-Nov-2026 03:15:34] WARNING: [pool www] a warning\n\
        [21-Nov-2026 03:15:34] NOTICE: [global]\n\
        [21-Nov-2026 03:15:34] NOTICE: \terror_log = /var/log/php8.2-fpm.log\n\
        [21-Nov-2026 03:15:34] NOTICE:  \n\
        [21-Nov-2026 03:15:34] NOTICE: [www]\n\
        [21-Nov-2026 03:15:34] NOTICE: \tlisten = 127.0.0.1:9000\n\
        [21-Nov-2026 03:15:34] NOTICE: \tenv[A] = x = y\n\
        [21-Nov-2026 03:15:34] NOTICE: \tphp_value[empty] = \n\
        [21-Nov-2026 03:15:34] NOTICE:  \n\
        [21-Nov-2026 03:15:34] NOTICE: configuration file a.conf test is successful\n";
    let values = servers::parse_values(printed);
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let www = [pair("listen", "127.0.0.1:9000"), pair("env[A]", "x = y"), pair("php_value[empty]", "")];
    let global = [pair("error_log", "/var/log/php8.2-fpm.log")];
    let wanted = [("global".to_owned(), global.into()), ("www".to_owned(), www.into())].into();
    expect_same(values, wanted)
}

fn dumps_are_read() -> Result<()> {
    let dump = "# configuration file /etc/nginx/nginx.conf:\nerror_log /srv/a.log warn;\n# configuration file\n\
        http{error_log \"b.log\";}\nerror_log /dev/stderr;\n\n# configuration file /etc/nginx/conf.d/a.conf:\nerror_log";
    expect_same(servers::dumped_files(dump), vec!["/etc/nginx/nginx.conf".into(), "/etc/nginx/conf.d/a.conf".into()])?;
    let logs = ["/var/log/nginx/error.log", "/srv/a.log", "/usr/share/nginx/b.log", "/usr/share/nginx/"];
    expect_same(servers::error_logs(dump), logs.map(Into::into).to_vec())
}

fn answers_are_read() -> Result<()> {
    let cases = [
        ("HTTP/1.1 502 Bad Gateway\r\nServer: nginx\r\n\r\n<html>\r\n\r\n", (502, "<html>\r\n\r\n")),
        ("HTTP/1.1 200 OK\r\n\r\n", (200, "")),
        ("", (0, "")),
        ("\u{15}\u{3}\u{1}", (0, "")),
    ];
    for (text, wanted) in cases {
        let answer = http::parse_answer(text.as_bytes(), None);
        expect_same((answer.status, answer.body.as_str()), wanted)?;
    }
    Ok(())
}

/// A tree that would write to the real host, or a twin that deletes what isn't there, is refused.
fn trees_stay_inside() -> Result<()> {
    let scratch = Scratch::new("selftest")?;
    let (case, tree) = (scratch.tree().join("case"), scratch.tree().join("tree"));
    let refused = || tree::materialise(&case, true, &tree).err().into_iter().collect::<Vec<_>>();
    let made = |path: std::io::Result<()>| path.map_err(|e| e.to_string());
    for folder in ["case/rootfs/etc", "case/fixed/run", "case/elsewhere", "tree"] {
        made(fs::create_dir_all(scratch.tree().join(folder)))?;
    }
    made(fs::write(case.join("rootfs/etc/a"), "a"))?;
    expect("a plain tree", &refused(), "")?;
    made(fs::write(case.join("fixed/.delete"), "/etc/a\n"))?;
    expect("a list", &refused(), "")?;
    expect_same(tree.join("etc/a").exists(), false)?;
    made(fs::write(case.join("fixed/.delete"), "/etc/b\n"))?;
    expect("nothing to delete", &refused(), "/etc/b: nothing to delete there")?;
    made(fs::write(case.join("fixed/.delete"), "../elsewhere\n"))?;
    expect("a way out", &refused(), "not a plain path")?;
    made(symlink(case.join("elsewhere"), case.join("rootfs/run")))?;
    expect("a link that leads out", &refused(), "leads out of the tree")
}

/// A container finds the names of those on its networks, at their addresses there, and no others.
fn containers_are_linked() -> Result<()> {
    let text = "[containers.a]\nimage = \"nginx\"\nnetworks = [\"n\", \"m\"]\n\
        [containers.b]\nimage = \"php\"\nnetworks = [\"m\"]\nnames = [\"b\", \"pool\"]\n\
        [containers.c]\nimage = \"php\"\nnetworks = [\"other\"]\nnames = [\"c\"]\n\
        [fixed.containers.c]\nimage = \"php\"\nnetworks = [\"n\"]\nnames = [\"c\"]\n[faulty]";
    let live = Live::parse(text, true)?;
    let names = |fixed| containers::names(&live.containers(fixed), "a");
    expect_same(names(false).into_keys().collect::<Vec<_>>(), vec!["b".to_owned(), "pool".to_owned()])?;
    let (fixed, containers) = (names(true), live.containers(true));
    expect_same(fixed.keys().map(String::as_str).collect::<Vec<_>>(), vec!["b", "c", "pool"])?;
    for name in ["b", "c"] {
        let own = containers::addresses(&containers, name);
        expect_same(own.iter().map(|(_, address)| Some(address)).collect::<Vec<_>>(), vec![fixed.get(name)])?;
    }
    expect_same(containers::addresses(&containers, "a").len(), 2)
}

fn names_are_answered() -> Result<()> {
    let names = [("php".to_owned(), [172, 18, 0, 3].into())].into();
    let query = |name: &str, kind: u8| {
        let length = name.len() as u8;
        [&[7, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, length], name.as_bytes(), &[0, 0, kind, 0, 1]].concat()
    };
    // The kind of record, the code of the answer, and its last four bytes.
    for (name, kind, code, end) in
        [("PHP", 1, 0, [172, 18, 0, 3]), ("php", 28, 0, [0, 28, 0, 1]), ("phq", 1, 3, [0, 1, 0, 1])]
    {
        let answer = dns::answer(&query(name, kind), &names).unwrap_or_default();
        expect_same((answer.get(..4), answer.ends_with(&end)), (Some(&[7, 9, 0x81, 0x80 | code][..]), true))?;
    }
    expect_same(dns::answer(&query("php", 1)[..14], &names), None)
}

/// What gatelint takes an image to bring is in its files here, which the servers read.
fn images_are_those_of_the_profiles() -> Result<()> {
    let images = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/images");
    for (image, profile) in [("nginx", Profile::DockerNginx), ("php", Profile::DockerPhp)] {
        for added in profile.files() {
            let path = images.join(image).join(added.path.strip_prefix("/").unwrap_or(&added.path));
            let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
            let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            let lines: Vec<_> = text.lines().map(words).collect();
            let taken = String::from_utf8_lossy(&added.text).into_owned();
            let missing: Vec<_> = taken.lines().filter(|line| !lines.contains(&words(line))).collect();
            expect_same((&path, missing), (&path, Vec::new()))?;
        }
    }
    Ok(())
}
