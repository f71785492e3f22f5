//! nginx: its language, its files, and the settings that are in force at each place.

pub mod assignments;
pub mod ast;
pub mod branches;
pub mod crossplane;
pub mod directives;
pub mod examine;
pub mod flow;
pub mod groups;
pub mod levels;
pub mod lexer;
pub mod literals;
pub mod load;
pub mod locations;
pub mod parse;
pub mod pcre;
mod recover;
pub mod regex;
pub mod variables;
