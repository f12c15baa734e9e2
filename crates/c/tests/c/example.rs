//! The example does what it says, with either library.
use crate::compiler::{Library, folder, run};

/// What a run prints on any memory.
const RUN: &str = "\
config: answer=42, 96 bytes
aligned: yes
pool.wrong-tag: a pool block was freed with another tag
Windows would stop with 0xC2 (0xA, 0xADDRESS, 0x67666E43, ...)
pool.double-free: a pool block was freed twice
Windows would stop with 0xC2 (0x7, 0x0, 0x0, ...)
the config has been freed
left behind: 200 bytes of Log 
";

/// The text with the one address in it, which differs from run to run, taken out.
fn without_address(text: &str) -> String {
    let lines = text.lines().map(|line| {
        match line.split_once("(0xA, ").and_then(|(before, rest)| {
            rest.split_once(", ").map(|(_, after)| format!("{before}(0xA, 0xADDRESS, {after}\n"))
        }) {
            Some(line) => line,
            None => format!("{line}\n"),
        }
    });
    lines.collect()
}

#[test]
fn the_example_tells_what_went_wrong_with_either_library() {
    for library in [Library::Static, Library::Shared] {
        let (printed, status) = run(&folder("examples/pool.c"), library);
        let printed = without_address(&printed);
        let (first, second) = printed.split_once("once more, on an array\n").expect("it runs twice");
        let counts = first.strip_prefix(RUN).unwrap_or_else(|| panic!("{library:?}:\n{first}"));
        assert_eq!(
            counts,
            "Cnfg nonpaged: 2 allocated, 2 freed, 0 bytes live\n\
             Log  paged: 1 allocated, 0 freed, 200 bytes live\n\
             1 block was left\n"
        );
        assert_eq!(second, RUN, "{library:?}");
        assert_eq!(status, 0, "{library:?}");
    }
}
