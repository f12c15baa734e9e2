//! The example without the standard library does what it says.

use std::env;
use std::process::Command;

#[test]
fn the_example_runs_from_its_fixed_arena() {
    let mut example = env::current_exe().expect("a test has a path");
    example.pop();
    example.pop();
    example.push("examples/fixed_arena");
    let run = Command::new(&example).output().unwrap_or_else(|error| {
        panic!("{}: {error}; `cargo test` builds it, or `cargo build --examples`", example.display())
    });
    assert!(run.status.success(), "{:?}", run.status);
    let text = String::from_utf8(run.stdout).expect("it prints ASCII");
    // How many blocks the library's collections take is theirs to decide.
    let (text, last) = text.trim_end().rsplit_once('\n').expect("it prints more than a line");
    assert_eq!(
        text,
        "device console\n\
         device disk\n\
         device clock\n\
         arena: 1\n\
         heap: 1\n\
         pool: 3\n\
         a megabyte: no memory left in this pool: free blocks, ask for less, or raise the pool's limit\n\
         Devi nonpaged: 2 allocated, 0 live"
    );
    assert!(last.starts_with("Kern nonpaged: ") && last.ends_with(" allocated, 0 live"), "{last}");
}
