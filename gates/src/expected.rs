//! Every misbehaving driver says what ntpool is expected to find.

use crate::{Problem, Tree};

/// Finds the drivers without an expectation, and the expectations without a source to build a driver from.
#[must_use]
pub fn check(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, _) in tree.files() {
        let Some((folder, file)) = path.strip_prefix("drivers/").and_then(|path| path.rsplit_once('/'))
        else {
            continue;
        };
        let place = format!("drivers/{folder}");
        if file == "driver.c" && tree.text(&format!("{place}/expected.toml")).is_none() {
            problems.push(Problem::new(
                place,
                "has no expected.toml: say what ntpool should find, or that it is clean",
            ));
        } else if file == "expected.toml" && !has_source(tree, &place) {
            problems.push(Problem::new(place, "expects something of a driver whose source is not there"));
        }
    }
    problems
}

/// Whether a folder holds C source.
fn has_source(tree: &Tree, folder: &str) -> bool {
    tree.files()
        .any(|(path, _)| path.rsplit_once('/').is_some_and(|(of, file)| of == folder && file.ends_with(".c")))
}
