//! Stories of threads that wait, and of what interrupts them.

use super::*;
use crate::Instant;
use alloc::string::ToString;
use alloc::vec;
use ntpool_types::{BugCheck, BugCheckCode, Bytes, NtStatus};

const ALL: u64 = u64::MAX;
const EVENT: VirtualAddress = VirtualAddress(0x1000);
const OTHER: VirtualAddress = VirtualAddress(0x2000);
const MUTEX: VirtualAddress = VirtualAddress(0x3000);
const TIMER: VirtualAddress = VirtualAddress(0x4000);
const DPC: VirtualAddress = VirtualAddress(0x5000);
const LOCK: VirtualAddress = VirtualAddress(0x6000);
const ROUTINE: VirtualAddress = VirtualAddress(0x7000);
const SECOND: u64 = 10_000_000;
const DONE: WaitStart = WaitStart::Done(WaitOutcome::Satisfied { index: 0, abandoned: false });
const SATISFIED: WaitOutcome = WaitOutcome::Satisfied { index: 0, abandoned: false };

fn object_of(number: u64) -> VirtualAddress {
    VirtualAddress(0x10_0000 + number * 0x1000)
}

/// A machine with so many threads of priority 8, and the first of them running.
fn machine(processors: u32, threads: u64) -> (Dispatcher, Vec<ThreadId>) {
    let mut machine = Dispatcher::new(processors, Schedule::replay(Vec::new()));
    let threads: Vec<ThreadId> =
        (0..threads).map(|number| machine.create_thread(object_of(number), 8, ALL)).collect();
    assert_eq!(machine.boundary(), threads[0]);
    machine.take_changed();
    (machine, threads)
}

fn wait_for(machine: &mut Dispatcher, object: VirtualAddress) -> WaitStart {
    machine.wait(WaitRequest::single(&object, None)).unwrap()
}

/// The running thread blocks on one object, and the next one runs.
fn block_for(machine: &mut Dispatcher, object: VirtualAddress) -> ThreadId {
    assert_eq!(wait_for(machine, object), WaitStart::Blocked);
    let next = machine.block().unwrap();
    machine.assert_consistent();
    next
}

fn wait_many(objects: &[VirtualAddress], kind: WaitKind, timeout: Option<Timeout>) -> WaitRequest<'_> {
    WaitRequest { objects, kind, timeout, alertable: false, has_wait_blocks: true }
}

fn raise(machine: &Dispatcher, to: Irql) {
    machine.processor(machine.running().0).raise(to).unwrap();
}

fn lower(machine: &Dispatcher, to: Irql) {
    machine.processor(machine.running().0).lower(to).unwrap();
}

fn irql(machine: &Dispatcher) -> Irql {
    machine.processor(machine.running().0).irql()
}

fn dpc_work(object: VirtualAddress) -> Work {
    Work::Dpc { object, timer: None, threaded: false }
}

// ── Objects ──────────────────────────────────────────────────────────────────────────────────────────────────────────

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

// ── Time ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn mach_157_a_delay_takes_virtual_time_only() {
    let (mut machine, threads) = machine(1, 2);
    assert_eq!(machine.delay(Timeout::Relative(600 * SECOND), false), Ok(WaitStart::Blocked));
    assert_eq!(machine.block(), Ok(threads[1]));
    assert_eq!(machine.clock().now(), Instant(0), "somebody can go on");
    assert_eq!(machine.delay(Timeout::from_raw(-(SECOND as i64)), false), Ok(WaitStart::Blocked));
    assert_eq!(machine.block(), Ok(threads[1]));
    assert_eq!(machine.clock().now(), Instant(SECOND));
    machine.terminate_running(NtStatus::SUCCESS);
    assert_eq!(machine.block(), Ok(threads[0]));
    assert_eq!(machine.clock().now(), Instant(600 * SECOND));
    assert_eq!(machine.take_wait_result(), Some(WaitOutcome::TimedOut));
    raise(&machine, Irql::DISPATCH);
    let refused = machine.delay(Timeout::Relative(0), false);
    assert_eq!(refused, Err(Crime::WaitTooHigh { irql: Irql::DISPATCH }));
}

// MACH-145 MACH-169
#[test]
fn mach_145_169_absolute_times_follow_the_system_time_and_relative_ones_do_not() {
    let (mut machine, _) = machine(1, 1);
    machine.initialize_event(EVENT, Reset::ByHand, false).unwrap();
    machine.initialize_timer(TIMER, Reset::ByHand).unwrap();
    let midnight = machine.clock().system_time() + 3600 * SECOND;
    machine.set_timer(TIMER, Timeout::from_raw(midnight as i64), 0, TimerAction::Signal).unwrap();
    assert_eq!(machine.object(TIMER).unwrap().due, Some(Instant(3600 * SECOND)));
    machine.set_system_time(midnight - 10);
    assert_eq!(machine.object(TIMER).unwrap().due, Some(Instant(10)));
    let request = wait_many(&[TIMER, EVENT], WaitKind::Any, Some(Timeout::Relative(9)));
    assert_eq!(machine.wait(request), Ok(WaitStart::Blocked));
    machine.block().unwrap();
    assert_eq!(machine.take_wait_result(), Some(WaitOutcome::TimedOut), "nine units are nine units");
    wait_for(&mut machine, TIMER);
    machine.block().unwrap();
    assert_eq!(machine.clock().now(), Instant(10));
    let past = Some(Timeout::Absolute(midnight));
    let late = machine.wait(WaitRequest::single(&EVENT, past));
    assert_eq!(late, Ok(WaitStart::Done(WaitOutcome::TimedOut)));
}

#[test]
fn mach_158_setting_a_timer_again_cancels_its_former_time_and_call() {
    let (mut machine, _) = machine(1, 1);
    machine.initialize_timer(TIMER, Reset::ByHand).unwrap();
    let mut set = |units, action| machine.set_timer(TIMER, Timeout::Relative(units), 0, action);
    assert_eq!(set(10, TimerAction::Dpc(Dpc::new(DPC))), Ok(false));
    assert_eq!(set(20, TimerAction::Signal), Ok(true));
    machine.pass(15);
    assert_eq!(machine.object(TIMER).unwrap().signal_state, 0);
    machine.pass(5);
    assert_eq!(machine.object(TIMER).unwrap().signal_state, 1);
    assert_eq!(machine.take_work(), None, "the call was cancelled with the time");
    assert_eq!(machine.set_timer(EVENT, Timeout::Relative(1), 0, TimerAction::Signal), {
        Err(TimerError::NotAnObject(NotAnObject(EVENT)))
    });
    machine.assert_consistent();
}

#[test]
fn mach_159_a_synchronization_timer_is_reset_after_one_waiter_and_a_notification_timer_is_not() {
    let (mut machine, _) = machine(1, 1);
    for (reset, left) in [(Reset::ByHand, 1), (Reset::ByWait, 0)] {
        machine.initialize_timer(TIMER, reset).unwrap();
        machine.set_timer(TIMER, Timeout::Relative(7), 0, TimerAction::Signal).unwrap();
        wait_for(&mut machine, TIMER);
        machine.block().unwrap();
        assert_eq!(machine.object(TIMER).unwrap().signal_state, left, "{reset:?}");
    }
}

// MACH-160 MACH-161
#[test]
fn mach_160_161_a_periodic_timer_stays_queued_until_it_is_cancelled() {
    let (mut machine, _) = machine(1, 1);
    machine.initialize_timer(TIMER, Reset::ByWait).unwrap();
    machine.set_timer(TIMER, Timeout::Relative(10), 100, TimerAction::Signal).unwrap();
    for expected in [10, 110, 210] {
        wait_for(&mut machine, TIMER);
        machine.block().unwrap();
        assert_eq!(machine.clock().now(), Instant(expected));
    }
    machine.pass(1000);
    assert_eq!(machine.object(TIMER).unwrap().due, Some(Instant(1310)), "what was missed is missed");
    assert_eq!([machine.cancel_timer(TIMER), machine.cancel_timer(TIMER)], [Ok(true), Ok(false)]);
    machine.set_timer(TIMER, Timeout::Relative(1), 0, TimerAction::Dpc(Dpc::new(DPC))).unwrap();
    machine.pass(1);
    assert_eq!(machine.cancel_timer(TIMER), Ok(false), "it has expired");
    assert!(machine.is_queued(DPC), "and its call goes on");
    machine.assert_consistent();
}

#[test]
fn a_periodic_timer_that_only_ticks_keeps_nobody_alive() {
    let (mut machine, _) = machine(1, 1);
    machine.initialize_timer(TIMER, Reset::ByHand).unwrap();
    machine.initialize_event(EVENT, Reset::ByHand, false).unwrap();
    machine.set_timer(TIMER, Timeout::Relative(10), 10, TimerAction::Signal).unwrap();
    machine.wait(wait_many(&[TIMER, EVENT], WaitKind::All, None)).unwrap();
    assert!(machine.block().is_err());
}

#[test]
fn a_timer_of_its_own_delivers_its_call_at_dispatch_level() {
    let (mut machine, threads) = machine(1, 1);
    machine.initialize_timer(TIMER, Reset::ByHand).unwrap();
    machine.set_timer(TIMER, Timeout::Relative(10), 0, TimerAction::Callback).unwrap();
    machine.delay(Timeout::Relative(20), false).unwrap();
    let idle = machine.block().unwrap();
    assert!(machine.thread(idle).is_idle(), "the call runs on the idle thread's fiber");
    let work = machine.take_work().unwrap();
    assert_eq!((work, work.irql()), (Work::TimerCallback { timer: TIMER }, Irql::DISPATCH));
    machine.begin_work(work, ROUTINE);
    assert_eq!(machine.end_work(), []);
    assert_eq!(machine.block(), Ok(threads[0]));
}

#[test]
fn ten_thousand_timers_expire_in_the_order_of_their_times() {
    let (mut machine, threads) = machine(1, 1);
    let timer = |number: u64| VirtualAddress(0x100_0000 + number * 0x40);
    for number in 0..10_000 {
        machine.initialize_timer(timer(number), Reset::ByHand).unwrap();
        let due = Timeout::Relative(1 + number * 7919 % 10_000);
        machine.set_timer(timer(number), due, 0, TimerAction::Dpc(Dpc::new(timer(number)))).unwrap();
    }
    machine.assert_consistent();
    machine.delay(Timeout::Relative(SECOND), false).unwrap();
    let mut expired = Vec::new();
    while machine.block() != Ok(threads[0]) {
        while let Some(work) = machine.take_work() {
            let Work::Dpc { object, timer, .. } = work else { panic!("{work:?}") };
            assert_eq!(Some(object), timer);
            expired.push(machine.clock().now().0);
        }
    }
    assert_eq!(expired, (1..=10_000).collect::<Vec<u64>>());
}

// ── Work ─────────────────────────────────────────────────────────────────────────────────────────────────────────────

// MACH-162 MACH-163
#[test]
fn mach_162_163_a_deferred_call_is_queued_once_and_runs_at_dispatch_level() {
    let (mut machine, threads) = machine(1, 2);
    raise(&machine, Irql::DISPATCH);
    assert_eq!([machine.queue_dpc(Dpc::new(DPC)), machine.queue_dpc(Dpc::new(DPC))], [Ok(true), Ok(false)]);
    assert_eq!(machine.take_work(), None, "not before the level is below");
    lower(&machine, Irql::PASSIVE);
    assert_eq!(machine.take_work(), Some(dpc_work(DPC)));
    machine.begin_work(dpc_work(DPC), ROUTINE);
    assert!(machine.in_dpc());
    assert_eq!(irql(&machine), Irql::DISPATCH);
    assert_eq!(machine.queue_dpc(Dpc::new(DPC)), Ok(true), "it may queue itself");
    assert_eq!(machine.take_work(), None, "which runs when this one has ended");
    machine.set_priority(threads[1], 31);
    assert_eq!(machine.boundary(), threads[0], "no thread comes in between");
    assert_eq!(machine.end_work(), []);
    assert_eq!((irql(&machine), machine.in_dpc()), (Irql::PASSIVE, false));
    assert!(machine.remove_dpc(DPC) && !machine.remove_dpc(DPC));
    machine.assert_consistent();
}

// MACH-047 MACH-049
#[test]
fn mach_047_049_what_a_deferred_call_leaves_behind_is_told_of() {
    let (mut machine, _) = machine(1, 1);
    machine.begin_work(dpc_work(DPC), ROUTINE);
    machine.enter_critical_region();
    raise(&machine, Irql::HIGH);
    machine.pass(21 * SECOND);
    let crimes = machine.end_work();
    let codes: Vec<_> =
        crimes.iter().map(|crime| crime.bug_check().map(|stop| (stop.code.0, stop.parameters))).collect();
    let counts = (0xC7, [4, ROUTINE.0, 0, 0xFFFF]);
    assert_eq!(codes, [None, Some(counts), Some((0x133, [0, 1344, 1280, 0]))]);
    assert_eq!(
        crimes[0],
        Crime::LevelNotRestored { routine: ROUTINE, before: Irql::DISPATCH, after: Irql::HIGH }
    );
    assert_eq!(irql(&machine), Irql::PASSIVE, "it is restored");
    machine.begin_work(Work::Dpc { object: DPC, timer: Some(TIMER), threaded: false }, ROUTINE);
    machine.leave_critical_region().unwrap();
    let crimes = machine.end_work();
    assert_eq!(crimes[0].bug_check().unwrap().parameters[0], 5, "a timer's");
    let far = Dpc { target: Some(ProcessorNumber(1)), ..Dpc::new(DPC) };
    let stop = machine.queue_dpc(far).unwrap_err().bug_check().unwrap();
    assert_eq!((stop.code.0, stop.parameters[0]), (0xC7, 3));
}

#[test]
fn mach_049_a_processor_may_not_stay_raised_for_two_minutes() {
    let (mut machine, _) = machine(1, 1);
    machine.pass(1000 * SECOND);
    raise(&machine, Irql::DISPATCH);
    machine.pass(100 * SECOND);
    lower(&machine, Irql::PASSIVE);
    machine.boundary();
    raise(&machine, Irql::DISPATCH);
    machine.pass(100 * SECOND);
    machine.boundary();
    assert_eq!(machine.watchdog(), None);
    machine.pass(30 * SECOND);
    let stop = machine.watchdog().unwrap().bug_check().unwrap();
    assert_eq!((stop.code.0, stop.parameters), (0x133, [1, 7680, 0, 0]));
}

#[test]
fn mach_048_a_deferred_call_that_waits_is_bug_check_0xb8() {
    let (mut machine, _) = machine(1, 1);
    machine.initialize_event(EVENT, Reset::ByHand, false).unwrap();
    machine.set_thread_object(ThreadId(0), object_of(9));
    let stop = BugCheck::new(BugCheckCode(0xB8), [object_of(0).0, object_of(9).0, 0, 0]);
    for threaded in [false, true] {
        machine.begin_work(Work::Dpc { object: DPC, timer: None, threaded }, ROUTINE);
        let Err(WaitError::Refused(crime)) = machine.wait(WaitRequest::single(&EVENT, None)) else {
            panic!("the wait was not refused");
        };
        assert_eq!(crime.bug_check(), Some(stop));
        assert_eq!(machine.delay(Timeout::Relative(1), false), Err(crime));
        let look = machine.wait(WaitRequest::single(&EVENT, Some(Timeout::Relative(0))));
        assert_eq!(look, Ok(WaitStart::Done(WaitOutcome::TimedOut)));
        machine.end_work();
    }
}

#[test]
fn important_calls_come_first_and_unimportant_ones_when_there_is_time() {
    let (mut machine, threads) = machine(1, 1);
    let call = |number, importance| Dpc { importance, ..Dpc::new(VirtualAddress(number)) };
    machine.queue_dpc(call(1, Importance::Low)).unwrap();
    assert_eq!(machine.take_work(), None, "it waits");
    for _ in 0..LOW_IMPORTANCE_STEPS {
        machine.boundary();
    }
    assert_eq!(machine.take_work(), Some(dpc_work(VirtualAddress(1))), "but not for ever");
    machine.queue_dpc(call(1, Importance::Low)).unwrap();
    machine.queue_dpc(call(2, Importance::Medium)).unwrap();
    machine.queue_dpc(call(3, Importance::High)).unwrap();
    let order: Vec<_> = core::iter::from_fn(|| machine.take_work()).collect();
    assert_eq!(order, [3, 1, 2].map(|number| dpc_work(VirtualAddress(number))));
    machine.queue_dpc(call(1, Importance::Low)).unwrap();
    machine.delay(Timeout::Relative(5), false).unwrap();
    assert_ne!(machine.block(), Ok(threads[0]), "an idle processor has time");
    assert_eq!(machine.take_work(), Some(dpc_work(VirtualAddress(1))));
}

#[test]
fn a_threaded_call_runs_at_passive_level_and_ordinary_ones_interrupt_it() {
    let (mut machine, threads) = machine(1, 2);
    machine.queue_dpc(Dpc { threaded: true, ..Dpc::new(DPC) }).unwrap();
    raise(&machine, Irql::APC);
    let work = machine.take_work().unwrap();
    machine.begin_work(work, ROUTINE);
    assert_eq!(irql(&machine), Irql::PASSIVE);
    machine.set_priority(threads[1], 31);
    assert_eq!(machine.boundary(), threads[0], "threads do not interrupt it");
    machine.queue_dpc(Dpc { threaded: true, ..Dpc::new(OTHER) }).unwrap();
    machine.queue_dpc(Dpc::new(LOCK)).unwrap();
    assert_eq!(machine.take_work(), Some(dpc_work(LOCK)));
    machine.begin_work(dpc_work(LOCK), ROUTINE);
    assert_eq!(machine.end_work(), []);
    assert_eq!(machine.take_work(), None, "one threaded call at a time");
    assert_eq!(machine.end_work(), []);
    assert_eq!(irql(&machine), Irql::APC);
}

#[test]
fn interrupts_nest_by_their_levels() {
    let (mut machine, _) = machine(1, 1);
    let level = |level| Irql::new(level).unwrap();
    let here = ProcessorNumber(0);
    assert!(machine.request_interrupt(here, VirtualAddress(5), level(5)));
    assert!(machine.request_interrupt(here, VirtualAddress(9), level(9)));
    assert!(!machine.request_interrupt(here, VirtualAddress(9), level(9)), "pending already");
    machine.send_ipi(ALL, LOCK);
    machine.queue_dpc(Dpc::new(DPC)).unwrap();
    raise(&machine, level(6));
    let call = machine.take_work().unwrap();
    assert_eq!(call, Work::Ipi { key: LOCK });
    machine.begin_work(call, ROUTINE);
    assert_eq!((irql(&machine), machine.take_work()), (IPI_LEVEL, None));
    assert_eq!(machine.end_work(), []);
    let high = machine.take_work().unwrap();
    assert_eq!(high, Work::Interrupt { key: VirtualAddress(9), irql: level(9) });
    machine.begin_work(high, ROUTINE);
    assert!(!machine.in_dpc());
    machine.processor(here).set_irql(Irql::PASSIVE);
    let refused = machine.delay(Timeout::Relative(1), false);
    assert_eq!(refused, Err(Crime::WaitTooHigh { irql: level(9) }), "whatever level it lowers itself to");
    machine.processor(here).set_irql(level(9));
    assert_eq!(machine.end_work(), []);
    assert_eq!(machine.take_work(), None, "the others are too low");
    lower(&machine, Irql::PASSIVE);
    assert_eq!(machine.take_work(), Some(Work::Interrupt { key: VirtualAddress(5), irql: level(5) }));
    assert_eq!(machine.take_work(), Some(dpc_work(DPC)));
}

// ── Who goes on ──────────────────────────────────────────────────────────────────────────────────────────────────────

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

// ── When nobody can go on ────────────────────────────────────────────────────────────────────────────────────────────

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

// ── Locks and memory ─────────────────────────────────────────────────────────────────────────────────────────────────

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

#[test]
fn mach_047_freed_memory_gives_up_what_was_still_needed() {
    let (mut machine, threads) = machine(1, 2);
    let far = VirtualAddress(0x9000);
    for timer in [TIMER, far] {
        machine.initialize_timer(timer, Reset::ByHand).unwrap();
    }
    machine.set_timer(TIMER, Timeout::Relative(5), 0, TimerAction::Signal).unwrap();
    machine.set_timer(far, Timeout::Relative(5), 0, TimerAction::Dpc(Dpc::new(DPC))).unwrap();
    machine.queue_dpc(Dpc::new(VirtualAddress(DPC.0 + 0x40))).unwrap();
    machine.initialize_mutex(MUTEX).unwrap();
    wait_for(&mut machine, MUTEX);
    machine.initialize_event(EVENT, Reset::ByHand, false).unwrap();
    block_for(&mut machine, EVENT);
    assert_eq!(machine.queued_timers().collect::<Vec<_>>(), [(TIMER, None), (far, Some(DPC))]);
    let forgotten = machine.forget_range(EVENT, Bytes(0x5000));
    assert_eq!(
        forgotten,
        [
            Forgotten::Awaited { object: EVENT, waiter_count: 1 },
            Forgotten::OwnedMutex { mutex: MUTEX, owner: threads[0] },
            Forgotten::QueuedTimer { timer: TIMER },
            Forgotten::DpcOfTimer { dpc: DPC, timer: far },
            Forgotten::QueuedDpc { dpc: VirtualAddress(DPC.0 + 0x40) },
        ]
    );
    let stops = forgotten.iter().map(|it| it.bug_check(EVENT, Bytes(0x5000)).map(|stop| stop.parameters));
    let timer = Some([0, TIMER.0, 0x1000, 0x6000]);
    let call = |address| Some([1, address, 0x1000, 0x6000]);
    assert_eq!(stops.collect::<Vec<_>>(), [None, None, timer, call(0x5000), call(0x5040)]);
    assert_eq!((machine.queued_timer_count(), machine.queued_dpc_count()), (0, 0));
    machine.assert_consistent();
    assert_eq!(machine.forget_range(EVENT, Bytes(0x5000)), [], "once");
    let stuck = {
        wait_for(&mut machine, object_of(0));
        machine.block().unwrap_err()
    };
    assert!(stuck.to_string().contains("an object that is gone at 0x1000"), "{stuck}");
}
