//! The kit's inline wrappers and the choice of what NonPagedPool means, as the header of the drivers has them.

use crate::observer::{Observed, Observer, unhandled_status};
use ntpool::{ExitStatus, Machine, WindowsVersion};
use std::sync::LazyLock;

static RUN_TIME: Observer = Observer::new("wrappers");
static COMPILE_TIME: Observer = Observer::new("wrappers-auto");
static NEW: LazyLock<Observed> = LazyLock::new(|| RUN_TIME.run("new"));
static OLD: LazyLock<Observed> = LazyLock::new(|| RUN_TIME.run_on(&machine("7"), "old"));

fn machine(version: &str) -> Machine {
    Machine::new().windows(WindowsVersion::from_name(version).expect("a version"))
}

/// The kinds of pool that blocks of this tag came from.
fn kinds(observed: &Observed, tag: &str) -> Vec<String> {
    observed.outcome.tags.iter().filter(|row| row.tag == tag).map(|row| row.kind.clone()).collect()
}

// POOL-135
#[test]
fn pool_135_the_wrappers_work_from_windows_7_on() {
    for observed in [&*NEW, &*OLD] {
        assert_eq!(observed.outcome.exit_status(), ExitStatus::Clean, "{:#?}", observed.outcome);
    }
}

// POOL-126 POOL-127 POOL-128 POOL-133 POOL-134
#[test]
fn pool_126_127_128_133_134_the_zero_wrappers_give_zeroes_on_new_systems_and_on_old_ones() {
    for observed in [&*NEW, &*OLD] {
        assert_eq!(observed.line("zero"), "plain=1 quota=1 priority=1");
        let null = "0000000000000000";
        let failed = format!("plain={null} quota={null} priority={null}");
        assert_eq!(observed.line("failed"), failed, "no block is cleared that is not there");
    }
    // Any argument makes the probe.
    let other = RUN_TIME.run_on(&machine("7"), "other-flag");
    assert_eq!(other.line("zero"), "plain=1 quota=1 priority=1");
}

// POOL-129 POOL-130 POOL-131
#[test]
fn pool_129_130_131_the_other_wrappers_leave_blocks_as_they_are() {
    assert_eq!(NEW.line("uninitialized"), "plain=0 quota=0 priority=0");
}

// POOL-127 POOL-128 POOL-130
#[test]
fn pool_127_128_130_the_wrappers_raise_where_the_routines_below_them_do() {
    for case in ["raise-quota", "raise-quota-uninitialized", "raise-priority", "raise-plain"] {
        let observed = RUN_TIME.run(case);
        assert!(!observed.told_of("survived"), "{case}");
        assert_eq!(unhandled_status(&observed), 0xC000_009A, "{case}");
    }
}

// POOL-132 POOL-133
#[test]
fn pool_132_the_bit_for_zeroes_is_passed_and_serves_where_the_system_knows_it() {
    let zero = |version| COMPILE_TIME.run_on(&machine(version), "contents").line("zero").to_owned();
    assert_eq!(zero("10"), "plain=1 quota=1 priority=1");
    assert_eq!(zero("10-1909"), "plain=0 quota=0 priority=0", "nothing clears there without the macro");
}

// POOL-136 POOL-137 POOL-138
#[test]
fn pool_136_137_138_the_runtime_call_makes_the_old_type_no_execute_from_then_on() {
    assert_eq!(kinds(&NEW, "Befo"), ["nonpaged executable"], "too early");
    assert_eq!(kinds(&NEW, "Ater"), ["nonpaged"]);
    assert_eq!(kinds(&OLD, "Ater"), ["nonpaged executable"], "there is no other before Windows 8");
    let eight = RUN_TIME.run_on(&machine("8"), "eight");
    assert_eq!(kinds(&eight, "Ater"), ["nonpaged"]);
    let other = RUN_TIME.run("other-flag");
    assert_eq!(kinds(&other, "Ater"), ["nonpaged executable"], "the flag asks for it");
}

#[test]
fn pool_139_at_compile_time_the_old_names_become_the_no_execute_constants() {
    let observed = COMPILE_TIME.run("observe");
    assert_eq!(observed.line("constants"), "plain=512 aligned=516");
    assert_eq!(kinds(&observed, "Auto"), ["nonpaged"]);
    let seven = COMPILE_TIME.run_on(&machine("7"), "observe");
    assert_eq!(seven.outcome.findings[0].rule, "pool.bad-type", "such a driver needs Windows 8");
}

#[test]
fn pool_140_a_file_that_opts_out_keeps_executable_pool() {
    assert_eq!(kinds(&NEW, "Outs"), ["nonpaged executable"]);
}
