//! Waits: for any object, for all, for a lock; looks, alerts and waits that a release announces.

use super::*;

#[test]
fn mach_149_a_wait_for_any_object_takes_the_first_that_is_signalled_and_no_other() {
    let (mut machine, _) = machine(1, 1);
    machine.initialize_event(EVENT, Reset::ByWait, true).unwrap();
    machine.initialize_event(OTHER, Reset::ByWait, true).unwrap();
    let mut index = || match machine.wait(wait_many(&[EVENT, OTHER], WaitKind::Any, None)) {
        Ok(WaitStart::Done(WaitOutcome::Satisfied { index, .. })) => index,
        other => panic!("{other:?}"),
    };
    assert_eq!([index(), index()], [0, 1]);
}

#[test]
fn a_wait_for_all_objects_takes_none_until_it_can_take_all() {
    let (mut machine, threads) = machine(1, 2);
    machine.initialize_event(EVENT, Reset::ByWait, true).unwrap();
    machine.initialize_semaphore(OTHER, 0, 9).unwrap();
    let objects = [EVENT, OTHER, EVENT];
    assert_eq!(machine.wait(wait_many(&objects, WaitKind::All, None)), Ok(WaitStart::Blocked));
    assert_eq!(machine.block(), Ok(threads[1]));
    assert_eq!(machine.object(EVENT).unwrap().signal_state, 1, "not taken yet");
    assert_eq!(wait_for(&mut machine, EVENT), DONE, "others may have it");
    machine.release_semaphore(OTHER, 1).unwrap();
    assert_eq!(machine.object(OTHER).unwrap().signal_state, 1);
    machine.set_event(EVENT).unwrap();
    let state = |object| machine.object(object).unwrap().signal_state;
    assert_eq!((state(EVENT), state(OTHER)), (0, 0), "both at once");
    machine.assert_consistent();
}

#[test]
fn mach_148_three_objects_are_waited_for_without_wait_blocks_and_sixty_four_with_them() {
    let (mut machine, _) = machine(1, 1);
    machine.initialize_event(EVENT, Reset::ByHand, true).unwrap();
    let mut wait = |count: usize, has_wait_blocks| {
        let objects = vec![EVENT; count];
        machine.wait(WaitRequest { has_wait_blocks, ..wait_many(&objects, WaitKind::All, None) })
    };
    assert_eq!([wait(3, false), wait(64, true)], [Ok(DONE); 2]);
    for (count, has_blocks) in [(4, false), (65, true)] {
        let Err(WaitError::Refused(crime)) = wait(count, has_blocks) else { panic!("{count} objects") };
        assert_eq!(crime.bug_check(), Some(BugCheck::new(BugCheckCode(0xC), [0; 4])));
    }
}

#[test]
fn mach_144_at_dispatch_level_a_wait_only_looks() {
    let (mut machine, _) = machine(1, 1);
    machine.initialize_event(EVENT, Reset::ByWait, true).unwrap();
    raise(&machine, Irql::DISPATCH);
    let mut look = |timeout| machine.wait(WaitRequest::single(&EVENT, timeout));
    let now = Some(Timeout::from_raw(0));
    assert_eq!(look(now), Ok(DONE));
    assert_eq!(look(now), Ok(WaitStart::Done(WaitOutcome::TimedOut)));
    let too_high = Err(WaitError::Refused(Crime::WaitTooHigh { irql: Irql::DISPATCH }));
    assert_eq!([look(None), look(Some(Timeout::from_raw(-1)))], [too_high; 2]);
    assert_eq!(machine.block_on(LOCK, WaitReason::FastMutex, None, None).unwrap_err().bug_check(), None);
}

#[test]
fn mach_152_a_release_that_announces_a_wait_holds_the_processor_until_it() {
    let (mut machine, threads) = machine(1, 2);
    machine.initialize_event(EVENT, Reset::ByWait, false).unwrap();
    machine.initialize_event(OTHER, Reset::ByWait, false).unwrap();
    machine.set_priority(threads[1], 9);
    assert_eq!(machine.boundary(), threads[1]);
    assert_eq!(block_for(&mut machine, EVENT), threads[0]);
    machine.set_event(EVENT).unwrap();
    machine.hold_for_wait();
    assert_eq!(irql(&machine), Irql::DISPATCH);
    assert_eq!(
        machine.boundary(),
        threads[0],
        "the other one has the higher priority and does not come in between"
    );
    assert!(machine.thread(threads[0]).is_held_for_wait());
    assert_eq!(block_for(&mut machine, OTHER), threads[1]);
    machine.set_event(OTHER).unwrap();
    assert_eq!(block_for(&mut machine, EVENT), threads[0]);
    assert_eq!(irql(&machine), Irql::PASSIVE);
}

#[test]
fn an_alert_ends_an_alertable_wait_or_the_next_one() {
    let (mut machine, threads) = machine(1, 2);
    machine.initialize_event(EVENT, Reset::ByWait, false).unwrap();
    let request = WaitRequest { alertable: true, ..WaitRequest::single(&EVENT, None) };
    assert!(!machine.alert(threads[0]));
    assert!(machine.alert(threads[0]));
    assert_eq!(machine.wait(request), Ok(WaitStart::Done(WaitOutcome::Alerted)));
    assert_eq!(machine.wait(request), Ok(WaitStart::Blocked));
    assert_eq!(machine.block(), Ok(threads[1]));
    machine.alert(threads[0]);
    machine.yield_running();
    assert_eq!(machine.boundary(), threads[0]);
    assert_eq!(machine.take_wait_result(), Some(WaitOutcome::Alerted));
    machine.assert_consistent();
}

#[test]
fn threads_are_woken_from_a_lock_in_their_order_or_by_name() {
    let (mut machine, threads) = machine(1, 4);
    for &next in &threads[1..] {
        let timeout = (next == threads[3]).then_some(Timeout::Relative(9));
        machine.block_on(LOCK, WaitReason::PushLockShared, None, timeout).unwrap();
        assert_eq!(machine.block(), Ok(next));
    }
    assert!(machine.wake_thread(LOCK, threads[1]));
    assert!(!machine.wake_thread(LOCK, threads[1]), "it waits no longer");
    assert_eq!(machine.wake(LOCK, 1), [threads[0]]);
    machine.terminate_running(NtStatus::SUCCESS);
    assert_eq!(machine.block(), Ok(threads[1]));
    assert_eq!(machine.take_wait_result(), Some(WaitOutcome::Woken));
    machine.pass(9);
    assert_eq!(machine.blocked_on(LOCK).count(), 0, "the time of the last one was up");
    assert_eq!(machine.wake(LOCK, 5), []);
    machine.assert_consistent();
}
