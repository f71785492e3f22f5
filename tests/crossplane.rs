//! `gatelint parse` against crossplane 0.5.8, and where the two part since nginx reads otherwise.
//!
//! The trees in `testdata/nginx/plain` are what crossplane printed for `nginx.conf` beside them, without and with
//! comments. They differ in one thing: crossplane shows comments between the words of a statement unasked.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

fn parse(directory: &Path, arguments: &[&str]) -> (i32, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gatelint"));
    let output = command.arg("parse").args(arguments).current_dir(directory).output().unwrap();
    let document = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code().unwrap(), document)
}

/// Parses a text as `t.conf`.
fn parse_text(text: &[u8]) -> (i32, Value) {
    let here = tempfile::tempdir().unwrap();
    fs::write(here.path().join("t.conf"), text).unwrap();
    parse(here.path(), &["t.conf"])
}

/// Name and words of the statements at the top level.
fn words(document: &Value) -> Vec<Vec<String>> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let statements = document["config"][0]["parsed"].as_array().unwrap();
    let words = |statement: &Value| {
        let args = statement["args"].as_array().unwrap().iter().map(text);
        std::iter::once(text(&statement["directive"])).chain(args).collect()
    };
    statements.iter().map(words).collect()
}

#[test]
fn plain_files_give_crossplanes_trees() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/nginx");
    for (golden, arguments) in [
        ("parsed.json", vec!["plain/nginx.conf"]),
        ("with-comments.json", vec!["plain/nginx.conf", "--include-comments"]),
    ] {
        let want: Value = serde_json::from_slice(&fs::read(directory.join("plain").join(golden)).unwrap()).unwrap();
        assert_eq!(parse(&directory, &arguments), (0, want), "{golden}");
    }
}

/// Each with the words that nginx 1.22 has after reading (a refusal of a flag directive, or of a number of arguments,
/// shows them), and what crossplane makes of it.
#[test]
fn where_nginx_reads_otherwise_nginx_is_right() {
    for (text, want, reason) in [
        ("set $a ${b} c;", &["set", "$a", "${b}", "c"][..], "crossplane glues the word behind `}` to it: `${b} c`"),
        ("set $a ${b;", &["set", "$a", "${b"], "a `$` protects the one `{` behind it, and nothing up to a `}`"),
        ("set $a b}c;", &["set", "$a", "b}c"], "inside of a word a `}` is a letter; crossplane ends the block"),
        ("a \u{a0}b;", &["a", "\u{a0}b"], "a no-break space is a letter, whatever Unicode says"),
        ("a b\u{c}c;", &["a", "b\u{c}c"], "a form feed is a letter"),
        ("a \"b\r\nc\";", &["a", "b\r\nc"], "the carriage return is part of the value"),
        (
            "content_by_lua_block{ x = [[ } it's ]] }",
            &["content_by_lua_block", " x = [[ } it's ]] "],
            "Lua needs no blank before its brace, and has strings in long brackets",
        ),
        (
            "server_rewrite_by_lua_block { if x then y = {} end }",
            &["server_rewrite_by_lua_block", " if x then y = {} end "],
            "crossplane does not know this phase",
        ),
    ] {
        let (status, document) = parse_text(text.as_bytes());
        assert_eq!(
            (status, words(&document)),
            (0, vec![want.iter().map(|word| (*word).to_owned()).collect()]),
            "{reason}"
        );
    }
}

#[test]
fn what_nginx_refuses_is_an_error_with_its_words() {
    for (text, error, line) in [
        ("a b;\nhttp {\n", "unexpected end of file, expecting \"}\" in t.conf:3", 3),
        ("a b;\n}", "unexpected \"}\" in t.conf:2", 2),
        // crossplane passes these four.
        ("http { a b\n}", "unexpected \"}\" in t.conf:2", 2),
        (";", "unexpected \";\" in t.conf:1", 1),
        ("a \"b\"c;", "unexpected \"c\" in t.conf:1", 1),
        ("a b;\n{ c; }", "unexpected \"{\" in t.conf:2", 2),
        // And here its message is empty.
        ("a \"b;\n", "unexpected end of file, expecting \";\" or \"}\" in t.conf:2", 2),
    ] {
        let (status, document) = parse_text(text.as_bytes());
        let told = json!({"error": error, "line": line});
        let file = json!({"file": "t.conf", "status": "failed", "errors": [told], "parsed": []});
        let all = json!([{"file": "t.conf", "error": error, "line": line}]);
        assert_eq!(document, json!({"status": "failed", "errors": all, "config": [file]}), "{text}");
        assert_eq!(status, 1, "{text}");
    }
}

#[test]
fn includes_that_cannot_be_opened_are_errors_and_the_rest_is_read() {
    let (status, document) = parse_text(b"include none.conf;\ninclude /;\ninclude none/*.conf;\nuser a;\n");
    assert_eq!(status, 1);
    assert_eq!(words(&document).len(), 4);
    let errors = json!([
        {"error": "[Errno 2] No such file or directory: 'none.conf'", "line": 1},
        {"error": "[Errno 21] Is a directory: '/'", "line": 2},
    ]);
    assert_eq!(document["config"][0]["errors"], errors);
    let (status, document) = parse(Path::new("/"), &["nowhere.conf"]);
    assert_eq!((status, &document["status"]), (2, &json!("failed")));
    assert_eq!(document["errors"][0]["error"], "[Errno 2] No such file or directory: 'nowhere.conf'");
}

#[test]
fn a_byte_order_mark_belongs_to_the_first_word_and_files_may_include_each_other() {
    let (status, document) = parse_text(b"\xef\xbb\xbfuser a;\ninclude t.conf;\n");
    assert_eq!((status, words(&document)[0][0].as_str()), (0, "\u{feff}user"));
    assert_eq!(document["config"][0]["parsed"][1]["includes"], json!([0]));
    assert_eq!(parse_text(b"").1["config"][0]["parsed"], json!([]));
}
