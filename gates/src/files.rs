//! What no file of the repository may contain or lack.

use crate::{Problem, Tree, code_only, words};

/// Binary files that belong here: the sample that ntpool brings along, and inputs that fuzzing found worth keeping.
const BINARIES: [&str; 2] = ["/sample.sys", "fuzz/corpus/"];

/// Folders of somebody's computer. The parts are joined here so that this file does not name them itself.
const MACHINE_PATHS: [&str; 4] =
    [concat!("/", "root/"), concat!("/", "home/"), concat!("/", "work/"), concat!("/", "tmp/")];

/// Words that promise to finish something later.
const PROMISES: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];

/// An attribute that silences a test.
const SILENCED: &str = concat!("#[", "ignore");

/// Checks every file.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, bytes) in tree.files() {
        match std::str::from_utf8(bytes) {
            Ok(text) if !bytes.contains(&0) => check_text(path, text, &mut problems),
            _ if BINARIES.iter().any(|known| path.ends_with(known) || path.starts_with(known)) => {}
            _ => problems
                .push(Problem::new(path, "is binary: keep its source, or allow it in gates/src/files.rs")),
        }
    }
    problems
}

fn check_text(path: &str, text: &str, problems: &mut Vec<Problem>) {
    for (index, line) in text.lines().enumerate() {
        if let Some(folder) = MACHINE_PATHS.iter().find(|folder| names_folder(line, folder)) {
            problems.push(Problem::at(path, index, format!("{folder} is a path of somebody's computer")));
        }
        if let Some((_, word)) = words(line).find(|(_, word)| PROMISES.contains(word)) {
            problems.push(Problem::at(path, index, format!("{word}: do it now, or write down why not")));
        }
    }
    if !path.ends_with(".rs") {
        return;
    }
    if !without_inner_attributes(text).starts_with("//!") && !path.contains("/tests/") {
        problems.push(Problem::at(path, 0, "begins without a `//!` line that says what the file is"));
    }
    for (index, line) in code_only(text).lines().enumerate() {
        if line.replace(' ', "").contains(SILENCED) {
            problems.push(Problem::at(path, index, "a test is silenced: mend it or remove it"));
        }
    }
}

/// The text behind the attributes that a module may open with, such as the reason for its unsafe code.
fn without_inner_attributes(text: &str) -> &str {
    let mut rest = text;
    while rest.starts_with("#![")
        && let Some((_, after)) = rest.split_once("]\n")
    {
        rest = after.trim_start();
    }
    rest
}

/// Whether a line names a path that begins with `folder`, rather than one that has it somewhere in the middle.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '}' | ')' | '*' | '~'))
    })
}
