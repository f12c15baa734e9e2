//! Events, mutexes and semaphores: what a signal does and who gets it.

use super::*;

#[test]
fn mach_150_a_notification_event_releases_all_waiters_and_stays_signalled() {
    let (mut machine, threads) = machine(1, 3);
    machine.initialize_event(EVENT, Reset::ByHand, false).unwrap();
    block_for(&mut machine, EVENT);
    assert_eq!(block_for(&mut machine, EVENT), threads[2]);
    machine.set_event(EVENT).unwrap();
    machine.assert_consistent();
    assert_eq!(machine.object(EVENT).unwrap().waiter_count, 0);
    assert_eq!(wait_for(&mut machine, EVENT), DONE, "it stays signalled");
    machine.reset_event(EVENT).unwrap();
    assert_eq!(block_for(&mut machine, EVENT), threads[0], "first come, first served");
    assert_eq!(machine.take_wait_result(), Some(SATISFIED));
}

#[test]
fn mach_150_a_synchronization_event_releases_one_waiter_and_resets_itself() {
    let (mut machine, threads) = machine(1, 3);
    machine.initialize_event(EVENT, Reset::ByWait, false).unwrap();
    block_for(&mut machine, EVENT);
    block_for(&mut machine, EVENT);
    machine.take_changed();
    machine.set_event(EVENT).unwrap();
    let event = machine.object(EVENT).unwrap();
    assert_eq!((event.signal_state, event.waiter_count), (0, 1));
    assert_eq!(machine.take_changed(), vec![(EVENT, event)], "the memory can show it");
    assert_eq!(machine.waiters(EVENT).collect::<Vec<_>>(), [threads[1]]);
    machine.set_event(EVENT).unwrap();
    machine.set_event(EVENT).unwrap();
    assert_eq!(wait_for(&mut machine, EVENT), DONE);
    assert_eq!(machine.object(EVENT).unwrap().signal_state, 0);
}

#[test]
fn mach_151_setting_and_resetting_an_event_return_its_previous_state() {
    let (mut machine, _) = machine(1, 1);
    machine.initialize_event(EVENT, Reset::ByHand, false).unwrap();
    assert_eq!([machine.set_event(EVENT), machine.set_event(EVENT)], [Ok(0), Ok(1)]);
    assert_eq!([machine.reset_event(EVENT), machine.reset_event(EVENT)], [Ok(1), Ok(0)]);
    assert_eq!(machine.pulse_event(EVENT), Ok(0));
    assert_eq!(machine.object(EVENT).unwrap().signal_state, 0);
    assert_eq!(machine.set_event(OTHER), Err(NotAnObject(OTHER)));
    machine.initialize_mutex(MUTEX).unwrap();
    assert_eq!(machine.set_event(MUTEX), Err(NotAnObject(MUTEX)), "a mutex is no event");
}

// MACH-153 MACH-154
#[test]
fn mach_153_154_a_mutex_is_free_after_as_many_releases_and_holds_procedure_calls_back_till_then() {
    let (mut machine, threads) = machine(1, 2);
    machine.initialize_mutex(MUTEX).unwrap();
    assert_eq!(machine.object(MUTEX).unwrap().signal_state, 1);
    assert_eq!([wait_for(&mut machine, MUTEX), wait_for(&mut machine, MUTEX)], [DONE; 2]);
    assert_eq!(machine.object(MUTEX).unwrap().signal_state, -1);
    assert!(machine.apcs_disabled() && !machine.all_apcs_disabled());
    assert_eq!(machine.thread(threads[0]).combined_apc_disable(), 0xFFFF);
    machine.yield_running();
    assert_eq!(machine.boundary(), threads[1]);
    let not_owner = MutexError::NotOwner { owner: Some(threads[0]), abandoned: false };
    assert_eq!(machine.release_mutex(MUTEX), Err(not_owner));
    assert_eq!(block_for(&mut machine, MUTEX), threads[0]);
    assert_eq!(machine.release_mutex(MUTEX), Ok(-1));
    assert!(machine.apcs_disabled());
    assert_eq!(machine.release_mutex(MUTEX), Ok(0));
    assert!(!machine.apcs_disabled());
    machine.assert_consistent();
    let mutex = machine.object(MUTEX).unwrap();
    assert_eq!((mutex.owner, mutex.signal_state), (Some(threads[1]), 0), "handed to the waiter");
}

// MACH-045 MACH-149
#[test]
fn mach_045_149_a_thread_that_ends_abandons_its_mutex_and_the_next_owner_is_told() {
    let (mut machine, threads) = machine(1, 2);
    machine.initialize_mutex(MUTEX).unwrap();
    machine.initialize_event(EVENT, Reset::ByHand, false).unwrap();
    wait_for(&mut machine, MUTEX);
    machine.yield_running();
    machine.boundary();
    let request = wait_many(&[EVENT, MUTEX], WaitKind::Any, None);
    assert_eq!(machine.wait(request), Ok(WaitStart::Blocked));
    assert_eq!(machine.block(), Ok(threads[0]));
    let crimes = machine.terminate_running(NtStatus::SUCCESS);
    let stop = BugCheck::new(BugCheckCode(0x4000_008A), [object_of(0).0, MUTEX.0, 0, 0]);
    assert_eq!(crimes.iter().map(Crime::bug_check).collect::<Vec<_>>(), [Some(stop)]);
    assert_eq!(machine.block(), Ok(threads[1]));
    let outcome = WaitOutcome::Satisfied { index: 1, abandoned: true };
    assert_eq!(machine.take_wait_result(), Some(outcome));
    assert_eq!(machine.release_mutex(MUTEX), Ok(0));
    assert_eq!(wait_for(&mut machine, MUTEX), DONE, "it is not abandoned any more");
    assert_eq!(wait_for(&mut machine, object_of(0)), DONE, "the thread's object is signalled");
    machine.assert_consistent();
}

#[test]
fn mach_156_a_semaphore_is_not_released_past_its_limit() {
    let (mut machine, threads) = machine(1, 3);
    machine.initialize_semaphore(EVENT, 0, 3).unwrap();
    block_for(&mut machine, EVENT);
    block_for(&mut machine, EVENT);
    assert_eq!(machine.release_semaphore(EVENT, 3), Ok(0));
    assert_eq!(machine.object(EVENT).unwrap().signal_state, 1, "two waiters took one each");
    for adjustment in [3, i32::MAX, -1] {
        assert_eq!(machine.release_semaphore(EVENT, adjustment), Err(SemaphoreError::LimitExceeded));
    }
    assert_eq!(machine.object(EVENT).unwrap().signal_state, 1);
    machine.yield_running();
    assert_eq!(machine.boundary(), threads[0]);
}

#[test]
fn an_object_that_is_initialized_again_loses_its_waiters_and_is_told_of() {
    let (mut machine, threads) = machine(1, 2);
    machine.initialize_event(EVENT, Reset::ByHand, false).unwrap();
    block_for(&mut machine, EVENT);
    let again = machine.initialize_event(EVENT, Reset::ByHand, false);
    assert_eq!(again, Err(Crime::ObjectInUse { object: EVENT, waiter_count: 1 }));
    machine.set_event(EVENT).unwrap();
    assert_eq!(machine.thread(threads[0]).state(), ThreadState::Waiting);
    machine.initialize_timer(TIMER, Reset::ByHand).unwrap();
    machine.set_timer(TIMER, Timeout::Relative(5), 0, TimerAction::Signal).unwrap();
    let again = machine.initialize_timer(TIMER, Reset::ByHand);
    assert_eq!(again, Err(Crime::TimerInUse { timer: TIMER }));
    assert_eq!(machine.queued_timer_count(), 0);
    machine.assert_consistent();
}
