//! What the fuzz targets share: a host written as one text, and what must hold for every place.
//!
//! The text of a host is its files one after the other. A line `@` and a path begins a file, and `@0` to `@9`
//! stand for the usual places. `@facts` begins a facts file, `@files` and `@overlay` say how much of the host
//! is in view.

use gatelint::deployment::View;
use gatelint::host::memory::Memory;
use gatelint::nginx::ast::{Directive, Tree};
use gatelint::source::Span;

/// What the lines `@0` to `@9` stand for.
pub const PLACES: [&str; 10] = [
    "/etc/nginx/nginx.conf",
    "/etc/nginx/conf.d/site.conf",
    "/etc/nginx/snippet",
    "/etc/php/8.2/fpm/php-fpm.conf",
    "/etc/php/8.2/fpm/pool.d/www.conf",
    "/etc/php/8.2/fpm/pool.d/zz.conf",
    "/etc/php/8.2/fpm/php.ini",
    "/etc/systemd/system/php8.2-fpm.service",
    "/etc/passwd",
    "/etc/group",
];

/// A host that a text lays out.
pub struct Laid {
    /// Its files.
    pub host: Memory,
    /// How much of it is in view.
    pub view: View,
    /// The text of a facts file.
    pub facts: String,
}

/// Lays out the host that a text describes.
pub fn lay_out(text: &[u8]) -> Laid {
    let mut laid = Laid { host: Memory::default(), view: View::Root, facts: String::new() };
    let (mut path, mut file) = (PLACES[0].to_owned(), Vec::new());
    let finish = |path: &str, text: Vec<u8>, laid: &mut Laid| match path {
        "/facts" => laid.facts = String::from_utf8_lossy(&text).into_owned(),
        "/files" => laid.view = View::Files,
        "/overlay" => laid.view = View::Overlay,
        path => laid.host.add(path, text),
    };
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let Some(name) = line.strip_prefix(b"@") else {
            file.extend_from_slice(line);
            continue;
        };
        finish(&path, std::mem::take(&mut file), &mut laid);
        let name = String::from_utf8_lossy(name).trim().to_owned();
        let usual = name.parse::<usize>().ok().and_then(|number| PLACES.get(number));
        path = usual.map_or_else(|| format!("/{}", name.trim_start_matches('/')), |place| (*place).to_owned());
    }
    finish(&path, file, &mut laid);
    laid
}

/// A host as the text that lays it out.
pub fn written<'a>(files: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Vec<u8> {
    let mut text = Vec::new();
    for (path, file) in files {
        let usual = PLACES.iter().position(|place| *place == path);
        let name = usual.map_or_else(|| path.trim_start_matches('/').to_owned(), |number| number.to_string());
        text.extend_from_slice(format!("@{name}\n").as_bytes());
        text.extend_from_slice(file);
        if !file.ends_with(b"\n") {
            text.push(b'\n');
        }
    }
    text
}

/// Panics where a place does not lie inside its text.
pub fn check_span(span: Span, length: usize) {
    assert!(span.start <= span.end && span.range().end <= length, "{span:?} of {length}");
}

/// Panics where a place in a tree does not lie inside the text, or inside of what is around it.
pub fn check_tree(tree: &Tree, length: usize) {
    tree.problems.iter().for_each(|problem| {
        check_span(problem.span, length);
        check_span(problem.noticed, length + 1);
    });
    let mut open: Vec<&Directive> = tree.directives.iter().map(|directive| &**directive).collect();
    while let Some(directive) = open.pop() {
        let whole = directive.span();
        check_span(whole, length);
        let inside = |span: Span| assert!(whole.start <= span.start && span.end <= whole.end, "{span:?} in {whole:?}");
        inside(directive.head);
        let words: Vec<Span> = directive.words().map(|word| word.span).collect();
        words.iter().copied().for_each(inside);
        assert!(words.windows(2).all(|pair| pair[0].end <= pair[1].start), "{directive:?}");
        let block = directive.block().iter().map(|inner| inner.span());
        block.clone().for_each(inside);
        assert!(block.clone().zip(block.skip(1)).all(|(one, next)| one.end <= next.start), "{directive:?}");
        open.extend(directive.block().iter().map(|directive| &**directive));
    }
}
