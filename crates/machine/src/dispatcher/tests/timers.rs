//! Time: delays, timers and their periods.

use super::*;

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

#[test]
fn a_timer_that_is_only_looked_at_expires_for_who_keeps_looking() {
    let (mut machine, _) = machine(1, 1);
    machine.initialize_timer(TIMER, Reset::ByHand).unwrap();
    machine.set_timer(TIMER, Timeout::Relative(5000), 0, TimerAction::Signal).unwrap();
    let is_signalled = |machine: &Dispatcher| machine.object(TIMER).unwrap().signal_state == 1;
    let mut looks = 0;
    while !is_signalled(&machine) && looks < 2 * PATIENCE {
        machine.boundary();
        machine.take_changed();
        looks += 1;
    }
    assert!(looks < 2 * PATIENCE, "half a millisecond has not passed after {looks} looks");
}
