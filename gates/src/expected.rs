//! Every misbehaving driver says what ntpool is expected to find, and every rule has a driver that breaks it.

use crate::{Problem, Tree};
use ntpool_types::Rule;

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

/// Finds the rules that no driver is expected to break: nothing shows that they are ever found.
#[must_use]
pub fn check_rules(tree: &Tree, rules: &[Rule]) -> Vec<Problem> {
    let expectations: Vec<&str> =
        tree.texts().filter(|(path, _)| path.ends_with("/expected.toml")).map(|(_, text)| text).collect();
    let is_broken = |rule: &Rule| {
        let line = format!("rule = \"{rule}\"");
        expectations.iter().any(|text| text.contains(&line))
    };
    rules
        .iter()
        .filter(|rule| !is_broken(rule))
        .map(|rule| {
            Problem::new(format!("rule {rule}"), "is broken by no driver of drivers/: add one, with a twin")
        })
        .collect()
}

/// Whether a folder holds C source.
fn has_source(tree: &Tree, folder: &str) -> bool {
    tree.files()
        .any(|(path, _)| path.rsplit_once('/').is_some_and(|(of, file)| of == folder && file.ends_with(".c")))
}
