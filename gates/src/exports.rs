//! The page that lists every routine a driver can import.

use crate::tree::stale;
use crate::{Problem, Tree};
use ntpool_driver::exports;

/// The generated page.
pub const PATH: &str = "docs/exports.md";

/// Compares the page with what the table of exports says now.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Problem> {
    stale(tree, PATH, &exports::markdown())
}
