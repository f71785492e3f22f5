//! Hosts of many sizes.
//!
//! `cargo bench --bench hosts -- generate SERVERS POOLS DIR [healthy|findings|shared]` writes one.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)]

use std::path::Path;

mod host;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["generate", servers, pools, directory, variant @ ..] = words.as_slice() {
        let variant = host::Variant::of(variant.first().unwrap_or(&"healthy")).unwrap();
        let shape = host::Shape { servers: servers.parse().unwrap(), pools: pools.parse().unwrap(), variant };
        host::generate(shape, Path::new(directory)).unwrap();
    }
}
