//! The rows about registry values, held against what a driver sees that queries them by a table.

use crate::observer::{Observed, Observer, bug_check};
use ntpool::ExitStatus;
use std::sync::LazyLock;

static DRIVER: Observer = Observer::new("registry");
/// The service's name has seven characters, as `DisplayName` shows.
static OBSERVED: LazyLock<Observed> = LazyLock::new(|| DRIVER.run("observe"));

const SUCCESS: &str = "status=0";
const INVALID_PARAMETER: &str = "status=c000000d calls=0";
const NOT_FOUND: &str = "status=c0000034 calls=0";
const TOO_SMALL: &str = "status=c0000023 calls=0";

#[track_caller]
fn succeeded(subject: &str, calls: u32) {
    assert_eq!(OBSERVED.line(subject), format!("{SUCCESS} calls={calls}"));
}

/// What the routine was told at its call of this number; it prints in two steps.
#[track_caller]
fn told(subject: &str, call: u32) -> String {
    let start = format!("{subject}-{call}: ");
    let mut lines = OBSERVED.outcome.debug_output.iter().skip_while(|line| !line.text.starts_with(&start));
    let (first, second) = (lines.next().expect(&start), lines.next().expect("the data"));
    format!("{}{}", &first.text[start.len()..], second.text.trim_end())
}

#[test]
fn the_driver_that_observes_commits_no_crime_and_gets_no_block_that_stays() {
    assert_eq!(OBSERVED.outcome.exit_status(), ExitStatus::Clean, "{:#?}", OBSERVED.outcome);
    let (allocations, frees, bytes) = OBSERVED.tag("Strg", "paged").expect("blocks of the tag");
    assert!(allocations > 0);
    assert_eq!((frees, bytes), (allocations, 0));
}

#[test]
fn mach_225_a_table_ends_where_routine_and_name_are_missing() {
    succeeded("end", 1);
    assert_eq!(told("end", 1), "name=Type type=4 length=4 number=1");
    assert_eq!(OBSERVED.line("no-routine"), INVALID_PARAMETER, "a name alone does not end it");
}

#[test]
fn mach_225_a_query_above_passive_level_is_found() {
    let observed = DRIVER.run("apc");
    assert_eq!(observed.finding().rule, "irql.too-high");
    assert_eq!(observed.line("apc-stored"), "3", "the call is carried out");
}

#[test]
fn mach_226_the_path_is_relative_to_the_root_that_is_named() {
    for root in ["absolute", "services"] {
        succeeded(root, 1);
        assert_eq!(told(root, 1), "name=Start type=4 length=4 number=3");
    }
    for root in ["control", "windows-nt", "device-map", "user"] {
        succeeded(root, 1);
        assert_eq!(told(root, 1), "name=(null) type=0 length=0 no data");
    }
    assert_eq!(OBSERVED.line("not-control"), NOT_FOUND);
    succeeded("optional", 1);
    assert_eq!(OBSERVED.line("no-root"), INVALID_PARAMETER);
    assert_eq!(OBSERVED.line("handle"), "status=c0000008 calls=0", "no key has a handle");
}

#[test]
fn mach_226_a_sub_key_lasts_until_the_top_key_is_asked_for() {
    succeeded("subkey", 1);
    assert_eq!(told("subkey", 1), "name=Start type=4 length=4 number=3");
    succeeded("no-subkey", 0);
    assert_eq!(OBSERVED.line("required-subkey"), NOT_FOUND);
}

#[test]
fn mach_226_an_entry_without_a_name_gets_every_value_or_none_at_all() {
    succeeded("every", 5);
    let every: Vec<String> = (1..=5).map(|call| told("every", call)).collect();
    let image = "\\SystemRoot\\System32\\drivers\\observe.sys";
    let expected = [
        "name=Type type=4 length=4 number=1".to_owned(),
        "name=Start type=4 length=4 number=3".to_owned(),
        "name=ErrorControl type=4 length=4 number=1".to_owned(),
        format!("name=ImagePath type=1 length={} text={image}", 2 * (image.len() + 1)),
        "name=DisplayName type=1 length=16 text=observe".to_owned(),
    ];
    assert_eq!(every, expected);
    succeeded("no-value", 1);
    assert_eq!(told("no-value", 1), "name=(null) type=0 length=0 no data");
    assert_eq!(OBSERVED.line("nothing"), NOT_FOUND, "the last entry requires a value");
}

#[test]
fn mach_226_variables_are_expanded_and_lists_taken_apart_unless_the_entry_forbids_it() {
    assert_eq!(told("expand", 1), "name=None type=1 length=42 text=C:\\Windows\\a;%Other%");
    assert_eq!(told("no-expand", 1), "name=None type=2 length=46 text=%SystemRoot%\\a;%Other%");
    succeeded("list", 2);
    assert_eq!(told("list", 1), "name=None type=1 length=8 text=one");
    assert_eq!(told("list", 2), "name=None type=1 length=8 text=two");
    succeeded("no-list", 1);
    assert_eq!(told("no-list", 1), "name=None type=7 length=18 text=one+two");
}

#[test]
fn mach_226_a_value_is_deleted_after_it_was_reported() {
    succeeded("delete", 2);
    assert_eq!(told("delete", 1), "name=ErrorControl type=4 length=4 number=1");
    assert_eq!(told("delete", 2), "name=Start type=4 length=4 number=3");
}

#[test]
fn mach_227_a_text_goes_into_a_counted_string_whose_buffer_is_made_where_it_is_missing() {
    succeeded("made", 0);
    assert_eq!(OBSERVED.line("made-text"), "length=14 maximum=16 text=observe");
    succeeded("filled", 0);
    assert_eq!(OBSERVED.line("filled-text"), "length=14 maximum=16 same=1 text=observe");
    assert_eq!(OBSERVED.line("too-small"), TOO_SMALL);
    assert_eq!(OBSERVED.line("expanded-text"), "C:\\Windows\\a");
    succeeded("list-as-it-is", 0);
    assert_eq!(OBSERVED.line("list-text"), "length=16 maximum=18");
    assert_eq!(OBSERVED.line("list-direct"), INVALID_PARAMETER);
}

#[test]
fn mach_227_four_bytes_are_stored_as_they_are_and_more_in_a_buffer_that_says_its_size() {
    assert_eq!(OBSERVED.line("four-bytes-stored"), "3 eeeeeeee");
    succeeded("negative", 0);
    assert_eq!(OBSERVED.line("negative-stored"), "1122334455667788");
    assert_eq!(OBSERVED.line("negative-too-small"), TOO_SMALL);
    succeeded("positive", 0);
    assert_eq!(OBSERVED.line("positive-stored"), "length=8 type=11 data=1122334455667788");
    assert_eq!(OBSERVED.line("positive-too-small"), TOO_SMALL);
}

#[test]
fn mach_227_a_direct_entry_has_a_name_and_no_routine() {
    assert_eq!(OBSERVED.line("direct-routine"), INVALID_PARAMETER);
    assert_eq!(OBSERVED.line("direct-no-name"), INVALID_PARAMETER);
}

#[test]
fn mach_228_a_value_of_another_type_than_the_expected_one_is_not_stored() {
    assert_eq!(OBSERVED.line("mismatch"), "status=c0000024 calls=0");
    assert_eq!(OBSERVED.line("mismatch-stored"), "eeeeeeee");
    assert_eq!(OBSERVED.line("match-stored"), "3");
    succeeded("unchecked", 0);
    assert_eq!(OBSERVED.line("default-stored"), "77", "a default is not a stored value");
}

// MACH-037
#[test]
fn mach_228_an_unchecked_type_of_an_untrusted_hive_stops_the_machine() {
    let observed = DRIVER.run("untrusted");
    assert_eq!(observed.line("user-100"), "status=0 number=eeeeeeee", "with a type check it does not");
    assert!(!observed.told_of("user-0"));
    let finding = observed.finding();
    assert_eq!(finding.rule, "cpu.fast-fail");
    assert_eq!(bug_check(finding), (0x139, [9, 0, 0, 0]));
}

#[test]
fn mach_229_a_required_value_that_is_missing_ends_the_query_and_else_the_default_is_used() {
    assert_eq!(OBSERVED.line("required"), NOT_FOUND, "neither its default nor the next entry is reported");
    succeeded("default", 2);
    assert_eq!(told("default", 1), "name=None type=4 length=4 number=77");
    succeeded("no-default", 1);
    assert_eq!(told("no-default", 1), "name=Type type=4 length=4 number=1");
    assert_eq!(told("measured", 1), "name=None type=1 length=8 text=abc");
}

#[test]
fn mach_229_an_error_of_the_routine_ends_the_query_but_for_a_buffer_that_is_too_small() {
    assert_eq!(OBSERVED.line("error"), "status=c0000001 calls=1");
    succeeded("ignored", 2);
}

#[test]
fn a_routine_that_frees_the_value_it_was_lent_is_found_out() {
    let observed = DRIVER.run("freed");
    assert_eq!(observed.finding().rule, "pool.double-free");
}
