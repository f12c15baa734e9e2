//! Where the kernel's own spellings of function names may stand.
//!
//! Inside, the house says things in plain words; the spelling that a driver links against appears only where it is
//! bound to them. Every other file would have to be searched when an export is added or its meaning is learnt anew.
//!
//! A word is a spelling if it follows the pattern of one (a family's prefix and a capitalised word) or is the name of
//! an export that does not. The types that the two ground-floor crates declare are types, however they are spelled;
//! other words that only look like a spelling are in a list with their reasons.

use crate::{Problem, Tree, words};
use std::collections::BTreeSet;

/// The words that look like a spelling and are none, each with its reason.
pub const ALLOWED: &str = "gates/allowed-names.txt";

/// The folder whose files bind the spellings.
const EXPORTS: &str = "crates/driver/src/exports/";

/// Where spellings are at home.
const HOMES: [&str; 4] = ["crates/abi/", EXPORTS, "drivers/", "docs/"];

/// The prefixes of the kernel's families of functions.
const FAMILIES: [&str; 20] = [
    "Ex", "Ke", "Kf", "Ki", "Kd", "Mm", "Io", "Iof", "Rtl", "FsRtl", "Zw", "Nt", "Ob", "Ps", "Hal", "Se",
    "Po", "Cm", "Dbg", "Etw",
];

/// Finds the spellings, in comments and strings too, that stand where they are not at home.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Problem> {
    let exports = exports(tree);
    let types = types(tree);
    let mut problems = Vec::new();
    let mut allowed = BTreeSet::new();
    for (index, line) in tree.text(ALLOWED).unwrap_or_default().lines().enumerate() {
        match line.split_once(": ") {
            _ if line.is_empty() || line.starts_with('#') => {}
            Some((word, reason)) if !reason.trim().is_empty() => {
                allowed.insert(word);
            }
            _ => problems.push(Problem::at(ALLOWED, index, "a line is `Word: reason`")),
        }
    }
    let mut unused = allowed.clone();
    for (path, source) in tree.rust() {
        if HOMES.iter().any(|home| path.starts_with(home)) || is_test_folder(path) {
            continue;
        }
        for (index, line) in source.lines().enumerate() {
            for (_, word) in words(line) {
                if allowed.contains(word) {
                    unused.remove(word);
                } else if (is_spelling(word) || exports.contains(word)) && !types.contains(word) {
                    let what = format!("{word} is the kernel's spelling: say it in plain words here");
                    problems.push(Problem::at(path, index, what));
                }
            }
        }
    }
    problems
        .extend(unused.iter().map(|word| Problem::new(ALLOWED, format!("{word} occurs nowhere: remove it"))));
    problems
}

/// Whether a word is a family's prefix followed by a capitalised word.
#[must_use]
pub fn is_spelling(word: &str) -> bool {
    FAMILIES.iter().filter_map(|family| word.strip_prefix(family)).any(|rest| {
        let mut characters = rest.chars();
        characters.next().is_some_and(|c| c.is_ascii_uppercase())
            && characters.next().is_some_and(|c| c.is_ascii_lowercase())
    })
}

/// The names of exports that the pattern misses: strings in the exports folder that are one capitalised compound.
fn exports(tree: &Tree) -> BTreeSet<&str> {
    let sources = tree.rust().filter(|(path, _)| path.starts_with(EXPORTS) && !is_test_folder(path));
    sources.flat_map(|(_, source)| source.split('"')).filter(|literal| is_compound(literal)).collect()
}

/// The types that the ground-floor crates declare.
fn types(tree: &Tree) -> BTreeSet<&str> {
    const DECLARERS: [&str; 2] = ["crates/abi/src/", "crates/types/src/"];
    let sources = tree.rust().filter(|(path, _)| DECLARERS.iter().any(|folder| path.starts_with(folder)));
    let lines = sources.flat_map(|(_, source)| source.lines());
    lines
        .filter_map(|line| {
            let declared = line.trim().trim_start_matches("pub ");
            let name = ["struct ", "enum ", "union ", "type "]
                .iter()
                .find_map(|kind| declared.strip_prefix(kind))?;
            words(name).next().map(|(_, name)| name)
        })
        .collect()
}

/// Whether the text is one word of at least two capitalised parts, such as a name without a family would be.
fn is_compound(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_uppercase())
        && text.chars().all(|c| c.is_ascii_alphanumeric())
        && text.chars().any(|c| c.is_ascii_lowercase())
        && text.chars().filter(char::is_ascii_uppercase).count() >= 2
}

fn is_test_folder(path: &str) -> bool {
    path.contains("/tests/")
}
