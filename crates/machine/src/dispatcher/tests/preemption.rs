//! Which thread has which processor.

use super::*;

#[test]
fn a_thread_of_higher_priority_preempts_below_dispatch_level_only() {
    let (mut machine, threads) = machine(1, 1);
    raise(&machine, Irql::DISPATCH);
    let high = machine.create_thread(object_of(8), 16, ALL);
    assert_eq!(machine.boundary(), threads[0], "DISPATCH_LEVEL holds the processor");
    lower(&machine, Irql::PASSIVE);
    raise(&machine, Irql::APC);
    assert_eq!(machine.boundary(), high);
    assert_eq!(irql(&machine), Irql::PASSIVE, "the level belongs to the thread");
    machine.terminate_running(NtStatus::SUCCESS);
    assert_eq!(machine.block(), Ok(threads[0]));
    assert_eq!(irql(&machine), Irql::APC);
    lower(&machine, Irql::PASSIVE);
    machine.assert_consistent();
}

#[test]
fn a_preempted_thread_keeps_its_turn_among_its_equals() {
    let (mut machine, threads) = machine(1, 2);
    let high = machine.create_thread(object_of(8), 16, ALL);
    assert_eq!(machine.boundary(), high);
    machine.terminate_running(NtStatus::SUCCESS);
    assert_eq!(machine.block(), Ok(threads[0]));
}

#[test]
fn a_thread_moves_to_a_processor_that_it_may_run_on() {
    let (mut machine, threads) = machine(2, 1);
    assert_eq!(machine.running().0, ProcessorNumber(0));
    assert_eq!(machine.set_affinity(threads[0], 0b10), Some(0b11));
    assert_eq!(machine.set_affinity(threads[0], 0b100), None, "there is no such processor");
    assert_eq!(machine.boundary(), threads[0]);
    assert_eq!(machine.running(), (ProcessorNumber(1), threads[0]));
    assert_eq!(machine.set_system_affinity(Some(0b01)), None);
    raise(&machine, Irql::DISPATCH);
    machine.boundary();
    assert_eq!(machine.running().0, ProcessorNumber(1), "not while it holds the processor");
    lower(&machine, Irql::PASSIVE);
    machine.boundary();
    assert_eq!(machine.running().0, ProcessorNumber(0));
    assert_eq!(machine.set_system_affinity(None), Some(0b01));
    machine.boundary();
    assert_eq!(machine.running().0, ProcessorNumber(1));
    machine.assert_consistent();
}

#[test]
fn one_thread_on_one_processor_leaves_no_choice() {
    for schedule in [Schedule::random(1), Schedule::pct(1, 3, 100), Schedule::round_robin(1)] {
        let mut machine = Dispatcher::new(1, schedule);
        let thread = machine.create_thread(object_of(0), 8, ALL);
        for _ in 0..5000 {
            assert_eq!(machine.boundary(), thread);
        }
        assert_eq!((machine.schedule().choices(), machine.schedule().switches()), (0, &[][..]));
        assert_eq!(machine.steps(), 5000);
    }
}

#[test]
fn a_thread_that_polls_gives_way_even_to_lower_priorities() {
    let (mut machine, threads) = machine(1, 2);
    machine.set_priority(threads[1], 1);
    let went_on = (0..3 * PATIENCE).filter(|_| machine.boundary() == threads[1]).count();
    assert!((100..400).contains(&went_on), "{went_on}");
}

#[test]
fn at_the_end_of_its_turn_a_thread_takes_another_processor_that_is_idle() {
    let mut machine = Dispatcher::new(2, Schedule::round_robin(1));
    let first = machine.create_thread(object_of(0), 8, ALL);
    assert_eq!(machine.boundary(), first);
    let bound = machine.create_thread(object_of(1), 8, 0b01);
    assert_eq!(machine.boundary(), bound);
    assert_eq!(machine.thread(first).state(), ThreadState::Running(ProcessorNumber(1)));
}
