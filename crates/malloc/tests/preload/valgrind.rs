//! The library under Valgrind's memory checker.
//!
//! Valgrind puts an allocator of its own in the place of ours unless it is told not to; then ours is code like any
//! other, and each of its loads and stores is checked.

use crate::world::{Ended, Program, interface, opened_library};

fn under_valgrind(check: &str) -> Ended {
    let options = [
        "--error-exitcode=99",
        "--soname-synonyms=somalloc=nouserintercepts",
        "--fair-sched=yes",
        "--child-silent-after-fork=yes",
        "-q",
    ];
    let program = Program::new("valgrind").args(options).args([interface()]).args([check]);
    program.args([opened_library()]).run()
}

#[test]
fn valgrind_finds_nothing_wrong_inside() {
    let checks = [
        "errors",
        "zero-sizes",
        "thread-local-destructors",
        "early-and-late",
        "opened-library",
        "threads-that-fork",
    ];
    for name in checks {
        let ended = under_valgrind(name).success();
        assert_eq!(ended.text(), "ok\n", "{name}");
        let errors = ended.errors();
        let findings = ["Invalid", "uninitialised", "overlap"].map(|word| errors.contains(word));
        assert_eq!(findings, [false; 3], "{name}: {errors}");
    }
}

#[test]
fn under_valgrind_it_is_our_allocator_that_runs() {
    let errors = under_valgrind("free-twice").errors();
    assert!(errors.contains("ntpool: free(0x"), "{errors}");
}
