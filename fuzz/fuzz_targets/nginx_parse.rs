//! nginx's grammar: nothing panics, and every place lies inside the text.
#![no_main]

use gatelint::nginx::ast::Directive;
use gatelint::nginx::parse::parse;
use gatelint::source::{Sources, Span};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut sources = Sources::default();
    let file = sources.add("fuzz".to_owned(), None, bytes.to_vec());
    let bytes = sources.get(file).bytes();
    let tree = parse(file, bytes);
    let check = |span: Span| assert!(span.start <= span.end && span.range().end <= bytes.len(), "{span:?}");
    tree.problems.iter().for_each(|problem| check(problem.span));
    let mut open: Vec<&Directive> = tree.directives.iter().map(|directive| &**directive).collect();
    while let Some(directive) = open.pop() {
        check(directive.span);
        check(directive.head);
        open.extend(directive.block().iter().map(|directive| &**directive));
    }
});
