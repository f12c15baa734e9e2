//! A driver's life.

use crate::observer::{Observed, Observer, bug_check};
use ntpool::{LimitKind, Phase};
use std::sync::LazyLock;

static DRIVER: Observer = Observer::new("lifecycle");
static OBSERVED: LazyLock<Observed> = LazyLock::new(|| DRIVER.run("observe"));

#[test]
fn mach_056_the_kernel_stack_is_larger_than_the_three_pages_of_x86() {
    assert_eq!(OBSERVED.line("stack"), "filled=1");
    let used = OBSERVED.outcome.stack_used.expect("a measured stack");
    assert!((0x5000..0x6000).contains(&used), "{used:#x} bytes");
}

#[test]
fn mach_059_the_driver_is_entered_at_passive_level_in_the_system_process_with_its_object_and_path() {
    assert_eq!(OBSERVED.line("entry"), "irql=0 process=4 type=4 in-image=1");
    let path = OBSERVED.line("path");
    assert_eq!(OBSERVED.line("path-counts"), format!("length={} room=1", 2 * path.len()));
}

#[test]
fn mach_060_the_registry_path_is_the_services_key_and_the_drivers_name() {
    let services = "\\Registry\\Machine\\System\\CurrentControlSet\\Services\\";
    assert_eq!(OBSERVED.line("path"), format!("{services}observe"));
    assert_eq!(DRIVER.run("other-name").line("path"), format!("{services}other-name"));
}

#[test]
fn mach_061_the_registry_path_is_freed_when_the_driver_was_entered() {
    let observed = DRIVER.run("keeps-path");
    assert_eq!(observed.finding().rule, "memory.use-after-free");
    assert_eq!(observed.finding().phase, Phase::Unload);
}

#[test]
fn mach_062_a_driver_stays_loaded_by_the_status_it_returns() {
    let entered = DRIVER.run("status-00000000");
    assert!(entered.outcome.unloaded && entered.told_of("unload"));
    assert_eq!(entered.rules(), Vec::<&str>::new());

    let failed = DRIVER.run("status-C0000001");
    assert_eq!(failed.outcome.limits[0].kind, LimitKind::EntryFailed);
    assert_eq!(failed.finding().phase, Phase::AfterUnload, "it is taken away at once");
}

#[test]
fn mach_063_information_counts_as_success_and_a_warning_does_not() {
    for status in ["00000000", "00000102", "00000103", "40000000", "7FFFFFFF"] {
        let observed = DRIVER.run(&format!("status-{status}"));
        assert!(observed.outcome.unloaded, "{status}: {:#?}", observed.outcome);
        assert!(observed.outcome.limits.is_empty(), "{status}");
    }
    for status in ["80000000", "80000005", "C000009A", "FFFFFFFF"] {
        let observed = DRIVER.run(&format!("status-{status}"));
        assert_eq!(observed.outcome.limits[0].kind, LimitKind::EntryFailed, "{status}");
    }
}

#[test]
fn mach_064_a_driver_that_fails_is_not_unloaded_and_answers_for_what_it_left() {
    let observed = DRIVER.run("status-C0000001");
    assert!(!observed.outcome.unloaded && !observed.told_of("unload"));
    assert_eq!(observed.finding().rule, "pool.leak");
    assert_eq!(observed.finding().bytes, Some(64));
}

#[test]
fn mach_065_a_driver_without_an_unload_routine_stays() {
    let observed = DRIVER.run("stays");
    assert!(!observed.outcome.unloaded && !observed.told_of("unload"));
    assert_eq!(observed.rules(), Vec::<&str>::new(), "what it holds is not left behind");
    assert!(observed.outcome.notes.iter().any(|note| note.contains("no unload routine")));
}

/// A part of MACH-066; the other part is about plug and play.
#[test]
fn the_unload_routine_runs_at_passive_level_in_the_system_process_with_the_driver_object() {
    assert_eq!(OBSERVED.line("unload"), "irql=0 same-process=1 object=1");
}

#[test]
fn mach_070_code_of_the_init_section_is_gone_after_the_entry() {
    assert_eq!(OBSERVED.line("init"), "4");
    let observed = DRIVER.run("calls-init");
    assert_eq!(observed.finding().phase, Phase::Unload);
    assert_eq!(bug_check(observed.finding()).0, 0x50);
}

#[test]
fn mach_072_system_routines_are_found_by_name_at_passive_level_and_others_are_null() {
    assert_eq!(OBSERVED.line("routines"), "known=1 unknown=0000000000000000 own=0000000000000000");
    let observed = DRIVER.run("routine-at-apc");
    assert_eq!(observed.finding().rule, "irql.too-high");
    assert!(observed.finding().message.contains("MmGetSystemRoutineAddress"));
}

#[test]
fn mach_073_the_version_is_always_given_and_its_form_is_chosen_by_the_size() {
    assert_eq!(OBSERVED.line("version"), "status=0 10.0.19045 platform=2 product=a5", "untouched behind");
    assert_eq!(OBSERVED.line("version-ex"), "status=0 10.0 product=1");
}
