//! The gates: checks that keep the repository as its documents say it is, and the documents that are generated.
//!
//! Each gate is a function over a [`Tree`] of files held in memory, so that its tests can feed it offenders: a gate
//! that cannot fail is worth nothing. `cargo run -p ntpool-gates -- check` runs all of them, `-- write` brings the
//! generated files up to date.
#![forbid(unsafe_code)]

pub mod coverage;
pub mod edges;
pub mod expected;
pub mod exports;
pub mod files;
pub mod names;
pub mod rows;
pub mod rules;
mod source;
mod tree;
pub mod unsafe_modules;

pub use source::{code_only, words};
pub use tree::{Problem, Tree};
