//! The pool routines that take flags.

use crate::observer::{Observed, Observer, bug_check, unhandled_status};
use ntpool::{ExitStatus, LimitKind, Machine, WindowsVersion, exports};
use std::sync::LazyLock;

static DRIVER: Observer = Observer::new("pool-flags");
static OBSERVED: LazyLock<Observed> = LazyLock::new(|| DRIVER.run("observe"));
static LEVELS: LazyLock<Observed> = LazyLock::new(|| DRIVER.run("levels"));

/// Each kind of pool that was asked for at too high a level, and the level.
fn wrong_levels() -> Vec<(u64, u8)> {
    (LEVELS.outcome.findings.iter())
        .filter(|finding| finding.rule == "pool.allocate-irql")
        .map(|finding| (bug_check(finding).1[3], finding.irql))
        .collect()
}

/// Runs a case that must not survive, and gives the status of its exception.
fn raised_status(case: &str) -> u32 {
    let observed = DRIVER.run(case);
    assert!(!observed.told_of("survived"), "{case}");
    unhandled_status(&observed)
}

#[test]
fn the_driver_that_observes_commits_no_crime() {
    assert_eq!(OBSERVED.outcome.exit_status(), ExitStatus::Clean, "{:#?}", OBSERVED.outcome);
}

#[test]
fn pool_028_flags_have_64_bits_and_the_length_has_too() {
    assert_eq!(OBSERVED.line("optional"), "ffffffff", "the upper half is read");
    assert!(OBSERVED.line("refused").ends_with("size=0"), "a length is not cut to 32 bits");
    assert_eq!(OBSERVED.tag("Nak1", "nonpaged"), Some((1, 1, 0)), "the tag is the third argument");
    assert!(exports::find("ntoskrnl.exe", "ExAllocatePool2").is_some());
}

// POOL-030 POOL-040
#[test]
fn pool_030_a_block_is_zero_although_its_memory_was_dirty() {
    assert_eq!(OBSERVED.line("zeroed"), "nonpaged=1 execute=1 paged=1 large=1");
}

// POOL-031 POOL-185
#[test]
fn pool_031_an_uninitialized_block_is_not_zero() {
    assert_eq!(OBSERVED.line("uninitialized"), "zero=0");
}

// POOL-032 POOL-033 POOL-034 POOL-042
#[test]
fn pool_032_want_of_memory_a_zero_tag_and_invalid_flags_give_no_block() {
    assert_eq!(OBSERVED.line("refused"), "memory=0 tag=0 flags=0 size=0");
    assert!(OBSERVED.rules().is_empty(), "a tag of zero is a failure like others: {:?}", OBSERVED.rules());
}

// POOL-035 POOL-036 POOL-189
#[test]
fn pool_035_each_failure_raises_where_the_flag_asks_for_it() {
    assert_eq!(raised_status("raise-memory"), 0xC000_009A);
    assert_eq!(raised_status("raise-tag"), 0xC000_000D);
    assert_eq!(raised_status("raise-flags"), 0xC000_000D);
}

// POOL-037 POOL-038
#[test]
fn pool_037_a_request_for_no_bytes_is_found_and_fails() {
    let observed = DRIVER.run("no-bytes");
    assert_eq!(observed.finding().rule, "pool.zero-length");
    assert_eq!(observed.line("no-bytes"), "0000000000000000");
}

#[test]
fn pool_044_no_pool_is_allocated_above_dispatch_level() {
    assert_eq!(wrong_levels()[2..], [(67, 5), (68, 5)]);
}

#[test]
fn pool_045_at_dispatch_level_only_paged_pool_is_not_allocated() {
    assert_eq!(LEVELS.line("legal"), "done");
    assert_eq!(wrong_levels()[..2], [(65, 2), (66, 2)]);
}

#[test]
fn pool_046_up_to_apc_level_paged_pool_is_allocated() {
    assert!(wrong_levels().iter().all(|&(_, irql)| irql > 1), "{:?}", wrong_levels());
    assert_eq!(wrong_levels().len(), 4);
}

// POOL-048 POOL-191
#[test]
fn pool_048_bit_80_is_executable_nonpaged_pool() {
    assert_eq!(OBSERVED.line("execute"), "called=42");
    assert_eq!(OBSERVED.tag("Nak2", "nonpaged executable"), Some((1, 1, 0)));
}

#[test]
fn pool_190_bit_40_is_nonpaged_pool_that_does_not_execute() {
    assert_eq!(OBSERVED.tag("Nak1", "nonpaged"), Some((1, 1, 0)));
    assert_eq!(DRIVER.run("execute-nonpaged").finding().rule, "memory.no-execute");
}

#[test]
fn pool_192_bit_100_is_paged_pool_that_does_not_execute() {
    assert_eq!(OBSERVED.tag("Nak3", "paged"), Some((1, 1, 0)));
    assert_eq!(DRIVER.run("execute-paged").finding().rule, "memory.no-execute");
}

#[test]
fn pool_054_flags_name_exactly_one_pool() {
    assert_eq!(OBSERVED.line("pools"), "none=0 nonpaged=1 execute=1 paged=1 two=0 three=0");
}

// POOL-055 POOL-056
#[test]
fn pool_055_the_third_routine_is_the_second_with_parameters() {
    assert_eq!(OBSERVED.line("third-zeroed"), "nonpaged=1 execute=1 paged=1 large=1");
    assert_eq!(OBSERVED.line("geometry"), "1 1 1 1 1");
    assert_eq!(OBSERVED.tag("Nak3", "paged"), Some((1, 1, 0)));
    assert!(wrong_levels().contains(&(66, 2)), "paged, at DISPATCH_LEVEL");
    assert_eq!(OBSERVED.line("twice-second-wrong"), "0 counted-out=1", "as many as the count says are read");
}

#[test]
fn pool_057_an_invalid_parameter_gives_no_block_or_raises() {
    assert_eq!(OBSERVED.line("types"), "invalid=0 beyond=0 secure=0");
    assert_eq!(raised_status("raise-parameter"), 0xC000_000D);
}

#[test]
fn pool_062_type_0_is_no_request() {
    assert!(OBSERVED.line("types").starts_with("invalid=0"));
}

// POOL-063 POOL-059
#[test]
fn pool_063_an_optional_parameter_of_an_unknown_type_is_ignored() {
    assert_eq!(OBSERVED.line("optional-unknown"), "1");
}

#[test]
fn pool_064_an_optional_parameter_that_cannot_be_met_is_ignored() {
    assert_eq!(OBSERVED.line("optional-known"), "paged-node=1 secure=1");
}

#[test]
fn pool_065_a_mandatory_parameter_of_an_unknown_type_fails_the_request() {
    assert_eq!(OBSERVED.line("mandatory-unknown"), "0");
}

#[test]
fn pool_066_a_priority_is_one_of_nine_values() {
    assert_eq!(OBSERVED.line("priorities"), "listed=9 below-64=9");
}

// POOL-120 POOL-121
#[test]
fn pool_120_121_the_special_pool_priorities_are_8_24_40_and_9_25_41() {
    assert_eq!(OBSERVED.line("overrun"), "low=1 normal=1 high=1");
    assert_eq!(OBSERVED.line("underrun"), "low=1 normal=1 high=1");
}

// POOL-068 POOL-072
#[test]
fn pool_068_a_node_is_one_that_there_is_and_only_for_nonpaged_pool() {
    assert_eq!(OBSERVED.line("node"), "there=1 missing=0 paged=0 execute=0");
}

// POOL-069 POOL-071
#[test]
fn pool_069_any_other_node_will_do_where_bit_31_says_so() {
    assert_eq!(OBSERVED.line("any-node"), "missing=1 other-bit=0");
}

#[test]
fn pool_070_a_node_that_is_not_there_fails_the_request() {
    assert!(OBSERVED.line("node").contains("missing=0"));
}

#[test]
fn pool_079_reserved_bits_are_ignored_and_each_of_two_parameters_of_a_type_counts() {
    assert_eq!(OBSERVED.line("reserved"), "1");
    assert_eq!(OBSERVED.line("twice"), "1");
    assert_eq!(OBSERVED.line("twice-second-wrong"), "0 counted-out=1");
}

// POOL-181 POOL-193 POOL-195
#[test]
fn pool_181_a_required_bit_that_is_not_known_fails_the_request() {
    // Quota, uninitialized, cache aligned, raise on failure, nonpaged.
    assert_eq!(OBSERVED.line("required"), "0000006b");
}

// POOL-182 POOL-193
#[test]
fn pool_182_an_optional_bit_that_is_not_known_is_ignored() {
    assert_eq!(OBSERVED.line("optional"), "ffffffff");
}

// POOL-183 POOL-194
#[test]
fn pool_187_cache_lines_are_given_and_normal_pool_where_special_pool_cannot_be() {
    assert_eq!(OBSERVED.line("aligned"), "given=1 special=1");
    assert_eq!(OBSERVED.line("cache-lines"), "48", "every block of every size");
}

#[test]
fn pool_027_a_call_is_judged_by_the_level_that_the_processor_has_then() {
    let irqls: Vec<u8> = wrong_levels().iter().map(|&(_, irql)| irql).collect();
    assert_eq!(irqls, [2, 2, 5, 5], "paged pool was legal before and after, at lower levels");
    assert_eq!(LEVELS.line("lowered"), "paged=1");
}

// POOL-029 POOL-052
#[test]
fn pool_029_an_older_system_does_not_export_the_routines() {
    let older = DRIVER.run_on(&Machine::new().windows(WindowsVersion::WINDOWS_10_1909), "observe");
    let limit = &older.outcome.limits[0];
    assert_eq!(limit.kind, LimitKind::MissingExport);
    assert!(limit.message.contains("ExAllocatePool2"), "{}", limit.message);
    assert_eq!(OBSERVED.outcome.exit_status(), ExitStatus::Clean, "from version 2004 on they are there");
}

#[test]
fn pool_084_the_status_for_want_of_memory_is_c000009a() {
    let status = DRIVER.run("no-memory").outcome.driver_entry.expect("DriverEntry returned");
    assert_eq!(status.value.0, 0xC000_009A);
    assert_eq!(status.name.as_deref(), Some("STATUS_INSUFFICIENT_RESOURCES"));
    assert!(!status.success);
}

/// Part of POOL-034: the values are not valid as flags.
#[test]
fn a_pool_type_passed_as_flags_is_told_with_its_name_and_the_flag_that_was_meant() {
    let observed = DRIVER.run("types");
    assert_eq!(observed.rules(), ["pool.type-as-flags"; 5]);
    let null = "0000000000000000";
    assert_eq!(observed.line("types-as-flags"), format!("{null} {null} {null} {null} {null}"));
    let expected = [
        ("NonPagedPool;", "POOL_FLAG_NON_PAGED (0x40)"),
        ("PagedPool; as flags it is POOL_FLAG_USE_QUOTA", "POOL_FLAG_PAGED (0x100)"),
        ("NonPagedPoolNx; as flags it is POOL_FLAG_RESERVED2", "POOL_FLAG_NON_PAGED (0x40)"),
        ("NonPagedPoolCacheAligned; as flags it is POOL_FLAG_SESSION", "POOL_FLAG_NON_PAGED (0x40)"),
        ("NonPagedPoolNxCacheAligned", "POOL_FLAG_NON_PAGED (0x40)"),
    ];
    for (finding, (value, meant)) in observed.outcome.findings.iter().zip(expected) {
        assert!(finding.message.contains(value), "{}", finding.message);
        assert!(finding.message.ends_with(meant), "{}", finding.message);
    }
}

// POOL-033 POOL-034 POOL-039 POOL-057
#[test]
fn pool_033_034_039_a_request_that_fails_as_documented_gets_a_note_and_no_finding() {
    let observed = DRIVER.run("odd");
    assert_eq!(observed.outcome.exit_status(), ExitStatus::Clean);
    assert_eq!(observed.line("odd-tag"), "1", "a tag of other characters is served");
    let expected = [
        "its tag is zero",
        "the required bits 0x800",
        "no pool is named",
        "its priority is none of the nine values",
        "the tag 0x1020304",
    ];
    assert_eq!(observed.outcome.notes.len(), expected.len(), "{:?}", observed.outcome.notes);
    for (note, expected) in observed.outcome.notes.iter().zip(expected) {
        assert!(note.contains(expected), "{note}");
        assert!(note.contains(" (odd.sys+0x") && note.contains(", pool-flags.c:"), "{note}");
    }
}
