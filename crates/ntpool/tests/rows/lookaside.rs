//! Lookaside lists.

use crate::observer::{Observed, Observer, unhandled_status};
use ntpool::{ExitStatus, Machine, WindowsVersion};
use std::sync::LazyLock;

static DRIVER: Observer = Observer::new("lookaside");
static OBSERVED: LazyLock<Observed> = LazyLock::new(|| DRIVER.run("observe"));
static ARGUMENTS: LazyLock<Observed> = LazyLock::new(|| DRIVER.run("arguments"));

/// A list's four counts, its idle entries and its depth, as the driver prints them.
fn counts(allocates: u32, misses: u32, frees: u32, free_misses: u32, idle: u16, depth: u16) -> String {
    format!(
        "allocates={allocates} misses={misses} frees={frees} free-misses={free_misses} idle={idle} depth={depth}"
    )
}

/// The driver's complaint about an argument, in the order of the calls.
fn objection(place: usize) -> &'static str {
    let finding = &ARGUMENTS.outcome.findings[place];
    assert_eq!(finding.rule, "lookaside.bad-argument");
    finding.message.split_once(", and ").expect("it says what").1
}

/// The routines that a run called at too high a level, or what the report says instead.
fn too_high(case: &str) -> Vec<String> {
    let observed = DRIVER.run(case);
    let brief = |message: &str| match message.split_once(" was called at ") {
        Some((routine, _)) => routine.to_owned(),
        None => {
            assert!(message.contains("its entries are paged"), "{message}");
            "paged list".to_owned()
        }
    };
    (observed.outcome.findings.iter())
        .map(|finding| match finding.rule.as_str() {
            "irql.too-high" => brief(&finding.message),
            _ => finding.rule.clone(),
        })
        .collect()
}

#[test]
fn the_driver_that_observes_commits_no_crime() {
    assert_eq!(OBSERVED.outcome.exit_status(), ExitStatus::Clean, "{:#?}", OBSERVED.outcome);
}

// LOOK-002 LOOK-016 LOOK-019 LOOK-020 LOOK-022 LOOK-023
#[test]
fn look_023_a_new_list_is_empty_and_holds_what_it_was_given() {
    assert_eq!(OBSERVED.line("new"), "status=0 maximum=256 type=512 size=72 tag=1");
    assert_eq!(OBSERVED.line("new-counts"), counts(0, 0, 0, 0, 0, 4));
    assert_eq!(OBSERVED.tag("LNew", "nonpaged"), None, "no entry was made beforehand");
}

#[test]
fn look_047_a_list_without_routines_has_those_of_the_pool() {
    assert_eq!(OBSERVED.line("defaults"), "allocate=1 free=1");
    assert_eq!(OBSERVED.tag("LOrd", "nonpaged"), Some((4, 4, 0)));
}

#[test]
fn look_024_only_pool_types_without_modifiers_are_valid() {
    for valid in [0, 1, 4, 5, 512, 516] {
        assert_eq!(OBSERVED.line(&format!("type-{valid}")), "0");
    }
    for invalid in [3, 7, 9, 528, 1025, 128, u32::MAX] {
        assert_eq!(OBSERVED.line(&format!("type-{invalid}")), "c00000f2", "{invalid}");
    }
}

// LOOK-025 LOOK-028 LOOK-029
#[test]
fn look_025_one_of_two_flags_may_be_set_and_no_other() {
    let statuses: Vec<&str> = (0..6).map(|flags| OBSERVED.line(&format!("flags-{flags}"))).collect();
    assert_eq!(statuses, ["0", "0", "0", "c00000f3", "c00000f3", "c00000f3"]);
}

// LOOK-001 LOOK-003 LOOK-010
#[test]
fn look_003_idle_entries_come_back_the_last_one_first_and_as_they_were_left() {
    assert_eq!(OBSERVED.line("order-taken"), counts(3, 3, 0, 0, 0, 4));
    assert_eq!(OBSERVED.line("order-given"), counts(3, 3, 3, 0, 3, 4));
    assert_eq!(OBSERVED.line("order"), "first=1 second=1 third=1");
    assert_eq!(OBSERVED.line("contents"), "kept=1");
}

// LOOK-016 LOOK-017
#[test]
fn look_017_only_a_request_that_finds_the_list_empty_is_a_miss() {
    assert_eq!(OBSERVED.line("order-again"), counts(6, 3, 3, 0, 0, 4));
}

#[test]
fn look_038_a_flushed_list_is_empty_and_goes_on() {
    assert_eq!(OBSERVED.line("flushed"), counts(6, 3, 6, 0, 0, 4));
    assert_eq!(OBSERVED.line("after-flush"), counts(7, 4, 7, 0, 1, 4));
}

// LOOK-005 LOOK-036
#[test]
fn look_005_the_routine_makes_an_entry_only_when_none_is_idle() {
    assert_eq!(OBSERVED.line("empty"), "calls=6");
    assert_eq!(OBSERVED.line("not-empty"), "calls=6 last=1");
}

// LOOK-006 LOOK-015 LOOK-018 LOOK-037
#[test]
fn look_037_a_full_list_hands_the_entry_to_the_routine_that_frees() {
    assert_eq!(OBSERVED.line("full"), "calls=1 last=1 list=1");
    assert_eq!(OBSERVED.line("full-counts"), counts(6, 6, 6, 2, 4, 4));
}

#[test]
fn look_039_a_deleted_list_has_freed_its_idle_entries_and_is_adjusted_no_more() {
    assert_eq!(OBSERVED.line("deleted"), "calls=6 list=1");
    assert_eq!(OBSERVED.line("unregistered"), "depth=4");
}

// LOOK-031 LOOK-032 LOOK-033 LOOK-041
#[test]
fn look_041_the_routine_gets_the_type_with_the_flags_bit_the_size_the_tag_and_the_list() {
    for (flags, pool_type) in [(0, 1), (1, 17), (2, 9)] {
        let line = OBSERVED.line(&format!("extended-{flags}"));
        assert_eq!(line, format!("type={pool_type} size=72 tag=1 list=1 irql=0"));
    }
}

#[test]
fn look_042_the_routine_that_frees_gets_the_entry_and_the_list() {
    for flags in 0..3 {
        assert_eq!(OBSERVED.line(&format!("extended-free-{flags}")), "entry=1 list=1 irql=0");
    }
}

// LOOK-035 LOOK-043
#[test]
fn look_043_routines_run_at_the_level_of_the_call() {
    assert_eq!(OBSERVED.line("raised"), "allocate=2 free=2");
}

#[test]
fn look_044_a_routine_finds_the_structure_that_embeds_the_list() {
    assert_eq!(OBSERVED.line("owner"), "allocated=1 freed=1");
}

#[test]
fn look_045_a_routine_may_run_while_it_runs_for_the_same_list() {
    assert_eq!(OBSERVED.line("nested"), "deepest=2 calls=2");
}

#[test]
fn look_027_a_routine_that_fails_without_raising_gives_no_entry() {
    for flags in [0, 2] {
        assert_eq!(OBSERVED.line(&format!("refused-{flags}")), "0000000000000000");
    }
}

#[test]
fn look_036_want_of_memory_gives_no_entry_unless_it_is_to_raise() {
    let none = "0000000000000000";
    let line = format!("extended={none} npaged={none} paged={none} inline={none}");
    assert_eq!(OBSERVED.line("failed"), line);
    assert_eq!(OBSERVED.line("failed-counts"), counts(2, 2, 0, 0, 0, 4));
}

// LOOK-026 LOOK-048 LOOK-050
#[test]
fn look_026_want_of_memory_raises_in_every_form_that_asked_for_it() {
    for case in ["raise", "raise-inline", "raise-npaged", "raise-paged"] {
        let observed = DRIVER.run(case);
        assert!(!observed.told_of("survived"), "{case}");
        assert_eq!(unhandled_status(&observed), 0xC000_009A, "{case}");
    }
}

#[test]
fn look_048_a_nonpaged_list_takes_two_flags_into_its_type() {
    for flags in [0, 16, 512, 528] {
        let line = OBSERVED.line(&format!("npaged-{flags}"));
        assert_eq!(line, format!("type={flags} size=72 tag=1 freed=1"));
    }
    assert_eq!(objection(4), "its flags have the unknown bits 0x8");
    assert_eq!(ARGUMENTS.line("flags-npaged"), "512");
}

#[test]
fn look_048_before_windows_8_a_list_takes_no_flags() {
    let observed = DRIVER.run_on(&Machine::new().windows(WindowsVersion::WINDOWS_7), "old-flags");
    assert_eq!(observed.line("old-flags"), "npaged=0 paged=1");
    let messages: Vec<&str> =
        observed.outcome.findings.iter().map(|finding| finding.message.as_str()).collect();
    assert_eq!(observed.rules(), ["lookaside.bad-argument"; 2]);
    assert!(messages.iter().all(|message| message.ends_with("its flags have the unknown bits 0x10")));
}

#[test]
fn look_049_a_nonpaged_list_has_executable_entries_unless_told_otherwise() {
    assert_eq!(OBSERVED.line("npaged-execute"), "42");
    let observed = DRIVER.run("execute-nx");
    assert!(!observed.told_of("survived"));
    assert_eq!(observed.finding().rule, "memory.no-execute");
}

#[test]
fn look_050_a_paged_list_takes_one_flag_and_the_other_does_nothing() {
    for (flags, pool_type) in [(0, 1), (16, 17), (512, 1)] {
        let line = OBSERVED.line(&format!("paged-{flags}"));
        assert_eq!(line, format!("type={pool_type} size=72 tag=1 freed=1"));
    }
    assert_eq!(objection(5), "its flags have the unknown bits 0x8");
    assert_eq!(ARGUMENTS.line("flags-paged"), "1");
}

#[test]
fn look_051_on_x64_paged_entries_are_not_executable() {
    let observed = DRIVER.run("execute-paged");
    assert!(!observed.told_of("survived"));
    assert_eq!(observed.finding().rule, "memory.no-execute");
}

#[test]
fn look_030_the_flag_for_routines_that_charge_quota_needs_a_routine() {
    assert_eq!(objection(6), "the flag that is for routines charging quota came without a routine");
}

// LOOK-034 LOOK-053
#[test]
fn look_034_look_053_a_depth_other_than_0_is_told_and_does_nothing() {
    for (place, form, depth) in [(1, "extended", 5), (2, "npaged", 6), (3, "paged", 7)] {
        assert_eq!(objection(place), format!("its depth, which is reserved, is {depth}"));
        assert_eq!(ARGUMENTS.line(&format!("depth-{form}")), "4");
    }
}

// LOOK-012 LOOK-013
#[test]
fn look_012_look_013_a_head_is_aligned_and_not_in_paged_pool() {
    assert_eq!(objection(0), "its head is not aligned to 16 bytes");
    assert_eq!(objection(7), "its head is in paged pool");
    assert_eq!(ARGUMENTS.outcome.findings.len(), 8);
}

// LOOK-054 LOOK-057 LOOK-058
#[test]
fn look_057_look_058_the_older_forms_release_what_is_too_much_and_what_is_left() {
    assert_eq!(OBSERVED.line("npaged-full"), counts(6, 6, 6, 2, 4, 4));
    assert_eq!(OBSERVED.line("npaged-freed"), "calls=2 last=1");
    assert_eq!(OBSERVED.line("npaged-deleted"), "calls=6");
    assert_eq!(OBSERVED.line("paged-full"), counts(6, 6, 6, 2, 4, 4));
    assert_eq!(OBSERVED.tag("LPag", "paged"), Some((6, 6, 0)), "by the routine of the pool");
}

#[test]
fn look_021_exported_routines_and_inline_code_work_on_one_list() {
    assert_eq!(OBSERVED.line("inline-extended"), counts(6, 6, 6, 2, 4, 4));
    assert_eq!(OBSERVED.line("mixed"), "last=1");
    assert_eq!(OBSERVED.tag("LnIx", "nonpaged"), Some((6, 6, 0)));
    assert_eq!(OBSERVED.line("inline-npaged"), counts(1, 1, 1, 0, 1, 4));
    assert_eq!(OBSERVED.line("inline-routines"), "allocated=1 freed=1");
    assert_eq!(OBSERVED.line("inline-paged"), counts(1, 1, 1, 0, 1, 4));
}

#[test]
fn an_entry_of_a_list_that_the_driver_emptied_by_its_own_hand_is_not_idle() {
    assert_eq!(OBSERVED.line("by-hand"), "done");
    assert!(OBSERVED.outcome.findings.is_empty(), "{:#?}", OBSERVED.outcome.findings);
}

#[test]
fn plain_lists_without_a_lock_are_stacks() {
    let none = "0000000000000000";
    assert_eq!(OBSERVED.line("slist-new"), format!("depth=0 first={none} pop={none}"));
    assert_eq!(OBSERVED.line("slist-pushed"), "depth=4 before=1 1 1 first=1");
    assert_eq!(OBSERVED.line("slist-popped"), "first=1 second=1");
    assert_eq!(OBSERVED.line("slist-flushed"), format!("first=1 next=1 last={none} depth=0"));
    assert_eq!(unhandled_status(&DRIVER.run("misaligned-head")), 0x8000_0002);
}

// LOOK-009 LOOK-020
#[test]
fn look_009_look_020_depths_follow_demand_once_in_a_second() {
    assert_eq!(OBSERVED.line("demand-early"), counts(64, 64, 64, 60, 4, 4));
    assert_eq!(OBSERVED.line("demand-1"), counts(64, 64, 64, 60, 4, 8));
    assert_eq!(OBSERVED.line("demand-full"), counts(320, 260, 320, 196, 64, 64));
    assert_eq!(OBSERVED.line("demand-fell"), counts(320, 260, 320, 196, 32, 32));
    assert_eq!(OBSERVED.line("demand-surplus"), "calls=32");
    assert_eq!(OBSERVED.line("demand-gone"), counts(320, 260, 320, 196, 4, 4));
    assert_eq!(OBSERVED.line("demand-surplus-gone"), "calls=60");
}

#[test]
fn look_059_the_reserved_routine_adjusts_every_list_once() {
    assert_eq!(OBSERVED.line("demand-4"), counts(256, 228, 256, 196, 32, 64));
}

// LOOK-035 LOOK-040 LOOK-055
#[test]
fn look_040_look_055_lists_with_nonpaged_entries_may_be_used_up_to_dispatch_level() {
    assert_eq!(OBSERVED.line("levels"), "legal");
    assert_eq!(
        too_high("npaged-levels"),
        [
            "ExAllocateFromLookasideListEx",
            "ExFreeToLookasideListEx",
            "ExAllocateFromNPagedLookasideList",
            "ExFreeToNPagedLookasideList",
            "ExFlushLookasideListEx",
            "ExDeleteLookasideListEx",
            "ExDeleteNPagedLookasideList",
            "ExInitializeLookasideListEx",
            "ExInitializeNPagedLookasideList",
        ]
    );
}

// LOOK-011 LOOK-040 LOOK-056
#[test]
fn look_011_look_040_look_056_lists_with_paged_entries_may_be_used_up_to_apc_level() {
    assert_eq!(
        too_high("paged-levels"),
        [
            "ExInitializePagedLookasideList",
            "paged list",
            "paged list",
            "memory.paged-irql",
            "paged list",
            "paged list",
            "ExFreeToPagedLookasideList",
            "ExAllocateFromPagedLookasideList",
            "ExDeletePagedLookasideList",
        ]
    );
}

#[test]
fn the_locks_in_an_entry_are_new_ones_in_its_next_life() {
    assert_eq!(OBSERVED.line("locks"), "swapped=1 1");
    assert!(!OBSERVED.rules().contains(&"lock.order"), "in one life they were taken in one order");
    assert!(!OBSERVED.rules().contains(&"lock.spin-mixed"), "in one life one was used in one way");
}
