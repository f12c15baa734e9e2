//! The gate for unsafe code compares the list with the files, both ways.

use ntpool_gates::unsafe_modules::{PATH, check};
use ntpool_gates::{Problem, Tree};

const FILE: &str = "crates/host/src/arena.rs";

fn found(source: &str, list: &str) -> Vec<String> {
    check(&Tree::of(&[(FILE, source), (PATH, list)])).iter().map(Problem::to_string).collect()
}

#[test]
fn a_listed_file_with_unsafe_code_passes() {
    let list = format!("# files\n\n{FILE}: maps the arena\n");
    for source in
        ["unsafe { x() }", "unsafe fn x();", "#[unsafe(no_mangle)] fn x() {}", "x\nunsafe impl Send for X {}"]
    {
        assert_eq!(found(source, &list), Vec::<String>::new(), "{source}");
    }
}

#[test]
fn unsafe_code_that_is_not_listed_is_found_with_its_line() {
    assert_eq!(
        found("//! x\nfn f() {\n    unsafe { x() }\n}\n", ""),
        [format!("{FILE}:3: unsafe code in a file that {PATH} does not list: add it with its reason")]
    );
}

#[test]
fn a_listed_file_without_unsafe_code_is_found() {
    let list = format!("{FILE}: maps the arena\n");
    for source in ["#![forbid(unsafe_code)]", "// unsafe", "\"unsafe\"", "let unsafely = 1;", ""] {
        assert_eq!(found(source, &list), [format!("{PATH}:1: {FILE} has no unsafe code: remove the line")]);
    }
    assert_eq!(found("", "gone.rs: a reason\n"), [format!("{PATH}:1: gone.rs does not exist")]);
}

#[test]
fn a_line_has_a_reason_and_stands_once() {
    assert_eq!(found("unsafe {}", &format!("{FILE}: \n")).len(), 2, "malformed, so not listed");
    let line = format!("{FILE}: maps the arena\n");
    assert_eq!(found("unsafe {}", &line.repeat(2)), [format!("{PATH}:2: {FILE} is listed twice")]);
}
