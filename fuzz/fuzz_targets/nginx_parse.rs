//! nginx's grammar: nothing panics, every place lies inside the text, and what is inside a block lies inside
//! of it.
#![no_main]

use gatelint::nginx::parse::parse;
use gatelint::source::Sources;
use gatelint_fuzz::check_tree;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let file = Sources::default().add("fuzz".to_owned(), None, Vec::new());
    check_tree(&parse(file, bytes), bytes.len());
});
