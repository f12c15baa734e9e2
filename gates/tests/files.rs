//! The gate for files finds what belongs on no shelf.

use ntpool_gates::files::check;
use ntpool_gates::{Problem, Tree};

fn found(path: &str, text: &str) -> Vec<String> {
    check(&Tree::of(&[(path, text)])).iter().map(Problem::to_string).collect()
}

/// An offender, in two parts so that this file is none.
fn joined(first: &str, second: &str) -> String {
    format!("{first}{second}")
}

#[test]
fn paths_of_somebodys_computer_are_found_in_any_file() {
    for folder in ["root/", "home/", "work/", "tmp/"] {
        let folder = joined("/", folder);
        for line in
            [format!("{folder}x"), format!("cd '{folder}x'"), format!("a={folder}"), format!("a:{folder}")]
        {
            let problems = found("docs/x.md", &format!("first\n{line}\n"));
            assert_eq!(
                problems,
                [format!("docs/x.md:2: {folder} is a path of somebody's computer")],
                "{line}"
            );
        }
        for line in
            [format!("a{folder}x"), format!("$X_1{folder}"), format!("..{folder}"), format!("${{X}}{folder}")]
        {
            assert_eq!(found("docs/x.md", &line), Vec::<String>::new(), "{line}");
        }
    }
}

#[test]
fn promises_are_found_as_words() {
    for word in [joined("TO", "DO"), joined("FIX", "ME")] {
        assert_eq!(found("src/a.c", &format!("/* {word}: x */")).len(), 1, "{word}");
        assert_eq!(found("src/a.c", &format!("/* {word}S {} */", word.to_lowercase())).len(), 0, "{word}");
    }
}

#[test]
fn binary_files_are_found_unless_they_are_known() {
    for bytes in [&b"a\0b"[..], b"\xff\xfe"] {
        let problems = |path: &str| check(&Tree::default().with(path, bytes)).len();
        assert_eq!(problems("docs/a.png"), 1);
        assert_eq!(problems("drivers/sample/sample.sys"), 0);
        assert_eq!(problems("drivers/a/other.sys"), 1);
        assert_eq!(problems("fuzz/corpus/image/0a"), 0);
    }
}

#[test]
fn a_silenced_test_is_found_in_code_only() {
    for source in ["//! x\n#[ignore]\nfn f() {}", "//! x\n# [ ignore = \"slow\" ]\n"] {
        let problems = found("crates/a/tests/b.rs", source);
        assert_eq!(problems, ["crates/a/tests/b.rs:2: a test is silenced: mend it or remove it"]);
    }
    assert!(found("crates/a/tests/b.rs", "//! #[ignore]\n\"#[ignore]\"").is_empty());
}

#[test]
fn a_source_file_says_what_it_is_unless_it_is_a_test() {
    assert_eq!(found("crates/a/src/b.rs", "use x;\n//! late\n").len(), 1);
    assert_eq!(found("crates/a/src/b.rs", "").len(), 1);
    assert_eq!(found("crates/a/src/b.rs", "//! B.\n").len(), 0);
    assert_eq!(found("crates/a/src/b.rs", "#![no_std]\n#![expect(\n    x\n)]\n\n//! B.\n").len(), 0);
    assert_eq!(found("crates/a/src/b.rs", "#![no_std]\nuse x;\n//! B.\n").len(), 1);
    assert_eq!(found("crates/a/tests/b.rs", "use x;\n").len(), 0);
    assert_eq!(found("drivers/a/driver.c", "int x;\n").len(), 0);
}
