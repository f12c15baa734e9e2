//! System threads.

use crate::observer::{Observed, Observer, bug_check};
use ntpool::Phase;
use ntpool_finding::Role;
use std::sync::LazyLock;

static DRIVER: Observer = Observer::new("threads");
static OBSERVED: LazyLock<Observed> = LazyLock::new(|| DRIVER.run("observe"));

#[test]
fn mach_166_a_system_thread_is_the_system_processs_and_its_handle_is_closed() {
    assert_eq!(OBSERVED.line("created"), "status=0 by-handle=0 other-type=c0000024");
    assert_eq!(OBSERVED.line("inside"), "context=42 irql=0 system=1 process=4 number=1 same=1");
    assert_eq!(OBSERVED.line("process"), "client=4");
    assert_eq!(OBSERVED.line("closed"), "first=0");
    assert_eq!(OBSERVED.rules(), Vec::<&str>::new());
    let observed = DRIVER.run("created-at-apc");
    assert!(observed.rules().contains(&"irql.too-high"), "{:?}", observed.rules());
}

/// A part of MACH-167; the error on a thread that is not a system thread is the other.
#[test]
fn a_system_thread_ends_itself_and_does_not_come_back() {
    assert_eq!(OBSERVED.line("ended"), "wait=0 by-handle=0 same=1 came-back=0");
}

#[test]
fn mach_168_a_thread_that_returns_has_ended_with_success() {
    assert_eq!(OBSERVED.line("returned"), "wait=0");
}

#[test]
fn a_thread_is_found_by_its_number_while_it_is_there() {
    assert_eq!(OBSERVED.line("found"), "status=0 same=1 none=c000000d");
    assert_eq!(OBSERVED.line("references"), "left=2", "the handle and the reference by handle");
}

#[test]
fn the_priority_of_a_thread_is_the_one_that_was_set_last() {
    assert_eq!(OBSERVED.line("priority"), "first=1 before=13 now=16");
}

/// A routine that the system calls is one of a worker thread's here; system calls are not made.
#[test]
fn mach_043_regions_that_are_not_left_are_bug_check_20_at_a_threads_end_and_1_at_a_routines() {
    let observed = DRIVER.run("ends-in-regions");
    let finding = observed.finding();
    // No procedure call waits, the guarded regions above the critical ones, the level, nothing.
    assert_eq!(bug_check(finding), (0x20, [0, 0xFFFF_FFFE, 0, 0]));
    assert_eq!(finding.phase, Phase::SystemThread);
    assert!(finding.stacks.iter().map(|stack| stack.role).eq([Role::At, Role::Created]));

    let observed = DRIVER.run("returns-in-region");
    let (code, [routine, index, counts, call]) = bug_check(observed.finding());
    assert_eq!((code, index, counts, call), (1, 0, 0xFFFF, 1));
    assert_eq!(observed.line("entry"), format!("{routine:016X}"));
}

/// A part of MACH-045: the end of a thread; the other is about work routines.
#[test]
fn a_thread_that_ends_owning_a_mutex_is_bug_check_4000008a_with_both_objects() {
    let observed = DRIVER.run("ends-owning-mutex");
    let (code, [thread, mutex, ..]) = bug_check(observed.finding());
    assert_eq!(code, 0x4000_008A);
    assert_eq!(observed.line("owner"), format!("thread={thread:016X} mutex={mutex:016X}"));
}

/// A part of MACH-051: an object that is released once too often.
#[test]
fn one_release_too_many_is_bug_check_18_with_the_type_and_the_object() {
    let observed = DRIVER.run("over-dereferenced");
    let finding = observed.finding();
    assert_eq!(finding.rule, "object.over-dereferenced");
    let (code, [kind, ..]) = bug_check(finding);
    assert_eq!(code, 0x18);
    assert!(observed.line("objects").starts_with(&format!("type={kind:016X} ")));
}

#[test]
fn a_threads_stack_is_its_own_and_as_small_as_another() {
    let observed = DRIVER.run("overflow");
    assert_eq!(observed.finding().rule, "stack.overflow");
    assert_eq!(observed.finding().phase, Phase::SystemThread);
}

#[test]
fn a_step_that_can_never_finish_names_who_waits_for_what() {
    let observed = DRIVER.run("joins-for-ever");
    let finding = observed.finding();
    assert_eq!(finding.rule, "wait.endless");
    let message = finding.message.as_str();
    let (step, rest) = message.split_once(": ").expect("a step");
    assert_eq!(step, "DriverEntry can never finish");
    let (own, other) = rest.split_once("; ").expect("two threads");
    assert!(own.starts_with("it waits for the end of the thread at 0x2210"), "{message}");
    assert!(own.contains(" that runs WaitForEver (joins-for-ever.sys+0x"), "{message}");
    assert!(other.contains(" waits for a synchronization event at 0x"), "{message}");
    assert!(other.ends_with("(in the .bss section of joins-for-ever.sys)"), "{message}");
}

#[test]
fn a_thread_that_waits_when_the_driver_is_gone_is_left_behind() {
    let observed = DRIVER.run("leaves-waiting");
    let finding = observed.finding();
    assert_eq!((finding.rule.as_str(), finding.phase), ("thread.left", Phase::AfterUnload));
    assert!(finding.message.contains("was left behind: it waits for a synchronization event"));
    assert!(finding.stacks.iter().map(|stack| stack.role).eq([Role::At, Role::Created]));
}

/// A part of MACH-050: threads; the others are timers, deferred calls, work items and lookaside lists.
#[test]
fn a_thread_that_goes_on_when_the_driver_is_gone_is_bug_check_ce_and_says_whose_it_was() {
    let observed = DRIVER.run("leaves-sleeping");
    assert_eq!(observed.rules(), ["thread.left", "driver.unloaded-code"]);
    let finding = observed.finding_of("driver.unloaded-code");
    let (code, [address, is_write, instruction, _]) = bug_check(finding);
    assert_eq!((code, is_write), (0xCE, 0));
    assert_eq!(address, instruction, "the code itself is gone");
    assert!(finding.message.contains("that runs SleepLong (leaves-sleeping.sys+0x"), "{}", finding.message);
    assert!(finding.stacks.iter().map(|stack| stack.role).eq([Role::At, Role::Created]));
}
