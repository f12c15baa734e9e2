//! The header says what the library does.
use crate::compiler::{Library, WARNINGS, folder, run, succeed};
use ntpool_c::abi::{self, BlockOf, SharesOf, TagCountOf, UsageOf, ViolationOf};
use std::fmt::Write;
use std::mem::offset_of;
use std::process::Command;

/// The lines that the probe prints of a structure.
macro_rules! layout {
    ($text:ident, $name:literal, $type:ty { $($field:ident: $size:expr),* }) => {
        let _ = writeln!($text, "{} {}", $name, size_of::<$type>());
        $(let _ = writeln!(
            $text, "{}.{} {} {}", $name, stringify!($field), offset_of!($type, $field), $size
        );)*
    };
}

/// What the probe has to print.
fn expected() -> String {
    let mut text = String::new();
    let numbers = [
        ("NTPOOL_OK", abi::OK),
        ("NTPOOL_NO_MEMORY", abi::NO_MEMORY),
        ("NTPOOL_TOO_SMALL", abi::TOO_SMALL),
        ("NTPOOL_BAD_ARGUMENT", abi::BAD_ARGUMENT),
        ("NTPOOL_VIOLATION", abi::VIOLATION),
        ("NTPOOL_INCONSISTENT", abi::INCONSISTENT),
        ("NTPOOL_NONPAGED", abi::NONPAGED),
        ("NTPOOL_NONPAGED_EXECUTE", abi::NONPAGED_EXECUTE),
        ("NTPOOL_PAGED", abi::PAGED),
        ("NTPOOL_PLACE_LIVE", abi::PLACE_LIVE),
        ("NTPOOL_PLACE_FREED", abi::PLACE_FREED),
        ("NTPOOL_PLACE_UNUSED", abi::PLACE_UNUSED),
        ("NTPOOL_PLACE_METADATA", abi::PLACE_METADATA),
        ("NTPOOL_PLACE_OUTSIDE", abi::PLACE_OUTSIDE),
    ];
    for (name, number) in numbers {
        let _ = writeln!(text, "{name} {number}");
    }
    let tag = ntpool_types::Tag::from_text(*b"Cnf\xFF").0;
    let _ = writeln!(text, "NTPOOL_PAGE_SIZE {}", ntpool_types::PAGE_SIZE.0);
    let _ = writeln!(text, "NTPOOL_NO_TAG {}", abi::NO_TAG);
    let _ = writeln!(text, "NTPOOL_TAG('C', 'n', 'f', '\\xFF') {tag}");
    layout!(text, "ntpool_shares", SharesOf { nonpaged: 4, nonpaged_execute: 4, paged: 4 });
    layout!(text, "ntpool_block", BlockOf { address: 8, size: 8, kind: 4, tag: 4 });
    layout!(text, "ntpool_tag_count", TagCountOf { tag: 4, kind: 4, allocations: 8, frees: 8, bytes: 8 });
    layout!(text, "ntpool_usage", UsageOf { in_use: 8, committed: 8, limit: 8 });
    layout!(
        text,
        "ntpool_violation",
        ViolationOf { status: 4, bug_check: 4, parameters: 32, subject: 8, rule: 8, title: 8 }
    );
    text
}

#[test]
fn the_headers_numbers_and_layouts_are_the_librarys() {
    let (printed, status) = run(&folder("tests/c/probe.c"), Library::Static);
    assert_eq!((printed.as_str(), status), (expected().as_str(), 0));
}

#[test]
fn the_header_is_clean_c99_and_cplusplus() {
    let header = folder("include/ntpool.h");
    let check = |compiler: &str, arguments: &[&str]| {
        succeed(Command::new(compiler).args(arguments).args(WARNINGS).arg("-fsyntax-only").arg(&header));
    };
    check("gcc", &["-std=c99", "-xc"]);
    check("gcc", &["-std=c11", "-xc", "-Wstrict-prototypes"]);
    check("g++", &["-std=c++11", "-xc++"]);
    check("g++", &["-std=c++20", "-xc++", "-Wold-style-cast"]);
}

#[test]
fn every_function_of_the_header_is_in_the_library_and_no_other() {
    let header = std::fs::read_to_string(folder("include/ntpool.h")).expect("the header is there");
    let exports = std::fs::read_to_string(folder("src/exports.rs")).expect("the source is there");
    let names = |text: &str, before: &str| {
        let mut names: Vec<String> = text
            .lines()
            .filter(|line| !line.trim_start().starts_with(['*', '/']))
            .filter_map(|line| {
                let (start, _) = line.split_once('(')?;
                let name = start.rsplit([' ', '*']).next()?;
                (start.contains(before) && name.starts_with("ntpool_")).then(|| name.to_owned())
            })
            .collect();
        names.sort();
        names
    };
    let declared = names(&header, "");
    assert_eq!(declared.len(), 15, "{declared:?}");
    assert_eq!(declared, names(&exports, "extern \"C\" fn "));
}
