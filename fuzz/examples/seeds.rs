//! Lays out what fuzzing begins with: `corpus/TARGET/seed-*` from the examples of the rules and the deployments
//! under test, and a dictionary of names for each target in `dict`. Both come from the tables and documents
//! that the program is made of, so nothing here goes stale.
//!
//! `cargo run --example seeds`, in this directory.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

use gatelint::nginx::directives;
use gatelint::php::settings;
use gatelint_fuzz::written;

/// What stands for itself in both languages, or is a limit somewhere.
const SIGNS: [&str; 22] = [
    "{",
    "}",
    ";",
    "\"",
    "'",
    "\\",
    "\n",
    "\r\n",
    "# gatelint: allow(listener-missing) because\n",
    "${",
    "$",
    "[",
    "]",
    "=",
    "\u{feff}",
    "\u{202e}",
    "\u{1b}[31m",
    "2147483648",
    "18446744073709551616",
    "-1",
    "unix:/run/p.sock",
    "~*",
];

fn main() -> io::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut hosts: Vec<Vec<u8>> = Vec::new();
    for document in files(&root.join("rules"))? {
        hosts.extend(examples(&fs::read_to_string(document)?));
    }
    for deployment in fs::read_dir(root.join("testdata/deployments"))? {
        let host = deployment?.path().join("rootfs");
        // A deployment of containers is a repository, and has none.
        if host.is_dir() {
            hosts.push(tree(&host)?);
        }
    }
    for target in ["check", "resolve"] {
        seed(target, &hosts)?;
    }
    let parts: Vec<Vec<u8>> =
        hosts.iter().flat_map(|host| host.split(|byte| *byte == b'@').map(<[u8]>::to_vec)).collect();
    for target in ["nginx_parse", "php_parse"] {
        seed(target, &parts)?;
    }
    let captures = [root.join("testdata/dumps"), root.join("testdata/facts")];
    let captures: Vec<PathBuf> = captures.iter().map(|path| files(path)).collect::<io::Result<Vec<_>>>()?.concat();
    seed("captures", &captures.iter().map(fs::read).collect::<io::Result<Vec<_>>>()?)?;
    dictionaries()
}

/// Writes the texts of a target, each once, the short ones: long ones make every step slow.
fn seed(target: &str, texts: &[Vec<u8>]) -> io::Result<()> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target);
    fs::create_dir_all(&directory)?;
    let texts: BTreeSet<&Vec<u8>> = texts.iter().filter(|text| (1..16_000).contains(&text.len())).collect();
    for (number, text) in texts.into_iter().enumerate() {
        fs::write(directory.join(format!("seed-{number}")), text)?;
    }
    Ok(())
}

/// The hosts that a rule's document lays out: a line with a path in backticks and a colon before each file.
fn examples(document: &str) -> Vec<Vec<u8>> {
    let mut hosts = Vec::new();
    for section in document.split("\n#") {
        let mut files: Vec<(&str, String)> = Vec::new();
        let (mut path, mut inside) = (None, false);
        for line in section.lines() {
            match line.strip_prefix("```") {
                Some(_) if inside => (path, inside) = (None, false),
                Some(_) => {
                    inside = true;
                    files.extend(path.map(|path| (path, String::new())));
                }
                None if inside => files.last_mut().into_iter().for_each(|(_, text)| text.extend([line, "\n"])),
                None if !line.trim().is_empty() => {
                    path = line.strip_prefix('`').and_then(|rest| rest.strip_suffix("`:"));
                    path = path.map(|path| if path == "facts.toml" { "facts" } else { path });
                }
                None => {}
            }
        }
        hosts.push(written(files.iter().map(|(path, text)| (*path, text.as_bytes()))));
    }
    hosts
}

/// The host of a directory.
fn tree(root: &Path) -> io::Result<Vec<u8>> {
    let mut laid = Vec::new();
    for path in files(root)? {
        let inside = format!("/{}", path.strip_prefix(root).unwrap_or(&path).display());
        laid.push((inside, fs::read(&path)?));
    }
    Ok(written(laid.iter().map(|(path, text)| (path.as_str(), text.as_slice()))))
}

/// The regular files at and below a directory, in order.
fn files(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(directory) else { return Ok(found) };
    for entry in entries {
        let path = entry?.path();
        match path.is_dir() && !path.is_symlink() {
            true => found.extend(files(&path)?),
            false => found.extend(path.is_file().then_some(path)),
        }
    }
    found.sort();
    Ok(found)
}

fn dictionaries() -> io::Result<()> {
    let nginx: BTreeSet<String> = directives::all().iter().map(|entry| entry.name.to_owned()).collect();
    let variables =
        include_str!("../../src/nginx/variables.txt").split_ascii_whitespace().map(|name| format!("${name}"));
    let php: BTreeSet<String> = settings::DIRECTIVES.iter().map(|row| row.name.to_owned()).collect();
    let ini = include_str!("../../src/php/ini_names.txt").lines().map(str::to_owned);
    let constants = ["E_ALL", "E_NOTICE", "E_STRICT", "PHP_VERSION_ID", "M_PI"].map(str::to_owned);
    let signs = SIGNS.iter().map(|sign| (*sign).to_owned());
    let nginx: Vec<String> = signs.clone().chain(nginx).chain(variables).collect();
    let php: Vec<String> = signs.chain(php).chain(ini).chain(constants).collect();
    let places = (0..gatelint_fuzz::PLACES.len()).map(|number| format!("\n@{number}\n"));
    let places = places.chain(["\n@files\n", "\n@overlay\n", "\n@facts\n"].map(str::to_owned));
    let all: Vec<String> = nginx.iter().chain(&php).cloned().chain(places).collect();
    write_dictionary("nginx_parse", &nginx)?;
    write_dictionary("php_parse", &php)?;
    ["resolve", "check", "captures"].iter().try_for_each(|target| write_dictionary(target, &all))
}

/// Writes words as libFuzzer reads them: quoted, with other bytes than plain ASCII in hexadecimal.
fn write_dictionary(target: &str, words: &[String]) -> io::Result<()> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("dict");
    fs::create_dir_all(&directory)?;
    let escaped = |byte: u8| match byte {
        b' '..=b'~' if !b"\\\"".contains(&byte) => char::from(byte).to_string(),
        byte => format!("\\x{byte:02x}"),
    };
    let lines = words.iter().map(|word| format!("\"{}\"\n", word.bytes().map(escaped).collect::<String>()));
    fs::write(directory.join(format!("{target}.dict")), lines.collect::<String>())
}
