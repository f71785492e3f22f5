//! A whole run over a host in memory that the input describes: files one after the other, each from a
//! line `@` and a path, or `@1` for a usual place. Nothing panics, and every label lies inside its file.
#![no_main]

use gatelint::check::{Checked, Terms, check_host};
use gatelint::deployment::{Plan, Selection, View};
use gatelint::finding::sort_and_merge;
use gatelint::host::memory::Memory;
use gatelint::rules::Thresholds;
use libfuzzer_sys::fuzz_target;

/// What the lines `@0` to `@7` stand for.
const PLACES: [&str; 8] = [
    "/etc/nginx/nginx.conf",
    "/etc/nginx/conf.d/site.conf",
    "/etc/php/8.2/fpm/php-fpm.conf",
    "/etc/php/8.2/fpm/pool.d/www.conf",
    "/etc/php/8.2/fpm/pool.d/zz.conf",
    "/etc/php/8.2/fpm/php.ini",
    "/etc/systemd/system/php8.2-fpm.service",
    "/etc/passwd",
];

fuzz_target!(|bytes: &[u8]| {
    let mut host = Memory::default();
    let (mut path, mut text) = (PLACES[0].to_owned(), Vec::new());
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_prefix(b"@") {
            Some(name) => {
                host.add(&path, std::mem::take(&mut text));
                let name = String::from_utf8_lossy(name).trim().to_owned();
                let usual = name.parse::<usize>().ok().and_then(|number| PLACES.get(number));
                path = usual.map_or_else(|| format!("/{name}"), |place| (*place).to_owned());
            }
            None => text.extend_from_slice(line),
        }
    }
    host.add(&path, text);
    let plan = Plan::new("/".into(), View::Root, Selection::default());
    let terms = Terms { facts: Vec::new(), thresholds: Thresholds::default(), declared_directives: Default::default(), selected: &|_| true };
    let mut checked = Checked::default();
    if check_host(&host, &plan, &terms, &mut checked).is_err() {
        return;
    }
    sort_and_merge(&mut checked.findings, &checked.sources);
    for label in checked.findings.iter().flat_map(|finding| finding.labels()) {
        let length = checked.sources.get(label.span.file).bytes().len();
        assert!(label.span.range().end <= length, "{:?} of {length}", label.span);
    }
});
