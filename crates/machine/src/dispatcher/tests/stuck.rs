//! What is told when nobody can go on.

use super::*;

#[test]
fn a_deadlock_of_two_locks_and_a_mutex_is_named() {
    let (mut machine, threads) = machine(1, 3);
    machine.initialize_mutex(MUTEX).unwrap();
    machine.initialize_event(EVENT, Reset::ByHand, false).unwrap();
    wait_for(&mut machine, MUTEX);
    machine.block_on(LOCK, WaitReason::FastMutex, None, None).unwrap();
    assert_eq!(machine.block(), Ok(threads[1]));
    machine.set_lock_owner(LOCK, Some(threads[1]));
    assert_eq!(block_for(&mut machine, MUTEX), threads[2]);
    assert_eq!(wait_for(&mut machine, EVENT), WaitStart::Blocked);
    let stuck = machine.block().unwrap_err();
    assert_eq!(stuck.threads.len(), 3);
    let link = |from: usize, needs, label, to: usize| Link {
        thread: threads[from],
        needs,
        label,
        owner: threads[to],
    };
    let expected = vec![link(0, LOCK, "a fast mutex", 1), link(1, MUTEX, "a mutex", 0)];
    assert_eq!(stuck.cycle(), Some(expected));
    assert_eq!(
        stuck.to_string(),
        "thread 0x100000 waits for a fast mutex at 0x6000 (thread 0x101000); \
         thread 0x101000 waits for a mutex at 0x3000 (thread 0x100000); \
         thread 0x102000 waits for a notification event at 0x1000"
    );
    assert!(machine.cancel_wait(threads[2]), "the caller still has work to do there");
    assert_eq!(machine.block(), Ok(threads[2]));
    assert_eq!(machine.take_wait_result(), Some(WaitOutcome::Cancelled));
    machine.assert_consistent();
}

#[test]
fn processors_that_spin_for_each_other_are_a_deadlock() {
    let (mut machine, threads) = machine(2, 2);
    raise(&machine, Irql::DISPATCH);
    machine.spin_on(LOCK, SpinReason::SpinLock, Some(ProcessorNumber(1).into()));
    assert_eq!(machine.block(), Ok(threads[1]));
    raise(&machine, Irql::DISPATCH);
    machine.spin_on(OTHER, SpinReason::QueuedSpinLock, Some(ProcessorNumber(0).into()));
    let cycle = machine.block().unwrap_err().cycle().unwrap();
    let way: Vec<_> = cycle.iter().map(|link| (link.thread, link.needs, link.owner)).collect();
    assert_eq!(way, [(threads[0], LOCK, threads[1]), (threads[1], OTHER, threads[0])]);
}

#[test]
fn waiting_without_a_circle_is_stuck_without_one() {
    let (mut machine, _) = machine(1, 1);
    machine.initialize_event(EVENT, Reset::ByHand, false).unwrap();
    wait_for(&mut machine, EVENT);
    assert_eq!(machine.block().unwrap_err().cycle(), None);
}
