//! Counted strings.

use crate::observer::{Observed, Observer};
use ntpool::ExitStatus;
use std::sync::LazyLock;

static DRIVER: Observer = Observer::new("strings");
static OBSERVED: LazyLock<Observed> = LazyLock::new(|| DRIVER.run("observe"));

#[test]
fn the_driver_that_observes_commits_no_crime() {
    assert_eq!(OBSERVED.outcome.exit_status(), ExitStatus::Clean, "{:#?}", OBSERVED.outcome);
}

#[test]
fn mach_210_counts_are_bytes_and_nothing_depends_on_a_terminator() {
    assert_eq!(OBSERVED.line("counts"), "size=16 four=1");
    assert_eq!(OBSERVED.line("counts-five"), "0");
}

#[test]
fn mach_211_init_copies_no_characters_and_counts_the_terminator_in_the_maximum_only() {
    assert_eq!(OBSERVED.line("init"), "length=14 maximum=16 same=1");
    assert_eq!(OBSERVED.line("init-null"), "length=0 maximum=0 buffer=0000000000000000");
    assert_eq!(OBSERVED.line("init-ansi"), "length=7 maximum=8 same=1");
}

// MACH-212 MACH-213
#[test]
fn mach_212_too_long_a_source_is_cut_in_the_counts() {
    assert_eq!(OBSERVED.line("long-32766"), "length=65532 maximum=65534", "the longest there can be");
    for length in [32767, 32768, 40000] {
        assert_eq!(OBSERVED.line(&format!("long-{length}")), "length=65532 maximum=65534", "{length}");
    }
}

#[test]
fn mach_214_a_copy_is_cut_silently_and_changes_only_the_length() {
    assert_eq!(OBSERVED.line("copy-cut"), "length=6 maximum=6 room=abc.....");
    assert_eq!(OBSERVED.line("copy-null"), "length=0 maximum=16 buffer=1");
}

#[test]
fn mach_215_a_copy_writes_no_terminator_where_room_is_left() {
    assert_eq!(OBSERVED.line("copy"), "length=12 maximum=16 room=abcdef..");
}

#[test]
fn mach_216_an_append_that_does_not_fit_changes_nothing() {
    assert_eq!(OBSERVED.line("append"), "status=0 length=6 room=123.....");
    assert_eq!(OBSERVED.line("append-text"), "status=0 length=12 room=123abc..");
    assert_eq!(OBSERVED.line("append-too-long"), "status=c0000023 length=8 room=123abc..");
    assert_eq!(OBSERVED.line("append-text-too-long"), "status=c0000023 length=8 room=123abc..");
}

#[test]
fn mach_217_a_conversion_makes_a_buffer_that_is_freed_with_the_string() {
    assert_eq!(OBSERVED.line("to-ansi"), "status=0 length=10 text=Convert me");
    assert_eq!(OBSERVED.line("to-unicode"), "status=0 length=20 text=Convert me");
    assert_eq!(OBSERVED.line("to-upper"), "status=0 length=20 text=CONVERT ME");
    assert_eq!(OBSERVED.line("freed"), "0000000000000000 0000000000000000 0000000000000000");
    assert!(OBSERVED.outcome.left.is_empty(), "{:?}", OBSERVED.outcome.left);
}

#[test]
fn a_conversion_into_the_callers_buffer_needs_room_for_the_terminator() {
    assert_eq!(OBSERVED.line("in-place"), "status=0 length=3 same=1 terminated=1");
    assert_eq!(OBSERVED.line("in-place-too-small"), "80000005");
}

#[test]
fn mach_218_the_buffers_are_paged_pool_under_a_tag_of_their_own() {
    assert_eq!(OBSERVED.tag("Strg", "paged"), Some((3, 3, 0)));
    assert_eq!(OBSERVED.tag("Strg", "nonpaged"), None);
}

#[test]
fn mach_219_strings_are_freed_up_to_apc_level_and_converted_at_passive_level() {
    let converted = DRIVER.run("apc");
    assert_eq!(converted.rules(), ["irql.too-high"; 7]);
    let routines = [
        "RtlUnicodeStringToAnsiString",
        "RtlAnsiStringToUnicodeString",
        "RtlUpcaseUnicodeString",
        "RtlCompareUnicodeString",
        "RtlEqualUnicodeString",
        "RtlUnicodeStringToInteger",
        "RtlIntegerToUnicodeString",
    ];
    for (finding, routine) in converted.outcome.findings.iter().zip(routines) {
        assert!(finding.message.starts_with(routine), "{}", finding.message);
    }
    let freed = DRIVER.run("dispatch");
    let freed: Vec<&str> = (freed.outcome.findings.iter())
        .filter(|finding| finding.rule == "irql.too-high")
        .map(|finding| finding.message.split(' ').next().unwrap_or_default())
        .collect();
    assert_eq!(freed, ["RtlFreeUnicodeString", "RtlFreeAnsiString"]);
}

#[test]
fn mach_220_integers_are_read_by_prefix_and_no_number_is_0() {
    for (subject, value) in [
        ("integer-0-0x1f", "1f"),
        ("integer-0-0o17", "f"),
        ("integer-0-0b101", "5"),
        ("integer-0-19", "13"),
        ("integer-10-word", "0"),
    ] {
        assert_eq!(OBSERVED.line(subject), format!("status=0 value={value}"), "{subject}");
    }
    assert_eq!(OBSERVED.line("integer-10-"), "status=c000000d value=eeee", "an empty string");
}
