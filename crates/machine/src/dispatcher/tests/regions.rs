//! Regions in which procedure calls are held back.

use super::*;

#[test]
fn mach_043_a_thread_that_ends_in_a_region_is_told_of_with_its_counts() {
    let (mut machine, _) = machine(1, 2);
    machine.enter_guarded_region();
    machine.enter_critical_region();
    machine.enter_critical_region();
    let crimes = machine.terminate_running(NtStatus::SUCCESS);
    let stop = BugCheck::new(BugCheckCode(0x20), [0, 0xFFFF_FFFE, 0, 0]);
    assert_eq!(crimes.iter().map(Crime::bug_check).collect::<Vec<_>>(), [Some(stop)]);
}

#[test]
fn mach_185_regions_nest_and_are_left_as_often_as_entered() {
    let (mut machine, _) = machine(1, 1);
    machine.enter_critical_region();
    machine.enter_critical_region();
    machine.leave_critical_region().unwrap();
    assert!(machine.apcs_disabled() && !machine.all_apcs_disabled());
    machine.leave_critical_region().unwrap();
    assert!(!machine.apcs_disabled());
    machine.enter_guarded_region();
    assert!(machine.apcs_disabled() && machine.all_apcs_disabled());
    machine.leave_guarded_region().unwrap();
    let thread = object_of(0);
    let crime = |guarded| Err(Crime::RegionNotEntered { thread, guarded });
    assert_eq!(machine.leave_critical_region(), crime(false));
    assert_eq!(machine.leave_guarded_region(), crime(true));
    assert!(!machine.apcs_disabled() && !machine.all_apcs_disabled());
    raise(&machine, Irql::APC);
    assert!(machine.all_apcs_disabled());
}
