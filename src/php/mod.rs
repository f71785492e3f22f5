//! What PHP-FPM and PHP read: the pool files and php.ini, as written.
//!
//! ```text
//! bytes ──parse::parse_fpm──▶ Document (ast)      a pool file: every physical line for itself
//! bytes ──ini::parse_ini────▶ Document (ast)      php.ini: the whole file at once
//! text  ──readers::*────────▶ a number, and whether it is the one that the text seems to say
//! name  ──settings::find────▶ what PHP-FPM knows under that name
//! pool  ──workers, limits───▶ what PHP-FPM refuses once it has read everything
//! ```
//!
//! Both languages share one scanner with PHP itself (`Zend/zend_ini_scanner.l`), and its surprises
//! are kept: the rules exist because of them. Nothing here looks at another file or at the host.
//! The real program is the judge: `tests/fpm_dialect.rs` compares every verdict and value with it.

mod arithmetic;
pub mod ast;
pub mod constants;
pub mod ini;
pub mod ini_settings;
pub mod layers;
pub mod limits;
pub mod load;
pub mod parse;
pub mod readers;
pub mod settings;
pub mod test_output;
mod token;
mod value;
pub mod workers;
pub mod written;
