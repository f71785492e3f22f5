//! The two readers of PHP's dialects: nothing panics, and every place lies inside the text.
#![no_main]

use gatelint::php::ast::{Document, Item};
use gatelint::php::ini::parse_ini;
use gatelint::php::parse::parse_fpm;
use gatelint::source::Sources;
use gatelint_fuzz::check_span;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let file = Sources::default().add("fuzz".to_owned(), None, Vec::new());
    for document in [parse_fpm(file, bytes), parse_ini(file, bytes)] {
        inside(&document, bytes.len());
    }
});

fn inside(document: &Document, length: usize) {
    let check = |span| check_span(span, length);
    for item in &document.items {
        match item {
            Item::Section(section) => [section.span, section.name.span].map(check),
            Item::Setting(setting) => {
                setting.value.iter().chain(&setting.index).for_each(|value| check(value.span));
                [setting.span, setting.key_span].map(check)
            }
        };
    }
    document.problems.iter().for_each(|problem| check(problem.span));
    document.comments.iter().copied().for_each(check);
}
