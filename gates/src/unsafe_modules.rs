//! The list of the files with unsafe code, each with the reason for it.

use crate::{Problem, Tree, code_only, words};
use std::collections::BTreeMap;

/// Where the list is: a line is `path: reason`.
pub const PATH: &str = "gates/unsafe-modules.txt";

/// Compares the list with the files.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut listed = BTreeMap::new();
    for (index, line) in tree.text(PATH).unwrap_or_default().lines().enumerate() {
        match line.split_once(": ") {
            _ if line.is_empty() || line.starts_with('#') => {}
            Some((path, reason)) if !reason.trim().is_empty() => {
                if listed.insert(path, index).is_some() {
                    problems.push(Problem::at(PATH, index, format!("{path} is listed twice")));
                }
            }
            _ => problems.push(Problem::at(PATH, index, "a line is `path: reason`")),
        }
    }
    for (path, source) in tree.rust() {
        let code = code_only(source);
        let first = code.lines().position(|line| words(line).any(|(_, word)| word == "unsafe"));
        match (first, listed.remove(path)) {
            (Some(line), None) => {
                let what = format!("unsafe code in a file that {PATH} does not list: add it with its reason");
                problems.push(Problem::at(path, line, what));
            }
            (None, Some(index)) => {
                problems.push(Problem::at(
                    PATH,
                    index,
                    format!("{path} has no unsafe code: remove the line"),
                ));
            }
            _ => {}
        }
    }
    let gone = |(path, index): (&str, usize)| Problem::at(PATH, index, format!("{path} does not exist"));
    problems.extend(listed.into_iter().map(gone));
    problems
}
