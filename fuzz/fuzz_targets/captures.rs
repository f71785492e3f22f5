//! What people hand over besides configuration: dumps of `nginx -T`, `nginx -V` and `php-fpm -tt`, facts files and
//! gatelint.toml.
#![no_main]

use std::path::Path;

use gatelint::config::Config;
use gatelint::discover::recognise::recognise;
use gatelint::host::dump::Dump;
use gatelint::host::{facts, nginx_v, pasted};
use gatelint::php::test_output;
use gatelint::source::Sources;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = recognise(Path::new("/a.conf"), bytes);
    let bare = pasted::bare(bytes);
    let _ = Dump::read(&bare);
    let _ = nginx_v::read(&bare);
    let _ = test_output::masters(bytes);
    let file = Sources::default().add("fuzz".to_owned(), None, Vec::new());
    for problem in test_output::parse(file, bytes, 0).problems {
        gatelint_fuzz::check_span(problem.span, bytes.len());
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = facts::parse("facts", text);
        let _ = Config::parse(Path::new("/gatelint.toml"), text);
    }
});
