//! Processors that spin, and loops without boundaries.

use super::*;

#[test]
fn a_spinning_processor_goes_on_when_the_lock_is_free_or_an_interrupt_comes() {
    let (mut machine, threads) = machine(2, 2);
    machine.set_affinity(threads[0], 0b01);
    machine.set_affinity(threads[1], 0b10);
    raise(&machine, Irql::DISPATCH);
    machine.spin_on(LOCK, SpinReason::SpinLock, Some(ProcessorNumber(1).into()));
    assert_eq!(machine.block(), Ok(threads[1]));
    assert_eq!(machine.boundary(), threads[1], "it can't go on");
    machine.send_ipi(0b01, OTHER);
    machine.delay(Timeout::Relative(5), false).unwrap();
    assert_eq!(machine.block(), Ok(threads[0]), "it takes the call");
    assert_eq!(machine.take_work(), Some(Work::Ipi { key: OTHER }));
    assert_eq!(machine.block(), Ok(threads[0]), "it spins no longer until it says so again");
    assert_eq!(machine.clock().now(), Instant(0));
    machine.spin_on(LOCK, SpinReason::SpinLock, Some(ProcessorNumber(1).into()));
    assert_eq!(machine.block(), Ok(threads[1]), "time passes until the other one can go on");
    assert_eq!(machine.spin_released(LOCK), 1);
    machine.terminate_running(NtStatus::SUCCESS);
    assert_eq!(machine.block(), Ok(threads[0]));
}

#[test]
fn a_loop_without_boundaries_lets_others_go_on_and_time_pass() {
    let (mut machine, threads) = machine(1, 2);
    machine.set_priority(threads[1], 3);
    assert_eq!(machine.preempt(), Ok(threads[1]), "even a lower priority");
    machine.queue_dpc(Dpc::new(DPC)).unwrap();
    machine.take_work().unwrap();
    machine.terminate_running(NtStatus::SUCCESS);
    assert_eq!(machine.block(), Ok(threads[0]));
    machine.initialize_timer(TIMER, Reset::ByHand).unwrap();
    machine.set_timer(TIMER, Timeout::Relative(50), 0, TimerAction::Dpc(Dpc::new(DPC))).unwrap();
    assert_eq!(machine.preempt(), Ok(threads[0]));
    assert_eq!(machine.clock().now(), Instant(50));
    assert!(machine.take_work().is_some(), "the loop may wait for what the call does");
    let stuck = machine.preempt().unwrap_err();
    assert_eq!(stuck.threads[0].reason, Reason::Loop { processor: ProcessorNumber(0) });
    assert_eq!(machine.running().1, threads[0], "which may go on all the same");
}

#[test]
fn two_loops_take_turns_before_they_are_called_stuck() {
    let (mut machine, threads) = machine(2, 2);
    let turns: Vec<_> = core::iter::from_fn(|| machine.preempt().ok()).collect();
    assert_eq!(turns[..3], [threads[1], threads[0], threads[1]]);
    assert!((50..500).contains(&turns.len()), "each has had many: {turns:?}");
}

#[test]
fn a_spinning_thread_that_is_given_the_processor_of_one_that_has_to_leave_looks_again() {
    let (mut machine, threads) = machine(2, 2);
    raise(&machine, Irql::DISPATCH);
    machine.spin_on(LOCK, SpinReason::SpinLock, Some(ProcessorNumber(1).into()));
    assert_eq!(machine.block(), Ok(threads[1]));
    let third = machine.create_thread(object_of(8), 8, ALL);
    machine.spin_on(OTHER, SpinReason::SpinLock, Some(ProcessorNumber(0).into()));
    assert_eq!(machine.block(), Ok(third));
    machine.set_affinity(third, 0b01);
    assert_eq!(machine.boundary(), threads[1], "nobody else can have the processor");
    machine.delay(Timeout::Relative(1), false).unwrap();
    machine.assert_consistent();
}
